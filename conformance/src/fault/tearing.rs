//! A persistence that applies a part of a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use secret_store_core::{
    Consistency, Error, ErrorKind, Limits, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, Write,
};

/// Applies only the first writes of a commit, whatever the preconditions of the others say.
#[derive(Debug)]
pub struct Tearing {
    inner: Arc<dyn Persistence>,
    applied: usize,
    answer: TornAnswer,
    left: AtomicUsize,
}

/// What a torn commit answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TornAnswer {
    /// [`Unavailable`](ErrorKind::Unavailable), as a backend that crashed in between.
    Unavailable,
    /// Success: the backend lies.
    Success,
}

impl Tearing {
    /// Tears every commit of more than `applied` writes, until told otherwise.
    #[must_use]
    pub fn new(inner: impl Persistence, applied: usize, answer: TornAnswer) -> Self {
        Self { inner: Arc::new(inner), applied, answer, left: AtomicUsize::new(usize::MAX) }
    }

    /// Tears this many more commits and then no more; 0 heals.
    pub fn tear(&self, commits: usize) {
        self.left.store(commits, Ordering::SeqCst);
    }

    fn tears(&self) -> bool {
        let fewer = |left: usize| left.checked_sub(1).map(|fewer| if left == usize::MAX { left } else { fewer });
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok()
    }
}

#[async_trait]
impl Persistence for Tearing {
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

    async fn commit(&self, mut writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        if writes.len() <= self.applied || !self.tears() {
            return self.inner.commit(writes).await;
        }
        let lost = writes.split_off(self.applied);
        let mut answers = self.inner.commit(writes).await?;
        match self.answer {
            TornAnswer::Unavailable => Err(Error::new(ErrorKind::Unavailable, "the test tore this commit")),
            TornAnswer::Success => {
                let claimed = lost.iter().map(|w| matches!(w, Write::Put { .. }).then(|| Revision::new("torn")));
                answers.extend(claimed);
                Ok(answers)
            }
        }
    }
}
