//! Client configuration: the outer bound of everything the database says.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use super::high_water::HighWaterMarks;
use super::key_cache::KeyCache;
use super::tier::{self, Applied, Resolver};
use super::{EnvelopeStore, Inner};
use crate::clock::{Clock, SystemClock};
use crate::envelope::{Format, format};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, MasterKeyId, StoreId, TenantId};
use crate::key_provider::KeyProvider;
use crate::persistence::Persistence;

const DEFAULT_VALUE_BYTES: usize = 64 * 1024;
const DEFAULT_KEY_CACHE_CAPACITY: usize = 1000;
const DEFAULT_KEY_CACHE_TTL: Duration = Duration::from_secs(15 * 60);
const DEFAULT_HIGH_WATER_MARKS: usize = 65_536;

/// Whether an application's secrets may be in format 0, the original Secret Store's.
///
/// Format 0 has no integrity, and no confidentiality against a database writer who sees which reads fail. Where it is allowed,
/// such a writer can also put an old format-0 record in the place of any secret of the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Legacy {
    /// Format 1 alone: the format floor is 1.
    #[default]
    Off,
    /// Format 0 is read; what is written is format 1. For an application whose original readers have left.
    Read,
    /// Format 0 is read and written, so that the original reads on. Metadata, idempotency tokens and history are not to be had then.
    ReadWrite,
}

/// How many earlier versions of a secret are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryRetention {
    /// All of them.
    #[default]
    All,
    /// The newest so many: each put removes the one that falls out.
    Versions(NonZeroU64),
    /// None.
    None,
}

/// What holds for one application.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ApplicationConfig {
    /// Whether format 0 is allowed; off by default.
    pub legacy: Legacy,
    /// The master key for new versions; the store's by default.
    pub master_key_id: Option<MasterKeyId>,
    /// How many earlier versions are kept; the store's by default.
    pub history: Option<HistoryRetention>,
    /// The tenant that owns the application: new document keys are wrapped under its key alone. None by default.
    pub tenant: Option<TenantId>,
}

impl ApplicationConfig {
    /// Allows format 0.
    #[must_use]
    pub fn with_legacy(mut self, legacy: Legacy) -> Self {
        self.legacy = legacy;
        self
    }

    /// Wraps new document keys of this application under this master key.
    #[must_use]
    pub fn with_master_key(mut self, id: MasterKeyId) -> Self {
        self.master_key_id = Some(id);
        self
    }

    /// Keeps so many earlier versions.
    #[must_use]
    pub fn with_history(mut self, history: HistoryRetention) -> Self {
        self.history = Some(history);
        self
    }

    /// Puts the application into the tenant tier: its document keys are wrapped under the key of this tenant, which the store's
    /// key provider must hold ([`TenantKeys`](crate::TenantKeys)). A put cannot choose another key then, and a record that names
    /// another tenant's is refused. Records that name a master key, from before, are read on.
    ///
    /// Not together with [`with_master_key`](Self::with_master_key) or [`Legacy::ReadWrite`]: format 0 has no tenant keys.
    #[must_use]
    pub fn with_tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    fn minimum_format(&self) -> Format {
        if self.legacy == Legacy::Off { Format::One } else { Format::Zero }
    }
}

#[derive(Debug)]
pub(super) struct Config {
    pub(super) store_id: StoreId,
    master_key_id: Option<MasterKeyId>,
    wrap_with: Option<HashSet<MasterKeyId>>,
    pub(super) unwrap_with: Option<HashSet<MasterKeyId>>,
    applications: HashMap<ApplicationName, ApplicationConfig>,
    resolver: Option<Resolver>,
    other: ApplicationConfig,
    history: HistoryRetention,
    pub(super) value_bytes: usize,
}

