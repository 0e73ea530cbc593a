//! Client configuration: the outer bound of everything the database says.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use super::high_water::HighWaterMarks;
use super::key_cache::KeyCache;
use super::outages::Outages;
use super::settings_cache::SettingsCache;
use super::{EnvelopeStore, Inner};
use crate::clock::{Clock, SystemClock};
use crate::envelope::wraps::MAX_FURTHER_WRAPS;
use crate::envelope::{Format, format};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, MasterKeyId, StoreId};
use crate::key_provider::KeyProvider;
use crate::persistence::Persistence;
use crate::settings::ApplicationSettings;

const DEFAULT_VALUE_BYTES: usize = 64 * 1024;
const DEFAULT_KEY_CACHE_CAPACITY: usize = 1000;
const DEFAULT_KEY_CACHE_TTL: Duration = Duration::from_secs(15 * 60);
const DEFAULT_HIGH_WATER_MARKS: usize = 65_536;
const DEFAULT_COMMIT_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that any process lets a commit take: what a rotation waits for.
pub(crate) const MAX_COMMIT_TIMEOUT: Duration = Duration::from_secs(60);

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

/// Whether writes to an application go by its [settings](crate::ApplicationSettings), which a rotation changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SettingsUse {
    /// A write reads them together with the secret's state, at most every 30 seconds, and wraps under no key that was replaced.
    #[default]
    Followed,
    /// They are not read: for a role that has no right to. A rotation cannot shut such a writer out by time; close the old key for
    /// new wraps at its holder, or change the writer's configuration before.
    Ignored,
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
    /// Whether its settings are followed; as the store by default.
    pub settings: Option<SettingsUse>,
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

    /// Follows the application's settings, or does not.
    #[must_use]
    pub fn with_settings(mut self, settings: SettingsUse) -> Self {
        self.settings = Some(settings);
        self
    }

    fn minimum_format(&self) -> Format {
        if self.legacy == Legacy::Off { Format::One } else { Format::Zero }
    }
}

#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) store_id: StoreId,
    master_key_id: Option<MasterKeyId>,
    also_wrap_with: Vec<MasterKeyId>,
    wrap_with: Option<HashSet<MasterKeyId>>,
    unwrap_with: Option<HashSet<MasterKeyId>>,
    applications: HashMap<ApplicationName, ApplicationConfig>,
    other: ApplicationConfig,
    history: HistoryRetention,
    settings: SettingsUse,
    pub(super) value_bytes: usize,
    pub(crate) commit_timeout: Duration,
}

impl Config {
    pub(super) fn application(&self, name: &ApplicationName) -> &ApplicationConfig {
        if self.applications.is_empty() { &self.other } else { self.applications.get(name).unwrap_or(&self.other) }
    }

    /// The applications that the configuration names, sorted.
    pub(crate) fn configured_applications(&self) -> Vec<ApplicationName> {
        let mut applications: Vec<_> = self.applications.keys().cloned().collect();
        applications.sort();
        applications
    }

    pub(super) fn history(&self, name: &ApplicationName) -> HistoryRetention {
        self.application(name).history.unwrap_or(self.history)
    }

    pub(super) fn settings_use(&self, name: &ApplicationName) -> SettingsUse {
        self.application(name).settings.unwrap_or(self.settings)
    }

    /// Refuses a format below the application's floor, naming the setting.
    pub(crate) fn check_format(&self, name: &ApplicationName, format: Format) -> Result<()> {
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
    pub(crate) fn wrapping_key<'a>(
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

    /// The key to wrap under: where it was replaced, the one that took its place. That one must stand in an explicit allow-list:
    /// otherwise whoever can write settings could choose among all keys of the provider.
    pub(crate) fn in_use<'a>(
        &self,
        id: &'a MasterKeyId,
        settings: &'a ApplicationSettings,
        keys: &dyn KeyProvider,
    ) -> Result<&'a MasterKeyId> {
        let Some(next) = settings.replacement(id) else { return Ok(id) };
        self.check_replacement(next, keys).map(|()| next).map_err(|error| {
            Error::new(
                error.kind(),
                format!(
                    "master key {id} was replaced by {next}, which is not in the allow-list: add it to `wrap_with` and to \
                     the key provider"
                ),
            )
        })
    }

    /// Refuses a key that no replacement is followed to.
    pub(crate) fn check_replacement(&self, id: &MasterKeyId, keys: &dyn KeyProvider) -> Result<()> {
        if self.wrap_with.is_none() {
            return Err(Error::new(
                ErrorKind::KeyNotAllowed,
                format!("no list of keys to wrap under is configured: name master key {id} in `wrap_with`"),
            ));
        }
        allowed(id, self.wrap_with.as_ref(), keys)
    }

    /// The further master keys for a new version, if the allow-list has them all. The one it is wrapped under first may be among them.
    pub(crate) fn further_keys(&self, name: &ApplicationName, keys: &dyn KeyProvider) -> Result<&[MasterKeyId]> {
        let ids = self.application(name).also_wrap_with.as_ref().unwrap_or(&self.also_wrap_with);
        ids.iter().try_for_each(|id| allowed(id, self.wrap_with.as_ref(), keys))?;
        Ok(ids)
    }

    /// Refuses a master key that a record names unless the allow-list has it. No call is made for this.
    pub(crate) fn check_unwrapping_key(&self, id: &MasterKeyId, keys: &dyn KeyProvider) -> Result<()> {
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

    /// Whether writes go by the settings of their application; they do by default.
    pub fn settings(mut self, settings: SettingsUse) -> Self {
        self.settings = settings;
        self
    }

    /// How long one commit may take, at most a minute; 30 seconds by default. After that it is
    /// [`Unavailable`](ErrorKind::Unavailable) and may have landed. Rotations count on the limit of a minute.
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
    /// keys, limits that no value fits, or a commit timeout out of its range; [`Unsupported`](ErrorKind::Unsupported) for an
    /// application that is to write format 0 and names further master keys itself; [`KeyNotAllowed`](ErrorKind::KeyNotAllowed)
    /// for a configured master key that the key provider does not accept.
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
        let mut config = Config {
            store_id,
            master_key_id: self.master_key_id.transpose()?,
            also_wrap_with: self.also_wrap_with,
            wrap_with: self.wrap_with,
            unwrap_with: self.unwrap_with,
            applications: self.applications,
            other: ApplicationConfig::default(),
            history: self.history,
            settings: self.settings,
            value_bytes: self.value_bytes,
            commit_timeout: self.commit_timeout,
        };
        config.check_keys(&*self.keys)?;
        let cache = KeyCache::new(self.cache.0, self.cache.1);
        let marks = HighWaterMarks::new(self.marks);
        let inner = Inner {
            keys: self.keys,
            records: self.records,
            clock: self.clock,
            config,
            cache,
            marks,
            settings: SettingsCache::new(),
            outages: Outages::default(),
        };
        Ok(EnvelopeStore { inner: Arc::new(inner) })
    }
}
