//! Older states put back, and marks forged: detected by who has seen a newer state, bounded by the configuration for who has not.

use std::time::Duration;

use secret_store_core::{ErrorKind, TenantConfig, TenantKeys};

use super::attacks::{Scene, scene, wraps};
use super::support::{
    ACME, acme, active, active_at, generated, kind, opens, refused, tombstone, version, version_at, wait,
};

const TTL: Duration = Duration::from_secs(10 * 60);
const TRUST: Duration = Duration::from_secs(60);

#[test]
fn an_older_active_record_is_a_rollback_for_who_has_seen_a_newer_one_and_for_who_has_not() {
    let Scene { world, .. } = scene();
    let keys = world.keys();
    drop(generated(&keys, ACME, "Db"));
    world.plant(&active_at(ACME), active(1));
    // One that knows goes on for as long as it trusts what it knows.
    drop(generated(&keys, ACME, "Db"));
    world.clock.advance(TRUST);
    assert_eq!(wraps(&keys), ErrorKind::RollbackDetected);
    // A new process sees that a newer version stands there.
    assert_eq!(wraps(&world.keys()), ErrorKind::RollbackDetected);
    // Where the newer version is hidden too, only who has seen it knows.
    let newer = world.record(&version_at(ACME, 2));
    world.erase(&version_at(ACME, 2));
    assert_eq!(wraps(&keys), ErrorKind::RollbackDetected);
    assert_eq!(kind(wait(keys.activate_next(&acme(), version(1)))), ErrorKind::RollbackDetected);
    // A cold one is bounded by its configuration alone: without a minimum it wraps under the older version.
    let misled = generated(&world.keys(), ACME, "Db").1;
    assert_eq!(TenantKeys::version_of(&misled).expect("a wrap"), Some(version(1)));
    let config = TenantConfig::default().with_minimum_version(version(2));
    let strict = world.builder().tenant(acme(), config).build().expect("valid");
    assert_eq!(wraps(&strict), ErrorKind::KeyNotAllowed);
    world.plant(&version_at(ACME, 2), newer);
    world.plant(&active_at(ACME), active(2));
    drop(generated(&keys, ACME, "Db"));
}

#[test]
fn an_active_record_that_points_to_nothing_usable_is_refused() {
    let Scene { world, .. } = scene();
    let keys = world.keys();
    wait(keys.activate_next(&acme(), version(2))).expect("activates");
    wait(keys.retire(&acme(), version(1))).expect("retires");
    wait(keys.retire(&acme(), version(2))).expect("retires");
    wait(keys.destroy_version(&acme(), version(1))).expect("destroys");
    let asked = world.asked.count();
    for (number, expected) in [
        (0, ErrorKind::Integrity),
        // Destroyed, but newer ones stand there.
        (1, ErrorKind::RollbackDetected),
        // Retired, and a newer one stands there.
        (2, ErrorKind::RollbackDetected),
        (4, ErrorKind::Integrity),
        (u64::from(u32::MAX), ErrorKind::Integrity),
        (1 << 32, ErrorKind::Integrity),
        (u64::MAX, ErrorKind::Integrity),
    ] {
        world.plant(&active_at(ACME), active(number));
        assert_eq!(wraps(&world.keys()), expected, "{number}");
    }
    // The newer one hidden: retired and destroyed versions are no keys to wrap under.
    world.erase(&version_at(ACME, 3));
    world.plant(&active_at(ACME), active(2));
    assert_eq!(wraps(&world.keys()), ErrorKind::Integrity);
    world.erase(&version_at(ACME, 2));
    world.plant(&active_at(ACME), active(1));
    assert_eq!(wraps(&world.keys()), ErrorKind::KeyDestroyed);
    assert_eq!(world.asked.count(), asked, "no master key is asked");
}

#[test]
fn a_removed_active_record_makes_no_second_first_key() {
    let Scene { world, wraps: made } = scene();
    let keys = world.keys();
    drop(generated(&keys, ACME, "Db"));
    world.clock.advance(TRUST);
    world.erase(&active_at(ACME));
    assert_eq!(wraps(&keys), ErrorKind::RollbackDetected);
    let cold = world.keys();
    assert_eq!(wraps(&cold), ErrorKind::Integrity);
    assert!(super::support::refusal(wait(world.keys().create(&acme()))).to_string().contains("repair"));
    // Everything removed: who has seen it says so, a cold writer begins anew, and what was there is restored with its own key.
    let [first, second] = [1, 2].map(|number| world.record(&version_at(ACME, number)));
    world.erase(&version_at(ACME, 1));
    world.erase(&version_at(ACME, 2));
    assert_eq!(wraps(&keys), ErrorKind::RollbackDetected);
    drop(generated(&world.keys(), ACME, "Db"));
    world.plant(&version_at(ACME, 1), first);
    world.plant(&version_at(ACME, 2), second);
    for (tenant, _, key, wrapped) in made.iter().filter(|(tenant, ..)| *tenant == ACME) {
        assert_eq!(*tenant, ACME);
        opens(&world.keys(), wrapped, "Db", key);
    }
}

#[test]
fn a_tombstone_that_is_removed_is_a_rollback_for_who_has_seen_it() {
    let Scene { world, wraps: made } = scene();
    let old = &made[0].3;
    let before = world.record(&version_at(ACME, 1));
    let (keys, reader) = (world.keys(), world.keys());
    wait(keys.retire(&acme(), version(1))).expect("retires");
    wait(keys.destroy_version(&acme(), version(1))).expect("destroys");
    assert_eq!(refused(&reader, old, "Db"), ErrorKind::KeyDestroyed);
    let asked = world.asked.count();
    world.clock.advance(TTL);
    world.plant(&version_at(ACME, 1), before);
    for keys in [&keys, &reader] {
        assert_eq!(refused(keys, old, "Db"), ErrorKind::RollbackDetected);
    }
    // To a process that has seen nothing the record is authentic: the minimum of its configuration refuses it.
    let config = TenantConfig::default().with_minimum_version(version(2));
    let strict = world.builder().tenant(acme(), config).build().expect("valid");
    assert_eq!(refused(&strict, old, "Db"), ErrorKind::KeyNotAllowed);
    world.erase(&version_at(ACME, 1));
    for keys in [&keys, &reader] {
        assert_eq!(refused(keys, old, "Db"), ErrorKind::Integrity);
    }
    assert_eq!(world.asked.count(), asked, "no master key is asked");
}

#[test]
fn a_forged_tombstone_denies_and_does_no_more() {
    let Scene { world, wraps: made } = scene();
    let (_, _, key, old) = &made[0];
    let honest = world.record(&version_at(ACME, 1));
    world.plant(&version_at(ACME, 1), tombstone());
    let keys = world.keys();
    assert_eq!(refused(&keys, old, "Db"), ErrorKind::KeyDestroyed);
    world.plant(&version_at(ACME, 1), honest);
    opens(&world.keys(), old, "Db", key);
    // Who has believed it is told otherwise by its operator.
    world.clock.advance(TTL);
    assert_eq!(refused(&keys, old, "Db"), ErrorKind::RollbackDetected);
    keys.accept_rollback(&acme());
    opens(&keys, old, "Db", key);
    // The mark of a destroyed tenant in the active record stops its writers and not its readers.
    world.plant(&active_at(ACME), tombstone());
    let keys = world.keys();
    assert_eq!(wraps(&keys), ErrorKind::KeyDestroyed);
}