impl Config {
    pub(super) fn application(&self, name: &ApplicationName) -> Result<Applied<'_>> {
        let configured = if self.applications.is_empty() { None } else { self.applications.get(name) };
        match (configured, &self.resolver) {
            (Some(configured), _) => Ok(Applied::Configured(configured)),
            (None, None) => Ok(Applied::Configured(&self.other)),
            (None, Some(resolver)) => resolver.resolve(name).map(Applied::Resolved),
        }
    }

    pub(super) fn history(&self, name: &ApplicationName) -> Result<HistoryRetention> {
        Ok(self.application(name)?.history.unwrap_or(self.history))
    }

    /// The key for a new version, if the allow-list has it: the tenant's, and no other, where the application has a tenant.
    pub(super) fn wrapping_key(
        &self,
        name: &ApplicationName,
        chosen: Option<&MasterKeyId>,
        keys: &dyn KeyProvider,
    ) -> Result<MasterKeyId> {
        let application = self.application(name)?;
        if let Some(tenant) = &application.tenant {
            return tier::tenant_key(tenant, chosen, keys);
        }
        let id = chosen.or(application.master_key_id.as_ref()).or(self.master_key_id.as_ref());
        let id = id.ok_or_else(|| {
            Error::invalid_input(
                "no master key is chosen: set one with `master_key` on the builder or in the put options",
            )
        })?;
        application.check_tenant(id)?;
        allowed(id, self.wrap_with.as_ref(), keys).map(|()| id.clone())
    }
}

impl ApplicationConfig {
    /// Refuses a format below the application's floor, naming the setting.
    pub(super) fn check_format(&self, format: Format) -> Result<()> {
        if format >= self.minimum_format() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("the record is in format {format}: configure the application with `Legacy::Read` to read it"),
        ))
    }
}

pub(super) fn allowed(id: &MasterKeyId, list: Option<&HashSet<MasterKeyId>>, keys: &dyn KeyProvider) -> Result<()> {
    if list.is_none_or(|list| list.contains(id)) && keys.accepts(id) { Ok(()) } else { Err(Error::key_not_allowed(id)) }
}

/// Configures an [`EnvelopeStore`]. A store id is required; a master key is too unless each put or application names one.
///
/// Names are parsed when the store is built: the first wrong one is the error then.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct EnvelopeStoreBuilder {
    keys: Arc<dyn KeyProvider>,
    records: Arc<dyn Persistence>,
    clock: Arc<dyn Clock>,
    store_id: Option<Result<StoreId>>,
    master_key_id: Option<Result<MasterKeyId>>,
    wrap_with: Option<HashSet<MasterKeyId>>,
    unwrap_with: Option<HashSet<MasterKeyId>>,
    applications: HashMap<ApplicationName, ApplicationConfig>,
    resolver: Option<Resolver>,
    history: HistoryRetention,
    value_bytes: usize,
    cache: (usize, Duration),
    marks: usize,
}

impl EnvelopeStoreBuilder {
    pub(super) fn new(keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>) -> Self {
        Self {
            keys,
            records,
            clock: Arc::new(SystemClock),
            store_id: None,
            master_key_id: None,
            wrap_with: None,
            unwrap_with: None,
            applications: HashMap::new(),
            resolver: None,
            history: HistoryRetention::All,
            value_bytes: DEFAULT_VALUE_BYTES,
            cache: (DEFAULT_KEY_CACHE_CAPACITY, DEFAULT_KEY_CACHE_TTL),
            marks: DEFAULT_HIGH_WATER_MARKS,
        }
    }

    /// The store's identity, bound into everything it encrypts. Required. Keep it when a database is restored or copied; give
    /// another to every store that must not be able to read this one's records.
    pub fn store_id<T>(mut self, id: T) -> Self
    where
        T: TryInto<StoreId>,
        T::Error: Into<Error>,
    {
        self.store_id = Some(id.try_into().map_err(Into::into));
        self
    }

    /// The master key for new versions, unless the application or the put names another.
    pub fn master_key<T>(mut self, id: T) -> Self
    where
        T: TryInto<MasterKeyId>,
        T::Error: Into<Error>,
    {
        self.master_key_id = Some(id.try_into().map_err(Into::into));
        self
    }

    /// What holds for one application.
    pub fn application(mut self, name: ApplicationName, config: ApplicationConfig) -> Self {
        self.applications.insert(name, config);
        self
    }

