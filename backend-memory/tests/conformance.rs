//! The published suites over the backends in memory.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::{Options, key_provider, persistence, store};
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

/// Stores over any persistence that share their id and their master keys, the first of which wraps alone, or the others too.
fn stores(further: &[&str]) -> Result<impl Fn(Arc<dyn Persistence>) -> Result<EnvelopeStore> + Clone + use<>> {
    let ids = ["first", "second", "third"].map(MasterKeyId::new);
    let keys = ids.into_iter().try_fold(MemoryKeyProvider::new(), |keys, id| keys.with_generated(&id?))?;
    let keys: Arc<dyn KeyProvider> = Arc::new(keys);
    let further = further.iter().map(|id| MasterKeyId::new(*id)).collect::<Result<Vec<_>>>()?;
    Ok(move |records| {
        let builder = EnvelopeStore::builder(Arc::clone(&keys), records).store_id("conformance").master_key("first");
        builder.also_wrap_with(further.clone()).build()
    })
}

fn envelope_store(further: &[&str]) {
    let report = block_on(store::run(|| async {
        let (build, records) = (stores(further)?, Arc::new(MemoryPersistence::new()));
        let instance = store::Instance::from(build(Arc::<MemoryPersistence>::clone(&records))?);
        let reopen = move || std::future::ready(build(Arc::<MemoryPersistence>::clone(&records)));
        Ok(instance.with_other_master_key(MasterKeyId::new("second")?).with_reopen(reopen))
    }));
    report.assert_complete();
}

#[test]
fn envelope_store_in_memory() {
    envelope_store(&[]);
}

#[test]
fn envelope_store_with_several_wraps() {
    envelope_store(&["second"]);
    envelope_store(&["second", "third"]);
}

/// One of two wraps may be altered: the other one opens. All else holds as with one.
#[test]
fn envelope_store_with_several_wraps_over_a_hostile_memory() {
    let build = stores(&["second"]).expect("the operating system gives random bytes");
    let options = Options::default().with_redundant_attributes(["ProtectedDocumentKey", "Wraps"]);
    let report = block_on(store::run_hostile_with(
        || async { Ok(MemoryPersistence::new()) },
        move |records| std::future::ready(build(records)),
        options,
    ));
    report.assert_complete();
}

#[test]
fn envelope_store_over_a_hostile_memory() {
    let build = stores(&[]).expect("the operating system gives random bytes");
    let report = block_on(store::run_hostile(
        || async { Ok(MemoryPersistence::new()) },
        move |records| std::future::ready(build(records)),
    ));
    report.assert_complete();
}
