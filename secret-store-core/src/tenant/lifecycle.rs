//! The life of a tenant's key: made, activated, retired, destroyed.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::keys::{Active, is_race, no_active_version};
use super::records::{self, ActiveRecord, HeldKey, KeyRecord};
use super::version::TenantKeyVersion;
use super::{Inner, TenantKeys};
use crate::clock::Moment;
use crate::envelope_store::retry::Retry;
use crate::error::{Error, ErrorKind, Result};
use crate::id::TenantId;
use crate::persistence::{Consistency, Order, Precondition, RecordKey, Stored, Write};

impl TenantKeys {
    /// Makes the first version of a tenant's key unless the tenant has one. Answers the active version. The first wrap for the
    /// tenant does the same; this does it ahead of time.
    ///
    /// # Errors
    ///
    /// [`KeyNotAllowed`](ErrorKind::KeyNotAllowed) for a tenant, master key or version outside the configuration,
    /// [`KeyDestroyed`](ErrorKind::KeyDestroyed) for a destroyed tenant, whose id is used up; otherwise as the inner provider and
    /// the [`Persistence`](crate::Persistence) say.
    pub async fn create(&self, tenant: &TenantId) -> Result<TenantKeyVersion> {
        self.inner.create(tenant).await.map_err(|error| error.with_operation("create tenant key"))
    }

    /// Makes the version after this one and activates it, in one commit: from now on it wraps (in other processes within the 60
    /// seconds for which they trust what they know). Where a later version is active already, nothing is done; so however often
    /// and from wherever this is called for one version, there is one new one. Answers the active version.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when this version is above the active one, [`NotFound`](ErrorKind::NotFound) when
    /// the tenant has no key; otherwise as [`create`](Self::create).
    pub async fn activate_next(&self, tenant: &TenantId, after: TenantKeyVersion) -> Result<TenantKeyVersion> {
        self.inner.activate_next(tenant, after).await.map_err(|error| error.with_operation("activate tenant key"))
    }

    /// Makes a version that is not active unable to become active again. It goes on unwrapping. Nothing is done where it is
    /// retired already.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for the active version, [`NotFound`](ErrorKind::NotFound) for one that does not
    /// exist, [`KeyDestroyed`](ErrorKind::KeyDestroyed) for a destroyed one; otherwise as the
    /// [`Persistence`](crate::Persistence) says.
    pub async fn retire(&self, tenant: &TenantId, version: TenantKeyVersion) -> Result<()> {
        let retired = self.inner.end(tenant, version, End::Retired).await;
        retired.map_err(|error| error.with_operation("retire tenant key"))
    }

    /// Removes the wrapped key of a retired version: **whatever is still wrapped under it is gone for good**. A tombstone stays.
    /// Nothing is done where it is destroyed already.
    ///
    /// First prove that nothing needs it: rotate, wait for writers that trust an older active version (60 seconds and their
    /// slowest write), look again. Other processes that hold the key ready go on unwrapping for up to ten minutes, and backups of
    /// the record hold it as long as they live: so also raise the tenant's
    /// [minimum version](super::TenantConfig::with_minimum_version).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a version that is not retired, [`NotFound`](ErrorKind::NotFound) for one that
    /// does not exist; otherwise as the [`Persistence`](crate::Persistence) says. After
    /// [`Unavailable`](ErrorKind::Unavailable) call it again.
    pub async fn destroy_version(&self, tenant: &TenantId, version: TenantKeyVersion) -> Result<()> {
        let destroyed = self.inner.end(tenant, version, End::Destroyed).await;
        destroyed.map_err(|error| error.with_operation("destroy tenant key"))
    }