    /// What holds for applications that are not configured one by one: for thousands of them, each with its tenant.
    ///
    /// Asked several times in every call, so it should answer from memory. An error is the call's: refuse an application that is
    /// not known rather than let it fall back to a master key. What it answers is the client's configuration like any other:
    /// do not take it from the database that holds the secrets.
    ///
    /// ```
    /// # use secret_store_core::{ApplicationConfig, EnvelopeStoreBuilder, Error, TenantId};
    /// # use std::{collections::HashMap, sync::Arc};
    /// # fn example(builder: EnvelopeStoreBuilder, owners: HashMap<String, TenantId>) -> EnvelopeStoreBuilder {
    /// let owned: HashMap<_, _> = owners
    ///     .into_iter()
    ///     .map(|(application, tenant)| (application, Arc::new(ApplicationConfig::default().with_tenant(tenant))))
    ///     .collect();
    /// builder.other_applications(move |name| {
    ///     owned.get(name.as_str()).cloned().ok_or_else(|| Error::invalid_input("the application has no owner"))
    /// })
    /// # }
    /// ```
    pub fn other_applications(
        mut self,
        resolve: impl Fn(&ApplicationName) -> Result<Arc<ApplicationConfig>> + Send + Sync + 'static,
    ) -> Self {
        self.resolver = Some(Resolver::new(resolve));
        self
    }

    /// The only master keys that new document keys may be wrapped under; all that the key provider accepts by default. Tenant
    /// keys are not in it: which one an application uses is its configuration.
    pub fn wrap_with(mut self, ids: impl IntoIterator<Item = MasterKeyId>) -> Self {
        self.wrap_with = Some(ids.into_iter().collect());
        self
    }

    /// The only master keys that records may name; all that the key provider accepts by default. Tenant keys are not in it.
    pub fn unwrap_with(mut self, ids: impl IntoIterator<Item = MasterKeyId>) -> Self {
        self.unwrap_with = Some(ids.into_iter().collect());
        self
    }

    /// How many earlier versions of a secret are kept; all by default.
    pub fn history(mut self, retention: HistoryRetention) -> Self {
        self.history = retention;
        self
    }

    /// The largest value, in bytes; 64 KiB by default. The persistence's own limit holds as well.
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.value_bytes = bytes;
        self
    }

    /// How many document keys are kept ready, and how long; 1,000 and 15 minutes by default. Zero of either is off: then each
    /// read asks the key provider.
    pub fn key_cache(mut self, capacity: usize, ttl: Duration) -> Self {
        self.cache = (capacity, ttl);
        self
    }

    /// For how many secrets the highest version seen is remembered, to detect rollback; 65,536 by default, about 200 bytes each.
    pub fn high_water_marks(mut self, capacity: usize) -> Self {
        self.marks = capacity;
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Builds the store. Nothing is contacted.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a missing or malformed store id or master key id, or limits that no value
    /// fits, or settings of an application that contradict each other; [`KeyNotAllowed`](ErrorKind::KeyNotAllowed) for a
    /// configured master key or tenant that the key provider does not accept.
    pub fn build(self) -> Result<EnvelopeStore> {
        let store_id = self
            .store_id
            .unwrap_or_else(|| Err(Error::invalid_input("no store id is set: give the store one with `store_id`")))?;
        if self.records.limits().record_bytes < format::OVERHEAD_BYTES {
            return Err(Error::invalid_input("the persistence's record limit is too small for any secret"));
        }
        let config = Config {
            store_id,
            master_key_id: self.master_key_id.transpose()?,
            wrap_with: self.wrap_with,
            unwrap_with: self.unwrap_with,
            applications: self.applications,
            resolver: self.resolver,
            other: ApplicationConfig::default(),
            history: self.history,
            value_bytes: self.value_bytes,
        };
        if config.master_key_id.as_ref().is_some_and(|id| id.tenant().is_some()) {
            return Err(Error::invalid_input("a tenant's key is no master key: configure applications `with_tenant`"));
        }
        for application in config.applications.values() {
            application.check()?;
            if let Some(tenant) = &application.tenant {
                tier::tenant_key(tenant, None, &*self.keys)?;
            }
        }
        let configured = config.applications.values().filter_map(|application| application.master_key_id.as_ref());
        for id in configured.chain(&config.master_key_id) {
            allowed(id, config.wrap_with.as_ref(), &*self.keys)?;
        }
        let cache = KeyCache::new(self.cache.0, self.cache.1);
        let marks = HighWaterMarks::new(self.marks);
        let inner = Inner { keys: self.keys, records: self.records, clock: self.clock, config, cache, marks };
        Ok(EnvelopeStore { inner: Arc::new(inner) })
    }
}
