//! What a factory gives.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use secret_store_core::{KeyProvider, MasterKeyId, Persistence, Result};

type TakeAway = Box<dyn FnOnce() -> BoxFuture<'static, Result<()>> + Send>;

/// A fresh and empty persistence, and two master keys of which one takes the place of the other.
pub struct Instance {
    pub(super) records: Arc<dyn Persistence>,
    pub(super) keys: Arc<dyn KeyProvider>,
    pub(super) remaining: Arc<dyn KeyProvider>,
    pub(super) from: MasterKeyId,
    pub(super) to: MasterKeyId,
    take_away: Mutex<Option<TakeAway>>,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl Instance {
    /// A key provider that can use both keys (a [`KeyRing`](secret_store_core::KeyRing) where two hold them), the old and the new
    /// one as records name them, and a provider that can use the new one alone: what is left when the old one is gone.
    #[must_use]
    pub fn new(
        records: impl Persistence,
        keys: impl KeyProvider,
        [from, to]: [MasterKeyId; 2],
        remaining: impl KeyProvider,
    ) -> Self {
        Self {
            records: Arc::new(records),
            keys: Arc::new(keys),
            remaining: Arc::new(remaining),
            from,
            to,
            take_away: Mutex::default(),
            kept: Vec::new(),
        }
    }

    /// Takes the old key away from its holder, as its disabling in a KMS does: called when the suite has shown that it is needed
    /// no more, before it reads everything by the remaining provider.
    #[must_use]
    pub fn with_taking_away<F, Done>(mut self, take_away: F) -> Self
    where
        F: FnOnce() -> Done + Send + 'static,
        Done: Future<Output = Result<()>> + Send + 'static,
    {
        self.take_away = Mutex::new(Some(Box::new(move || take_away().boxed())));
        self
    }

    /// Keeps something (a temporary directory) until the case is over.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(guard));
        self
    }

    pub(super) async fn take_old_key_away(&self) -> Result<()> {
        let take_away = self.take_away.lock().unwrap_or_else(PoisonError::into_inner).take();
        match take_away {
            Some(take_away) => take_away().await,
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("records", &self.records)
            .field("keys", &self.keys)
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}
