//! What the client says about tenants: the outer bound of everything the database says.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::cache::Known;
use super::marks::Marks;
use super::version::TenantKeyVersion;
use super::{ACTIVE_TRUST, Inner, TenantKeys};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{MasterKeyId, StoreId, TenantId};
use crate::key_provider::KeyProvider;
use crate::persistence::Persistence;

const DEFAULT_CAPACITY: usize = 10_000;
const DEFAULT_KEY_TTL: Duration = Duration::from_secs(10 * 60);

/// What holds for one tenant.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TenantConfig {
    /// The master key for new versions of the tenant's key; the one of the builder by default.
    pub master_key_id: Option<MasterKeyId>,
    /// The lowest version of the tenant's key that is used; all by default.
    pub minimum_version: Option<TenantKeyVersion>,
}

impl TenantConfig {
    /// Wraps new versions of the tenant's key under this master key.
    #[must_use]
    pub fn with_master_key(mut self, id: MasterKeyId) -> Self {
        self.master_key_id = Some(id);
        self
    }

    /// Refuses versions below this one, for wrapping and for unwrapping: after a version has leaked and everything under it was
    /// encrypted anew, nobody can bring it back.
    #[must_use]
    pub fn with_minimum_version(mut self, version: TenantKeyVersion) -> Self {
        self.minimum_version = Some(version);
        self
    }
}

type Resolve = dyn Fn(&TenantId) -> Option<Arc<TenantConfig>> + Send + Sync;

/// What holds for tenants that are not configured one by one.
enum Others {
    Accepted,
    Refused,
    Resolved(Box<Resolve>),
}

impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "Accepted",
            Self::Refused => "Refused",
            Self::Resolved(_) => "Resolved",
        })
    }
}

pub(super) struct Config {
    pub(super) store_id: StoreId,
    master_key_id: Option<MasterKeyId>,
    wrap_with: Option<HashSet<MasterKeyId>>,
    unwrap_with: Option<HashSet<MasterKeyId>>,
    tenants: HashMap<TenantId, Arc<TenantConfig>>,
    others: Others,
    other: Arc<TenantConfig>,
}

impl Config {
    /// What holds for a tenant; `None` for one that is not accepted.
    pub(super) fn tenant(&self, tenant: &TenantId) -> Option<Arc<TenantConfig>> {
        match (self.tenants.get(tenant), &self.others) {
            (Some(configured), _) => Some(Arc::clone(configured)),
            (None, Others::Accepted) => Some(Arc::clone(&self.other)),
            (None, Others::Refused) => None,
            (None, Others::Resolved(resolve)) => resolve(tenant),
        }
    }

    /// Refuses a tenant that is not accepted.
    pub(super) fn check_tenant(&self, tenant: &TenantId) -> Result<Arc<TenantConfig>> {
        self.tenant(tenant).ok_or_else(|| {
            Error::new(
                ErrorKind::KeyNotAllowed,
                format!("tenant {tenant} is not among those that are configured: configure it to use its key"),
            )
        })
    }

    /// Refuses a version below the tenant's minimum.
    pub(super) fn check_minimum(&self, tenant: &TenantId, version: TenantKeyVersion) -> Result<()> {
        match self.check_tenant(tenant)?.minimum_version {
            Some(minimum) if version < minimum => Err(Error::new(
                ErrorKind::KeyNotAllowed,
                format!("version {version} of the key of tenant {tenant} is below the configured minimum {minimum}"),
            )),
            _ => Ok(()),
        }
    }

    /// The master key for new versions of a tenant's key, if the allow-list has it.
    pub(super) fn wrapping_key(&self, tenant: &TenantId, keys: &dyn KeyProvider) -> Result<MasterKeyId> {
        let tenant = self.check_tenant(tenant)?;
        let id = tenant.master_key_id.as_ref().or(self.master_key_id.as_ref()).ok_or_else(|| {
            Error::invalid_input("no master key is chosen for tenant keys: set one with `master_key` on the builder")
        })?;
        self.check_wrapping_key(id, keys).map(|()| id.clone())
    }

    /// Refuses a master key for wrapping tenant keys unless the allow-list has it. No call is made for this.
    pub(super) fn check_wrapping_key(&self, id: &MasterKeyId, keys: &dyn KeyProvider) -> Result<()> {
        allowed(id, self.wrap_with.as_ref(), keys)
    }

    /// Refuses a master key that the record of a tenant key names unless the allow-list has it. No call is made for this.
    pub(super) fn check_unwrapping_key(&self, id: &MasterKeyId, keys: &dyn KeyProvider) -> Result<()> {
        allowed(id, self.unwrap_with.as_ref(), keys)
    }
}

/// A tenant key is wrapped under a master key, never under another tenant's.
fn allowed(id: &MasterKeyId, list: Option<&HashSet<MasterKeyId>>, keys: &dyn KeyProvider) -> Result<()> {
    let listed = id.tenant().is_none() && list.is_none_or(|list| list.contains(id));
    if listed && keys.accepts(id) { Ok(()) } else { Err(Error::key_not_allowed(id)) }
}

