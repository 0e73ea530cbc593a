//! Keys kept ready: how often the inner provider and the database are asked, and how long what is gone is still used.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use secret_store_core::{ErrorKind, KeyProvider, TenantKeys};

use super::support::{
    ACME, OTHER, Pausing, PausingKeys, Slow, World, acme, active, active_at, context, generated, key_of, kind, opens,
    refused, version, version_at, wait,
};

const TTL: Duration = Duration::from_secs(10 * 60);
const TRUST: Duration = Duration::from_secs(60);
const REFUSAL: Duration = Duration::from_secs(5);

#[test]
fn one_unwrap_for_each_key_and_lifetime() {
    let world = World::new();
    let (key, wrapped) = generated(&world.keys(), ACME, "Db");
    let keys = world.keys();
    let asked = world.asked.count();
    for _ in 0..100 {
        opens(&keys, &wrapped, "Db", &key);
    }
    assert_eq!(world.asked.count(), asked + 1);
    // The lifetime is at most what was said, and at most a tenth less.
    world.clock.advance(TTL * 9 / 10 - Duration::from_millis(1));
    opens(&keys, &wrapped, "Db", &key);
    assert_eq!(world.asked.count(), asked + 1);
    world.clock.advance(TTL / 10 + Duration::from_millis(1));
    opens(&keys, &wrapped, "Db", &key);
    opens(&keys, &wrapped, "Db", &key);
    assert_eq!(world.asked.count(), asked + 2);
}

#[test]
fn a_writer_asks_the_database_once_a_minute_and_the_inner_provider_once_a_lifetime() {
    let world = World::new();
    let keys = world.keys();
    drop(generated(&keys, ACME, "Db"));
    let (asked, loads) = (world.asked.count(), world.records.calls());
    for _ in 0..100 {
        drop(generated(&keys, ACME, "Db"));
    }
    assert_eq!((world.asked.count(), world.records.calls()), (asked, loads), "everything is known");
    world.clock.advance(TRUST);
    drop(generated(&keys, ACME, "Db"));
    assert_eq!((world.asked.count(), world.records.calls()), (asked, loads + 1), "the active version is read again");
}

#[test]
fn zero_is_off() {
    let world = World::new();
    let (key, wrapped) = generated(&world.keys(), ACME, "Db");
    for (capacity, ttl) in [(0, TTL), (1000, Duration::ZERO), (0, Duration::ZERO)] {
        let keys = world.builder().key_cache(capacity, ttl).build().expect("valid");
        let asked = world.asked.count();
        (0..5).for_each(|_| opens(&keys, &wrapped, "Db", &key));
        assert_eq!(world.asked.count(), asked + 5);
        keys.purge();
        keys.sweep();
        drop(generated(&keys, ACME, "Db"));
    }
    let keys = world.builder().active_trust(Duration::ZERO).build().expect("valid");
    drop(generated(&keys, ACME, "Db"));
    wait(world.keys().activate_next(&acme(), version(1))).expect("activates");
    assert_eq!(TenantKeys::version_of(&generated(&keys, ACME, "Db").1).expect("a wrap"), Some(version(2)));
    let longer = world.builder().active_trust(TRUST + Duration::from_secs(1)).build();
    assert_eq!(kind(longer), ErrorKind::InvalidInput, "rotation waits a minute and no longer");
}

#[test]
fn purged_keys_are_gone_and_those_of_others_are_not() {
    let world = World::new();
    let keys = world.keys();
    let (key, wrapped) = generated(&keys, ACME, "Db");
    let (other_key, other) = generated(&keys, OTHER, "Db");
    let asked = world.asked.count();
    keys.purge_tenant(&acme());
    opens(&keys, &other, "Db", &other_key);
    assert_eq!(world.asked.count(), asked);
    opens(&keys, &wrapped, "Db", &key);
    assert_eq!(world.asked.count(), asked + 1);
    keys.purge();
    opens(&keys, &wrapped, "Db", &key);
    opens(&keys, &other, "Db", &other_key);
    assert_eq!(world.asked.count(), asked + 3);
    world.clock.advance(TTL);
    keys.sweep();
    opens(&keys, &wrapped, "Db", &key);
    assert_eq!(world.asked.count(), asked + 4);
}

