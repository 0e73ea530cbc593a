//! Master keys in memory that count what they are asked and fail when told.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::BoxFuture;
use secret_store_core::{
    DocumentKey, EncryptionContext, Error, ErrorKind, GeneratedKey, KeyProvider, MasterKeyId, Result, WrappedKey,
};
use secret_store_memory::MemoryKeyProvider;

use super::master;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyCall {
    Generate,
    Wrap,
    Unwrap,
}

type Hook = Box<dyn Fn(KeyCall) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// A hook runs before each call; what it answers decides whether the call is made.
pub(crate) struct Keys {
    inner: MemoryKeyProvider,
    unwraps: AtomicUsize,
    generates: AtomicUsize,
    hook: Mutex<Option<Hook>>,
    asked: Mutex<Vec<(KeyCall, MasterKeyId)>>,
    failing: Mutex<BTreeMap<MasterKeyId, (Option<KeyCall>, ErrorKind)>>,
}

impl Keys {
    pub(crate) fn new(ids: &[&str]) -> Self {
        let inner = ids
            .iter()
            .fold(MemoryKeyProvider::new(), |keys, id| keys.with_generated(&master(id)).expect("random bytes"));
        Self {
            inner,
            unwraps: AtomicUsize::new(0),
            generates: AtomicUsize::new(0),
            hook: Mutex::default(),
            asked: Mutex::default(),
            failing: Mutex::default(),
        }
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

    /// From now on calls of this kind wait until the gate is opened.
    pub(crate) fn hold(&self, kind: KeyCall) -> oneshot::Sender<()> {
        self.hold_first(usize::MAX, kind)
    }

    /// The next call of this kind waits until the gate is opened, and none after it.
    pub(crate) fn hold_next(&self, kind: KeyCall) -> oneshot::Sender<()> {
        self.hold_first(1, kind)
    }

    fn hold_first(&self, count: usize, kind: KeyCall) -> oneshot::Sender<()> {
        let (open, gate) = oneshot::channel::<()>();
        let (gate, seen) = (gate.shared(), AtomicUsize::new(0));
        self.hook(move |call| {
            let waits = call == kind && seen.fetch_add(1, Ordering::SeqCst) < count;
            let gate = gate.clone();
            async move {
                if waits {
                    gate.await.expect("somebody opens it");
                }
                Ok(())
            }
            .boxed()
        });
        open
    }

    /// What was asked of which master key since the last time.
    pub(crate) fn take_asked(&self) -> Vec<(KeyCall, String)> {
        let asked = std::mem::take(&mut *self.asked.lock().expect("no panic under this lock"));
        asked.into_iter().map(|(call, id)| (call, id.as_str().to_owned())).collect()
    }

    /// From now on every call to this master key fails so.
    pub(crate) fn fail(&self, id: &str, kind: ErrorKind) {
        self.failing.lock().expect("no panic under this lock").insert(master(id), (None, kind));
    }

    /// From now on this master key wraps and does not unwrap.
    pub(crate) fn fail_unwraps(&self, id: &str, kind: ErrorKind) {
        let failing = (Some(KeyCall::Unwrap), kind);
        self.failing.lock().expect("no panic under this lock").insert(master(id), failing);
    }

    /// No call fails for its master key any more.
    pub(crate) fn heal(&self) {
        self.failing.lock().expect("no panic under this lock").clear();
    }

    fn meet(&self, call: KeyCall, id: &MasterKeyId) -> BoxFuture<'static, Result<()>> {
        self.asked.lock().expect("no panic under this lock").push((call, id.clone()));
        let failing = self.failing.lock().expect("no panic under this lock").get(id).copied();
        if let Some((only, kind)) = failing
            && only.is_none_or(|only| only == call)
        {
            let error = Error::new(kind, format!("the test made {id} fail"));
            return async { Err(error) }.boxed();
        }
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
        self.meet(KeyCall::Generate, id).await?;
        self.inner.generate_key(id, context).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        self.meet(KeyCall::Wrap, id).await?;
        self.inner.wrap_key(id, key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.unwraps.fetch_add(1, Ordering::SeqCst);
        self.meet(KeyCall::Unwrap, key.master_key_id()).await?;
        self.inner.unwrap_key(key, context).await
    }
}
