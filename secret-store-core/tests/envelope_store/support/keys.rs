//! Master keys in memory that count what they are asked and fail when told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use secret_store_core::{DocumentKey, EncryptionContext, GeneratedKey, KeyProvider, MasterKeyId, Result, WrappedKey};
use secret_store_memory::MemoryKeyProvider;

use super::master;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyCall {
    Generate,
    Unwrap,
}

type Hook = Box<dyn Fn(KeyCall) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// A hook runs before each call; what it answers decides whether the call is made.
pub(crate) struct Keys {
    inner: MemoryKeyProvider,
    unwraps: AtomicUsize,
    generates: AtomicUsize,
    hook: Mutex<Option<Hook>>,
}

impl Keys {
    pub(crate) fn new(ids: &[&str]) -> Self {
        let inner = ids
            .iter()
            .fold(MemoryKeyProvider::new(), |keys, id| keys.with_generated(&master(id)).expect("random bytes"));
        Self { inner, unwraps: AtomicUsize::new(0), generates: AtomicUsize::new(0), hook: Mutex::default() }
    }

    pub(crate) fn inner(&self) -> &MemoryKeyProvider {
        &self.inner
    }

    pub(crate) fn unwraps(&self) -> usize {
        self.unwraps.load(Ordering::SeqCst)
    }

    /// Calls of every kind.
    pub(crate) fn calls(&self) -> usize {
        self.unwraps() + self.generates.load(Ordering::SeqCst)
    }

    pub(crate) fn hook(&self, hook: impl Fn(KeyCall) -> BoxFuture<'static, Result<()>> + Send + Sync + 'static) {
        *self.hook.lock().expect("no panic under this lock") = Some(Box::new(hook));
    }

    pub(crate) fn unhook(&self) {
        *self.hook.lock().expect("no panic under this lock") = None;
    }

    fn meet(&self, call: KeyCall) -> BoxFuture<'static, Result<()>> {
        let hook = self.hook.lock().expect("no panic under this lock");
        hook.as_ref().map_or_else(|| async { Ok(()) }.boxed(), |hook| hook(call))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl KeyProvider for Keys {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.inner.accepts(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        self.generates.fetch_add(1, Ordering::SeqCst);
        self.meet(KeyCall::Generate).await?;
        self.inner.generate_key(id, context).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        self.inner.wrap_key(id, key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.unwraps.fetch_add(1, Ordering::SeqCst);
        self.meet(KeyCall::Unwrap).await?;
        self.inner.unwrap_key(key, context).await
    }
}
