//! The published suites over the backends in memory.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::{key_provider, persistence};
use secret_store_core::MasterKeyId;
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};

#[test]
fn persistence_in_memory() {
    let report = block_on(persistence::run(|| async {
        let memory = Arc::new(MemoryPersistence::new());
        // Nothing persists, but a second handle on the same maps must show the same.
        let again = Arc::clone(&memory);
        Ok(persistence::Instance::from(memory).with_reopen(move || std::future::ready(Ok(Arc::clone(&again)))))
    }));
    report.assert_complete();
}

#[test]
fn key_provider_in_memory() {
    let report = block_on(key_provider::run(|| async {
        let ids = [MasterKeyId::new("first")?, MasterKeyId::new("second")?];
        let provider = MemoryKeyProvider::new().with_generated(&ids[0])?.with_generated(&ids[1])?;
        Ok(key_provider::Instance::new(provider, ids))
    }));
    report.assert_complete();
}
