//! What this process has seen of each tenant: an older state afterwards is a rollback.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::sync::Cache;

use super::version::TenantKeyVersion;
use crate::error::{Error, ErrorKind};
use crate::id::TenantId;

/// For so many tenants: about 200 bytes each.
const CAPACITY: usize = 65_536;

/// A bounded map from tenants to what was seen of them.
pub(super) struct Marks(Cache<TenantId, Arc<Mutex<Seen>>>);

/// What was seen of one tenant.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The highest version that was active and opened.
    pub(super) active: Option<TenantKeyVersion>,
    /// Whether the tenant was destroyed.
    destroyed: bool,
    /// Versions that were destroyed by themselves. A tombstone is not authenticated; to believe it only denies.
    destroyed_versions: BTreeSet<TenantKeyVersion>,
}

impl Seen {
    /// Refuses to find this version active, or none (`None`), after what was seen.
    pub(super) fn check_active(&self, found: Option<TenantKeyVersion>) -> Result<(), Error> {
        if self.destroyed || self.active > found { Err(rollback_detected()) } else { Ok(()) }
    }

    /// Refuses to go on with a tenant that was destroyed.
    pub(super) fn check_not_destroyed(&self) -> Result<(), Error> {
        if self.destroyed { Err(rollback_detected()) } else { Ok(()) }
    }

    /// Refuses to find a key where a tombstone was seen.
    pub(super) fn check_held(&self, version: TenantKeyVersion) -> Result<(), Error> {
        let gone = self.destroyed || self.destroyed_versions.contains(&version);
        if gone { Err(rollback_detected()) } else { Ok(()) }
    }
}

impl Marks {
    pub(super) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// What was seen. Take it before the read it is to judge: what another call sees meanwhile says nothing about a read that had
    /// begun.
    pub(super) fn of(&self, tenant: &TenantId) -> Seen {
        let seen = self.0.get(tenant);
        seen.map(|seen| seen.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }

    /// A version was active and opened.
    pub(super) fn saw_active(&self, tenant: &TenantId, version: TenantKeyVersion) {
        self.change(tenant, |seen| seen.active = seen.active.max(Some(version)));
    }

    /// A version was destroyed.
    pub(super) fn saw_destroyed(&self, tenant: &TenantId, version: TenantKeyVersion) {
        self.change(tenant, |seen| seen.destroyed_versions.extend([version]));
    }

    /// A tenant was destroyed.
    pub(super) fn saw_tenant_destroyed(&self, tenant: &TenantId) {
        self.change(tenant, |seen| seen.destroyed = true);
    }

    /// The operator accepts what is there.
    pub(super) fn forget(&self, tenant: &TenantId) {
        self.0.remove(tenant);
    }

    fn change(&self, tenant: &TenantId, change: impl FnOnce(&mut Seen)) {
        let entry = self.0.get_or_insert_with(tenant, || Ok::<_, std::convert::Infallible>(Arc::default()));
        let Ok(entry) = entry;
        change(&mut entry.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn rollback_detected() -> Error {
    Error::new(
        ErrorKind::RollbackDetected,
        "the database holds an older state of the tenant's keys than was seen before: after a restore, accept it with \
         `TenantKeys::accept_rollback`",
    )
}
