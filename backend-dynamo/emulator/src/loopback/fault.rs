//! Which request goes wrong, and how.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::exchange::{Exchange, Request, Response};

/// How one request goes wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Answered so, without being carried out.
    Reply(Response),
    /// Never answered, not carried out.
    Hang,
    /// The connection is closed before anything is carried out.
    CloseBefore,
    /// Carried out; then the connection is closed without an answer.
    CloseAfter,
    /// Carried out and answered, but later.
    Delay(Duration),
}

/// Faults to come and exchanges so far.
#[derive(Debug, Default)]
pub(super) struct Script(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    received: usize,
    by_call: HashMap<usize, Fault>,
    always: Option<Fault>,
    /// By the number of the request, as those before it may have been forgotten.
    exchanges: Vec<(usize, Exchange)>,
}

impl Script {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fail_call(&self, call: usize, fault: Fault) {
        let mut state = self.state();
        let number = state.received + call;
        state.by_call.insert(number, fault);
    }

    pub(super) fn fail_always(&self, fault: Fault) {
        self.state().always = Some(fault);
    }

    pub(super) fn heal(&self) {
        let mut state = self.state();
        state.by_call.clear();
        state.always = None;
    }

    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.state().exchanges.iter().map(|(_, exchange)| exchange.clone()).collect()
    }

    pub(super) fn forget(&self) {
        self.state().exchanges.clear();
    }

    /// Records a request. Answers its number and what is to go wrong with it.
    pub(super) fn received(&self, request: &Request) -> (usize, Option<Fault>) {
        let mut state = self.state();
        let number = state.received;
        state.received += 1;
        state.exchanges.push((number, Exchange { request: request.clone(), response: None }));
        let fault = state.by_call.remove(&number).or_else(|| state.always.clone());
        (number, fault)
    }

    pub(super) fn answered(&self, number: usize, response: &Response) {
        let mut state = self.state();
        if let Some((_, exchange)) = state.exchanges.iter_mut().find(|(received, _)| *received == number) {
            exchange.response = Some(response.clone());
        }
    }
}
