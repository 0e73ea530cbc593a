//! What a factory gives.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use secret_store_core::{Persistence, Result};

type Reopen = Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Persistence>>> + Send + Sync>;

/// A fresh and empty persistence, and optionally how to open the same storage again.
///
/// Made `From` any persistence.
pub struct Instance {
    pub(super) persistence: Arc<dyn Persistence>,
    pub(super) reopen: Option<Reopen>,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl<P: Persistence> From<P> for Instance {
    fn from(persistence: P) -> Self {
        Self { persistence: Arc::new(persistence), reopen: None, kept: Vec::new() }
    }
}

impl Instance {
    /// With a way to open the same storage again, so that durability is tested. It is called after every handle from
    /// before is dropped. Without it the durability cases are skipped, and reported so.
    #[must_use]
    pub fn with_reopen<F, Opened, P>(mut self, reopen: F) -> Self
    where
        F: Fn() -> Opened + Send + Sync + 'static,
        Opened: Future<Output = Result<P>> + Send + 'static,
        P: Persistence,
    {
        self.reopen = Some(Arc::new(move || {
            let opened = reopen();
            async move { Ok(Arc::new(opened.await?) as Arc<dyn Persistence>) }.boxed()
        }));
        self
    }

    /// The persistence.
    pub(crate) fn persistence(&self) -> Arc<dyn Persistence> {
        Arc::clone(&self.persistence)
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
            .field("persistence", &self.persistence)
            .field("reopens", &self.reopen.is_some())
            .finish_non_exhaustive()
    }
}
