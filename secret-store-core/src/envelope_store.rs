//! Key provider × persistence → secret store.

pub(crate) mod bounded;
pub(crate) mod builder;
pub(crate) mod config;
mod high_water;
mod key_cache;
pub(crate) mod layout;
mod migrate;
mod open;
mod outages;
mod read;
mod repair;
mod reseal;
pub(crate) mod retry;
pub(crate) mod rewrap;
mod seal;
pub(crate) mod settings_cache;
mod shred;
mod state;
mod tier;
mod write;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use builder::EnvelopeStoreBuilder;
pub use config::{ApplicationConfig, HistoryRetention, Legacy, SettingsUse};
pub use seal::ProtectOptions;

use crate::cache::CacheMetrics;
use crate::clock::Clock;
use crate::envelope::protected::ProtectedSecret;
use crate::error::{Error, Result};
use crate::id::{ApplicationName, MasterKeyId, SecretId};
use crate::key_provider::KeyProvider;
use crate::persistence::{Page, Persistence};
use crate::rotation::Rotator;
use crate::secret::{Secret, SecretInfo, SecretValue};
use crate::settings::ApplicationSettings;
use crate::store::{DeleteOptions, GetOptions, ListOptions, PutOptions, SecretStore};
use config::Config;
use high_water::HighWaterMarks;
use key_cache::KeyCache;
use outages::Outages;
use settings_cache::SettingsCache;

/// The secret store: envelope encryption over any [`KeyProvider`] and any [`Persistence`].
///
/// Every version of every secret is sealed under a document key of its own, used once, which the key provider wraps under a
/// master key, or under [several](EnvelopeStoreBuilder::also_wrap_with); all stand in one record. Cheap to clone: clones share everything.
///
/// What the database says is checked against this configuration, which is the outer bound: a forged record is refused, never
/// obeyed. A get is one `load` and, unless the key is cached, one unwrap; a put is one `load_many`, one generated key, one
/// wrap for each further master key, one `commit`.
///
/// ```
/// # async fn example(
/// #     keys: std::sync::Arc<dyn secret_store_core::KeyProvider>,
/// #     records: std::sync::Arc<dyn secret_store_core::Persistence>,
/// # ) -> secret_store_core::Result<()> {
/// use secret_store_core::{EnvelopeStore, SecretStoreExt};
///
/// let store = EnvelopeStore::builder(keys, records).store_id("prod").master_key("main").build()?;
/// let app = store.application("YourApp.Production")?;
/// app.put("MainDb", "hunter2").await?;
/// assert_eq!(app.get("MainDb").await?.text()?, "hunter2");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct EnvelopeStore {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) keys: Arc<dyn KeyProvider>,
    pub(crate) records: Arc<dyn Persistence>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: Config,
    cache: KeyCache,
    marks: HighWaterMarks,
    settings: SettingsCache,
    outages: Outages,
}

impl fmt::Debug for EnvelopeStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeStore")
            .field("store_id", &self.inner.config.store_id)
            .field("keys", &self.inner.keys)
            .field("records", &self.inner.records)
            .finish_non_exhaustive()
    }
}

impl EnvelopeStore {
    /// Begins to configure a store; [`EnvelopeStoreBuilder`] says what must be given.
    pub fn builder(keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>) -> EnvelopeStoreBuilder {
        EnvelopeStoreBuilder::new(keys, records)
    }

    /// Reads and reserves the next version, and seals a value for it, without storing it.
    ///
    /// # Errors
    ///
    /// As [`SecretStore::put_with`], before its commit.
    pub async fn protect(&self, id: &SecretId, value: SecretValue, options: ProtectOptions) -> Result<ProtectedSecret> {
        self.inner.protect(id, &value, &options).await.map_err(|error| named(error, "protect", id))
    }

    /// Opens a protected secret, wherever it was kept. Neither rollback marks nor the persistence are consulted.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of reads.
    pub async fn unprotect(&self, protected: &ProtectedSecret) -> Result<Secret> {
        // The empty text that all share: it costs no allocation.
        let revision = crate::persistence::Revision::new(Arc::<str>::default());
        self.inner.unprotect(protected, revision).await.map_err(|error| named(error, "unprotect", protected.id()))
    }

    /// Stores a protected secret, if it is still the next version of its secret.
    ///
    /// One made by [`protect`](Self::protect) insists on the state that was found then. One that came from elsewhere must have a
    /// higher version than the store has seen of its name. Saving the very same one again is a success.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::ErrorKind::Conflict) when another version came first; otherwise as [`SecretStore`] says of writes.
    pub async fn save(&self, protected: &ProtectedSecret) -> Result<SecretInfo> {
        self.inner.save(protected).await.map_err(|error| named(error, "save", protected.id()))
    }

