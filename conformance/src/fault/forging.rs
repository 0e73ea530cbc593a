//! A malicious persistence.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secret_store_core::{
    Consistency, Limits, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, Write,
};

use super::forgery::Forgery;
use super::lock;

/// Answers reads with forged, swapped or older records. Commits pass unchanged, and the revisions it answers are the
/// current ones, so that a write based on a forged read goes through: no precondition shows the fraud.
#[derive(Debug)]
pub struct Forging {
    inner: Arc<dyn Persistence>,
    frauds: Mutex<BTreeMap<RecordKey, Fraud>>,
}

#[derive(Clone, Debug)]
enum Fraud {
    /// The record of another key stands here.
    Of(RecordKey),
    Forged(Forgery),
    /// Nothing stands here.
    Hidden,
}

impl Forging {
    /// Over a persistence; honest until told otherwise.
    #[must_use]
    pub fn new(inner: impl Persistence) -> Self {
        Self { inner: Arc::new(inner), frauds: Mutex::default() }
    }

    /// Answers each of two keys with the record of the other.
    pub fn swap(&self, one: &RecordKey, other: &RecordKey) {
        self.commit_fraud(one, Fraud::Of(other.clone()));
        self.commit_fraud(other, Fraud::Of(one.clone()));
    }

    /// Answers a key with the record of another.
    pub fn copy(&self, from: &RecordKey, to: &RecordKey) {
        self.commit_fraud(to, Fraud::Of(from.clone()));
    }

    /// Answers a key with its record changed.
    pub fn forge(&self, key: &RecordKey, forgery: Forgery) {
        self.commit_fraud(key, Fraud::Forged(forgery));
    }

    /// Brings back a record that once stood at this key, under the current revision.
    pub fn roll_back(&self, key: &RecordKey, old: &Stored) {
        self.forge(key, Forgery::Replace(Arc::clone(&old.record)));
    }

    /// Denies that a record exists.
    pub fn hide(&self, key: &RecordKey) {
        self.commit_fraud(key, Fraud::Hidden);
    }

    /// Honest from now on.
    pub fn reform(&self) {
        lock(&self.frauds).clear();
    }

    fn commit_fraud(&self, key: &RecordKey, fraud: Fraud) {
        lock(&self.frauds).insert(key.clone(), fraud);
    }

    async fn spoil(&self, key: &RecordKey, honest: Option<Stored>, consistency: Consistency) -> Result<Option<Stored>> {
        let fraud = lock(&self.frauds).get(key).cloned();
        let revision = honest.as_ref().map(|stored| stored.revision.clone());
        let record = match fraud {
            None => return Ok(honest),
            Some(Fraud::Hidden) => return Ok(None),
            Some(Fraud::Forged(forgery)) => {
                honest.map(|stored| Stored { record: Arc::new(forgery.of(&stored.record)), ..stored })
            }
            Some(Fraud::Of(other)) => self.inner.load(&other, consistency).await?,
        };
        Ok(record.map(|stored| Stored { revision: revision.unwrap_or(stored.revision), record: stored.record }))
    }
}

#[async_trait]
impl Persistence for Forging {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        let honest = self.inner.load(key, consistency).await?;
        self.spoil(key, honest, consistency).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        let mut answers = Vec::with_capacity(keys.len());
        for (key, honest) in keys.iter().zip(self.inner.load_many(keys, consistency).await?) {
            answers.push(self.spoil(key, honest, consistency).await?);
        }
        Ok(answers)
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        let page = self.inner.list(query).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for (sort, honest) in page.items {
            let key = RecordKey::new(Arc::clone(query.partition()), Arc::clone(&sort));
            let spoilt = self.spoil(&key, Some(honest), query.consistency()).await?;
            items.extend(spoilt.map(|stored| (sort, stored)));
        }
        Ok(Page { items, next: page.next })
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.inner.commit(writes).await
    }
}
