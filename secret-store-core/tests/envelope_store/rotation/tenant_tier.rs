//! Rotation of a master key over the tenant tier: tenants' keys move, secrets stay.

use std::sync::atomic::{AtomicUsize, Ordering};

use secret_store_core::rotation::{RotationControl, RotationOptions, TenantTierRotation};
use secret_store_core::{EnvelopeStore, ErrorKind, RecordKey, SecretId, SecretStoreExt, TenantId, TenantKeys, Value};

use super::super::support::{KeyCall, MAIN, Strike, World, app, current, kind, master, refusal, wait};
use super::{NEW, both, drive, records};

const TENANTS: [&str; 3] = ["acme", "beta", "corp"];

fn tenant(text: &str) -> TenantId {
    TenantId::new(text).expect("valid")
}

fn tenants() -> [TenantId; 3] {
    TENANTS.map(tenant)
}

fn keys_under(world: &World, key: &str) -> TenantKeys {
    let builder = TenantKeys::builder(world.keys.clone(), world.records.clone()).store_id("prod").master_key(key);
    builder.clock(world.clock.clone()).build().expect("valid")
}

fn store_over(world: &World, keys: &TenantKeys) -> EnvelopeStore {
    let keys = std::sync::Arc::new(keys.clone());
    let builder = EnvelopeStore::builder(keys, world.records.clone()).store_id("prod").clock(world.clock.clone());
    let builder = builder.other_applications(|name| {
        Ok(std::sync::Arc::new(secret_store_core::ApplicationConfig::default().with_tenant(tenant(name.as_str()))))
    });
    builder.build().expect("valid")
}

fn secret(application: &str) -> SecretId {
    SecretId::parse(application, "Db").expect("valid")
}

/// Each tenant has secrets, and two versions of its key.
fn fill(world: &World) {
    let keys = keys_under(world, MAIN);
    let store = store_over(world, &keys);
    for name in TENANTS {
        wait(store.put(&secret(name), "1".into())).expect("stored");
        let first = wait(keys.active_version(&tenant(name))).expect("answered").expect("made");
        wait(keys.activate_next(&tenant(name), first)).expect("activated");
        wait(store.put(&secret(name), name.into())).expect("stored");
    }
}

fn rotation(world: &World) -> TenantTierRotation {
    let keys = keys_under(world, NEW);
    let rotator = both(world).build().expect("valid").rotator();
    rotator.rotate_master_key_of_tenants(&keys, &master(MAIN), &master(NEW)).tenants(tenants())
}

fn check_values(world: &World) {
    // Only the new master key is left.
    let keys = TenantKeys::builder(world.keys.clone(), world.records.clone()).store_id("prod").master_key(NEW);
    let keys = keys.unwrap_with([master(NEW)]).clock(world.clock.clone()).build().expect("valid");
    let store = store_over(world, &keys);
    for name in TENANTS {
        assert_eq!(wait(store.get(&secret(name))).expect("opens").text().expect("text"), name);
        let first = wait(store.get_version(&secret(name), super::super::support::version(1))).expect("opens");
        assert_eq!(first.expose_secret(), b"1");
    }
}

fn under(world: &World, key: &str) -> usize {
    let is_under = |record: &secret_store_core::Record| record.text("MasterKeyId").is_some_and(|id| **id == *key);
    records(world).values().filter(|record| is_under(record)).count()
}

/// One call to the holders of master keys for each version of each tenant's key; not a byte of a secret's record changes.
#[test]
fn only_tenants_keys_move() {
    let world = World::new();
    fill(&world);
    let before = records(&world);
    world.keys.take_asked();
    let census = wait(rotation(&world).dry_run()).expect("counted");
    assert_eq!((census.tenants, census.versions, census.changed, census.is_complete()), (3, 6, 6, true));
    assert_eq!(world.keys.take_asked(), []);
    assert_eq!(records(&world), before);
    let report = wait(rotation(&world).run()).expect("rotated");
    assert_eq!((report.tenants, report.versions, report.changed, report.is_complete()), (3, 6, 6, true));
    let asked = world.keys.take_asked();
    let probe = [(KeyCall::Generate, NEW.to_owned()), (KeyCall::Unwrap, NEW.to_owned())];
    assert_eq!(asked[..2], probe);
    let count = |call: KeyCall, key: &str| asked.iter().filter(|asked| **asked == (call, key.to_owned())).count();
    // Here a move is an unwrap and a wrap; a KMS does it in one call.
    assert_eq!((count(KeyCall::Unwrap, MAIN), count(KeyCall::Wrap, NEW), asked.len()), (6, 6, 14));
    let mut moved = 0;
    for (key, record) in records(&world) {
        let is_version = key.partition().starts_with("~k~") && key.sort().starts_with('v');
        assert_eq!(record != before[&key], is_version, "{key:?}");
        moved += usize::from(is_version);
    }
    assert_eq!((moved, before.len(), under(&world, MAIN)), (6, records(&world).len(), 0));
    check_values(&world);
    world.keys.take_asked();
    let report = wait(rotation(&world).run()).expect("rotated");
    assert_eq!((report.changed, world.keys.take_asked()), (0, probe.to_vec()));
}

