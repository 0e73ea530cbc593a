//! What the cache of document keys says of itself.

use secret_store_core::{CacheMetrics, EnvelopeStore, ErrorKind, SecretStoreExt, Value};

use super::{REFUSAL, TTL, opens, world};
use crate::support::{DOCUMENT_KEY, MAIN, World, current, id, kind, wait};

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
