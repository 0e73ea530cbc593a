//! The published suites over the backends in memory.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::{key_provider, persistence, store};
use secret_store_core::{EnvelopeStore, KeyProvider, MasterKeyId, Persistence, Result};
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

/// Stores over any persistence that share their id and their master keys.
fn stores() -> Result<impl Fn(Arc<dyn Persistence>) -> Result<EnvelopeStore> + Clone> {
    let ids = [MasterKeyId::new("first")?, MasterKeyId::new("second")?];
    let keys: Arc<dyn KeyProvider> =
        Arc::new(MemoryKeyProvider::new().with_generated(&ids[0])?.with_generated(&ids[1])?);
    Ok(move |records| {
        EnvelopeStore::builder(Arc::clone(&keys), records).store_id("conformance").master_key("first").build()
    })
}

#[test]
fn envelope_store_in_memory() {
    let report = block_on(store::run(|| async {
        let (build, records) = (stores()?, Arc::new(MemoryPersistence::new()));
        let instance = store::Instance::from(build(Arc::<MemoryPersistence>::clone(&records))?);
        let reopen = move || std::future::ready(build(Arc::<MemoryPersistence>::clone(&records)));
        Ok(instance.with_other_master_key(MasterKeyId::new("second")?).with_reopen(reopen))
    }));
    report.assert_complete();
}

#[test]
fn envelope_store_over_a_hostile_memory() {
    let build = stores().expect("the operating system gives random bytes");
    let report = block_on(store::run_hostile(
        || async { Ok(MemoryPersistence::new()) },
        move |records| std::future::ready(build(records)),
    ));
    report.assert_complete();
}
