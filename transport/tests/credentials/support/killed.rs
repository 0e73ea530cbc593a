//! A process that is killed at its n-th commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use secret_store_core::{
    Consistency, Error, ErrorKind, Limits, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, Write,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// The commit does not happen.
    Before,
    /// It happens, and nobody learns of it.
    After,
}

/// Commits this often; at the next commit it is killed, and nothing is answered any more.
#[derive(Debug)]
pub(crate) struct Killed {
    inner: Arc<dyn Persistence>,
    spared: usize,
    blow: Blow,
    commits: AtomicUsize,
}

impl Killed {
    pub(crate) fn new(inner: Arc<dyn Persistence>, spared: usize, blow: Blow) -> Self {
        Self { inner, spared, blow, commits: AtomicUsize::new(0) }
    }

    /// Whether it came to the blow.
    pub(crate) fn is_dead(&self) -> bool {
        self.commits.load(Ordering::SeqCst) > self.spared
    }

    fn check_alive(&self) -> Result<()> {
        if self.is_dead() { Err(killed()) } else { Ok(()) }
    }
}

fn killed() -> Error {
    Error::new(ErrorKind::Unavailable, "killed")
}

#[async_trait]
impl Persistence for Killed {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.check_alive()?;
        self.inner.load(key, consistency).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        self.check_alive()?;
        self.inner.load_many(keys, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.check_alive()?;
        self.inner.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.check_alive()?;
        if self.commits.fetch_add(1, Ordering::SeqCst) < self.spared {
            return self.inner.commit(writes).await;
        }
        if self.blow == Blow::After {
            self.inner.commit(writes).await?;
        }
        Err(killed())
    }
}
