//! The envelope store over tenant keys: which application is whose, and what a forged record gains.

use std::collections::HashMap;
use std::sync::Arc;

use secret_store_core::{
    ApplicationConfig, ApplicationName, EnvelopeStore, Error, ErrorKind, KeyProvider, Legacy, ProtectOptions,
    ProtectedSecret, PutOptions, Record, RecordKey, SecretId, SecretStore, SecretStoreExt, TenantConfig, TenantId,
    TenantKeys, WrappedKey,
};

use super::support::{
    ACME, APP, MAIN, OTHER, SECOND, World, acme, app, context, id, key_of, kind, master, tenant, version, version_at,
    wait,
};

pub(super) fn current(id: &SecretId) -> RecordKey {
    RecordKey::new(id.application().as_str(), id.name().as_str())
}

pub(super) fn config(tenant_id: &str) -> ApplicationConfig {
    ApplicationConfig::default().with_tenant(tenant(tenant_id))
}

pub(super) fn of_other(name: &str) -> SecretId {
    SecretId::parse("Other.Production", name).expect("valid")
}

/// Two tenants, an application of each, and one without a tenant.
pub(super) fn two_tenants(world: &World, keys: &TenantKeys) -> EnvelopeStore {
    world
        .store_builder(keys)
        .master_key(MAIN)
        .application(app("Other.Production"), config(OTHER))
        .build()
        .expect("valid")
}

#[test]
fn an_application_uses_the_key_of_its_tenant() {
    let world = World::new();
    let keys = world.keys();
    let store = two_tenants(&world, &keys);
    let plain = SecretId::parse("Plain", "Db").expect("valid");
    for (id, expected) in [(id("Db"), key_of(ACME)), (of_other("Db"), key_of(OTHER)), (plain, master(MAIN))] {
        let info = wait(store.put(&id, "v".into())).expect("stored");
        assert_eq!(info.master_key_id, expected);
        assert_eq!(world.record(&current(&id)).text("MasterKeyId"), Some(expected.as_shared()));
        let secret = wait(two_tenants(&world, &world.keys()).get(&id)).expect("opens elsewhere");
        assert_eq!((secret.text().expect("text"), &secret.info().master_key_id), ("v", &expected));
        assert_eq!(wait(store.list(id.application())).expect("lists").items[0].master_key_id, expected);
    }
    assert_eq!(wait(keys.applications(&acme())).expect("lists"), [app(APP)]);
}

/// Forged names of keys are refused before anything is asked: no master key, no tenant key, no record of either.
#[test]
fn a_record_that_names_another_tenants_key_is_refused_before_any_call() {
    let world = World::new();
    let keys = world.keys();
    let store = two_tenants(&world, &keys);
    let plain = SecretId::parse("Plain", "Db").expect("valid");
    let all = [(id("Db"), Some(ACME)), (of_other("Db"), Some(OTHER)), (plain, None)];
    for (id, _) in &all {
        wait(store.put(id, "v".into())).expect("stored");
    }
    for (id, own) in &all {
        let honest = world.record(&current(id));
        for named in [ACME, OTHER, "third"] {
            if *own == Some(named) {
                continue;
            }
            world.plant(&current(id), honest.clone().with("MasterKeyId", key_of(named).as_str().into()));
            for store in [&store, &two_tenants(&world, &world.keys())] {
                let before = (world.asked.count(), world.records.calls());
                assert_eq!(kind(wait(store.get(id))), ErrorKind::KeyNotAllowed, "{id} names {named}");
                assert_eq!(kind(wait(store.get_many(std::slice::from_ref(id)))), ErrorKind::KeyNotAllowed);
                assert_eq!(kind(wait(store.get_all(id.application()))), ErrorKind::KeyNotAllowed);
                assert_eq!((world.asked.count(), world.records.calls()), before, "nobody was asked");
            }
        }
        world.plant(&current(id), honest);
        assert_eq!(wait(store.get(id)).expect("opens").expose_secret(), b"v");
    }
    // Malformed names of tenants are no names at all.
    let honest = world.record(&current(&id("Db")));
    for named in ["~t~", "~t~~", "~t~a\u{1f}", "~k~acme", "~"] {
        world.plant(&current(&id("Db")), honest.clone().with("MasterKeyId", named.into()));
        assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity, "{named:?}");
    }
}

