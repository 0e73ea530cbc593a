//! What the benchmarks share: the bare cipher to measure against, and a store over memory.
//!
//! `cargo run --release -p secret-store-benches` measures everything with both cipher implementations and writes
//! `docs/performance.md`; `cargo bench -p secret-store-benches [--features aws-lc]` measures one.

pub mod bare;
pub mod footprint;
pub mod operations;
pub mod rotation;
pub mod turns;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use secret_store_core::{
    CacheOptions, CachedStore, EnvelopeStore, KeyProvider, MasterKeyId, Persistence, Result, SecretId, SecretStore,
    SecretStoreExt, SecretValue, SecretVersion, StoreId,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use serde::Serialize;

/// The implementation that was compiled in, as the tables call it.
pub const IMPLEMENTATION: &str = if cfg!(feature = "aws-lc") { "aws-lc" } else { "rustcrypto" };

/// The sizes of values that are measured, in bytes.
pub const SIZES: [usize; 5] = [32, 256, 1024, 4096, 65536];

/// The sizes of what is sealed in transport, in bytes.
pub const TRANSPORT_SIZES: [usize; 2] = [256, 64 * 1024];

/// The identity of the measured store.
///
/// # Panics
///
/// Never: the name is valid.
#[must_use]
pub fn store_id() -> StoreId {
    StoreId::new("prod").expect("valid")
}

/// The measured secret: names of usual length.
///
/// # Panics
///
/// Never: the names are valid.
#[must_use]
pub fn secret_id() -> SecretId {
    SecretId::parse("YourApp.Production", "MainDatabasePassword").expect("valid")
}

/// The first version.
///
/// # Panics
///
/// Never: one is a version.
#[must_use]
pub fn first_version() -> SecretVersion {
    SecretVersion::new(1).expect("not zero")
}

/// A value of so many bytes.
#[must_use]
pub fn value(bytes: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(bytes).collect()
}

/// A key provider in memory with the key `main`.
///
/// # Panics
///
/// When the operating system gives no random bytes.
#[must_use]
pub fn memory_keys() -> Arc<dyn KeyProvider> {
    let id = MasterKeyId::new("main").expect("valid");
    Arc::new(MemoryKeyProvider::new().with_generated(&id).expect("random bytes"))
}

/// A persistence in memory.
#[must_use]
pub fn memory_records() -> Arc<dyn Persistence> {
    Arc::new(MemoryPersistence::new())
}

/// The store over both.
///
/// # Panics
///
/// Never: the configuration is valid.
#[must_use]
pub fn store(keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>) -> EnvelopeStore {
    EnvelopeStore::builder(keys, records).store_id(store_id()).master_key("main").build().expect("valid")
}

/// A store over memory that holds one value and has its document key ready, as programs hold it.
///
/// # Panics
///
/// When the value cannot be stored or read back.
#[must_use]
pub fn warm_store(bytes: usize) -> (EnvelopeStore, Arc<dyn SecretStore>) {
    let store = store(memory_keys(), memory_records());
    now(store.put(&secret_id(), SecretValue::new(value(bytes)))).expect("stored");
    assert_eq!(now(store.get(&secret_id())).expect("read").expose_secret(), value(bytes));
    (store.clone(), Arc::new(store))
}

/// The same, and the value itself in the cache of clear secrets.
///
/// # Panics
///
/// When the value cannot be stored or read back.
#[must_use]
pub fn cached_store(bytes: usize) -> Arc<dyn SecretStore> {
    let store = cached(warm_store(bytes).0);
    assert_eq!(now(store.get(&secret_id())).expect("read").expose_secret(), value(bytes));
    store
}

/// A store with a cache of clear secrets in front.
#[must_use]
pub fn cached(store: EnvelopeStore) -> Arc<dyn SecretStore> {
    // Longer than any measurement: no question is asked meanwhile.
    let options = CacheOptions::default().with_ttl(Duration::from_secs(24 * 60 * 60));
    Arc::new(CachedStore::with_options(store, &options))
}

/// Runs a future of the memory backend, which never waits: no executor is measured.
///
/// # Errors
///
/// The future's own.
///
/// # Panics
///
/// When the future waits.
pub fn now<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    future.now_or_never().expect("memory never waits")
}

/// Writes what was found to `target/<kind>/<implementation>.json`, where the report takes it from.
///
/// # Panics
///
/// When it cannot be written.
pub fn keep(kind: &str, found: &impl Serialize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in a workspace");
    let folder = root.join("target").join(kind);
    std::fs::create_dir_all(&folder).expect("a folder to write to");
    let file = std::fs::File::create(folder.join(format!("{IMPLEMENTATION}.json"))).expect("a file to write to");
    serde_json::to_writer_pretty(file, found).expect("written");
}