/// At a purge the key is under way: it serves the call that waits for it and is not kept.
#[test]
fn a_purge_during_an_unwrap_keeps_nothing_of_it() {
    let world = World::new();
    let (key, wrapped) = generated(&world.keys(), ACME, "Db");
    let keys = TenantKeys::builder(Arc::new(PausingKeys(world.asked.clone())), world.records.clone())
        .store_id(super::support::STORE)
        .master_key(super::support::MAIN)
        .clock(world.clock.clone())
        .build()
        .expect("valid");
    let asked = world.asked.count();
    let context = context("Db");
    let mut under_way = keys.unwrap_key(&wrapped, &context);
    assert!((&mut under_way).now_or_never().is_none(), "it waits for the inner provider");
    keys.purge_tenant(&acme());
    assert_eq!(wait(under_way).expect("opens").expose_secret(), key);
    assert_eq!(world.asked.count(), asked + 1);
    opens(&keys, &wrapped, "Db", &key);
    assert_eq!(world.asked.count(), asked + 2, "nothing was kept");
    opens(&keys, &wrapped, "Db", &key);
    assert_eq!(world.asked.count(), asked + 2);
}

#[test]
fn concurrent_reads_ask_once_and_when_the_asking_one_is_dropped_another_goes_on() {
    let world = World::new();
    let (key, wrapped) = generated(&world.keys(), ACME, "Db");
    let records = Arc::new(Pausing(world.records.clone()));
    let keys = world.builder_over(records).build().expect("valid");
    let asked = world.asked.count();
    let context = context("Db");
    let mut reads: Vec<_> = (0..32).map(|_| keys.unwrap_key(&wrapped, &context)).collect();
    let mut first = reads.remove(0);
    assert!((&mut first).now_or_never().is_none(), "it waits for the records");
    drop(first);
    for read in wait(futures::future::join_all(reads)) {
        assert_eq!(read.expect("opens").expose_secret(), key);
    }
    assert_eq!(world.asked.count(), asked + 1);
}

/// A forged record costs the inner provider one call in five seconds, a tombstone none; failures of others are not remembered.
#[test]
fn refusals_are_remembered_for_a_moment_and_failures_are_not() {
    use secret_store_conformance::fault::Fault;
    let world = World::new();
    let (key, wrapped) = generated(&world.keys(), ACME, "Db");
    let honest = world.record(&version_at(ACME, 1));
    let mut forged = honest.bytes("ProtectedTenantKey").expect("bytes").to_vec();
    forged[20] ^= 1;
    world.plant(&version_at(ACME, 1), honest.clone().with("ProtectedTenantKey", forged.into()));
    let keys = world.keys();
    let asked = world.asked.count();
    for _ in 0..10 {
        assert_eq!(refused(&keys, &wrapped, "Db"), ErrorKind::Integrity);
    }
    assert_eq!(world.asked.count(), asked + 1);
    world.clock.advance(REFUSAL);
    assert_eq!(refused(&keys, &wrapped, "Db"), ErrorKind::Integrity);
    assert_eq!(world.asked.count(), asked + 2);
    world.plant(&version_at(ACME, 1), honest);
    world.clock.advance(REFUSAL);
    for kind in [ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::PermissionDenied, ErrorKind::KeyUnavailable] {
        world.failing_keys.fail(Fault::new(kind));
        assert_eq!(refused(&keys, &wrapped, "Db"), kind);
        world.records.fail(Fault::new(kind));
        assert_eq!(refused(&keys, &wrapped, "Db"), kind);
    }
    opens(&keys, &wrapped, "Db", &key);
}

