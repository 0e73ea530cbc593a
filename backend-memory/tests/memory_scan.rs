//! Values and keys leave memory, over this backend.

use secret_store_conformance::memory_scan::{self, Backend};
use secret_store_core::{KeyEncryptionKey, MasterKeyId};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};

/// While the provider lives it holds its master key's schedule, and nothing else may hold anything.
#[test]
fn secrets_and_keys_leave_memory() {
    memory_scan::run("secrets_and_keys_leave_memory", |canaries| {
        let id = MasterKeyId::new("main")?;
        let key = canaries.master_key();
        let key = KeyEncryptionKey::from_bytes(key.expose_secret().try_into().expect("32 bytes"));
        let keys = MemoryKeyProvider::new().with_key(id.clone(), key);
        Ok(Backend::new(keys, MemoryPersistence::new(), id))
    });
}
