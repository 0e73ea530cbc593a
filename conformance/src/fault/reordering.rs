//! A persistence that mixes up its answers.

use std::sync::Arc;

use async_trait::async_trait;
use secret_store_core::{
    Consistency, Limits, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, Write,
};

/// Answers in another order than the trait demands.
#[derive(Debug)]
pub struct Reordering {
    inner: Arc<dyn Persistence>,
    target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Listings,
    Batches,
}

impl Reordering {
    /// Reverses every page of a listing.
    #[must_use]
    pub fn listings(inner: impl Persistence) -> Self {
        Self { inner: Arc::new(inner), target: Target::Listings }
    }

    /// Moves the answers of `load_many` by one place: each key gets its neighbour's record.
    #[must_use]
    pub fn batches(inner: impl Persistence) -> Self {
        Self { inner: Arc::new(inner), target: Target::Batches }
    }
}

#[async_trait]
impl Persistence for Reordering {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.inner.load(key, consistency).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        let mut answers = self.inner.load_many(keys, consistency).await?;
        if self.target == Target::Batches && !answers.is_empty() {
            answers.rotate_left(1);
        }
        Ok(answers)
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        let mut page = self.inner.list(query).await?;
        if self.target == Target::Listings {
            page.items.reverse();
        }
        Ok(page)
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.inner.commit(writes).await
    }
}
