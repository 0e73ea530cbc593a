//! Client configuration: the outer bound of everything the database says.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use super::high_water::HighWaterMarks;
use super::key_cache::KeyCache;
use super::outages::Outages;
use super::{EnvelopeStore, Inner};
use crate::clock::{Clock, SystemClock};
use crate::envelope::wraps::MAX_FURTHER_WRAPS;
use crate::envelope::{Format, format};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, MasterKeyId, StoreId};
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
    /// The further master keys for new versions; the store's by default.
    pub also_wrap_with: Option<Vec<MasterKeyId>>,
    /// How many earlier versions are kept; the store's by default.
    pub history: Option<HistoryRetention>,
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

    /// Wraps new document keys of this application under these master keys too, in the place of those that the store
    /// [says](EnvelopeStoreBuilder::also_wrap_with); none of them where this is empty.
    #[must_use]
    pub fn with_also_wrap_with(mut self, ids: impl IntoIterator<Item = MasterKeyId>) -> Self {
        self.also_wrap_with = Some(ids.into_iter().collect());
        self
    }

    /// Keeps so many earlier versions.
    #[must_use]
    pub fn with_history(mut self, history: HistoryRetention) -> Self {
        self.history = Some(history);
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
    also_wrap_with: Vec<MasterKeyId>,
    wrap_with: Option<HashSet<MasterKeyId>>,
    unwrap_with: Option<HashSet<MasterKeyId>>,
    applications: HashMap<ApplicationName, ApplicationConfig>,
    other: ApplicationConfig,
    history: HistoryRetention,
    pub(super) value_bytes: usize,
}

impl Config {
    pub(super) fn application(&self, name: &ApplicationName) -> &ApplicationConfig {
        if self.applications.is_empty() { &self.other } else { self.applications.get(name).unwrap_or(&self.other) }
    }

    pub(super) fn history(&self, name: &ApplicationName) -> HistoryRetention {
        self.application(name).history.unwrap_or(self.history)
    }

    /// Refuses a format below the application's floor, naming the setting.
    pub(super) fn check_format(&self, name: &ApplicationName, format: Format) -> Result<()> {
        if format >= self.application(name).minimum_format() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("the record is in format {format}: configure the application with `Legacy::Read` to read it"),
        ))
    }

    /// Refuses configured master keys that no put could use.
    fn check_keys(&mut self, keys: &dyn KeyProvider) -> Result<()> {
        check_further_keys(&mut self.also_wrap_with)?;
        for application in self.applications.values_mut() {
            let Some(ids) = &mut application.also_wrap_with else { continue };
            check_further_keys(ids)?;
            if application.legacy == Legacy::ReadWrite && !ids.is_empty() {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "format 0 has room for one wrap: configure the application with `Legacy::Read` or without further master keys",
                ));
            }
        }
        let of_applications = self
            .applications
            .values()
            .flat_map(|application| application.also_wrap_with.iter().flatten().chain(&application.master_key_id));
        let mut configured = of_applications.chain(&self.also_wrap_with).chain(&self.master_key_id);
        configured.try_for_each(|id| allowed(id, self.wrap_with.as_ref(), keys))
    }

    /// The master key for a new version, if the allow-list has it.
    pub(super) fn wrapping_key<'a>(
        &'a self,
        name: &ApplicationName,
        chosen: Option<&'a MasterKeyId>,
        keys: &dyn KeyProvider,
    ) -> Result<&'a MasterKeyId> {
        let id = chosen.or(self.application(name).master_key_id.as_ref()).or(self.master_key_id.as_ref());
        let id = id.ok_or_else(|| {
            Error::invalid_input(
                "no master key is chosen: set one with `master_key` on the builder or in the put options",
            )
        })?;
        allowed(id, self.wrap_with.as_ref(), keys).map(|()| id)
    }

    /// The further master keys for a new version, if the allow-list has them all. The one it is wrapped under first may be among them.
    pub(super) fn further_keys(&self, name: &ApplicationName, keys: &dyn KeyProvider) -> Result<&[MasterKeyId]> {
        let ids = self.application(name).also_wrap_with.as_ref().unwrap_or(&self.also_wrap_with);
        ids.iter().try_for_each(|id| allowed(id, self.wrap_with.as_ref(), keys))?;
        Ok(ids)
    }

    /// Refuses a master key that a record names unless the allow-list has it. No call is made for this.
    pub(super) fn check_unwrapping_key(&self, id: &MasterKeyId, keys: &dyn KeyProvider) -> Result<()> {
        allowed(id, self.unwrap_with.as_ref(), keys)
    }
}

