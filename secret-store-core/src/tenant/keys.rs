//! From records to ready keys: which version is active, opening it, making the first one.

use std::sync::Arc;

use super::records::{self, ActiveRecord, HeldKey, KeyRecord};
use super::version::TenantKeyVersion;
use super::{ACTIVE_TRUST, Inner};
use crate::clock::Moment;
use crate::context::EncryptionContext;
use crate::envelope_store::retry::Retry;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, TenantId};
use crate::key::{DocumentKey, WrappedKey};
use crate::key_encryption_key::KeyEncryptionKey;
use crate::persistence::{Consistency, Precondition, RecordKey, Stored, Write};

/// How often it is read again which version is active while what is found moves on.
const MOST_READS: usize = 4;

/// Which version is active, and since when that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Active {
    pub(super) version: TenantKeyVersion,
    /// Before it was read.
    read_at: Moment,
}

impl Active {
    pub(super) fn new(version: TenantKeyVersion, read_at: Moment) -> Self {
        Self { version, read_at }
    }
}

/// What the records of a tenant say of its active version.
enum Found {
    Active(Active),
    /// There is no key at all.
    Nothing,
    /// Records of different moments: read again.
    Moving(Error),
}

impl Inner {
    /// The active version and its key, to wrap under a context of the tenant's. The application is recorded as the tenant's.
    pub(super) async fn wrapping_key(
        self: &Arc<Self>,
        tenant: &TenantId,
        context: &EncryptionContext,
    ) -> Result<(TenantKeyVersion, Arc<KeyEncryptionKey>)> {
        let application = ApplicationName::new(context.document_key_application()?)?;
        for _ in 0..MOST_READS {
            let active = self.active(tenant).await?;
            self.record_application(tenant, application.clone()).await?;
            let key = self.ready_key(tenant, active.version).await?;
            self.marks.saw_active(tenant, active.version);
            // Under a version that is trusted no longer, rotation could leave the wrap behind.
            if active.read_at.age(&*self.clock) < ACTIVE_TRUST {
                return Ok((active.version, key));
            }
            // The cache may believe in it still: its clock stands while a machine is suspended.
            self.active.forget(tenant);
        }
        Err(Error::new(ErrorKind::Unavailable, "the records of tenant keys answer too slowly: try again"))
    }

    /// One version of a tenant's key, ready.
    pub(super) async fn ready_key(
        self: &Arc<Self>,
        tenant: &TenantId,
        version: TenantKeyVersion,
    ) -> Result<Arc<KeyEncryptionKey>> {
        let key = (tenant.clone(), version);
        let load = || {
            let (inner, tenant) = (Arc::clone(self), tenant.clone());
            async move { inner.load_key(&tenant, version).await }
        };
        self.ready.get(&key, load).await
    }

    async fn load_key(&self, tenant: &TenantId, version: TenantKeyVersion) -> Result<Arc<KeyEncryptionKey>> {
        let seen = self.marks.of(tenant);
        let stored = self.records.load(&records::version_key(tenant, version), Consistency::Strong).await?;
        // A wrap that names a version which is not there is as good as a forged one.
        match KeyRecord::parse(&stored.ok_or_else(Error::integrity)?.record)? {
            KeyRecord::Destroyed { .. } => {
                self.marks.saw_destroyed(tenant, version);
                Err(Error::key_destroyed())
            }
            KeyRecord::Held(held) => {
                seen.check_held(version)?;
                let key = self.open(tenant, version, &held.wrapped).await?;
                Ok(Arc::new(key_encryption_key(&key)?))
            }
        }
    }

    async fn open(&self, tenant: &TenantId, version: TenantKeyVersion, wrapped: &WrappedKey) -> Result<DocumentKey> {
        self.config.check_unwrapping_key(wrapped.master_key_id(), &*self.keys)?;
        self.keys.unwrap_key(wrapped, &self.key_context(tenant, version)).await
    }

    /// What a tenant key belongs to.
    pub(super) fn key_context(&self, tenant: &TenantId, version: TenantKeyVersion) -> EncryptionContext {
        EncryptionContext::tenant_key(&self.config.store_id, tenant, version)
    }

    /// Which version is active. The first one is made where there is none.
    pub(super) async fn active(self: &Arc<Self>, tenant: &TenantId) -> Result<Active> {
        let find = || {
            let (inner, tenant) = (Arc::clone(self), tenant.clone());
            async move { inner.find_or_create_active(&tenant).await }
        };
        self.active.get(tenant, find).await
    }

