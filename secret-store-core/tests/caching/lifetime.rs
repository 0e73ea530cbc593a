//! How long what was read is used.

use std::time::Duration;

use secret_store_core::{ErrorKind, SecretStoreExt};

use super::support::{SHORTEST, TICK, TTL, World, id, kind, reads, wait};

#[test]
fn one_question_for_each_secret_and_lifetime() {
    let world = World::new();
    let store = world.cached(&world.strict());
    (0..100).for_each(|_| assert_eq!(reads(&store, "Db"), "one"));
    assert_eq!(world.backend.gets(), 1);
    assert_eq!((store.metrics().misses, store.metrics().hits, store.metrics().entries), (1, 99, 1));
    // Its life is at most what was said, and at most a tenth less.
    world.clock.advance(SHORTEST - TICK);
    reads(&store, "Db");
    assert_eq!(world.backend.gets(), 1);
    world.clock.advance(TTL - SHORTEST + TICK);
    (0..3).for_each(|_| assert_eq!(reads(&store, "Db"), "one"));
    assert_eq!(world.backend.gets(), 2);
}

#[test]
fn lives_are_spread_over_a_tenth() {
    let world = World::new();
    let names: Vec<_> = (0..64).map(|n| format!("s{n}")).collect();
    names.iter().for_each(|name| world.elsewhere(name, "v"));
    let store = world.cached(&world.strict());
    names.iter().for_each(|name| drop(reads(&store, name)));
    world.clock.advance((SHORTEST + TTL) / 2);
    let before = world.backend.gets();
    names.iter().for_each(|name| drop(reads(&store, name)));
    let over = world.backend.gets() - before;
    assert!((8..=56).contains(&over), "{over} of 64 were over in the middle of the last tenth");
}

/// Must hold: a revoked key, a deleted secret is used no tick longer than the lifetime, and not at all after a purge.
#[test]
fn what_was_taken_away_is_unused_after_the_lifetime_and_at_once_after_a_purge() {
    type TakeAway = fn(&World);
    let revoke: TakeAway = |world| assert!(world.keys.disable(&"main".parse().expect("valid")));
    let delete: TakeAway = |world| wait(world.backend.store.delete(&id("Db"))).expect("deleted");
    for (take_away, expected) in [(revoke, ErrorKind::KeyUnavailable), (delete, ErrorKind::NotFound)] {
        let world = World::new();
        // With everything that could prolong a life.
        let store = world.cached(&world.options());
        let purged = world.cached(&world.options());
        let purged_by_name = world.cached(&world.options());
        for store in [&store, &purged, &purged_by_name] {
            reads(store, "Db");
        }
        take_away(&world);
        assert_eq!(reads(&store, "Db"), "one");
        purged.purge_all();
        assert_eq!(kind(wait(purged.get(&id("Db")))), expected);
        purged_by_name.purge(&id("Db"));
        assert_eq!(kind(wait(purged_by_name.get(&id("Db")))), expected);
        world.clock.advance(TTL);
        assert_eq!(kind(wait(store.get(&id("Db")))), expected);
        // Nor does an outage bring it back.
        world.backend.fail(super::support::Fault::Before(ErrorKind::Unavailable));
        world.clock.advance(Duration::from_secs(5));
        assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Unavailable);
    }
}

#[test]
fn the_first_read_near_the_end_asks_and_the_others_are_served() {
    let world = World::new();
    let store = world.cached(&world.options());
    reads(&store, "Db");
    world.elsewhere("Db", "two");
    world.clock.advance(SHORTEST - TICK);
    let gate = world.backend.hold();
    let asking = super::support::begun_read(&store, "Db");
    assert_eq!(world.backend.gets(), 2);
    (0..10).for_each(|_| assert_eq!(reads(&store, "Db"), "one"));
    assert_eq!(world.backend.gets(), 2);
    drop(gate);
    assert_eq!(wait(asking).expect("reads").text().expect("text"), "two");
    world.clock.advance(TTL - SHORTEST);
    assert_eq!(reads(&store, "Db"), "two");
    assert_eq!((world.backend.gets(), store.metrics().refreshes), (2, 1));
}