/// Orders them, and keeps each once.
fn check_further_keys(ids: &mut Vec<MasterKeyId>) -> Result<()> {
    ids.sort();
    ids.dedup();
    if ids.len() > MAX_FURTHER_WRAPS {
        return Err(Error::invalid_input(format!(
            "{} further master keys are configured: at most {MAX_FURTHER_WRAPS} are possible",
            ids.len()
        )));
    }
    Ok(())
}

fn allowed(id: &MasterKeyId, list: Option<&HashSet<MasterKeyId>>, keys: &dyn KeyProvider) -> Result<()> {
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
    also_wrap_with: Vec<MasterKeyId>,
    wrap_with: Option<HashSet<MasterKeyId>>,
    unwrap_with: Option<HashSet<MasterKeyId>>,
    applications: HashMap<ApplicationName, ApplicationConfig>,
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
            also_wrap_with: Vec::new(),
            wrap_with: None,
            unwrap_with: None,
            applications: HashMap::new(),
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

    /// Wraps every new document key under these master keys too, so that each of them opens what is written: a region's or a
    /// provider's loss is survived by what another holds. None by default, at most eight.
    ///
    /// A put is then one more call for each of them, all at once; it fails where one of them fails, so that nothing is believed
    /// to be safe that is not. The master key of a put may be listed: it is not wrapped under twice. A reader asks them, in their
    /// order, only when the first one gives no key. Format 0 has one wrap, whatever stands here.
    pub fn also_wrap_with(mut self, ids: impl IntoIterator<Item = MasterKeyId>) -> Self {
        self.also_wrap_with = ids.into_iter().collect();
        self
    }

    /// What holds for one application.
    pub fn application(mut self, name: ApplicationName, config: ApplicationConfig) -> Self {
        self.applications.insert(name, config);
        self
    }

    /// The only master keys that new document keys may be wrapped under; all that the key provider accepts by default.
    pub fn wrap_with(mut self, ids: impl IntoIterator<Item = MasterKeyId>) -> Self {
        self.wrap_with = Some(ids.into_iter().collect());
        self
    }

    /// The only master keys that records may name; all that the key provider accepts by default.
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
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a missing or malformed store id or master key id, too many further master
    /// keys, or limits that no value fits; [`Unsupported`](ErrorKind::Unsupported) for an application that is to write format 0
    /// and names further master keys itself; [`KeyNotAllowed`](ErrorKind::KeyNotAllowed) for a configured master key that the key provider does not accept.
    pub fn build(self) -> Result<EnvelopeStore> {
        let store_id = self
            .store_id
            .unwrap_or_else(|| Err(Error::invalid_input("no store id is set: give the store one with `store_id`")))?;
        if self.records.limits().record_bytes < format::OVERHEAD_BYTES {
            return Err(Error::invalid_input("the persistence's record limit is too small for any secret"));
        }
        let mut config = Config {
            store_id,
            master_key_id: self.master_key_id.transpose()?,
            also_wrap_with: self.also_wrap_with,
            wrap_with: self.wrap_with,
            unwrap_with: self.unwrap_with,
            applications: self.applications,
            other: ApplicationConfig::default(),
            history: self.history,
            value_bytes: self.value_bytes,
        };
        config.check_keys(&*self.keys)?;
        let cache = KeyCache::new(self.cache.0, self.cache.1);
        let marks = HighWaterMarks::new(self.marks);
        let outages = Outages::default();
        let inner = Inner { keys: self.keys, records: self.records, clock: self.clock, config, cache, marks, outages };
        Ok(EnvelopeStore { inner: Arc::new(inner) })
    }
}
