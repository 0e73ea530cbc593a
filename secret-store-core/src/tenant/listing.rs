//! What there is of a tenant: the versions of its key, which is active, the applications it owns.

use std::sync::Arc;
use std::time::SystemTime;

use super::records::{self, ActiveRecord, HeldKey, KeyRecord};
use super::version::TenantKeyVersion;
use super::{Inner, TenantKeys};
use crate::error::{Error, Result};
use crate::id::{ApplicationName, MasterKeyId, TenantId};
use crate::key::WrappedKey;
use crate::persistence::{Consistency, ListQuery, Revision, Stored};

/// What may be done with one version of a tenant's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TenantKeyState {
    /// It unwraps. The active version, which wraps, is one of these.
    Enabled,
    /// It unwraps and is never active again.
    Retired,
    /// It is gone: its wrapped key was removed.
    Destroyed,
}

/// One version of a tenant's key, as its record says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TenantKeyInfo {
    /// Whose key it is.
    pub tenant: TenantId,
    /// The number of the version.
    pub version: TenantKeyVersion,
    /// What may be done with it.
    pub state: TenantKeyState,
    /// The master key it is wrapped under; `None` once it is destroyed. A hint until it opens.
    pub master_key_id: Option<MasterKeyId>,
    /// When it was made, or destroyed, by the clock of whoever did it. Advisory.
    pub changed_at: Option<SystemTime>,
    /// The revision of its record.
    pub revision: Revision,
    pub(super) held: Option<HeldKey>,
}

impl TenantKeyInfo {
    pub(super) fn new(tenant: &TenantId, version: TenantKeyVersion, record: KeyRecord, revision: Revision) -> Self {
        let (state, at, held) = match record {
            KeyRecord::Destroyed { at } => (TenantKeyState::Destroyed, at, None),
            KeyRecord::Held(held) if held.retired => (TenantKeyState::Retired, held.created_at, Some(held)),
            KeyRecord::Held(held) => (TenantKeyState::Enabled, held.created_at, Some(held)),
        };
        let master_key_id = held.as_ref().map(|held| held.wrapped.master_key_id().clone());
        let changed_at = records::time(at);
        Self { tenant: tenant.clone(), version, state, master_key_id, changed_at, revision, held }
    }

    /// The wrapped key; `None` once it is destroyed.
    #[must_use]
    pub fn wrapped_key(&self) -> Option<&WrappedKey> {
        self.held.as_ref().map(|held| &held.wrapped)
    }
}

impl TenantKeys {
    /// Every version of a tenant's key, oldest first, destroyed ones included: complete or an error. Strongly consistent; no key
    /// is opened.
    ///
    /// # Errors
    ///
    /// [`KeyNotAllowed`](crate::ErrorKind::KeyNotAllowed) for a tenant that is not accepted,
    /// [`Integrity`](crate::ErrorKind::Integrity) for a malformed record, otherwise as the
    /// [`Persistence`](crate::Persistence) says.
    pub async fn versions(&self, tenant: &TenantId) -> Result<Vec<TenantKeyInfo>> {
        let versions = self.each_version(tenant).await;
        let versions = versions.and_then(|versions| versions.into_iter().map(|(_, info)| info).collect());
        versions.map_err(|error| error.with_operation("list tenant keys"))
    }

    /// Which version of a tenant's key is active; `None` where the tenant has no key. Strongly consistent; no key is opened or
    /// made. What was trusted before is forgotten: from here on this process wraps under that version or a later one.
    ///
    /// # Errors
    ///
    /// [`KeyDestroyed`](crate::ErrorKind::KeyDestroyed) for a destroyed tenant,
    /// [`RollbackDetected`](crate::ErrorKind::RollbackDetected), [`KeyNotAllowed`](crate::ErrorKind::KeyNotAllowed),
    /// [`Integrity`](crate::ErrorKind::Integrity), otherwise as the [`Persistence`](crate::Persistence) says.
    pub async fn active_version(&self, tenant: &TenantId) -> Result<Option<TenantKeyVersion>> {
        let active = async {
            self.inner.config.check_tenant(tenant)?;
            let active = self.inner.find_active(tenant).await?;
            self.inner.active.forget(tenant);
            Ok(active.map(|active| active.version))
        };
        active.await.map_err(|error: Error| error.with_operation("read the active tenant key"))
    }

    /// The applications that document keys were wrapped for under the tenant's key, in order: complete or an error. Nothing
    /// authenticates the list: join it with what the configuration says.
    ///
    /// # Errors
    ///
    /// As [`versions`](Self::versions).
    pub async fn applications(&self, tenant: &TenantId) -> Result<Vec<ApplicationName>> {
        let applications = async {
            self.inner.config.check_tenant(tenant)?;
            let stored = self.inner.list(records::applications(tenant)).await?;
            stored.iter().map(|(sort, _)| records::application_of(sort)).collect::<Result<Vec<_>>>()
        };
        applications.await.map_err(|error: Error| error.with_operation("list applications"))
    }

    /// As [`versions`](Self::versions), but one malformed record hides no other: each by its sort key, for whoever reports them.
    pub(crate) async fn each_version(&self, tenant: &TenantId) -> Result<Vec<(Arc<str>, Result<TenantKeyInfo>)>> {
        self.inner.config.check_tenant(tenant)?;
        let info = |sort: &str, stored: Stored| {
            let version = records::version_of(sort).ok_or_else(Error::integrity)?;
            Ok(TenantKeyInfo::new(tenant, version, KeyRecord::parse(&stored.record)?, stored.revision))
        };
        let all = self.inner.list(records::versions(tenant)).await?;
        Ok(all.into_iter().map(|(sort, stored)| (Arc::clone(&sort), info(&sort, stored))).collect())
    }
}

impl Inner {
    /// All pages of a query, strongly consistent.
    pub(super) async fn list(&self, query: ListQuery) -> Result<Vec<(Arc<str>, Stored)>> {
        let mut query = query.with_consistency(Consistency::Strong);
        let mut all = Vec::new();
        loop {
            let page = self.records.list(&query).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => query = query.continued(next),
                None => return Ok(all),
            }
        }
    }

    /// The active record as it stands.
    pub(super) async fn active_record(&self, tenant: &TenantId) -> Result<(Option<ActiveRecord>, Option<Stored>)> {
        let stored = self.records.load(&records::active_key(tenant), Consistency::Strong).await?;
        let record = stored.as_ref().map(|stored| ActiveRecord::parse(&stored.record)).transpose()?;
        Ok((record, stored))
    }
}
