//! What each case works with.

use std::sync::Arc;

use secret_store_core::{
    DocumentKey, EncryptionContext, ErrorKind, KeyProvider, MasterKeyId, Result, SecretId, SecretVersion, StoreId,
    WrappedKey,
};

use super::instance::Instance;
use crate::case::Stop;
use crate::options::Options;

/// A fresh instance and how to use it.
pub(super) struct Fixture {
    instance: Instance,
    pub(super) options: Options,
    /// The first master key.
    pub(super) master: MasterKeyId,
}

impl Fixture {
    pub(super) fn new(instance: Instance, options: Options) -> Result<Self, Stop> {
        let first = instance.master_keys.first().cloned();
        let master = first.ok_or_else(|| Stop::failed("the factory names no master key: give it at least one"))?;
        Ok(Self { instance, options, master })
    }

    pub(super) fn provider(&self) -> Arc<dyn KeyProvider> {
        Arc::clone(&self.instance.provider)
    }

    pub(super) fn master_keys(&self) -> &[MasterKeyId] {
        &self.instance.master_keys
    }

    /// A second master key.
    pub(super) fn other_master(&self) -> Result<&MasterKeyId, Stop> {
        let other = self.instance.master_keys.iter().find(|id| **id != self.master);
        other.ok_or_else(|| Stop::skipped("the factory names one master key: give Instance::new two"))
    }

    /// How often the holder of the keys was contacted, if that is counted.
    pub(super) fn contacts(&self) -> Option<u64> {
        self.instance.contacts.as_ref().map(|count| count())
    }

    pub(super) fn legacy(&self) -> Result<EncryptionContext, Stop> {
        match &self.instance.no_legacy {
            Some(reason) => Err(Stop::skipped(format!("no legacy context: {reason}"))),
            None => Ok(EncryptionContext::legacy()),
        }
    }

    /// A key in clear with its wrap.
    pub(super) async fn generated(&self, context: &EncryptionContext) -> Result<(DocumentKey, WrappedKey), Stop> {
        let generated = self.instance.provider.generate_key(&self.master, context).await?;
        Ok((generated.document_key, generated.wrapped))
    }

    /// Demands that a wrap opens to this key.
    pub(super) async fn opens(
        &self,
        wrapped: &WrappedKey,
        context: &EncryptionContext,
        key: &DocumentKey,
        what: &str,
    ) -> Result<(), Stop> {
        let opened = self.instance.provider.unwrap_key(wrapped, context).await;
        let opened = opened.map_err(|error| Stop::failed(format!("{what}: {error} [{:?}]", error.kind())))?;
        // Never shown: a report may end in a log.
        match opened.expose_secret() == key.expose_secret() {
            true => Ok(()),
            false => Err(Stop::failed(format!("{what}: opens to another key"))),
        }
    }

    /// Demands that a wrap does not open: as `Integrity`, or as the kind that says what the change made it look like: another
    /// format of the provider's (`Unsupported`), one with absurd lengths (`InvalidInput`), one by a key that is not allowed.
    pub(super) async fn refuses(
        &self,
        wrapped: &WrappedKey,
        context: &EncryptionContext,
        what: &str,
    ) -> Result<(), Stop> {
        match self.instance.provider.unwrap_key(wrapped, context).await {
            Ok(_) => Err(Stop::failed(format!("{what}: opens"))),
            Err(error) if is_refusal(error.kind()) => match std::error::Error::source(&error) {
                None => Ok(()),
                Some(_) => {
                    Err(Stop::failed(format!("{what}: the refusal carries a cause, which tells a forger what failed")))
                }
            },
            Err(error) => {
                Err(Stop::failed(format!("{what}: {error} [{:?}], expected a definite refusal", error.kind())))
            }
        }
    }
}

/// Whether the same wrap would be refused again, whatever happens elsewhere.
fn is_refusal(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Integrity | ErrorKind::Unsupported | ErrorKind::InvalidInput | ErrorKind::KeyNotAllowed)
}

/// The context of a document key.
pub(super) fn context(store: &str, application: &str, name: &str, version: u64) -> EncryptionContext {
    let store = StoreId::new(store).expect("the store ids of cases are valid");
    let id = SecretId::parse(application, name).expect("the names of cases are valid");
    let version = SecretVersion::new(version).expect("the versions of cases begin at one");
    EncryptionContext::document_key(&store, &id, version)
}

/// The context most cases use.
pub(super) fn usual() -> EncryptionContext {
    context("conformance", "App.Test", "database/password", 7)
}

/// The same bytes under another master key's name.
pub(super) fn renamed(wrapped: &WrappedKey, id: &MasterKeyId) -> WrappedKey {
    WrappedKey::new(id.clone(), Arc::clone(wrapped.as_shared()))
}

/// Other bytes under the same master key's name.
pub(super) fn altered(wrapped: &WrappedKey, bytes: impl Into<Arc<[u8]>>) -> WrappedKey {
    WrappedKey::new(wrapped.master_key_id().clone(), bytes)
}
