//! A persistence whose answer gets lost.

use std::sync::Arc;

use async_trait::async_trait;
use secret_store_core::{
    Consistency, Limits, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, Write,
};

use super::schedule::{Fault, Operation, Schedule};

/// Commits and then answers with an error, usually [`Unavailable`](secret_store_core::ErrorKind::Unavailable): what a
/// client sees when the answer is lost on its way. A commit that is refused is answered as such.
#[derive(Debug)]
pub struct TimingOut {
    inner: Arc<dyn Persistence>,
    schedule: Schedule,
}

impl TimingOut {
    /// Over a persistence; loses nothing yet.
    #[must_use]
    pub fn new(inner: impl Persistence) -> Self {
        Self { inner: Arc::new(inner), schedule: Schedule::default() }
    }

    /// Loses the answers of commits from now on as the fault says.
    pub fn lose(&self, fault: Fault) {
        self.schedule.add(fault.on(Operation::Commit));
    }

    /// Loses nothing any more.
    pub fn heal(&self) {
        self.schedule.clear();
    }

    /// The number of answers that were lost.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.schedule.struck()
    }
}

#[async_trait]
impl Persistence for TimingOut {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.inner.load(key, consistency).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        self.inner.load_many(keys, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.inner.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        let answer = self.inner.commit(writes).await?;
        self.schedule.pass(Operation::Commit)?;
        Ok(answer)
    }
}
