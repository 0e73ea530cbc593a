//! How a store is configured and built.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::config::{ApplicationConfig, Config, HistoryRetention, SettingsUse};
use super::high_water::HighWaterMarks;
use super::key_cache::KeyCache;
use super::outages::Outages;
use super::settings_cache::SettingsCache;
use super::tier::Resolver;
use super::{EnvelopeStore, Inner};
use crate::clock::{Clock, SystemClock};
use crate::envelope::format;
use crate::error::{Error, Result};
use crate::id::{ApplicationName, MasterKeyId, StoreId};
use crate::key_provider::KeyProvider;
use crate::persistence::Persistence;

const DEFAULT_VALUE_BYTES: usize = 64 * 1024;
const DEFAULT_KEY_CACHE_CAPACITY: usize = 1000;
const DEFAULT_KEY_CACHE_TTL: Duration = Duration::from_secs(15 * 60);
const DEFAULT_HIGH_WATER_MARKS: usize = 65_536;
const DEFAULT_COMMIT_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that any process lets a commit take: what a rotation waits for.
pub(crate) const MAX_COMMIT_TIMEOUT: Duration = Duration::from_secs(60);

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
    also_wrap_with: Vec<MasterKeyId>,
    wrap_with: Option<HashSet<MasterKeyId>>,
    unwrap_with: Option<HashSet<MasterKeyId>>,
    applications: HashMap<ApplicationName, ApplicationConfig>,
    resolver: Option<Resolver>,
    history: HistoryRetention,
    settings: SettingsUse,
    value_bytes: usize,
    commit_timeout: Duration,
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
            also_wrap_with: Vec::new(),
            wrap_with: None,
            unwrap_with: None,
            applications: HashMap::new(),
            resolver: None,
            history: HistoryRetention::All,
            settings: SettingsUse::Followed,
            value_bytes: DEFAULT_VALUE_BYTES,
            commit_timeout: DEFAULT_COMMIT_TIMEOUT,
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

    /// Wraps every new document key under these master keys too, so that each of them opens what is written: a region's or a
    /// provider's loss is survived by what another holds. None by default, at most eight.
    ///
    /// A put is then one more call for each of them, all at once; it fails where one of them fails, so that nothing is believed
    /// to be safe that is not. The master key of a put may be listed: it is not wrapped under twice. A reader asks them, in their
    /// order, only when the first one gives no key. Format 0 has one wrap, whatever stands here, and so have applications of a
    /// [tenant](ApplicationConfig::with_tenant).
    pub fn also_wrap_with(mut self, ids: impl IntoIterator<Item = MasterKeyId>) -> Self {
        self.also_wrap_with = ids.into_iter().collect();
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

    /// Whether writes go by the settings of their application; they do by default.
    pub fn settings(mut self, settings: SettingsUse) -> Self {
        self.settings = settings;
        self
    }

    /// How long one commit may take, at most a minute; 30 seconds by default. After that it is
    /// [`Unavailable`](crate::ErrorKind::Unavailable) and may have landed. Rotations count on the limit of a minute.
    pub fn commit_timeout(mut self, timeout: Duration) -> Self {
        self.commit_timeout = timeout;
        self
    }

    /// The largest value, in bytes; 64 KiB by default. The persistence's own limit holds as well.
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.value_bytes = bytes;
        self
    }

    /// How many document keys are kept ready, and how long; 1,000 and 15 minutes by default. Zero of either is off: then each
    /// read asks the key provider. Each takes about a kilobyte.
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
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a missing or malformed store id or master key id, too many further master
    /// keys, limits that no value fits, a commit timeout out of its range, or settings of an application that contradict each
    /// other;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for an application that is to write format 0 and names further master keys itself;
    /// [`KeyNotAllowed`](crate::ErrorKind::KeyNotAllowed) for a configured master key or tenant that the key provider does not accept.
    pub fn build(self) -> Result<EnvelopeStore> {
        let store_id = self
            .store_id
            .unwrap_or_else(|| Err(Error::invalid_input("no store id is set: give the store one with `store_id`")))?;
        if self.records.limits().record_bytes < format::OVERHEAD_BYTES {
            return Err(Error::invalid_input("the persistence's record limit is too small for any secret"));
        }
        if self.commit_timeout.is_zero() || self.commit_timeout > MAX_COMMIT_TIMEOUT {
            return Err(Error::invalid_input("a commit timeout is above zero and at most a minute"));
        }
        let config = Config {
            store_id,
            master_key_id: self.master_key_id.transpose()?,
            also_wrap_with: self.also_wrap_with,
            wrap_with: self.wrap_with,
            unwrap_with: self.unwrap_with,
            applications: self.applications,
            resolver: self.resolver,
            other: ApplicationConfig::default(),
            history: self.history,
            settings: self.settings,
            value_bytes: self.value_bytes,
            commit_timeout: self.commit_timeout,
        };
        config.check(&*self.keys)?;
        let cache = KeyCache::new(self.cache.0, self.cache.1, Arc::clone(&self.clock));
        let marks = HighWaterMarks::new(self.marks);
        let settings = SettingsCache::new();
        let outages = Outages::default();
        let inner = Inner {
            keys: self.keys,
            records: self.records,
            clock: self.clock,
            config,
            cache,
            marks,
            settings,
            outages,
        };
        Ok(EnvelopeStore { inner: Arc::new(inner) })
    }
}
