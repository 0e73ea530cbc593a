//! Further wraps and tenants: what is under a tenant's key is under no other, and a further wrap that a forger adds is asked for
//! only where the configuration has the tenant.

use secret_store_core::{
    ApplicationConfig, EnvelopeStore, ErrorKind, KeyProvider, ProtectOptions, Record, RecordKey, SecretId,
    SecretStoreExt, TenantKeys, Value, WrappedKey,
};

use super::support::{
    ACME, MAIN, OTHER, SECOND, World, acme, app, context, context_in, id, key_of, kind, master, tenant, wait,
};

const WRAPS: &str = "Wraps";
const DOCUMENT_KEY: &str = "ProtectedDocumentKey";

fn current(id: &SecretId) -> RecordKey {
    RecordKey::new(id.application().as_str(), id.name().as_str())
}

fn plain() -> SecretId {
    SecretId::parse("Plain", "Db").expect("valid")
}

/// The usual application in the tenant tier, every other under two master keys.
fn store(world: &World, keys: &TenantKeys) -> EnvelopeStore {
    world.store_builder(keys).master_key(MAIN).also_wrap_with([master(SECOND)]).build().expect("valid")
}

/// The same before any application had a tenant.
fn before_tenants(world: &World, keys: &TenantKeys) -> EnvelopeStore {
    let builder = world.store_builder(keys).application(app(super::support::APP), ApplicationConfig::default());
    builder.master_key(MAIN).also_wrap_with([master(SECOND)]).build().expect("valid")
}

/// The attribute, as the format has it.
fn wraps(entries: &[&WrappedKey]) -> Value {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    encoder.array(entries.len() as u64).expect("a Vec takes every byte");
    for key in entries {
        let pair = encoder.array(2).and_then(|pair| pair.str(key.master_key_id().as_str()));
        pair.and_then(|pair| pair.bytes(key.as_bytes())).expect("a Vec takes every byte");
    }
    encoder.into_writer().into()
}

fn broken(record: &Record) -> Record {
    let mut bytes = record.bytes(DOCUMENT_KEY).expect("bytes").to_vec();
    *bytes.last_mut().expect("not empty") ^= 1;
    record.clone().with(DOCUMENT_KEY, bytes.into())
}

#[test]
fn what_is_under_a_tenants_key_is_under_no_other() {
    let world = World::new();
    let keys = world.keys();
    let store = store(&world, &keys);
    let info = wait(store.put(&id("Db"), "v".into())).expect("stored");
    assert_eq!((info.master_key_id, info.also_wrapped_with), (key_of(ACME), vec![]));
    assert!(world.record(&current(&id("Db"))).get(WRAPS).is_none());
    let info = wait(store.put(&plain(), "v".into())).expect("stored");
    assert_eq!((info.master_key_id, info.also_wrapped_with), (master(MAIN), vec![master(SECOND)]));
    // Nor is it, where it was protected before the application had a tenant.
    let before = before_tenants(&world, &keys);
    let protected = wait(before.protect(&id("New"), "v".into(), ProtectOptions::default())).expect("protects");
    let half = wait(store.rewrap(&protected, &master(MAIN), &key_of(ACME))).expect("moves").expect("it was under it");
    assert_eq!(half.wrapped_key().master_key_id(), &key_of(ACME));
    assert_eq!(half.further_wraps().len(), 1);
    assert_eq!(kind(wait(store.save(&half))), ErrorKind::KeyNotAllowed);
    let moved = wait(store.rewrap(&half, &master(SECOND), &key_of(ACME))).expect("moves").expect("it was under it");
    assert!(moved.further_wraps().is_empty());
    assert_eq!(wait(store.save(&moved)).expect("saved").master_key_id, key_of(ACME));
    assert_eq!(wait(store.get(&id("New"))).expect("opens").expose_secret(), b"v");
}

#[test]
fn further_master_keys_and_a_tenant_contradict_each_other() {
    let world = World::new();
    let keys = world.keys();
    let of_acme = ApplicationConfig::default().with_tenant(acme());
    let build = |config| world.store_builder(&keys).application(app("X"), config).build();
    assert_eq!(kind(build(of_acme.clone().with_also_wrap_with([master(SECOND)]))), ErrorKind::InvalidInput);
    assert!(build(of_acme.with_also_wrap_with([])).is_ok(), "it says what holds anyway");
    let tenants_key = || ApplicationConfig::default().with_also_wrap_with([key_of(OTHER)]);
    assert_eq!(kind(build(tenants_key())), ErrorKind::InvalidInput);
    let of_store = world.store_builder(&keys).master_key(MAIN).also_wrap_with([key_of(OTHER)]);
    assert_eq!(kind(of_store.build()), ErrorKind::InvalidInput);
    // What is resolved is checked as well, when it is.
    let many = (0..9).map(|n| master(&format!("key {n}")));
    for config in [tenants_key(), ApplicationConfig::default().with_also_wrap_with(many)] {
        let config = std::sync::Arc::new(config);
        let store = EnvelopeStore::builder(std::sync::Arc::new(keys.clone()), world.memory.clone())
            .store_id("prod")
            .master_key(MAIN)
            .other_applications(move |_| Ok(std::sync::Arc::clone(&config)));
        let store = store.build().expect("nothing is resolved yet");
        assert_eq!(kind(wait(store.put(&plain(), "v".into()))), ErrorKind::InvalidInput);
    }
}

