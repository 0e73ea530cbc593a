//! Backends whose calls under way are counted.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use secret_store_core::{
    Consistency, DocumentKey, EncryptionContext, GeneratedKey, KeyProvider, Limits, ListQuery, MasterKeyId, Page,
    Persistence, RecordKey, Result, Revision, Stored, WrappedKey, Write,
};

/// How many calls are under way, and how many were begun.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    now: AtomicUsize,
    begun: AtomicUsize,
}

/// Ends with the call, also when that is dropped.
struct Call<'a>(&'a Counts);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl UnderWay {
    /// Lets others run first, so that work can be stopped here over a backend that answers at once, too.
    async fn begin(&self) -> Call<'_> {
        self.0.now.fetch_add(1, Ordering::SeqCst);
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        let call = Call(&self.0);
        let mut waited = false;
        poll_fn(|context| {
            if waited {
                return Poll::Ready(());
            }
            waited = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        call
    }

    pub(super) fn is_any(&self) -> bool {
        self.0.now.load(Ordering::SeqCst) > 0
    }

    pub(super) fn begun(&self) -> usize {
        self.0.begun.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
pub(super) struct Watched<T: ?Sized> {
    under_way: UnderWay,
    inner: Arc<T>,
}

impl<T: ?Sized> Watched<T> {
    pub(super) fn new(under_way: &UnderWay, inner: Arc<T>) -> Self {
        Self { under_way: under_way.clone(), inner }
    }
}

#[async_trait]
impl Persistence for Watched<dyn Persistence> {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        let _call = self.under_way.begin().await;
        self.inner.load(key, consistency).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        let _call = self.under_way.begin().await;
        self.inner.load_many(keys, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        let _call = self.under_way.begin().await;
        self.inner.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        let _call = self.under_way.begin().await;
        self.inner.commit(writes).await
    }
}

#[async_trait]
impl KeyProvider for Watched<dyn KeyProvider> {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.inner.accepts(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        let _call = self.under_way.begin().await;
        self.inner.generate_key(id, context).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        let _call = self.under_way.begin().await;
        self.inner.wrap_key(id, key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        let _call = self.under_way.begin().await;
        self.inner.unwrap_key(key, context).await
    }

    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        let _call = self.under_way.begin().await;
        self.inner.rewrap_key(key, from, to, to_context).await
    }
}
