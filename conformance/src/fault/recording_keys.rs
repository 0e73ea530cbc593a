//! A key provider that remembers what it was asked.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secret_store_core::{DocumentKey, EncryptionContext, GeneratedKey, KeyProvider, MasterKeyId, Result, WrappedKey};

use super::lock;

/// Keeps every call and its arguments, except document keys, in the order the calls began.
#[derive(Debug)]
pub struct RecordingKeyProvider {
    inner: Arc<dyn KeyProvider>,
    calls: Mutex<Vec<KeyCall>>,
}

/// One call of a [`KeyProvider`]. `accepts` is none: it is asked freely.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "a box would stand in the way of every match of a test")]
pub enum KeyCall {
    /// `generate_key`.
    Generate {
        /// The master key.
        id: MasterKeyId,
        /// The context.
        context: EncryptionContext,
    },
    /// `wrap_key`.
    Wrap {
        /// The master key.
        id: MasterKeyId,
        /// The context.
        context: EncryptionContext,
    },
    /// `unwrap_key`.
    Unwrap {
        /// The wrapped key.
        key: WrappedKey,
        /// The context.
        context: EncryptionContext,
    },
    /// `rewrap_key`.
    Rewrap {
        /// The wrapped key.
        key: WrappedKey,
        /// The context it opens under.
        from: EncryptionContext,
        /// The master key to move to.
        to: MasterKeyId,
        /// The context to move to.
        to_context: EncryptionContext,
    },
}

impl RecordingKeyProvider {
    /// Over a key provider.
    #[must_use]
    pub fn new(inner: impl KeyProvider) -> Self {
        Self { inner: Arc::new(inner), calls: Mutex::default() }
    }

    /// The calls so far.
    #[must_use]
    pub fn calls(&self) -> Vec<KeyCall> {
        lock(&self.calls).clone()
    }

    /// The calls since the last time, which are forgotten.
    #[must_use]
    pub fn take(&self) -> Vec<KeyCall> {
        std::mem::take(&mut *lock(&self.calls))
    }

    /// The number of calls so far.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.calls).len()
    }

    fn keep(&self, call: KeyCall) {
        lock(&self.calls).push(call);
    }
}

#[async_trait]
impl KeyProvider for RecordingKeyProvider {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.inner.accepts(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        self.keep(KeyCall::Generate { id: id.clone(), context: context.clone() });
        self.inner.generate_key(id, context).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        self.keep(KeyCall::Wrap { id: id.clone(), context: context.clone() });
        self.inner.wrap_key(id, key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.keep(KeyCall::Unwrap { key: key.clone(), context: context.clone() });
        self.inner.unwrap_key(key, context).await
    }

    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        self.keep(KeyCall::Rewrap {
            key: key.clone(),
            from: from.clone(),
            to: to.clone(),
            to_context: to_context.clone(),
        });
        self.inner.rewrap_key(key, from, to, to_context).await
    }
}
