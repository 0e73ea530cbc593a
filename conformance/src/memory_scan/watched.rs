//! The backend with every document key reported, every call interruptible, and faults on demand.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use secret_store_core::{
    Consistency, DocumentKey, EncryptionContext, Error, ErrorKind, GeneratedKey, KeyProvider, Limits, ListQuery,
    MasterKeyId, Page, Persistence, Record, RecordKey, Result, Revision, Stored, Value, WrappedKey, Write,
};

use super::Canaries;

/// Waits once, so that a call can be dropped here.
async fn pause() {
    struct Once(bool);
    impl Future for Once {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }
    Once(false).await;
}

#[derive(Debug)]
pub(super) struct WatchedKeys {
    pub(super) inner: Arc<dyn KeyProvider>,
    pub(super) canaries: Arc<Canaries>,
}

#[async_trait]
impl KeyProvider for WatchedKeys {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.inner.accepts(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        pause().await;
        let generated = self.inner.generate_key(id, context).await?;
        self.canaries.watch_document_key(generated.document_key.expose_secret());
        pause().await;
        Ok(generated)
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        pause().await;
        self.inner.wrap_key(id, key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        pause().await;
        let key = self.inner.unwrap_key(key, context).await?;
        self.canaries.watch_document_key(key.expose_secret());
        pause().await;
        Ok(key)
    }

    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        pause().await;
        self.inner.rewrap_key(key, from, to, to_context).await
    }
}

/// What goes wrong in the persistence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fault {
    #[default]
    None,
    /// Reads fail.
    Load,
    /// Commits fail without landing.
    Commit,
    /// A bit of this attribute is flipped in what is read.
    Flip(&'static str),
    /// This attribute is cut short in what is read.
    Cut(&'static str),
}

#[derive(Debug)]
pub(super) struct FaultyRecords {
    pub(super) inner: Arc<dyn Persistence>,
    pub(super) fault: Mutex<Fault>,
}

impl FaultyRecords {
    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_fault(&self, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn read(&self, stored: Stored) -> Stored {
        let (Fault::Flip(name) | Fault::Cut(name)) = self.fault() else { return stored };
        let Some(bytes) = stored.record.bytes(name) else { return stored };
        let mut bytes = bytes.to_vec();
        match self.fault() {
            Fault::Flip(_) => bytes.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1),
            _ => drop(bytes.pop()),
        }
        let mut record = Record::clone(&stored.record);
        record.set(name.to_owned(), Value::from(bytes));
        Stored { record: Arc::new(record), revision: stored.revision }
    }

    fn check(&self, fault: Fault) -> Result<()> {
        if self.fault() == fault { Err(Error::new(ErrorKind::Unavailable, "a fault on demand")) } else { Ok(()) }
    }
}

#[async_trait]
impl Persistence for FaultyRecords {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        pause().await;
        self.check(Fault::Load)?;
        Ok(self.inner.load(key, consistency).await?.map(|stored| self.read(stored)))
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        pause().await;
        self.check(Fault::Load)?;
        let found = self.inner.load_many(keys, consistency).await?;
        Ok(found.into_iter().map(|stored| stored.map(|stored| self.read(stored))).collect())
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        pause().await;
        self.inner.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        pause().await;
        self.check(Fault::Commit)?;
        let revisions = self.inner.commit(writes).await?;
        pause().await;
        Ok(revisions)
    }
}
