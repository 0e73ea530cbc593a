//! Asking for a key now, and what the cache of document keys says of itself.

use std::time::Duration;

use secret_store_core::{CacheMetrics, EnvelopeStore, ErrorKind, SecretStoreExt, Value};

use super::support::{DOCUMENT_KEY, MAIN, VALUE, World, current, id, kind, version, wait};

const TTL: Duration = Duration::from_secs(15 * 60);
const REFUSAL: Duration = Duration::from_secs(5);

fn world() -> World {
    let world = World::new();
    wait(world.store().put(&id("Db"), "v".into())).expect("stored");
    world
}

#[track_caller]
fn opens(store: &EnvelopeStore, name: &str) {
    assert_eq!(wait(store.get(&id(name))).expect("opens").expose_secret(), b"v");
}

#[test]
fn a_refresh_asks_whatever_is_cached_and_keeps_the_answer() {
    let world = world();
    let store = world.store();
    opens(&store, "Db");
    for refreshes in 1..4 {
        wait(store.refresh_key_now(&id("Db"))).expect("may be used");
        opens(&store, "Db");
        assert_eq!(world.keys.unwraps(), 1 + refreshes, "one call each, none of the read after it");
    }
    // Its life begins anew.
    world.clock.advance(TTL / 2);
    wait(store.refresh_key_now(&id("Db"))).expect("may be used");
    world.clock.advance(TTL / 2);
    let before = world.keys.unwraps();
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), before);
    // Where the cache is off it asks, too.
    let store = world.builder().key_cache(0, TTL).build().expect("valid");
    wait(store.refresh_key_now(&id("Db"))).expect("may be used");
    assert_eq!(world.keys.unwraps(), before + 1);
}

/// A key that was revoked is used until its life is over, or until somebody asks.
#[test]
fn a_refresh_ends_the_use_of_a_revoked_key_at_once() {
    for refusal in [ErrorKind::KeyUnavailable, ErrorKind::PermissionDenied, ErrorKind::Unavailable] {
        let world = world();
        let store = world.store();
        opens(&store, "Db");
        world.keys.fail(MAIN, refusal);
        opens(&store, "Db");
        assert_eq!(kind(wait(store.refresh_key_now(&id("Db")))), refusal);
        assert_eq!(kind(wait(store.get(&id("Db")))), refusal, "the cached one is gone");
        world.keys.heal();
        opens(&store, "Db");
    }
}

#[test]
fn a_refresh_of_what_is_not_there_or_damaged_says_so() {
    let world = world();
    let store = world.store();
    assert_eq!(kind(wait(store.refresh_key_now(&id("None")))), ErrorKind::NotFound);
    opens(&store, "Db");
    let honest = world.record(&current(&id("Db")));
    for attribute in [VALUE, DOCUMENT_KEY] {
        let mut bytes = honest.bytes(attribute).expect("bytes").to_vec();
        *bytes.last_mut().expect("not empty") ^= 1;
        world.plant(&current(&id("Db")), honest.clone().with(attribute, Value::from(bytes)));
        assert_eq!(kind(wait(store.refresh_key_now(&id("Db")))), ErrorKind::Integrity);
    }
    let error = wait(store.refresh_key_now(&id("Db"))).expect_err("damaged");
    assert_eq!((error.operation(), error.secret()), (Some("refresh key"), Some(&id("Db"))));
}

/// Of several wraps any one will do, as of a read.
#[test]
fn a_refresh_goes_by_whichever_wrap_gives_the_key() {
    let world = World::new();
    let store = world.two_wraps();
    wait(store.put(&id("Db"), "v".into())).expect("stored");
    world.keys.fail(MAIN, ErrorKind::KeyUnavailable);
    wait(store.refresh_key_now(&id("Db"))).expect("by the second");
    world.keys.fail("second", ErrorKind::KeyUnavailable);
    assert_eq!(kind(wait(store.refresh_key_now(&id("Db")))), ErrorKind::KeyUnavailable);
}

