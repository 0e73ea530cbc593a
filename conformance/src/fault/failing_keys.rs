//! A key provider that fails on command.

use std::sync::Arc;

use async_trait::async_trait;
use secret_store_core::{DocumentKey, EncryptionContext, GeneratedKey, KeyProvider, MasterKeyId, Result, WrappedKey};

use super::schedule::{Fault, Operation, Schedule};

/// Fails the calls it is told to, before they reach the key provider.
#[derive(Debug)]
pub struct FailingKeyProvider {
    inner: Arc<dyn KeyProvider>,
    schedule: Schedule,
}

impl FailingKeyProvider {
    /// Over a key provider; fails nothing yet.
    #[must_use]
    pub fn new(inner: impl KeyProvider) -> Self {
        Self { inner: Arc::new(inner), schedule: Schedule::default() }
    }

    /// Fails calls from now on as the fault says.
    pub fn fail(&self, fault: Fault) {
        self.schedule.add(fault);
    }

    /// Fails nothing any more.
    pub fn heal(&self) {
        self.schedule.clear();
    }

    /// The number of calls so far, failed ones included.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.schedule.calls()
    }

    /// The number of calls that were failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.schedule.struck()
    }
}

#[async_trait]
impl KeyProvider for FailingKeyProvider {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.inner.accepts(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        self.schedule.pass(Operation::GenerateKey)?;
        self.inner.generate_key(id, context).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        self.schedule.pass(Operation::WrapKey)?;
        self.inner.wrap_key(id, key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.schedule.pass(Operation::UnwrapKey)?;
        self.inner.unwrap_key(key, context).await
    }

    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        self.schedule.pass(Operation::RewrapKey)?;
        self.inner.rewrap_key(key, from, to, to_context).await
    }
}
