//! A persistence that fails on command.

use std::sync::Arc;

use async_trait::async_trait;
use secret_store_core::{
    Consistency, Limits, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, Write,
};

use super::schedule::{Fault, Operation, Schedule};

/// Fails the calls it is told to, before they reach the persistence: nothing is read and nothing is written.
#[derive(Debug)]
pub struct Failing {
    inner: Arc<dyn Persistence>,
    schedule: Schedule,
}

impl Failing {
    /// Over a persistence; fails nothing yet.
    #[must_use]
    pub fn new(inner: impl Persistence) -> Self {
        Self { inner: Arc::new(inner), schedule: Schedule::default() }
    }

    /// Fails calls from now on as the fault says.
    pub fn fail(&self, fault: Fault) {
        self.schedule.add(fault);
    }

    /// Fails nothing any more.
    pub fn heal(&self) {
        self.schedule.clear();
    }

    /// The number of calls so far, failed ones included.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.schedule.calls()
    }

    /// The number of calls that were failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.schedule.struck()
    }
}

#[async_trait]
impl Persistence for Failing {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.schedule.pass(Operation::Load)?;
        self.inner.load(key, consistency).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        self.schedule.pass(Operation::LoadMany)?;
        self.inner.load_many(keys, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.schedule.pass(Operation::List)?;
        self.inner.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.schedule.pass(Operation::Commit)?;
        self.inner.commit(writes).await
    }
}