/// The current version's alone: earlier ones have keys of their own.
#[test]
fn a_refresh_leaves_other_keys_alone() {
    let world = world();
    let store = world.store();
    wait(store.put(&id("Db"), "v".into())).expect("stored");
    wait(store.put(&id("Other"), "v".into())).expect("stored");
    wait(store.get_version(&id("Db"), version(1))).expect("opens");
    opens(&store, "Other");
    let before = world.keys.unwraps();
    wait(store.refresh_key_now(&id("Db"))).expect("may be used");
    wait(store.get_version(&id("Db"), version(1))).expect("opens");
    opens(&store, "Other");
    assert_eq!(world.keys.unwraps(), before + 1);
}

/// What the numbers must add up to: hits, misses, coalesced, refreshes, stale, evictions, entries.
fn numbers(store: &EnvelopeStore) -> [u64; 7] {
    let CacheMetrics { hits, misses, refreshes, coalesced, stale_served, evictions, entries, .. } =
        store.key_cache_metrics();
    [hits, misses, coalesced, refreshes, stale_served, evictions, entries]
}

#[test]
fn the_cache_of_keys_counts_what_it_does() {
    let world = world();
    let store = world.store();
    assert_eq!(numbers(&store), [0; 7]);
    // A clone has the same cache.
    let clone = store.clone();
    for _ in 0..5 {
        opens(&clone, "Db");
    }
    assert_eq!(numbers(&store), [4, 1, 0, 0, 0, 0, 1]);
    assert_eq!(numbers(&world.store()), [0; 7], "another store has another");
    wait(store.get_all(id("Db").application())).expect("all");
    wait(store.get_many(&[id("Db"), id("Db")])).expect("all");
    assert_eq!(numbers(&store), [7, 1, 0, 0, 0, 0, 1]);
    store.purge_keys();
    assert_eq!(numbers(&store), [7, 1, 0, 0, 0, 0, 0]);
    // Over, and asked for again: nothing of a key is served ahead of or beyond its life.
    opens(&store, "Db");
    world.clock.advance(TTL);
    opens(&store, "Db");
    assert_eq!(numbers(&store), [7, 3, 0, 0, 0, 0, 1]);
    world.clock.advance(TTL);
    store.sweep_keys();
    assert_eq!(numbers(&store), [7, 3, 0, 0, 0, 0, 0]);
}

/// A refusal that is remembered is a hit, and one entry; a failure of the provider is a miss, and none.
#[test]
fn refusals_and_failures_are_counted() {
    let world = world();
    let store = world.store();
    let record = world.record(&current(&id("Db")));
    world.plant(&current(&id("Db")), record.clone().with(DOCUMENT_KEY, Value::from(vec![7; 60])));
    for _ in 0..4 {
        assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);
    }
    assert_eq!(numbers(&store), [3, 1, 0, 0, 0, 0, 1]);
    world.clock.advance(REFUSAL);
    store.sweep_keys();
    assert_eq!(numbers(&store), [3, 1, 0, 0, 0, 0, 0]);

    world.plant(&current(&id("Db")), record);
    world.keys.fail(MAIN, ErrorKind::Throttled);
    for _ in 0..3 {
        assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Throttled);
    }
    assert_eq!(numbers(&store), [3, 4, 0, 0, 0, 0, 0]);
}

#[test]
fn evictions_are_counted() {
    let world = World::new();
    let store = world.builder().key_cache(2, TTL).build().expect("valid");
    let names: Vec<_> = (0..10).map(|n| format!("s{n}")).collect();
    for name in &names {
        wait(store.put(&id(name), "v".into())).expect("stored");
        opens(&store, name);
    }
    let [hits, misses, _, _, _, evictions, entries] = numbers(&store);
    assert_eq!((hits, misses), (0, 10));
    assert!(entries <= 2 && evictions + entries == 10, "{evictions} {entries}");
}

#[test]
fn a_cache_that_is_off_counts_nothing() {
    let world = world();
    let store = world.builder().key_cache(0, TTL).build().expect("valid");
    (0..3).for_each(|_| opens(&store, "Db"));
    assert_eq!(numbers(&store), [0; 7]);
}