    /// Destroys every version of a tenant's key: **nothing that is wrapped under it opens again**. The tenant's id is used up.
    ///
    /// Other processes that hold a key ready go on using it for up to ten minutes ([`purge`](Self::purge) ends that), as do
    /// document keys that an [`EnvelopeStore`](crate::EnvelopeStore) keeps. Backups and copies of the wrapped keys hold them as
    /// long as they live and the master key does; and what the tenant's applications wrapped under a master key before they
    /// belonged to the tenant is not touched.
    ///
    /// The tenant is closed for wrapping first. Small tenants take one commit; where more is needed and a call fails on the way,
    /// call it again: it goes on.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when the tenant has no key; otherwise as the [`Persistence`](crate::Persistence) says.
    pub async fn destroy_tenant(&self, tenant: &TenantId) -> Result<()> {
        self.inner.destroy_tenant(tenant).await.map_err(|error| error.with_operation("destroy tenant"))
    }

    /// Makes a tenant usable again whose active version is missing, malformed or not its newest (after a restore of some records):
    /// a new version above all is made and activated. Does nothing to a tenant that is in order. Answers the active version.
    ///
    /// # Errors
    ///
    /// As [`activate_next`](Self::activate_next).
    pub async fn repair(&self, tenant: &TenantId) -> Result<TenantKeyVersion> {
        self.inner.repair(tenant).await.map_err(|error| error.with_operation("repair tenant key"))
    }

    /// Accepts that the database holds an older state of a tenant's keys than this process has seen, after a restore: also that a
    /// destroyed key is there again. Forgets the tenant's cached keys.
    pub fn accept_rollback(&self, tenant: &TenantId) {
        self.inner.marks.forget(tenant);
        self.inner.purge(tenant);
    }
}

/// What becomes of a version that is not active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Retired,
    Destroyed,
}

impl Inner {
    async fn create(self: &Arc<Self>, tenant: &TenantId) -> Result<TenantKeyVersion> {
        self.config.check_tenant(tenant)?;
        Ok(self.active(tenant).await?.version)
    }

    async fn activate_next(&self, tenant: &TenantId, after: TenantKeyVersion) -> Result<TenantKeyVersion> {
        self.config.check_tenant(tenant)?;
        let mut retry = Retry::new();
        loop {
            let seen = self.marks.of(tenant);
            let (active, stored) = self.active_record(tenant).await?;
            let version = match active {
                Some(ActiveRecord::Version(version)) => version,
                Some(ActiveRecord::Destroyed { .. }) => return Err(Error::key_destroyed()),
                None => return Err(Error::not_found()),
            };
            seen.check_active(Some(version))?;
            if version > after {
                return Ok(version);
            }
            if version < after {
                return Err(Error::invalid_input(format!("version {after} is above the active version {version}")));
            }
            match self.activate_newest(tenant, Some(version), stored).await {
                Err(error) if is_race(&error) => retry.wait(&*self.clock, error).await?,
                outcome => return outcome,
            }
        }
    }

    /// Makes a version above all that there are and activates it, on the condition that the active record is as it was found.
    async fn activate_newest(
        &self,
        tenant: &TenantId,
        active: Option<TenantKeyVersion>,
        stored: Option<Stored>,
    ) -> Result<TenantKeyVersion> {
        let version = match self.newest_version(tenant).await?.max(active) {
            Some(newest) => newest.next()?,
            None => return Err(Error::not_found()),
        };
        self.config.check_minimum(tenant, version)?;
        let (read_at, begun) = (Moment::now(&*self.clock), self.active.begin(tenant));
        let unchanged = stored.map_or(Precondition::Absent, |stored| Precondition::Revision(stored.revision));
        let record = ActiveRecord::Version(version).to_record();
        let put = Write::put(records::active_key(tenant), record, unchanged);
        match self.create_version(tenant, version, put).await {
            // It may have landed. Another's may have, which then is as good.
            Err(error) if error.kind() == ErrorKind::Unavailable => match self.active_record(tenant).await {
                Ok((Some(ActiveRecord::Version(found)), _)) if found >= version => return Ok(found),
                _ => return Err(error),
            },
            outcome => outcome?,
        }
        self.active.made(tenant, begun, Active::new(version, read_at));
        self.marks.saw_active(tenant, version);
        Ok(version)
    }

