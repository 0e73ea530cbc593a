//! Which request goes wrong, and what has passed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Fault;
use crate::exchange::{Exchange, Request, Response, Service};

/// Answers what may not pass.
pub(super) type Gate = Arc<dyn Fn(&Request) -> Option<Response> + Send + Sync>;

/// Faults to come and exchanges so far.
#[derive(Default)]
pub(super) struct Script(Mutex<State>);

#[derive(Default)]
struct State {
    received: usize,
    by_call: HashMap<usize, Fault>,
    by_operation: HashMap<String, Fault>,
    by_kms_region: HashMap<String, Fault>,
    always: Option<Fault>,
    gate: Option<Gate>,
    /// By the number of the request, as those before it may have been taken.
    exchanges: Vec<(usize, Exchange)>,
    /// The first answer to each read.
    first_answers: HashMap<(String, String), Response>,
}

impl Script {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fail_calls(&self, call: usize, count: usize, fault: &Fault) {
        let mut state = self.state();
        let first = state.received + call;
        state.by_call.extend((first..first + count).map(|number| (number, fault.clone())));
    }

    pub(super) fn fail_always(&self, fault: Fault) {
        self.state().always = Some(fault);
    }

    pub(super) fn fail_operation(&self, operation: &str, fault: Fault) {
        self.state().by_operation.insert(operation.to_owned(), fault);
    }

    pub(super) fn fail_kms_of(&self, region: &str, fault: Fault) {
        self.state().by_kms_region.insert(region.to_owned(), fault);
    }

    pub(super) fn heal(&self) {
        let mut state = self.state();
        state.by_call.clear();
        state.by_operation.clear();
        state.by_kms_region.clear();
        state.always = None;
    }

    pub(super) fn set_gate(&self, gate: Gate) {
        self.state().gate = Some(gate);
    }

    pub(super) fn gate(&self) -> Option<Gate> {
        self.state().gate.clone()
    }

    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.state().exchanges.iter().map(|(_, exchange)| exchange.clone()).collect()
    }

    pub(super) fn take_exchanges(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.state().exchanges).into_iter().map(|(_, exchange)| exchange).collect()
    }

    /// Records a request. Answers its number and what is to go wrong with it.
    pub(super) fn received(&self, request: &Request) -> (usize, Option<Fault>) {
        let mut state = self.state();
        let number = state.received;
        state.received += 1;
        state.exchanges.push((number, Exchange { request: request.clone(), response: None }));
        let fault = state.by_call.remove(&number);
        let fault = fault.or_else(|| state.by_operation.get(request.operation()).cloned());
        let region = request.region().filter(|_| request.service() == Some(Service::Kms));
        let fault = fault.or_else(|| state.by_kms_region.get(region?).cloned());
        (number, fault.or_else(|| state.always.clone()))
    }

    /// What answers an operation that the stand-in does not know.
    pub(super) fn standing_answer(&self, request: &Request) -> Option<Response> {
        match self.state().by_operation.get(request.operation())? {
            Fault::Answer(response) => Some(response.clone()),
            _ => None,
        }
    }

    pub(super) fn answered(&self, number: usize, response: &Response) {
        let mut state = self.state();
        let Some((_, exchange)) = state.exchanges.iter_mut().find(|(received, _)| *received == number) else { return };
        exchange.response = Some(response.clone());
        if response.status == 200 && matches!(exchange.request.operation(), "GetItem" | "BatchGetItem" | "Query") {
            let read = read_of(&exchange.request);
            state.first_answers.entry(read).or_insert_with(|| response.clone());
        }
    }

    pub(super) fn first_answer(&self, request: &Request) -> Option<Response> {
        self.state().first_answers.get(&read_of(request)).cloned()
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let lasting = state.by_operation.len() + state.by_kms_region.len() + usize::from(state.always.is_some());
        let faults = state.by_call.len() + lasting;
        f.debug_struct("Script").field("received", &state.received).field("faults", &faults).finish_non_exhaustive()
    }
}

/// The members of a request stand in any order.
fn read_of(request: &Request) -> (String, String) {
    (request.operation().to_owned(), request.json().to_string())
}
