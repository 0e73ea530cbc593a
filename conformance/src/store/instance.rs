//! What a factory gives.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use secret_store_core::{MasterKeyId, Result, SecretStore};

type Reopen = Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn SecretStore>>> + Send + Sync>;

/// A fresh and empty store, and what the suite may know about it.
///
/// Made `From` any store.
pub struct Instance {
    pub(super) store: Arc<dyn SecretStore>,
    pub(super) reopen: Option<Reopen>,
    pub(super) other_master_key: Option<MasterKeyId>,
    pub(super) max_value_bytes: usize,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl<S: SecretStore> From<S> for Instance {
    fn from(store: S) -> Self {
        Self {
            store: Arc::new(store),
            reopen: None,
            other_master_key: None,
            max_value_bytes: 64 * 1024,
            kept: Vec::new(),
        }
    }
}

impl Instance {
    /// With a way to open the same store again, so that durability is tested. It is called after every handle from before is
    /// dropped. Without it the durability cases are skipped, and reported so.
    #[must_use]
    pub fn with_reopen<F, Opened, S>(mut self, reopen: F) -> Self
    where
        F: Fn() -> Opened + Send + Sync + 'static,
        Opened: Future<Output = Result<S>> + Send + 'static,
        S: SecretStore,
    {
        self.reopen = Some(Arc::new(move || {
            let opened = reopen();
            async move { Ok(Arc::new(opened.await?) as Arc<dyn SecretStore>) }.boxed()
        }));
        self
    }

    /// A master key other than the default that a put may choose. Without it the case that chooses one is skipped, and
    /// reported so.
    #[must_use]
    pub fn with_other_master_key(mut self, id: MasterKeyId) -> Self {
        self.other_master_key = Some(id);
        self
    }

    /// The largest value the store is configured for; 64 KiB by default.
    #[must_use]
    pub fn with_max_value_bytes(mut self, bytes: usize) -> Self {
        self.max_value_bytes = bytes;
        self
    }

    /// Keeps something (a temporary directory) until the case is over.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(guard));
        self
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("store", &self.store)
            .field("reopens", &self.reopen.is_some())
            .finish_non_exhaustive()
    }
}
