//! A persistence before whose commits somebody else is faster.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::future::BoxFuture;
use secret_store_core::{
    Consistency, Limits, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, Write,
};

use super::lock;

/// Runs a future of the test's before a commit, after the caller has read what the commit is based on: a race that is lost
/// every time.
pub struct Racing {
    inner: Arc<dyn Persistence>,
    rivals: Mutex<VecDeque<BoxFuture<'static, ()>>>,
}

impl Racing {
    /// Over a persistence; without rivals yet.
    #[must_use]
    pub fn new(inner: impl Persistence) -> Self {
        Self { inner: Arc::new(inner), rivals: Mutex::default() }
    }

    /// Runs this before the next commit; one rival a commit, in the order they were given. It must not go through this value.
    pub fn before_commit(&self, rival: impl Future<Output = ()> + Send + 'static) {
        lock(&self.rivals).push_back(Box::pin(rival));
    }

    /// The number of rivals that have not run.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.rivals).len()
    }
}

impl fmt::Debug for Racing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Racing").field("inner", &self.inner).field("waiting", &self.waiting()).finish()
    }
}

#[async_trait]
impl Persistence for Racing {
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
        let rival = lock(&self.rivals).pop_front();
        if let Some(rival) = rival {
            rival.await;
        }
        self.inner.commit(writes).await
    }
}