#[test]
fn whole_records_of_another_tenant_are_refused() {
    let world = World::new();
    let store = two_tenants(&world, &world.keys());
    wait(store.put(&id("Db"), "acme's".into())).expect("stored");
    wait(store.put(&of_other("Db"), "other's".into())).expect("stored");
    let (own, foreign) = (world.record(&current(&id("Db"))), world.record(&current(&of_other("Db"))));
    world.plant(&current(&id("Db")), foreign.clone());
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity, "it says whose it is");
    let renamed = foreign.with("ApplicationName", APP.into());
    world.plant(&current(&id("Db")), renamed.clone());
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::KeyNotAllowed);
    world.plant(&current(&id("Db")), renamed.with("MasterKeyId", key_of(ACME).as_str().into()));
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);
    world.plant(&current(&id("Db")), own);
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").expose_secret(), b"acme's");
}

#[test]
fn nothing_is_wrapped_under_a_key_that_is_not_the_tenants() {
    let world = World::new();
    let store = two_tenants(&world, &world.keys());
    let calls = || (world.asked.count(), world.records.calls(), world.memory.snapshot().len());
    let before = calls();
    for chosen in [master(MAIN), master(SECOND), key_of(OTHER)] {
        let options = PutOptions::default().with_master_key(chosen.clone());
        assert_eq!(kind(wait(store.put_with(&id("Db"), "v".into(), options))), ErrorKind::KeyNotAllowed);
        let options = ProtectOptions::default().with_master_key(chosen);
        assert_eq!(kind(wait(store.protect(&id("Db"), "v".into(), options))), ErrorKind::KeyNotAllowed);
    }
    // A master-tier application cannot choose a tenant's key.
    let plain = SecretId::parse("Plain", "Db").expect("valid");
    let options = PutOptions::default().with_master_key(key_of(ACME));
    assert_eq!(kind(wait(store.put_with(&plain, "v".into(), options))), ErrorKind::KeyNotAllowed);
    assert_eq!(calls(), before, "nobody was asked and nothing was written");
    // Its own is no other.
    let options = PutOptions::default().with_master_key(key_of(ACME));
    wait(store.put_with(&id("Db"), "v".into(), options)).expect("stored");
    // Protected in the master tier, saved in the tenant tier: protect it again.
    let elsewhere = world.store_builder(&world.keys()).application(app(APP), ApplicationConfig::default());
    let elsewhere = elsewhere.master_key(MAIN).build().expect("valid");
    let protected = wait(elsewhere.protect(&id("New"), "v".into(), ProtectOptions::default())).expect("protects");
    assert_eq!(kind(wait(store.save(&protected))), ErrorKind::KeyNotAllowed);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let world = World::new();
    let keys = world.keys();
    let with = |config: ApplicationConfig| world.store_builder(&keys).application(app("X"), config).build();
    assert_eq!(kind(with(config(ACME).with_master_key(master(MAIN)))), ErrorKind::InvalidInput);
    assert_eq!(kind(with(config(ACME).with_legacy(Legacy::ReadWrite))), ErrorKind::InvalidInput);
    assert_eq!(kind(with(ApplicationConfig::default().with_master_key(key_of(ACME)))), ErrorKind::InvalidInput);
    assert_eq!(kind(world.store_builder(&keys).master_key(key_of(ACME)).build()), ErrorKind::InvalidInput);
    assert!(with(config(ACME).with_legacy(Legacy::Read)).is_ok());
    // A key provider without tenant keys, or one that does not accept this tenant.
    let bare = EnvelopeStore::builder(world.asked.clone(), world.memory.clone()).store_id("prod");
    assert_eq!(kind(bare.application(app("X"), config(ACME)).build()), ErrorKind::KeyNotAllowed);
    let closed = world.builder().tenant(tenant(OTHER), TenantConfig::default()).refuse_other_tenants();
    let closed = closed.build().expect("valid");
    assert_eq!(kind(world.store_builder(&closed).build()), ErrorKind::KeyNotAllowed);
    // What is resolved is checked as well, when it is.
    let resolved = EnvelopeStore::builder(Arc::new(keys.clone()), world.memory.clone())
        .store_id("prod")
        .other_applications(|_| Ok(Arc::new(config(ACME).with_legacy(Legacy::ReadWrite))))
        .build()
        .expect("valid");
    assert_eq!(kind(wait(resolved.put(&id("Db"), "v".into()))), ErrorKind::InvalidInput);
    assert_eq!(kind(wait(resolved.get(&id("Db")))), ErrorKind::NotFound, "there is nothing to ask about");
}