/// Resolved applications have further master keys too, each once however often it is named.
#[test]
fn a_resolved_application_wraps_under_its_further_keys() {
    let world = World::new();
    let keys = world.keys();
    let twice = [master(SECOND), master(MAIN), master(SECOND)];
    let config = std::sync::Arc::new(ApplicationConfig::default().with_also_wrap_with(twice));
    let store = EnvelopeStore::builder(std::sync::Arc::new(keys), world.memory)
        .store_id("prod")
        .master_key(MAIN)
        .other_applications(move |_| Ok(std::sync::Arc::clone(&config)))
        .build()
        .expect("valid");
    let info = wait(store.put(&plain(), "v".into())).expect("stored");
    assert_eq!((info.master_key_id, info.also_wrapped_with), (master(MAIN), vec![master(SECOND)]));
}

/// A wrap that would open, were its tenant asked: it is refused because of whose key it names.
#[test]
fn a_further_wrap_under_the_key_of_another_tenant_is_not_asked_for() {
    let world = World::new();
    let keys = world.keys();
    let with_tenant = |owner: &str| {
        let config = ApplicationConfig::default().with_tenant(tenant(owner));
        world.store_builder(&world.keys()).application(app("Plain"), config).master_key(MAIN).build().expect("valid")
    };
    let without = || world.store_builder(&world.keys()).master_key(MAIN).build().expect("valid");
    wait(without().put(&plain(), "v".into())).expect("stored");
    let honest = world.record(&current(&plain()));
    let at = context_in("Plain", "Db");
    let first = WrappedKey::new(master(MAIN), honest.bytes(DOCUMENT_KEY).expect("bytes").to_vec());
    let under_other = wait(keys.rewrap_key(&first, &at, &key_of(OTHER), &at)).expect("moves");
    let forged = broken(&honest).with(WRAPS, wraps(&[&under_other]));
    world.plant(&current(&plain()), forged);
    for store in [without(), with_tenant(ACME)] {
        let (asked, loads) = (world.asked.count(), world.records.calls());
        assert_eq!(kind(wait(store.get(&plain()))), ErrorKind::Integrity);
        assert_eq!((world.asked.count(), world.records.calls()), (asked + 1, loads), "only the first wrap's key");
    }
    // Where the first one is not allowed either, nobody is asked.
    let strict = world.store_builder(&world.keys()).master_key(SECOND).unwrap_with([master(SECOND)]);
    let strict = strict.build().expect("valid");
    let (asked, loads) = (world.asked.count(), world.records.calls());
    assert_eq!(kind(wait(strict.get(&plain()))), ErrorKind::KeyNotAllowed);
    assert_eq!((world.asked.count(), world.records.calls()), (asked, loads));
    // The wrap itself is good: the store of its own tenant opens it.
    assert_eq!(wait(with_tenant(OTHER).get(&plain())).expect("opens").expose_secret(), b"v");
}

/// What was destroyed does not open by a further wrap that says it is of the same tenant, nor by one that a rotation left.
#[test]
fn a_destroyed_tenant_is_the_answer_whatever_further_wraps_say() {
    let world = World::new();
    let keys = world.keys();
    let store = world.store(&keys);
    wait(store.put(&id("Db"), "v".into())).expect("stored");
    let honest = world.record(&current(&id("Db")));
    let first = WrappedKey::new(key_of(ACME), honest.bytes(DOCUMENT_KEY).expect("bytes").to_vec());
    let under_main = wait(keys.rewrap_key(&first, &context("Db"), &master(MAIN), &context("Db"))).expect("moves");
    let forged = honest.with(WRAPS, wraps(&[&under_main]));
    wait(keys.destroy_tenant(&acme())).expect("destroys");
    world.plant(&current(&id("Db")), forged);
    let asked = world.asked.count();
    assert_eq!(kind(wait(world.store(&world.keys()).get(&id("Db")))), ErrorKind::KeyDestroyed);
    assert_eq!(world.asked.count(), asked, "nobody was asked");
    // The further wrap is good: what is under a master key is not destroyed with the tenant, as the documents say.
    assert!(wait(keys.unwrap_key(&under_main, &context("Db"))).is_ok());
}