    /// Moves a protected secret that is kept elsewhere from one master key to another: its wrap under `from` is replaced by one
    /// under `to`, inside the key holder where it can, and nothing else changes. Answers `None` where it has no wrap under `from`.
    /// What has a wrap under `to` already loses the one under `from`.
    ///
    /// Nothing is stored. Ids are compared as [`ProtectedSecret::wrapped_key`] names them.
    ///
    /// # Errors
    ///
    /// As [`KeyProvider::rewrap_key`]; [`KeyNotAllowed`](crate::ErrorKind::KeyNotAllowed) where the configuration does not
    /// unwrap with `from` or wrap with `to`.
    pub async fn rewrap(
        &self,
        protected: &ProtectedSecret,
        from: &MasterKeyId,
        to: &MasterKeyId,
    ) -> Result<Option<ProtectedSecret>> {
        self.inner.rewrap(protected, from, to).await.map_err(|error| named(error, "rewrap", protected.id()))
    }

    /// Accepts that the database holds an older version of a secret than this process has seen, after a restore.
    /// Answers what it holds now (it must be authentic), or `None` where it holds nothing.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of reads.
    pub async fn accept_rollback(&self, id: &SecretId) -> Result<Option<SecretInfo>> {
        self.inner.accept_rollback(id).await.map_err(|error| named(error, "accept rollback", id))
    }

    /// Reads the settings of an application, fresh: what rotations have changed.
    ///
    /// # Errors
    ///
    /// [`Integrity`](crate::ErrorKind::Integrity) for a malformed record, [`RollbackDetected`](crate::ErrorKind::RollbackDetected) for
    /// one that is older than seen before, and as the persistence says.
    pub async fn settings(&self, application: &ApplicationName) -> Result<ApplicationSettings> {
        let settings =
            self.inner.current_settings(application).await.map_err(|error| error.with_operation("settings"))?;
        Ok(ApplicationSettings::clone(&settings.0))
    }

    /// Rotates keys and migrates from format 0, resumably and beside running readers and writers.
    #[must_use]
    pub fn rotator(&self) -> Rotator {
        Rotator::new(Arc::clone(&self.inner))
    }

    /// Accepts that the database holds older settings of an application than this process has seen, after a restore. What was
    /// rotated since is to be rotated again.
    pub fn accept_settings_rollback(&self, application: &ApplicationName) {
        self.inner.forget_settings(application);
    }

    /// Makes a secret writable again whose history contradicts its current record (after a restore of some records): its current
    /// value becomes a new version above every number that was ever seen. Answers `None` where there is no current value;
    /// then only the last number is set right. Needs the right to read and to write. Does nothing to a secret that is in order.
    /// A current value that does not open cannot be kept: delete it, and its name is writable again.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of reads and writes.
    pub async fn repair(&self, id: &SecretId) -> Result<Option<SecretInfo>> {
        self.inner.repair(id).await.map_err(|error| named(error, "repair", id))
    }

    /// Asks the key provider now for the document key of a secret's current version, whatever is cached, and keeps what it
    /// answers: so one learns whether the master key may still be used, without waiting for the cache to expire. Of several
    /// [wraps](EnvelopeStoreBuilder::also_wrap_with) any one will do.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of reads. The cached key is forgotten then.
    pub async fn refresh_key_now(&self, id: &SecretId) -> Result<()> {
        self.inner.refresh_key(id).await.map_err(|error| named(error, "refresh key", id))
    }

    /// What the cache of document keys did so far.
    #[must_use]
    pub fn key_cache_metrics(&self) -> CacheMetrics {
        self.inner.cache.metrics()
    }

    /// Forgets all cached document keys at once and wipes them.
    pub fn purge_keys(&self) {
        self.inner.cache.purge();
    }

    /// Wipes cached document keys whose time is over. Reads do this by and by; an idle process calls it from a timer to hold no
    /// key longer than the configured time.
    pub fn sweep_keys(&self) {
        self.inner.cache.sweep();
    }
}

#[async_trait]
impl SecretStore for EnvelopeStore {
    async fn get_with(&self, id: &SecretId, options: GetOptions) -> Result<Secret> {
        self.inner.get(id, &options).await.map_err(|error| named(error, "get", id))
    }

    async fn put_with(&self, id: &SecretId, value: SecretValue, options: PutOptions) -> Result<SecretInfo> {
        self.inner.put(id, &value, &options).await.map_err(|error| named(error, "put", id))
    }

    async fn delete_with(&self, id: &SecretId, options: DeleteOptions) -> Result<()> {
        self.inner.delete(id, &options).await.map_err(|error| named(error, "delete", id))
    }

    async fn list_with(&self, application: &ApplicationName, options: ListOptions) -> Result<Page<SecretInfo>> {
        self.inner.list(application, &options).await.map_err(|error| error.with_operation("list"))
    }

    async fn history_with(&self, id: &SecretId, options: ListOptions) -> Result<Page<SecretInfo>> {
        self.inner.history(id, &options).await.map_err(|error| named(error, "history", id))
    }

    async fn get_many_with(&self, ids: &[SecretId], options: GetOptions) -> Result<Vec<Secret>> {
        self.inner.get_many(ids, &options).await.map_err(|error| error.with_operation("get many"))
    }

    async fn get_all_with(&self, application: &ApplicationName, options: GetOptions) -> Result<Vec<Secret>> {
        self.inner.get_all(application, &options).await.map_err(|error| error.with_operation("get all"))
    }
}

fn named(error: Error, operation: &'static str, id: &SecretId) -> Error {
    error.with_operation(operation).with_secret(id)
}