#[test]
fn thousands_of_applications_are_resolved() {
    let world = World::new();
    let keys = world.keys();
    let owners: HashMap<ApplicationName, Arc<ApplicationConfig>> =
        (0..2000).map(|n| (app(&format!("User-{n}")), Arc::new(config(&format!("tenant-{}", n % 3))))).collect();
    let store = EnvelopeStore::builder(Arc::new(keys.clone()), world.memory.clone())
        .store_id("prod")
        .master_key(MAIN)
        .clock(world.clock.clone())
        .application(app("Configured"), ApplicationConfig::default())
        .other_applications(move |name| {
            owners.get(name).cloned().ok_or_else(|| Error::invalid_input("the application has no owner"))
        })
        .build()
        .expect("valid");
    for n in (0..2000).step_by(100) {
        let id = SecretId::parse(&format!("User-{n}"), "Db").expect("valid");
        let info = wait(store.put(&id, "v".into())).expect("stored");
        assert_eq!(info.master_key_id, key_of(&format!("tenant-{}", n % 3)));
        assert_eq!(wait(store.get(&id)).expect("opens").expose_secret(), b"v");
    }
    assert_eq!(wait(keys.applications(&tenant("tenant-0"))).expect("lists").len(), 7);
    // What is configured one by one is not asked about; what nobody owns falls back to nothing.
    let configured = SecretId::parse("Configured", "Db").expect("valid");
    assert_eq!(wait(store.put(&configured, "v".into())).expect("stored").master_key_id, master(MAIN));
    let nobody = SecretId::parse("User-2000", "Db").expect("valid");
    for refused in [
        kind(wait(store.put(&nobody, "v".into()))),
        kind(wait(store.protect(&nobody, "v".into(), ProtectOptions::default()))),
    ] {
        assert_eq!(refused, ErrorKind::InvalidInput);
    }
    assert!(world.stored(&current(&nobody)).is_none());
    // Nor is a record of such an application opened.
    let owned = SecretId::parse("User-0", "Db").expect("valid");
    let moved = world.record(&current(&owned)).with("ApplicationName", "User-2000".into());
    world.plant(&current(&nobody), moved);
    assert_eq!(kind(wait(store.get(&nobody))), ErrorKind::InvalidInput);
}

#[test]
fn an_application_moves_into_the_tenant_tier_and_its_old_secrets_are_read_on() {
    let world = World::new();
    let keys = world.keys();
    let before = EnvelopeStore::builder(Arc::new(keys.clone()), world.memory.clone()).store_id("prod").master_key(MAIN);
    wait(before.build().expect("valid").put(&id("Db"), "old".into())).expect("stored");
    let store = world.store(&keys);
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").expose_secret(), b"old");
    wait(store.put(&id("Db"), "new".into())).expect("stored");
    let first = wait(store.get_version(&id("Db"), secret_store_core::SecretVersion::FIRST)).expect("opens");
    assert_eq!((first.expose_secret(), &first.info().master_key_id), (&b"old"[..], &master(MAIN)));
    let second = wait(store.get(&id("Db"))).expect("opens");
    assert_eq!((second.expose_secret(), &second.info().master_key_id), (&b"new"[..], &key_of(ACME)));
    // The master keys that may still be read are bounded as ever; the tenant's key needs no entry.
    let strict = world.store_builder(&keys).unwrap_with([master(SECOND)]).build().expect("valid");
    assert_eq!(wait(strict.get(&id("Db"))).expect("opens").expose_secret(), b"new");
    let first = wait(strict.get_version(&id("Db"), secret_store_core::SecretVersion::FIRST));
    assert_eq!(kind(first), ErrorKind::KeyNotAllowed);
}

/// A document key that its writer really wrapped under another tenant's key: the name of the key alone refuses it.
#[test]
fn a_wrap_that_another_tenant_made_is_refused_by_its_name() {
    let world = World::new();
    let keys = world.keys();
    let store = two_tenants(&world, &keys);
    wait(store.put(&id("Db"), "v".into())).expect("stored");
    let honest = world.record(&current(&id("Db")));
    let own = WrappedKey::new(key_of(ACME), honest.bytes("ProtectedDocumentKey").expect("bytes").to_vec());
    let foreign = wait(keys.rewrap_key(&own, &context("Db"), &key_of(OTHER), &context("Db"))).expect("moves");
    let forged = honest.with("MasterKeyId", key_of(OTHER).as_str().into());
    world.plant(&current(&id("Db")), forged.with("ProtectedDocumentKey", foreign.as_bytes().to_vec().into()));
    let cold = world.keys();
    let (asked, loads) = (world.asked.count(), world.records.calls());
    assert_eq!(kind(wait(two_tenants(&world, &cold).get(&id("Db")))), ErrorKind::KeyNotAllowed);
    assert_eq!((world.asked.count(), world.records.calls()), (asked, loads), "nobody was asked");
    // Without the configuration's word on whose the application is, it would open.
    let misled = world.store_builder(&cold).application(app(APP), config(OTHER)).build().expect("valid");
    assert_eq!(wait(misled.get(&id("Db"))).expect("opens").expose_secret(), b"v");
}

