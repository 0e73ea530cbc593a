//! The layer over a persistence.

use std::sync::Arc;

use tracing::{Level, field};

use super::operation::{Call, Layer, Observer, observe, spanned};
use crate::clock::Clock;
use crate::persistence::{Consistency, Limits, ListQuery, Page, Persistence, RecordKey, Revision, Stored, Write};

/// A [`Persistence`] over another, with a [`tracing`] span around each call and, with the feature `metrics`, metrics of it.
///
/// The span has the target `secret_store`, the name `secret_store.records`, level DEBUG and the fields `operation` (`load`,
/// `load_many`, `list`, `commit`), `backend`, `records` (how many are asked for or written; the limit of a listing), `outcome`,
/// `duration_us` and `capacity`, as [`TracedStore`](crate::TracedStore) has them. No name and no content is in it.
#[derive(Clone, Debug)]
pub struct TracedRecords {
    inner: Arc<dyn Persistence>,
    observer: Observer,
}

impl TracedRecords {
    /// Over a persistence. `backend` names it in spans and metrics: `"dynamodb"`, `"files"`.
    pub fn new(inner: Arc<dyn Persistence>, backend: &'static str) -> Self {
        Self { inner, observer: Observer::new(Layer::Records, backend) }
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.observer.clock = clock;
        self
    }

    /// Records [metrics](crate::TracedStore#metrics) too.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn with_metrics(mut self) -> Self {
        self.observer.metered = true;
        self
    }

    fn call(&self, operation: &'static str, records: usize) -> Call<'static> {
        let span = spanned(Level::DEBUG, || {
            tracing::debug_span!(
                target: "secret_store",
                "secret_store.records",
                operation,
                backend = self.observer.backend,
                records,
                outcome = field::Empty,
                duration_us = field::Empty,
                capacity = field::Empty,
            )
        });
        Call { span, operation, application: None }
    }
}

impl Persistence for TracedRecords {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    observe! {
        fn load<'life1>(key: &'life1 RecordKey, consistency: Consistency) -> Option<Stored> {
            self => self.call("load", 1)
        }
        fn load_many<'life1>(keys: &'life1 [RecordKey], consistency: Consistency) -> Vec<Option<Stored>> {
            self => self.call("load_many", keys.len())
        }
        fn list<'life1>(query: &'life1 ListQuery) -> Page<(Arc<str>, Stored)> {
            self => self.call("list", query.limit().get())
        }
        fn commit<>(writes: Vec<Write>) -> Vec<Option<Revision>> {
            self => self.call("commit", writes.len())
        }
    }
}