    /// The highest number of a version. Read off the keys: what stands there may be malformed. The newest version is destroyed only
    /// together with its tenant.
    async fn newest_version(&self, tenant: &TenantId) -> Result<Option<TenantKeyVersion>> {
        let query = records::versions(tenant).with_order(Order::Descending).with_consistency(Consistency::Strong);
        let mut query = query.with_limit(NonZeroUsize::MIN);
        loop {
            let page = self.records.list(&query).await?;
            for (sort, stored) in &page.items {
                let Some(version) = records::version_of(sort) else { continue };
                return match KeyRecord::parse(&stored.record) {
                    Ok(KeyRecord::Destroyed { .. }) => Err(Error::key_destroyed()),
                    _ => Ok(Some(version)),
                };
            }
            match page.next {
                Some(next) => query = query.continued(next),
                None => return Ok(None),
            }
        }
    }

    async fn end(&self, tenant: &TenantId, version: TenantKeyVersion, end: End) -> Result<()> {
        self.config.check_tenant(tenant)?;
        let mut retry = Retry::new();
        let mut lost = None;
        loop {
            let ended = match self.planned_end(tenant, version, end).await? {
                None => Ok(()),
                Some(writes) => match lost.take() {
                    // The answer was lost, and so was the write.
                    Some(error) => return Err(error),
                    None => self.commit(writes).await.map(drop),
                },
            };
            match ended {
                Err(error) if is_race(&error) => retry.wait(&*self.clock, error).await?,
                // It may have landed: then there is nothing left to do.
                Err(error) if error.kind() == ErrorKind::Unavailable => lost = Some(error),
                outcome => {
                    outcome?;
                    if end == End::Destroyed {
                        self.marks.saw_destroyed(tenant, version);
                        self.ready.forget(&(tenant.clone(), version));
                    }
                    return Ok(());
                }
            }
        }
    }

    /// The writes that end a version; `None` where it has ended so already.
    async fn planned_end(&self, tenant: &TenantId, version: TenantKeyVersion, end: End) -> Result<Option<Vec<Write>>> {
        let keys = [records::active_key(tenant), records::version_key(tenant, version)];
        let [active, stored] = self.load_all(&keys).await?;
        let [active_key, version_key] = keys;
        let stored = stored.ok_or_else(Error::not_found)?;
        let held = match (KeyRecord::parse(&stored.record)?, end) {
            (KeyRecord::Destroyed { .. }, End::Destroyed) => return Ok(None),
            (KeyRecord::Destroyed { .. }, End::Retired) => return Err(Error::key_destroyed()),
            (KeyRecord::Held(HeldKey { retired: true, .. }), End::Retired) => return Ok(None),
            (KeyRecord::Held(HeldKey { retired: false, .. }), End::Destroyed) => {
                return Err(Error::invalid_input("the version is in use: retire it before it is destroyed"));
            }
            (KeyRecord::Held(held), _) => held,
        };
        let active = active.ok_or_else(|| no_active_version(tenant))?;
        if ActiveRecord::parse(&active.record)? == ActiveRecord::Version(version) {
            return Err(Error::invalid_input("the active version wraps: activate another before it is retired"));
        }
        let record = match end {
            End::Retired => KeyRecord::Held(HeldKey { retired: true, ..held }),
            End::Destroyed => KeyRecord::tombstone(self.clock.now()),
        };
        Ok(Some(vec![
            Write::put(version_key, record.to_record(), Precondition::Revision(stored.revision)),
            Write::check(active_key, Precondition::Revision(active.revision)),
        ]))
    }

