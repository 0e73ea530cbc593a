//! A persistence that waits, so that whoever calls it can be dropped there.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use secret_store_core::{
    Consistency, Limits, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, Write,
};

/// Waits once before and once after each call, while it is [driven](Yielding::poll_to_pause); otherwise it answers at once.
#[derive(Debug)]
pub(crate) struct Yielding {
    inner: Arc<dyn Persistence>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_driven: bool,
    pauses: usize,
    /// The partition of the call that waited last, and whom to wake.
    last: Option<(Arc<str>, Waker)>,
}

/// How far a future has come.
pub(crate) enum Paused<T> {
    /// To its end: it never came to this pause.
    Ended(T),
    /// It waits in a call for this partition.
    In(Arc<str>),
}

impl Yielding {
    pub(crate) fn new(inner: Arc<dyn Persistence>) -> Self {
        Self { inner, state: Mutex::default() }
    }

    /// Polls a future, the only user of this persistence, to its pause of this number, counted from 0. What it waits for elsewhere
    /// (a thread that computes) it waits for.
    pub(crate) fn poll_to_pause<F: Future>(&self, mut future: Pin<&mut F>, number: usize) -> Paused<F::Output> {
        *self.state() = State { is_driven: true, ..State::default() };
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let polled = future.as_mut().poll(&mut context);
            let mut state = self.state();
            if let Poll::Ready(outcome) = polled {
                *state = State::default();
                return Paused::Ended(outcome);
            }
            // Woken here and not by the call itself: some executors inside of the future would poll on at once.
            match state.last.take() {
                Some((partition, _)) if state.pauses > number => {
                    *state = State::default();
                    return Paused::In(partition);
                }
                Some((_, waker)) => waker.wake(),
                None => std::thread::yield_now(),
            }
        }
    }

    async fn pause(&self, partition: &Arc<str>) {
        let mut has_waited = false;
        std::future::poll_fn(|context| {
            let mut state = self.state();
            if !state.is_driven || std::mem::replace(&mut has_waited, true) {
                return Poll::Ready(());
            }
            state.pauses += 1;
            state.last = Some((Arc::clone(partition), context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Persistence for Yielding {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.pause(key.partition()).await;
        let found = self.inner.load(key, consistency).await;
        self.pause(key.partition()).await;
        found
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        let partition = keys.first().expect("nobody asks for nothing").partition();
        self.pause(partition).await;
        let found = self.inner.load_many(keys, consistency).await;
        self.pause(partition).await;
        found
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.pause(query.partition()).await;
        let page = self.inner.list(query).await;
        self.pause(query.partition()).await;
        page
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        let partition = Arc::clone(writes.first().expect("nobody commits nothing").key().partition());
        self.pause(&partition).await;
        let revisions = self.inner.commit(writes).await;
        self.pause(&partition).await;
        revisions
    }
}