/// Where the one that asks ahead does not get on, its life ends all the same.
#[test]
fn a_question_ahead_that_hangs_prolongs_nothing() {
    let world = World::new();
    let store = world.cached(&world.options());
    reads(&store, "Db");
    world.clock.advance(SHORTEST - TICK);
    let gate = world.backend.hold();
    let hanging = super::support::begun_read(&store, "Db");
    world.clock.advance(TTL - SHORTEST + TICK);
    let waiting = super::support::begun_read(&store, "Db");
    // The answer that hangs is itself too old to be joined after a lifetime.
    world.clock.advance(TTL);
    world.backend.hold_no_more();
    world.elsewhere("Db", "two");
    assert_eq!(reads(&store, "Db"), "two");
    drop(gate);
    for read in [hanging, waiting] {
        assert_eq!(wait(read).expect("reads").text().expect("text"), "one");
    }
    assert_eq!(reads(&store, "Db"), "two", "an older answer that comes later is not kept");
}

/// Times count from the question.
#[test]
fn an_answer_that_took_long_lives_that_much_shorter() {
    let world = World::new();
    let store = world.cached(&world.strict());
    let gate = world.backend.hold();
    let read = super::support::begun_read(&store, "Db");
    world.clock.advance(TTL - TICK);
    drop(gate);
    wait(read).expect("reads");
    world.clock.advance(TICK);
    world.elsewhere("Db", "two");
    assert_eq!(reads(&store, "Db"), "two");
}

#[test]
fn absence_is_remembered_for_a_while_and_other_errors_are_not() {
    let world = World::new();
    let store = world.cached(&world.options());
    (0..10).for_each(|_| assert_eq!(kind(wait(store.get(&id("None")))), ErrorKind::NotFound));
    assert_eq!(world.backend.gets(), 1);
    assert_eq!(store.metrics().hits, 9);
    world.clock.advance(Duration::from_secs(5) - TICK);
    assert_eq!(kind(wait(store.get(&id("None")))), ErrorKind::NotFound);
    assert_eq!(world.backend.gets(), 1);
    world.elsewhere("None", "now");
    world.clock.advance(TICK);
    assert_eq!(reads(&store, "None"), "now");

    for failure in [
        ErrorKind::PermissionDenied,
        ErrorKind::Unavailable,
        ErrorKind::KeyUnavailable,
        ErrorKind::Integrity,
        ErrorKind::RollbackDetected,
    ] {
        let store = world.cached(&world.options());
        world.backend.fail(super::support::Fault::Before(failure));
        assert_eq!(kind(wait(store.get(&id("Db")))), failure);
        world.backend.fail(None);
        assert_eq!(reads(&store, "Db"), "one", "{failure:?}");
    }
}

#[test]
fn refresh_now_asks_and_replaces() {
    let world = World::new();
    let store = world.cached(&world.options());
    reads(&store, "Db");
    world.elsewhere("Db", "two");
    assert_eq!(reads(&store, "Db"), "one");
    assert_eq!(wait(store.refresh_now(&id("Db"))).expect("reads").text().expect("text"), "two");
    assert_eq!(reads(&store, "Db"), "two");
    assert_eq!(world.backend.gets(), 2);
    // What it finds to be gone is gone; what it cannot find out stays.
    world.backend.fail(super::support::Fault::Before(ErrorKind::Unavailable));
    assert_eq!(kind(wait(store.refresh_now(&id("Db")))), ErrorKind::Unavailable);
    assert_eq!(reads(&store, "Db"), "two");
    world.backend.fail(super::support::Fault::Before(ErrorKind::PermissionDenied));
    assert_eq!(kind(wait(store.refresh_now(&id("Db")))), ErrorKind::PermissionDenied);
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::PermissionDenied);
}

/// An idle process holds nothing longer than it says.
#[test]
fn a_sweep_forgets_what_is_over() {
    let world = World::new();
    let store = world.cached(&world.strict());
    reads(&store, "Db");
    store.cache().sweep();
    assert_eq!(store.metrics().entries, 1);
    world.clock.advance(TTL);
    store.cache().sweep();
    assert_eq!(store.metrics().entries, 0);
}