    async fn destroy_tenant(&self, tenant: &TenantId) -> Result<()> {
        self.config.check_tenant(tenant)?;
        let mut retry = Retry::new();
        let mut lost = false;
        loop {
            match self.destroy_what_is_left(tenant).await {
                Ok(true) => {
                    self.marks.saw_tenant_destroyed(tenant);
                    self.purge(tenant);
                    return Ok(());
                }
                Ok(false) => {}
                Err(error) if is_race(&error) => retry.wait(&*self.clock, error).await?,
                // It may have landed: one more look tells.
                Err(error) if error.kind() == ErrorKind::Unavailable && !lost => lost = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// One round: closes the tenant and replaces its keys by tombstones. Answers whether there was nothing left to do.
    async fn destroy_what_is_left(&self, tenant: &TenantId) -> Result<bool> {
        let (key, now) = (records::active_key(tenant), self.clock.now());
        let active = self.records.load(&key, Consistency::Strong).await?;
        let versions = self.list(records::versions(tenant)).await?;
        if active.is_none() && versions.is_empty() {
            return Err(Error::not_found());
        }
        let closed = active
            .as_ref()
            .is_some_and(|active| matches!(ActiveRecord::parse(&active.record), Ok(ActiveRecord::Destroyed { .. })));
        let mut writes = Vec::new();
        if !closed {
            // New versions are made on the condition that this record is unchanged: from here on there are none.
            let unchanged = active.map_or(Precondition::Absent, |active| Precondition::Revision(active.revision));
            writes.push(Write::put(key, ActiveRecord::tombstone(now).to_record(), unchanged));
        }
        for (sort, stored) in versions {
            // Malformed records are replaced as well: whatever stands there is to be gone.
            if !matches!(KeyRecord::parse(&stored.record), Ok(KeyRecord::Destroyed { .. })) {
                let key = RecordKey::new(records::partition(tenant), sort);
                let tombstone = KeyRecord::tombstone(now).to_record();
                writes.push(Write::put(key, tombstone, Precondition::Revision(stored.revision)));
            }
        }
        let nothing_left = writes.is_empty();
        for batch in writes.chunks(self.records.limits().writes_per_commit.max(1)) {
            self.commit(batch.to_vec()).await?;
        }
        Ok(nothing_left)
    }

    async fn repair(self: &Arc<Self>, tenant: &TenantId) -> Result<TenantKeyVersion> {
        self.config.check_tenant(tenant)?;
        let mut retry = Retry::new();
        loop {
            match self.try_repair(tenant).await {
                Err(error) if is_race(&error) => retry.wait(&*self.clock, error).await?,
                outcome => return outcome,
            }
        }
    }

    async fn try_repair(self: &Arc<Self>, tenant: &TenantId) -> Result<TenantKeyVersion> {
        match self.usable_active(tenant).await {
            Ok(Some(version)) => return Ok(version),
            Ok(None) => {}
            Err(error) if is_disorder(&error) => {}
            Err(error) => return Err(error),
        }
        let seen = self.marks.of(tenant);
        let stored = self.records.load(&records::active_key(tenant), Consistency::Strong).await?;
        let active = match stored.as_ref().map(|stored| ActiveRecord::parse(&stored.record)) {
            Some(Ok(ActiveRecord::Destroyed { .. })) => return Err(Error::key_destroyed()),
            Some(Ok(ActiveRecord::Version(version))) => Some(version),
            Some(Err(_)) | None => None,
        };
        seen.check_not_destroyed()?;
        self.purge(tenant);
        self.activate_newest(tenant, active.max(seen.active), stored).await
    }

    /// The active version, if it opens.
    async fn usable_active(self: &Arc<Self>, tenant: &TenantId) -> Result<Option<TenantKeyVersion>> {
        let Some(active) = self.find_active(tenant).await? else { return Ok(None) };
        self.ready_key(tenant, active.version).await?;
        Ok(Some(active.version))
    }
}

/// Whether the records are at fault, rather than whoever keeps them or the master key.
fn is_disorder(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Integrity | ErrorKind::RollbackDetected | ErrorKind::KeyDestroyed)
}