#[test]
fn what_cannot_go_well_is_refused_before_anything_is_written() {
    let world = World::new();
    fill(&world);
    let before = records(&world);
    let rotator = both(&world).build().expect("valid").rotator();
    let old = keys_under(&world, MAIN);
    let error =
        refusal(wait(rotator.rotate_master_key_of_tenants(&old, &master(MAIN), &master(NEW)).tenants(tenants()).run()));
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("configure tenant keys with another first"), "{error}");
    let keys = keys_under(&world, NEW);
    let moving = |from: &str, to: &str| {
        let rotation = rotator.rotate_master_key_of_tenants(&keys, &master(from), &master(to));
        kind(wait(rotation.tenants(tenants()).run()))
    };
    assert_eq!(moving(MAIN, MAIN), ErrorKind::InvalidInput);
    assert_eq!(moving(MAIN, "stranger"), ErrorKind::KeyNotAllowed);
    assert_eq!(moving("stranger", NEW), ErrorKind::KeyNotAllowed);
    assert_eq!(kind(wait(rotation(&world).tenants([]).run())), ErrorKind::InvalidInput);
    world.keys.fail_unwraps(NEW, ErrorKind::KeyUnavailable);
    assert_eq!(kind(wait(rotation(&world).run())), ErrorKind::KeyUnavailable);
    assert_eq!(records(&world), before);
}

#[test]
fn a_version_that_does_not_open_is_reported_and_the_others_move() {
    let world = World::new();
    fill(&world);
    let place = |name: &str, version: &str| RecordKey::new(format!("~k~{name}"), format!("v{version}"));
    let broken = place("acme", "0000000001");
    let mut wrapped = world.record(&broken).bytes("ProtectedTenantKey").expect("bytes").to_vec();
    *wrapped.last_mut().expect("not empty") ^= 1;
    world.plant(&broken, world.record(&broken).with("ProtectedTenantKey", Value::from(wrapped)));
    let malformed = place("beta", "0000000001");
    world.plant(&malformed, world.record(&malformed).with("State", "Unheard".into()));
    let before = [world.record(&broken), world.record(&malformed)];
    let report = drive(&world, rotation(&world).run()).expect("it runs to its end");
    let mut found: Vec<_> = report.neither.iter().map(|found| found.key.clone()).collect();
    found.sort();
    assert_eq!((found, report.changed, report.is_complete()), (vec![broken.clone(), malformed.clone()], 4, false));
    assert_eq!([world.record(&broken), world.record(&malformed)], before);
}

/// Any call fails once: patience or another run brings it to its end, and nothing is lost.
#[test]
fn any_call_to_the_persistence_fails() {
    for strike in [
        Strike::Before(ErrorKind::Unavailable),
        Strike::After(ErrorKind::Unavailable),
        Strike::Before(ErrorKind::PermissionDenied),
        Strike::Lost(0),
    ] {
        for struck in 0..16 {
            let world = World::new();
            fill(&world);
            let (calls, with) = (AtomicUsize::new(0), strike.clone());
            world.records.hook(move |_| {
                if calls.fetch_add(1, Ordering::SeqCst) == struck { with.clone() } else { Strike::Pass }
            });
            let ended = (0..3).any(|_| drive(&world, rotation(&world).run()).is_ok_and(|report| report.is_complete()));
            world.records.unhook();
            assert!(ended, "{strike:?} at call {struck}");
            assert_eq!(under(&world, MAIN), 0);
            check_values(&world);
        }
    }
}

#[test]
fn it_is_cancelled_and_goes_on() {
    let world = World::new();
    fill(&world);
    let control = RotationControl::new();
    control.cancel();
    let report = wait(rotation(&world).with_options(RotationOptions::default().with_control(control)).run());
    let report = report.expect("cancelled");
    assert_eq!((report.is_finished, report.changed, under(&world, MAIN)), (false, 0, 6));
    assert!(wait(rotation(&world).run()).expect("rotated").is_complete());
    check_values(&world);
}

/// A master key that tenants' keys need is not retired, whatever the applications say.
#[test]
fn a_retirement_looks_at_tenants_keys() {
    let world = World::new();
    fill(&world);
    let keys = keys_under(&world, NEW);
    let rotator = store_over(&world, &keys).rotator();
    let check =
        || drive(&world, rotator.check_retirement(&master(MAIN)).tenants(&keys, tenants()).run()).expect("checked");
    let before = check();
    assert_eq!((before.tenant_keys.versions, before.tenant_keys.needed_by.count(), before.is_proven()), (6, 6, false));
    let first = before.tenant_keys.needed_by.iter().next().expect("listed");
    assert!(first.to_string().contains("version 1 of the key of tenant acme"), "{first}");
    wait(rotation(&world).run()).expect("rotated");
    assert!(check().is_proven());
    let malformed = RecordKey::new("~k~acme", "v0000000001");
    world.plant(&malformed, secret_store_core::Record::new());
    assert_eq!((check().tenant_keys.unreadable.count(), check().is_proven()), (1, false));
    // The application's own records name the tenant's key, which is no master key.
    assert_eq!(world.record(&current(&secret("acme"))).text("MasterKeyId").map(|id| &**id), Some("~t~acme"));
    let of_app = rotator.check_retirement(&master(MAIN)).application(&app("acme")).run();
    assert_eq!(drive(&world, of_app).expect("checked").applications[0].needed_by.count(), 0);
}