    async fn find_or_create_active(&self, tenant: &TenantId) -> Result<Active> {
        let mut retry = Retry::new();
        loop {
            if let Some(active) = self.find_active(tenant).await? {
                return Ok(active);
            }
            match self.create_first(tenant).await {
                Err(error) if is_race(&error) => retry.wait(&*self.clock, error).await?,
                // It may have landed, and another's may have.
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    return self.find_active(tenant).await?.ok_or(error);
                }
                outcome => return outcome,
            }
        }
    }

    /// Which version is active; `None` where the tenant has no key.
    pub(super) async fn find_active(&self, tenant: &TenantId) -> Result<Option<Active>> {
        let mut reads = 0;
        loop {
            reads += 1;
            match self.read_active(tenant).await? {
                Found::Active(active) => return Ok(Some(active)),
                Found::Nothing => return Ok(None),
                Found::Moving(_) if reads < MOST_READS => {}
                Found::Moving(error) => return Err(error),
            }
        }
    }

    /// Reads the active version together with the one that it probably is and the one after it.
    async fn read_active(&self, tenant: &TenantId) -> Result<Found> {
        let (seen, read_at) = (self.marks.of(tenant), Moment::now(&*self.clock));
        let likely = seen.active.unwrap_or(TenantKeyVersion::FIRST);
        let [active, own, next] = self.load_around(tenant, likely).await?;
        let version = match active.map(|stored| ActiveRecord::parse(&stored.record)).transpose()? {
            Some(ActiveRecord::Version(version)) => version,
            Some(ActiveRecord::Destroyed { .. }) => {
                self.marks.saw_tenant_destroyed(tenant);
                return Err(Error::key_destroyed());
            }
            None => {
                seen.check_active(None)?;
                return Ok(if own.is_none() { Found::Nothing } else { Found::Moving(no_active_version(tenant)) });
            }
        };
        self.config.check_minimum(tenant, version)?;
        seen.check_active(Some(version))?;
        let [_, own, next] =
            if version == likely { [None, own, next] } else { self.load_around(tenant, version).await? };
        // The active version is always the newest: an active record that points below it is an older one, put back.
        if next.is_some() {
            return Ok(Found::Moving(stale_active_version(tenant)));
        }
        match own.map(|stored| KeyRecord::parse(&stored.record)).transpose()? {
            Some(KeyRecord::Held(HeldKey { retired: false, .. })) => Ok(Found::Active(Active::new(version, read_at))),
            Some(KeyRecord::Destroyed { .. }) => Ok(Found::Moving(Error::key_destroyed())),
            Some(KeyRecord::Held(_)) | None => Ok(Found::Moving(Error::integrity())),
        }
    }

    /// The active record, one version and the next one.
    async fn load_around(&self, tenant: &TenantId, version: TenantKeyVersion) -> Result<[Option<Stored>; 3]> {
        let mut keys = vec![records::active_key(tenant), records::version_key(tenant, version)];
        keys.extend(version.next().ok().map(|next| records::version_key(tenant, next)));
        self.load_all(&keys).await
    }

    /// Loads up to `N` records: what is not asked for is not there.
    pub(super) async fn load_all<const N: usize>(&self, keys: &[RecordKey]) -> Result<[Option<Stored>; N]> {
        let mut found = self.records.load_many(keys, Consistency::Strong).await?;
        if found.len() != keys.len() {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "the persistence answered another number of records than asked",
            ));
        }
        found.resize(N, None);
        found.try_into().map_err(|_| Error::invalid_input("more records were asked for than there is room for"))
    }

    /// Makes the first key of a tenant and activates it, in one commit that succeeds for one of all who try at once.
    async fn create_first(&self, tenant: &TenantId) -> Result<Active> {
        let version = TenantKeyVersion::FIRST;
        self.config.check_minimum(tenant, version)?;
        let read_at = Moment::now(&*self.clock);
        let active =
            Write::put(records::active_key(tenant), ActiveRecord::Version(version).to_record(), Precondition::Absent);
        self.create_version(tenant, version, active).await?;
        Ok(Active::new(version, read_at))
    }

    /// Makes a version that is not there yet and applies another write with it, all or nothing.
    pub(super) async fn create_version(
        &self,
        tenant: &TenantId,
        version: TenantKeyVersion,
        active: Write,
    ) -> Result<()> {
        let master_key_id = self.config.wrapping_key(tenant, &*self.keys)?;
        let generated = self.keys.generate_key(&master_key_id, &self.key_context(tenant, version)).await?;
        let key = key_encryption_key(&generated.document_key)?;
        drop(generated.document_key);
        let record = KeyRecord::Held(HeldKey::new(generated.wrapped, self.clock.now())).to_record();
        let put = Write::put(records::version_key(tenant, version), record, Precondition::Absent);
        let ready = (tenant.clone(), version);
        let begun = self.ready.begin(&ready);
        self.commit(vec![put, active]).await?;
        self.ready.made(&ready, begun, Arc::new(key));
        // Destroyed by another call since it was committed: that one found nothing to forget.
        if self.marks.of(tenant).check_held(version).is_err() {
            self.purge(tenant);
        }
        Ok(())
    }

    /// Records that a tenant owns an application, unless that is known.
    async fn record_application(self: &Arc<Self>, tenant: &TenantId, application: ApplicationName) -> Result<()> {
        let owned = (tenant.clone(), application);
        let record = || {
            let (inner, (tenant, application)) = (Arc::clone(self), owned.clone());
            async move { inner.record_owned(&tenant, &application).await }
        };
        self.owned.get(&owned, record).await
    }

    async fn record_owned(&self, tenant: &TenantId, application: &ApplicationName) -> Result<()> {
        let key = records::application_key(tenant, application);
        if self.records.load(&key, Consistency::Strong).await?.is_some() {
            return Ok(());
        }
        let mut retry = Retry::new();
        loop {
            let record = records::application_record(self.clock.now());
            match self.commit(vec![Write::put(key.clone(), record, Precondition::Any)]).await {
                Err(error) if is_race(&error) => retry.wait(&*self.clock, error).await?,
                outcome => return outcome.map(drop),
            }
        }
    }
}

/// A tenant key ready to wrap.
fn key_encryption_key(key: &DocumentKey) -> Result<KeyEncryptionKey> {
    let bytes = key.expose_secret().try_into().map_err(|_| Error::integrity())?;
    Ok(KeyEncryptionKey::from_bytes(bytes))
}

/// A lost race, after which everything is read again.
pub(super) fn is_race(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Contention)
}

pub(super) fn no_active_version(tenant: &TenantId) -> Error {
    Error::new(
        ErrorKind::Integrity,
        format!("tenant {tenant} has keys but none is active: restore its records or call `TenantKeys::repair`"),
    )
}

fn stale_active_version(tenant: &TenantId) -> Error {
    Error::new(
        ErrorKind::RollbackDetected,
        format!(
            "the active key of tenant {tenant} is not its newest: restore its records or call `TenantKeys::repair`"
        ),
    )
}
