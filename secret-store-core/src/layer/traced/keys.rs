//! The layer over a key provider.

use std::sync::Arc;

use tracing::{Level, field};

use super::operation::{Call, Layer, Observer, observe, spanned};
use crate::clock::Clock;
use crate::context::EncryptionContext;
use crate::id::MasterKeyId;
use crate::key::{DocumentKey, GeneratedKey, WrappedKey};
use crate::key_provider::KeyProvider;

/// A [`KeyProvider`] over another, with a [`tracing`] span around each call and, with the feature `metrics`, metrics of it.
///
/// The span has the target `secret_store`, the name `secret_store.keys`, level DEBUG and the fields `operation` (`generate_key`,
/// `wrap_key`, `unwrap_key`, `rewrap_key`), `backend`, `outcome`, `duration_us` and `capacity`, as
/// [`TracedStore`](crate::TracedStore) has them. No key, no id, no context is in it.
#[derive(Clone, Debug)]
pub struct TracedKeys {
    inner: Arc<dyn KeyProvider>,
    observer: Observer,
}

impl TracedKeys {
    /// Over a key provider. `backend` names it in spans and metrics: `"kms"`, `"rsa"`.
    pub fn new(inner: Arc<dyn KeyProvider>, backend: &'static str) -> Self {
        Self { inner, observer: Observer::new(Layer::Keys, backend) }
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.observer.clock = clock;
        self
    }

    /// Records [metrics](crate::TracedStore#metrics) too.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn with_metrics(mut self) -> Self {
        self.observer.metered = true;
        self
    }

    fn call(&self, operation: &'static str) -> Call<'static> {
        let span = spanned(Level::DEBUG, || {
            tracing::debug_span!(
                target: "secret_store",
                "secret_store.keys",
                operation,
                backend = self.observer.backend,
                outcome = field::Empty,
                duration_us = field::Empty,
                capacity = field::Empty,
            )
        });
        Call { span, operation, application: None }
    }
}

impl KeyProvider for TracedKeys {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.inner.accepts(id)
    }

    observe! {
        fn generate_key<'life1, 'life2>(id: &'life1 MasterKeyId, context: &'life2 EncryptionContext) -> GeneratedKey {
            self => self.call("generate_key")
        }
        fn wrap_key<'life1, 'life2, 'life3>(
            id: &'life1 MasterKeyId,
            key: &'life2 DocumentKey,
            context: &'life3 EncryptionContext
        ) -> WrappedKey {
            self => self.call("wrap_key")
        }
        fn unwrap_key<'life1, 'life2>(key: &'life1 WrappedKey, context: &'life2 EncryptionContext) -> DocumentKey {
            self => self.call("unwrap_key")
        }
        fn rewrap_key<'life1, 'life2, 'life3, 'life4>(
            key: &'life1 WrappedKey,
            from: &'life2 EncryptionContext,
            to: &'life3 MasterKeyId,
            to_context: &'life4 EncryptionContext
        ) -> WrappedKey {
            self => self.call("rewrap_key")
        }
    }
}
