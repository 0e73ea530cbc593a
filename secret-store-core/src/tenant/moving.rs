//! From one master key to another: what a rotation of master keys does to each version of a tenant's key.

use std::sync::Arc;

use super::listing::TenantKeyInfo;
use super::records::{self, HeldKey, KeyRecord};
use super::version::TenantKeyVersion;
use super::{Inner, TenantKeys};
use crate::clock::Clock;
use crate::context::EncryptionContext;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{MasterKeyId, TenantId};
use crate::key_provider::KeyProvider;
use crate::persistence::{Consistency, Precondition, RecordKey, Revision, Write};

impl TenantKeys {
    /// Moves one version of a tenant's key, as [`versions`](Self::versions) listed it, to another master key: one
    /// [`rewrap_key`](crate::KeyProvider::rewrap_key) of the inner provider, and one commit on the condition that the record is
    /// unchanged. The key stays the same, and so does everything that is wrapped under it. Answers the version as it is then; one
    /// that is under that master key already is answered as it is.
    ///
    /// A retired version is moved like any other; a destroyed one is [`KeyDestroyed`](ErrorKind::KeyDestroyed).
    ///
    /// # Errors
    ///
    /// [`Conflict`](ErrorKind::Conflict) when the record has changed since it was listed (list again),
    /// [`KeyNotAllowed`](ErrorKind::KeyNotAllowed) when either master key is outside the allow-lists, without a call; otherwise as
    /// the inner provider and the [`Persistence`](crate::Persistence) say.
    pub async fn rewrap_version(&self, info: &TenantKeyInfo, to: &MasterKeyId) -> Result<TenantKeyInfo> {
        self.inner.rewrap_version(info, to).await.map_err(|error| error.with_operation("rewrap tenant key"))
    }
}

impl TenantKeys {
    /// Refuses to move a tenant's key where a master key is outside the allow-lists, or where new versions would be made under the
    /// old one. Asks nobody.
    pub(crate) fn check_move(&self, tenant: &TenantId, from: &MasterKeyId, to: &MasterKeyId) -> Result<()> {
        let (config, keys) = (&self.inner.config, &*self.inner.keys);
        config.check_tenant(tenant)?;
        config.check_unwrapping_key(from, keys)?;
        config.check_wrapping_key(to, keys)?;
        config.check_unwrapping_key(to, keys)?;
        match config.wrapping_key(tenant, keys) {
            Ok(configured) if configured == *from => Err(Error::invalid_input(format!(
                "new versions of the key of tenant {tenant} are made under master key {from}: configure tenant keys with another first"
            ))),
            _ => Ok(()),
        }
    }

    /// The holder of master keys, and a context under which one may be tried: that of a version that is never reached.
    pub(crate) fn probe(&self, tenant: &TenantId) -> Result<(Arc<dyn KeyProvider>, EncryptionContext)> {
        let version = TenantKeyVersion::new(u32::MAX)?;
        Ok((Arc::clone(&self.inner.keys), self.inner.key_context(tenant, version)))
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    pub(crate) fn partition(&self, tenant: &TenantId) -> Arc<str> {
        records::partition(tenant)
    }

    pub(crate) fn version_key(&self, tenant: &TenantId, version: TenantKeyVersion) -> RecordKey {
        records::version_key(tenant, version)
    }
}

impl Inner {
    async fn rewrap_version(&self, info: &TenantKeyInfo, to: &MasterKeyId) -> Result<TenantKeyInfo> {
        self.config.check_tenant(&info.tenant)?;
        self.config.check_wrapping_key(to, &*self.keys)?;
        let held = info.held.as_ref().ok_or_else(Error::key_destroyed)?;
        let from = held.wrapped.master_key_id();
        self.config.check_unwrapping_key(from, &*self.keys)?;
        if from == to {
            return Ok(info.clone());
        }
        let context = self.key_context(&info.tenant, info.version);
        let wrapped = self.keys.rewrap_key(&held.wrapped, &context, to, &context).await?;
        let record = KeyRecord::Held(HeldKey { wrapped, ..held.clone() });
        let revision = self.replace_version(info, &record).await?;
        Ok(TenantKeyInfo::new(&info.tenant, info.version, record, revision))
    }

    /// Replaces the record of a version that is unchanged since it was listed.
    async fn replace_version(&self, info: &TenantKeyInfo, record: &KeyRecord) -> Result<Revision> {
        let key = records::version_key(&info.tenant, info.version);
        let unchanged = Precondition::Revision(info.revision.clone());
        let put = Write::put(key.clone(), record.to_record(), unchanged);
        match self.commit(vec![put]).await {
            Ok(revisions) => revisions.into_iter().next().flatten().ok_or_else(no_revision),
            // It may have landed: then this very record stands there.
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                match self.records.load(&key, Consistency::Strong).await {
                    Ok(Some(stored)) if *stored.record == record.to_record() => Ok(stored.revision),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}

fn no_revision() -> Error {
    Error::new(ErrorKind::Unavailable, "the persistence answered no revision: the write may have landed")
}