/// A save long after its protect wraps under the version that is active then.
#[test]
fn a_save_brings_no_earlier_version_back() {
    let world = World::new();
    let keys = world.keys();
    let store = world.store(&keys);
    wait(store.put(&id("Db"), "first".into())).expect("stored");
    let protected = wait(store.protect(&id("Db"), "late".into(), ProtectOptions::default())).expect("protects");
    assert_eq!(TenantKeys::version_of(protected.wrapped_key()).expect("a wrap"), Some(version(1)));
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
    let asked = world.asked.count();
    let info = wait(store.save(&protected)).expect("saved");
    assert_eq!(world.asked.count(), asked, "no master key is asked");
    let stored = ProtectedSecret::from_record(&id("Db"), &world.record(&current(&id("Db")))).expect("a record");
    assert_eq!(TenantKeys::version_of(stored.wrapped_key()).expect("a wrap"), Some(version(2)));
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").expose_secret(), b"late");
    assert_eq!(wait(store.save(&protected)).expect("the very same").version, info.version);
    // What was protected under a version that is gone is gone.
    let gone = wait(store.protect(&id("Db"), "gone".into(), ProtectOptions::default())).expect("protects");
    wait(keys.activate_next(&acme(), version(2))).expect("activates");
    wait(keys.retire(&acme(), version(2))).expect("retires");
    wait(keys.destroy_version(&acme(), version(2))).expect("destroys");
    assert_eq!(kind(wait(store.save(&gone))), ErrorKind::KeyDestroyed);
}

/// One `TenantKeys` behind many stores: what one of them destroys is destroyed for all.
#[test]
fn the_tier_is_shared_by_whoever_shares_the_keys() {
    let world = World::new();
    let keys: Arc<dyn KeyProvider> = Arc::new(world.keys());
    let stores: Vec<_> = (0..3)
        .map(|_| {
            EnvelopeStore::builder(Arc::clone(&keys), world.memory.clone())
                .store_id("prod")
                .application(app(APP), config(ACME))
                .build()
                .expect("valid")
        })
        .collect();
    wait(stores[0].put(&id("Db"), "v".into())).expect("stored");
    let asked = world.asked.count();
    for store in &stores {
        assert_eq!(wait(store.get(&id("Db"))).expect("opens").expose_secret(), b"v");
    }
    assert_eq!(world.asked.count(), asked, "the key is ready for all of them");
    assert!(world.stored(&version_at(ACME, 1)).is_some());
    let owner: &TenantId = &acme();
    assert_eq!(owner.as_str(), ACME);
    let options = secret_store_core::GetOptions::default();
    assert!(wait(stores[1].get_with(&id("Db"), options)).is_ok());
}

/// Settings replace master keys and never the key of a tenant: forged ones deny.
#[test]
fn forged_settings_move_no_tenant() {
    let world = World::new();
    let store = two_tenants(&world, &world.keys());
    let at = RecordKey::new(format!("~s~{APP}"), "SETTINGS");
    let settings = |from: &str, to: &str| {
        let mut map = minicbor::Encoder::new(Vec::new());
        let pair = map.map(1).and_then(|map| map.str(from)).and_then(|map| map.str(to));
        pair.expect("a Vec takes every byte");
        Record::new().with("Replaced", map.into_writer().into()).with("Sequence", 1.into())
    };
    let asked = world.asked.count();
    for (from, to) in [(key_of(ACME), key_of(OTHER)), (key_of(ACME), master(MAIN)), (master(MAIN), key_of(OTHER))] {
        world.plant(&at, settings(from.as_str(), to.as_str()));
        assert_eq!(kind(wait(store.put(&id("Db"), "v".into()))), ErrorKind::Integrity, "{from} to {to}");
    }
    assert_eq!(world.asked.count(), asked, "nobody was asked");
    assert!(world.stored(&current(&id("Db"))).is_none());
    // A master key that was replaced is not the tenant tier's business.
    world.plant(&at, settings(MAIN, SECOND));
    assert_eq!(wait(store.put(&id("Db"), "v".into())).expect("stored").master_key_id, key_of(ACME));
}
