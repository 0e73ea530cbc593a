//! Caches to fill, for what an entry costs in memory.
//!
//! The records come as from a database: each read makes its own copy of them, so that a cache shares nothing with what is beneath.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secret_store_core::{
    ApplicationName, CacheOptions, CachedStore, Consistency, EnvelopeStore, HistoryRetention, ListQuery, Page,
    Persistence, Record, RecordKey, Result, Revision, SecretId, SecretName, SecretStore, SecretStoreExt, SecretValue,
    Stored, Write,
};

use crate::{memory_keys, memory_records, now, store_id, value};

/// How many entries are measured.
pub const ENTRIES: usize = 100_000;
/// The size of their values, in bytes.
pub const VALUE_BYTES: usize = 64;
/// Shares of a cache fill unevenly: nothing is to be evicted.
const ROOM: usize = ENTRIES + ENTRIES / 4;
/// Longer than any measurement.
const TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// Records that nobody else holds.
#[derive(Debug)]
struct Copied(Arc<dyn Persistence>);

fn copied(stored: &Stored) -> Result<Stored> {
    let record = Record::from_bytes(&stored.record.to_bytes())?;
    Ok(Stored { record: Arc::new(record), revision: Revision::new(stored.revision.as_text().into_owned()) })
}

#[async_trait]
impl Persistence for Copied {
    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.0.load(key, consistency).await?.as_ref().map(copied).transpose()
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        self.0.load_many(keys, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.0.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.0.commit(writes).await
    }
}

fn id(application: &ApplicationName, number: usize) -> SecretId {
    SecretId::new(application.clone(), SecretName::new(format!("Service-{number:06}-Password")).expect("valid"))
}

fn application() -> ApplicationName {
    ApplicationName::new("YourApp.Production").expect("valid")
}

fn store(key_cache: usize) -> EnvelopeStore {
    let builder = EnvelopeStore::builder(memory_keys(), Arc::new(Copied(memory_records())));
    let builder = builder.store_id(store_id()).master_key("main").history(HistoryRetention::None);
    builder.high_water_marks(0).key_cache(key_cache, TTL).build().expect("valid")
}

/// Puts every secret.
fn stored(store: &EnvelopeStore) {
    let application = application();
    for number in 0..ENTRIES {
        now(store.put(&id(&application, number), SecretValue::new(value(VALUE_BYTES)))).expect("stored");
    }
}

/// Reads every secret.
fn read(store: &impl SecretStore) {
    let application = application();
    for number in 0..ENTRIES {
        let secret = now(store.get(&id(&application, number))).expect("stored");
        assert_eq!(secret.expose_secret().len(), VALUE_BYTES);
    }
}

/// Secrets in clear.
#[derive(Debug)]
pub struct ClearSecrets(CachedStore<EnvelopeStore>);

impl ClearSecrets {
    /// Stored, and none cached.
    ///
    /// # Panics
    ///
    /// When the memory backend refuses something.
    #[must_use]
    pub fn new() -> Self {
        let store = store(0);
        stored(&store);
        let options = CacheOptions::default().with_capacity(ROOM).with_ttl(TTL);
        Self(CachedStore::with_options(store, &options))
    }

    /// Caches them all, and proves that.
    ///
    /// # Panics
    ///
    /// When one of them is not cached.
    pub fn fill(&self) {
        read(&self.0);
        assert_eq!(self.0.metrics().entries, ENTRIES as u64);
    }

    /// Lets go of them all.
    pub fn purge(&self) {
        self.0.purge_all();
    }
}

impl Default for ClearSecrets {
    fn default() -> Self {
        Self::new()
    }
}

/// Document keys ready to use.
#[derive(Debug)]
pub struct DocumentKeys(EnvelopeStore);

impl DocumentKeys {
    /// Of as many secrets, and none cached.
    ///
    /// # Panics
    ///
    /// When the memory backend refuses something.
    #[must_use]
    pub fn new() -> Self {
        let store = store(ROOM);
        stored(&store);
        Self(store)
    }

    /// Caches them all, and proves that.
    ///
    /// # Panics
    ///
    /// When one of them is not cached.
    pub fn fill(&self) {
        read(&self.0);
        assert_eq!(self.0.key_cache_metrics().entries, ENTRIES as u64);
    }
}

impl Default for DocumentKeys {
    fn default() -> Self {
        Self::new()
    }
}
