//! The published suites over the backends in memory.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::{Options, key_provider, persistence, rotation, store};
use secret_store_core::{
    ApplicationConfig, EncryptionContext, EnvelopeStore, KeyProvider, KeyRing, MasterKeyId, Persistence, Result,
    SecretId, SecretVersion, StoreId, TenantId, TenantKeys,
};
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

/// A ring of three: two wrap under these keys, and a third, which stands between them, only unwraps and is not asked.
async fn key_ring(ids: [&[&str]; 2]) -> Result<key_provider::Instance> {
    let holder = |ids: &[&str]| {
        let keys = ids.iter().try_fold(MemoryKeyProvider::new(), |keys, id| keys.with_generated(&id.parse()?));
        keys.map(Arc::new)
    };
    let ring = KeyRing::new(holder(ids[0])?).with_unwrapping(holder(&["former"])?).with_wrapping(holder(ids[1])?);
    Ok(key_provider::Instance::new(ring, [MasterKeyId::new("first")?, MasterKeyId::new("second")?]))
}

#[test]
fn key_ring_in_memory() {
    let (first, second) = (&["first"][..], &["second"][..]);
    for ids in [[first, second], [second, first], [&["first", "second"], &[]], [&[], &["first", "second"]]] {
        block_on(key_provider::run(|| key_ring(ids))).assert_complete();
    }
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

/// From one provider to another, by a ring: each alone, and what is left when the old one is gone.
#[test]
fn rotation_in_memory() {
    let report = block_on(rotation::run(|| async {
        let [old, new] = [MasterKeyId::new("old")?, MasterKeyId::new("new")?];
        let remaining = Arc::new(MemoryKeyProvider::new().with_generated(&new)?);
        let ring = KeyRing::new(Arc::<MemoryKeyProvider>::clone(&remaining))
            .with_wrapping(Arc::new(MemoryKeyProvider::new().with_generated(&old)?));
        Ok(rotation::Instance::new(MemoryPersistence::new(), ring, [old, new], remaining))
    }));
    report.assert_complete();
}

const NO_FORMAT_0: &str = "format 0 has no tenant keys";

fn tenant_ids() -> Result<[MasterKeyId; 2]> {
    Ok([MasterKeyId::for_tenant(&TenantId::new("first")?), MasterKeyId::for_tenant(&TenantId::new("second")?)])
}

/// Tenant keys over any persistence that share their master key.
fn tenant_keys() -> Result<impl Fn(Arc<dyn Persistence>) -> Result<TenantKeys> + Clone> {
    let id = MasterKeyId::new("main")?;
    let master_keys: Arc<dyn KeyProvider> = Arc::new(MemoryKeyProvider::new().with_generated(&id)?);
    Ok(move |records| {
        TenantKeys::builder(Arc::clone(&master_keys), records).store_id("conformance").master_key(&id).build()
    })
}

/// Stores in the tenant tier, whose tenant keys lie in the same persistence.
fn tenant_stores() -> Result<impl Fn(Arc<dyn Persistence>) -> Result<EnvelopeStore> + Clone> {
    let keys = tenant_keys()?;
    let owned = Arc::new(ApplicationConfig::default().with_tenant(TenantId::new("first")?));
    Ok(move |records: Arc<dyn Persistence>| {
        let owned = Arc::clone(&owned);
        EnvelopeStore::builder(Arc::new(keys(Arc::clone(&records))?), records)
            .store_id("conformance")
            .other_applications(move |_| Ok(Arc::clone(&owned)))
            .build()
    })
}

#[test]
fn tenant_keys_over_memory() {
    let report = block_on(key_provider::run(|| async {
        let keys = tenant_keys()?(Arc::new(MemoryPersistence::new()))?;
        Ok(key_provider::Instance::new(keys, tenant_ids()?).without_legacy(NO_FORMAT_0))
    }));
    report.assert_passed();
    let legacy =
        |name: &str| name.starts_with("legacy::") || name == "moving::a_short_legacy_key_does_not_become_modern";
    assert!(report.skipped().all(legacy), "{report}");
    assert!(report.passed().count() > 30, "{report}");
}

/// The same with every cache off: each call reads the records and asks the inner provider.
#[test]
fn tenant_keys_over_memory_without_caches() {
    let report = block_on(key_provider::run(|| async {
        let id = MasterKeyId::new("main")?;
        let master_keys = MemoryKeyProvider::new().with_generated(&id)?;
        let keys = TenantKeys::builder(Arc::new(master_keys), Arc::new(MemoryPersistence::new()))
            .store_id("conformance")
            .master_key(id)
            .key_cache(0, std::time::Duration::ZERO)
            .active_trust(std::time::Duration::ZERO)
            .build()?;
        Ok(key_provider::Instance::new(keys, tenant_ids()?).without_legacy(NO_FORMAT_0))
    }));
    report.assert_passed();
}

/// Master keys pass through tenant keys as they are, format 0 included.
#[test]
fn master_keys_through_tenant_keys() {
    let report = block_on(key_provider::run(|| async {
        let ids = [MasterKeyId::new("first")?, MasterKeyId::new("second")?];
        let provider = MemoryKeyProvider::new().with_generated(&ids[0])?.with_generated(&ids[1])?;
        let records = Arc::new(MemoryPersistence::new());
        let keys = TenantKeys::builder(Arc::new(provider), records).store_id("conformance").master_key("first");
        Ok(key_provider::Instance::new(keys.build()?, ids))
    }));
    report.assert_complete();
}

#[test]
fn envelope_store_in_the_tenant_tier() {
    let report = block_on(store::run(|| async {
        let (build, records) = (tenant_stores()?, Arc::new(MemoryPersistence::new()));
        let instance = store::Instance::from(build(Arc::<MemoryPersistence>::clone(&records))?);
        let reopen = move || std::future::ready(build(Arc::<MemoryPersistence>::clone(&records)));
        // No other master key may be chosen here: that case is skipped.
        Ok(instance.with_reopen(reopen))
    }));
    report.assert_passed();
    assert!(report.skipped().count() <= 1, "{report}");
}

/// The tenant keys lie in the hostile persistence too, and every call of it may fail. The key and the ownership of every
/// application that the suite uses are there from the beginning, so that a put writes the records of its secret alone.
#[test]
fn envelope_store_in_the_tenant_tier_over_a_hostile_memory() {
    let build = tenant_stores().expect("the operating system gives random bytes");
    let keys = tenant_keys_of_the_suite(&build);
    let report = block_on(store::run_hostile(
        move || {
            let records = MemoryPersistence::new();
            records.restore(&keys);
            std::future::ready(Ok(records))
        },
        move |records| std::future::ready(build(records)),
    ));
    report.assert_complete();
}

/// The records of a tenant that owns these applications.
fn tenant_keys_of_the_suite(
    build: &impl Fn(Arc<dyn Persistence>) -> Result<EnvelopeStore>,
) -> secret_store_memory::Snapshot {
    use secret_store_core::{SecretStoreExt, Write};
    let records = Arc::new(MemoryPersistence::new());
    let store = build(Arc::<MemoryPersistence>::clone(&records)).expect("a valid configuration");
    for application in ["Conformance.Test", "App.Test", "App.Prod", "ab", "a"] {
        let id = SecretId::parse(application, "warm").expect("valid");
        block_on(store.put(&id, "up".into())).expect("stored");
    }
    let secrets: Vec<_> = records
        .snapshot()
        .iter()
        .filter(|(key, _)| !key.partition().starts_with("~k~"))
        .map(|(key, _)| Write::delete(key, secret_store_core::Precondition::Any))
        .collect();
    block_on(records.commit(secrets)).expect("memory takes it");
    records.snapshot()
}

/// A wrap of one provider is none of another over the same records with another master key.
#[test]
fn tenant_keys_belong_to_their_master_key() {
    let records: Arc<dyn Persistence> = Arc::new(MemoryPersistence::new());
    let [one, other] = [(); 2].map(|()| tenant_keys().expect("random")(Arc::clone(&records)).expect("valid"));
    let [id, _] = tenant_ids().expect("valid");
    let store = StoreId::new("conformance").expect("valid");
    let secret = SecretId::parse("App", "Db").expect("valid");
    let context = EncryptionContext::document_key(&store, &secret, SecretVersion::FIRST);
    let generated = block_on(one.generate_key(&id, &context)).expect("generates");
    assert!(block_on(one.unwrap_key(&generated.wrapped, &context)).is_ok());
    let error = block_on(other.unwrap_key(&generated.wrapped, &context)).expect_err("another master key");
    assert_eq!(error.kind(), secret_store_core::ErrorKind::Integrity);
}
