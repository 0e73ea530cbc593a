//! A store with blind names over a memory that remembers what it was asked.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::fault::{Recording, RecordingKeyProvider};
use secret_store_core::{
    ApplicationName, BlindNames, BlindedKeys, Blinding, BlindingKey, Consistency, EnvelopeStore, KeyEncryptionKey,
    KeyProvider, MasterKeyId, Persistence, Precondition, Record, RecordKey, SecretId, StoreId, Stored, Write,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};

pub(crate) const APPLICATION: &str = "YourApp.Production";
pub(crate) const STORE: &str = "store-of-the-house";

pub(crate) fn key(byte: u8) -> BlindingKey {
    BlindingKey::from_bytes(&[byte; 32])
}

pub(crate) fn id(name: &str) -> SecretId {
    SecretId::parse(APPLICATION, name).expect("valid")
}

pub(crate) fn application() -> ApplicationName {
    ApplicationName::new(APPLICATION).expect("valid")
}

pub(crate) fn store_id() -> StoreId {
    StoreId::new(STORE).expect("valid")
}

pub(crate) fn master_key() -> MasterKeyId {
    MasterKeyId::new("main").expect("valid")
}

pub(crate) fn next_master_key() -> MasterKeyId {
    MasterKeyId::new("next").expect("valid")
}

/// One database and one holder of master keys, that any number of processes use.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) memory: Arc<MemoryPersistence>,
    pub(crate) records: Arc<Recording>,
    pub(crate) keys: Arc<RecordingKeyProvider>,
}

/// One process: its blinding keys and its store.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) names: Arc<BlindNames>,
    pub(crate) keys: Arc<BlindedKeys>,
    pub(crate) store: EnvelopeStore,
}

impl World {
    pub(crate) fn new() -> Self {
        let memory = Arc::new(MemoryPersistence::new());
        let key = |byte| KeyEncryptionKey::from_bytes(&[byte; 32]);
        let keys = MemoryKeyProvider::new().with_key(master_key(), key(9)).with_key(next_master_key(), key(10));
        Self {
            records: Arc::new(Recording::new(Arc::clone(&memory))),
            keys: Arc::new(RecordingKeyProvider::new(keys)),
            memory,
        }
    }

    pub(crate) fn process(&self, blinding: Blinding) -> Process {
        let names = Arc::new(BlindNames::unchecked(self.records.clone(), blinding.clone()));
        let keys = Arc::new(BlindedKeys::new(self.keys.clone(), blinding));
        let store = store_over(keys.clone(), names.clone());
        Process { names, keys, store }
    }

    /// A process without blind names.
    pub(crate) fn clear(&self) -> EnvelopeStore {
        store_over(self.keys.clone(), self.records.clone())
    }

    /// What stands in the database.
    pub(crate) fn dump(&self) -> Vec<(RecordKey, Stored)> {
        self.memory.snapshot().iter().map(|(key, stored)| (key, stored.clone())).collect()
    }

    /// As a database writer does.
    pub(crate) fn overwrite(&self, key: RecordKey, record: impl Into<Arc<Record>>) {
        put(&*self.memory, key, record);
    }
}

fn store_over(keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>) -> EnvelopeStore {
    // Without a cache, each read asks the key provider.
    let builder = EnvelopeStore::builder(keys, records).key_cache(0, std::time::Duration::ZERO);
    builder.store_id(STORE).master_key("main").build().expect("valid")
}

pub(crate) fn put(records: &dyn Persistence, key: RecordKey, record: impl Into<Arc<Record>>) {
    block_on(records.commit(vec![Write::put(key, record, Precondition::Any)])).expect("taken");
}

pub(crate) fn load(records: &dyn Persistence, key: &RecordKey) -> Option<Stored> {
    block_on(records.load(key, Consistency::Strong)).expect("answers")
}
