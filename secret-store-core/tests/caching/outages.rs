//! What a backend that cannot answer changes, and what any other refusal does.

use std::time::Duration;

use secret_store_core::{ErrorKind, SecretStoreExt};

use super::support::{Fault, TICK, TTL, World, id, kind, reads, wait};

const STALE: Duration = Duration::from_secs(300);

#[test]
fn something_stale_is_served_only_while_the_backend_is_unavailable() {
    for outage in [ErrorKind::Unavailable, ErrorKind::Throttled] {
        let world = World::new();
        let store = world.cached(&world.options());
        reads(&store, "Db");
        world.elsewhere("Db", "two");
        world.clock.advance(TTL);
        world.backend.fail(Fault::Before(outage));
        assert_eq!(reads(&store, "Db"), "one");
        assert_eq!(store.metrics().stale_served, 1);
        // Asked again every five seconds, by one reader.
        let asked = world.backend.gets();
        (0..10).for_each(|_| assert_eq!(reads(&store, "Db"), "one"));
        assert_eq!(world.backend.gets(), asked);
        world.clock.advance(Duration::from_secs(5));
        (0..10).for_each(|_| assert_eq!(reads(&store, "Db"), "one"));
        assert_eq!(world.backend.gets(), asked + 1);
        // The outage is over.
        world.backend.fail(None);
        world.clock.advance(Duration::from_secs(5));
        assert_eq!(reads(&store, "Db"), "two");
    }
}

#[test]
fn staleness_ends() {
    let world = World::new();
    let store = world.cached(&world.options());
    reads(&store, "Db");
    world.backend.fail(Fault::Before(ErrorKind::Unavailable));
    // The whole time through, in steps, so that each renews what it may.
    for _ in 0..(TTL + STALE).as_secs() / 4 {
        world.clock.advance(Duration::from_secs(4));
        drop(wait(store.get(&id("Db"))));
    }
    world.clock.advance(Duration::from_secs(4));
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Unavailable);
    let strict = world.cached(&world.strict());
    world.backend.fail(None);
    reads(&strict, "Db");
    world.clock.advance(TTL);
    world.backend.fail(Fault::Before(ErrorKind::Unavailable));
    assert_eq!(kind(wait(strict.get(&id("Db")))), ErrorKind::Unavailable, "zero is off");
}

/// Must hold: access denied is never masked, neither by a life that was not over nor by an outage that follows.
#[test]
fn a_refusal_is_never_masked() {
    for refusal in [
        ErrorKind::PermissionDenied,
        ErrorKind::KeyUnavailable,
        ErrorKind::KeyNotAllowed,
        ErrorKind::Integrity,
        ErrorKind::RollbackDetected,
        ErrorKind::NotFound,
    ] {
        for after_outage in [false, true] {
            let world = World::new();
            let store = world.cached(&world.options());
            reads(&store, "Db");
            world.clock.advance(TTL);
            if after_outage {
                world.backend.fail(Fault::Before(ErrorKind::Unavailable));
                assert_eq!(reads(&store, "Db"), "one");
                world.clock.advance(Duration::from_secs(5));
            }
            world.backend.fail(Fault::Before(refusal));
            assert_eq!(kind(wait(store.get(&id("Db")))), refusal);
            world.backend.fail(Fault::Before(ErrorKind::Unavailable));
            world.clock.advance(Duration::from_secs(5));
            assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Unavailable, "{refusal:?}");
        }
    }
}

/// The question that goes ahead of the end of a life hears the refusal, and the entry goes at once for everybody.
#[test]
fn a_refusal_ahead_of_the_end_ends_the_life() {
    let world = World::new();
    let store = world.cached(&world.options());
    reads(&store, "Db");
    world.backend.fail(Fault::Before(ErrorKind::PermissionDenied));
    world.clock.advance(super::support::SHORTEST - TICK);
    for _ in 0..3 {
        assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::PermissionDenied);
    }
}

/// A purge during an outage is a purge.
#[test]
fn what_was_purged_is_not_served_through_an_outage() {
    let world = World::new();
    let store = world.cached(&world.options());
    reads(&store, "Db");
    world.clock.advance(TTL);
    world.backend.fail(Fault::Before(ErrorKind::Unavailable));
    assert_eq!(reads(&store, "Db"), "one");
    world.clock.advance(Duration::from_secs(5));
    let gate = world.backend.hold();
    let asking = super::support::begun_read(&store, "Db");
    store.cache().purge();
    drop(gate);
    assert_eq!(kind(wait(asking)), ErrorKind::Unavailable);
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Unavailable);
}
