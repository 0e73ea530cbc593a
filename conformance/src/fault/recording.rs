//! A persistence that remembers what it was asked.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secret_store_core::{
    Consistency, Limits, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, Write,
};

use super::lock;

/// Keeps every call and its arguments, in the order the calls began.
#[derive(Debug)]
pub struct Recording {
    inner: Arc<dyn Persistence>,
    calls: Mutex<Vec<Call>>,
}

/// One call of a [`Persistence`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Call {
    /// `load`.
    Load {
        /// The key.
        key: RecordKey,
        /// The consistency.
        consistency: Consistency,
    },
    /// `load_many`.
    LoadMany {
        /// The keys.
        keys: Vec<RecordKey>,
        /// The consistency.
        consistency: Consistency,
    },
    /// `list`.
    List(ListQuery),
    /// `commit`.
    Commit(Vec<Write>),
}

impl Recording {
    /// Over a persistence.
    #[must_use]
    pub fn new(inner: impl Persistence) -> Self {
        Self { inner: Arc::new(inner), calls: Mutex::default() }
    }

    /// The calls so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.calls).clone()
    }

    /// The calls since the last time, which are forgotten.
    #[must_use]
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *lock(&self.calls))
    }

    /// The number of calls so far.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.calls).len()
    }

    fn keep(&self, call: Call) {
        lock(&self.calls).push(call);
    }
}

impl Call {
    /// The keys of the records the call writes, in order; none for a read.
    #[must_use]
    pub fn written(&self) -> Vec<RecordKey> {
        match self {
            Self::Commit(writes) => {
                let changing = writes.iter().filter(|write| !matches!(write, Write::Check { .. }));
                changing.map(|write| write.key().clone()).collect()
            }
            Self::Load { .. } | Self::LoadMany { .. } | Self::List(_) => Vec::new(),
        }
    }
}

#[async_trait]
impl Persistence for Recording {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.keep(Call::Load { key: key.clone(), consistency });
        self.inner.load(key, consistency).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        self.keep(Call::LoadMany { keys: keys.to_vec(), consistency });
        self.inner.load_many(keys, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.keep(Call::List(query.clone()));
        self.inner.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.keep(Call::Commit(writes.clone()));
        self.inner.commit(writes).await
    }
}