/// What the database said a minute ago and more does not decide under which version is wrapped, however slowly it answers.
#[test]
fn an_active_version_that_took_too_long_to_read_is_not_used() {
    let world = Arc::new(World::new());
    wait(world.keys().create(&acme())).expect("creates");
    // Three loads one by one take a minute and a half.
    let slow = Slow { world: world.clone(), load: TRUST / 2, commit: Duration::ZERO };
    let slow = world.builder_over(Arc::new(slow)).build().expect("valid");
    assert_eq!(kind(wait(slow.generate_key(&key_of(ACME), &context("Db")))), ErrorKind::Unavailable);
    world.plant(&active_at(ACME), active(1));
    drop(generated(&world.keys(), ACME, "Db"));
}

#[test]
fn no_more_keys_than_the_capacity() {
    let world = World::new();
    let wraps: Vec<_> = (0..50)
        .map(|n| {
            let name = format!("tenant-{n}");
            wait(world.keys().generate_key(&key_of(&name), &context("Db"))).expect("generates").wrapped
        })
        .collect();
    let keys = world.builder().key_cache(10, TTL).build().expect("valid");
    let open_all = || {
        let before = world.asked.count();
        for wrapped in &wraps {
            wait(keys.unwrap_key(wrapped, &context("Db"))).expect("opens");
        }
        world.asked.count() - before
    };
    assert_eq!(open_all(), 50);
    assert!(open_all() >= 40);
}

/// The trust in a version begins before it is made, however long that takes: afterwards it is read again, and nothing fails.
#[test]
fn the_trust_in_a_new_version_begins_before_it_is_made() {
    let world = Arc::new(World::new());
    drop(generated(&world.keys(), ACME, "Db"));
    let slow = Slow { world: world.clone(), load: Duration::ZERO, commit: TRUST / 3 };
    let keys = world.builder_over(Arc::new(slow)).build().expect("valid");
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
    wait(world.keys().activate_next(&acme(), version(2))).expect("activates elsewhere");
    world.clock.advance(TRUST - TRUST / 4);
    assert_eq!(TenantKeys::version_of(&generated(&keys, ACME, "Db").1).expect("a wrap"), Some(version(3)));
}

/// Who asks which version is active wraps under it from then on: so a rotation that goes on in another process ends.
#[test]
fn who_asks_for_the_active_version_wraps_under_it() {
    let world = World::new();
    let keys = world.keys();
    let wraps_under = || TenantKeys::version_of(&generated(&keys, ACME, "Db").1).expect("a wrap");
    assert_eq!(wraps_under(), Some(version(1)));
    wait(world.keys().activate_next(&acme(), version(1))).expect("activates elsewhere");
    assert_eq!(wraps_under(), Some(version(1)), "trusted for a minute");
    assert_eq!(wait(keys.active_version(&acme())).expect("answers"), Some(version(2)));
    assert_eq!(wraps_under(), Some(version(2)));
}

/// A machine that was suspended does not go on with what it knew before.
#[test]
fn the_trust_in_the_active_version_ends_while_a_machine_is_suspended() {
    let world = World::new();
    let keys = world.keys();
    let wraps_under = || TenantKeys::version_of(&generated(&keys, ACME, "Db").1).expect("a wrap");
    assert_eq!(wraps_under(), Some(version(1)));
    wait(world.keys().activate_next(&acme(), version(1))).expect("activates elsewhere");
    world.clock.suspend(TRUST - Duration::from_millis(1));
    assert_eq!(wraps_under(), Some(version(1)));
    world.clock.suspend(Duration::from_millis(1));
    assert_eq!(wraps_under(), Some(version(2)));
}

#[test]
fn hits_and_misses_are_counted() {
    let world = World::new();
    let (key, wrapped) = generated(&world.keys(), ACME, "Db");
    let keys = world.keys();
    for _ in 0..3 {
        opens(&keys, &wrapped, "Db", &key);
    }
    let metrics = keys.metrics();
    assert_eq!((metrics.misses, metrics.hits, metrics.entries), (1, 2, 1));
    keys.purge();
    assert_eq!(keys.metrics().entries, 0);
}