/// Configures [`TenantKeys`]. A store id is required; a master key is too unless each tenant has its own or no tenant key is
/// ever made here.
///
/// Names are parsed when it is built: the first wrong one is the error then.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct TenantKeysBuilder {
    keys: Arc<dyn KeyProvider>,
    records: Arc<dyn Persistence>,
    clock: Arc<dyn Clock>,
    store_id: Option<Result<StoreId>>,
    master_key_id: Option<Result<MasterKeyId>>,
    wrap_with: Option<HashSet<MasterKeyId>>,
    unwrap_with: Option<HashSet<MasterKeyId>>,
    tenants: HashMap<TenantId, Arc<TenantConfig>>,
    others: Others,
    cache: (usize, Duration),
    active_trust: Duration,
}

impl TenantKeysBuilder {
    pub(super) fn new(keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>) -> Self {
        Self {
            keys,
            records,
            clock: Arc::new(SystemClock),
            store_id: None,
            master_key_id: None,
            wrap_with: None,
            unwrap_with: None,
            tenants: HashMap::new(),
            others: Others::Accepted,
            cache: (DEFAULT_CAPACITY, DEFAULT_KEY_TTL),
            active_trust: ACTIVE_TRUST,
        }
    }

    /// The store's identity, bound into every tenant key. Required: the one that the [`EnvelopeStore`](crate::EnvelopeStore) above
    /// has, and like that one kept for ever.
    pub fn store_id<T>(mut self, id: T) -> Self
    where
        T: TryInto<StoreId>,
        T::Error: Into<Error>,
    {
        self.store_id = Some(id.try_into().map_err(Into::into));
        self
    }

    /// The master key for new tenant keys, unless the tenant has its own.
    pub fn master_key<T>(mut self, id: T) -> Self
    where
        T: TryInto<MasterKeyId>,
        T::Error: Into<Error>,
    {
        self.master_key_id = Some(id.try_into().map_err(Into::into));
        self
    }

    /// What holds for one tenant, which is accepted.
    pub fn tenant(mut self, tenant: TenantId, config: TenantConfig) -> Self {
        self.tenants.insert(tenant, Arc::new(config));
        self
    }

    /// Accepts no tenant but those configured one by one. By default all are: which application belongs to which tenant is bounded
    /// by the configuration of the [`EnvelopeStore`](crate::EnvelopeStore) above.
    pub fn refuse_other_tenants(mut self) -> Self {
        self.others = Others::Refused;
        self
    }

    /// What holds for tenants that are not configured one by one, for thousands of them; `None` refuses the tenant. Asked in every
    /// call, so it should answer from memory, and not from the database that holds the keys.
    pub fn other_tenants(
        mut self,
        resolve: impl Fn(&TenantId) -> Option<Arc<TenantConfig>> + Send + Sync + 'static,
    ) -> Self {
        self.others = Others::Resolved(Box::new(resolve));
        self
    }

    /// The only master keys that tenant keys may be wrapped under; all that the inner key provider accepts by default.
    pub fn wrap_with(mut self, ids: impl IntoIterator<Item = MasterKeyId>) -> Self {
        self.wrap_with = Some(ids.into_iter().collect());
        self
    }

    /// The only master keys that records of tenant keys may name; all that the inner key provider accepts by default.
    pub fn unwrap_with(mut self, ids: impl IntoIterator<Item = MasterKeyId>) -> Self {
        self.unwrap_with = Some(ids.into_iter().collect());
        self
    }

    /// How many tenant keys are kept ready, and how long; 10,000 and 10 minutes by default. Zero of either is off: then each use
    /// asks the persistence and the inner key provider.
    pub fn key_cache(mut self, capacity: usize, ttl: Duration) -> Self {
        self.cache = (capacity, ttl);
        self
    }

    /// How long it is trusted which version of a tenant's key is active; 60 seconds by default, and at most: rotation waits so
    /// long for late writers. Zero reads it for every wrap.
    pub fn active_trust(mut self, trust: Duration) -> Self {
        self.active_trust = trust;
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Builds it. Nothing is contacted.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a missing or malformed store id or master key id, or a trust in the active
    /// version of more than 60 seconds; [`KeyNotAllowed`](ErrorKind::KeyNotAllowed) for a configured master key that the
    /// allow-list or the inner key provider does not accept.
    pub fn build(self) -> Result<TenantKeys> {
        let store_id = self
            .store_id
            .unwrap_or_else(|| Err(Error::invalid_input("no store id is set: give the keys one with `store_id`")))?;
        if self.active_trust > ACTIVE_TRUST {
            return Err(Error::invalid_input("the active version is trusted for 60 seconds at most"));
        }
        let config = Config {
            store_id,
            master_key_id: self.master_key_id.transpose()?,
            wrap_with: self.wrap_with,
            unwrap_with: self.unwrap_with,
            tenants: self.tenants,
            others: self.others,
            other: Arc::default(),
        };
        let own = config.tenants.values().filter_map(|tenant| tenant.master_key_id.as_ref());
        for id in own.chain(&config.master_key_id) {
            config.check_wrapping_key(id, &*self.keys)?;
        }
        let (capacity, ttl) = self.cache;
        Ok(TenantKeys::new(Inner {
            keys: self.keys,
            records: self.records,
            ready: Known::new(capacity, ttl, &self.clock),
            active: Known::new(capacity, self.active_trust, &self.clock),
            owned: Known::new(capacity, ttl, &self.clock),
            marks: Marks::new(),
            clock: self.clock,
            config,
        }))
    }
}
