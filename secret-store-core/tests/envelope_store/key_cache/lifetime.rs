//! One call for each key and lifetime, of a cache with room for it.

use std::time::Duration;

use secret_store_core::SecretStoreExt;

use super::{TTL, opens, world};
use crate::support::{World, id, version, wait};

#[test]
fn one_unwrap_for_each_key_and_lifetime() {
    let world = world();
    let store = world.store();
    for _ in 0..100 {
        opens(&store, "Db");
    }
    assert_eq!(world.keys.unwraps(), 1);
    // The lifetime is at most what was said, and at most a tenth less.
    world.clock.advance(TTL * 9 / 10 - Duration::from_millis(1));
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 1);
    world.clock.advance(TTL / 10 + Duration::from_millis(1));
    opens(&store, "Db");
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 2);
    // A version that moves to the history takes its key along.
    wait(store.put(&id("Db"), "v".into())).expect("stored");
    wait(store.get_version(&id("Db"), version(1))).expect("opens");
    assert_eq!(world.keys.unwraps(), 2);
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 3, "every version has its own key");
}

#[test]
fn every_way_to_read_shares_the_keys_of_one_store_and_none_with_another() {
    let world = world();
    let store = world.store();
    let clone = store.clone();
    opens(&clone, "Db");
    opens(&store, "Db");
    wait(store.get_many(&[id("Db"), id("Db")])).expect("all");
    wait(store.get_all(id("Db").application())).expect("all");
    wait(store.repair(&id("Db"))).expect("in order");
    assert_eq!(world.keys.unwraps(), 1);
    opens(&world.store(), "Db");
    assert_eq!(world.keys.unwraps(), 2);
}

#[test]
fn zero_is_off() {
    let world = world();
    for (capacity, ttl) in [(0, TTL), (1000, Duration::ZERO), (0, Duration::ZERO)] {
        let store = world.builder().key_cache(capacity, ttl).build().expect("valid");
        let before = world.keys.unwraps();
        (0..5).for_each(|_| opens(&store, "Db"));
        assert_eq!(world.keys.unwraps(), before + 5);
        store.purge_keys();
        store.sweep_keys();
    }
}

#[test]
fn no_more_keys_than_the_capacity() {
    let world = World::new();
    let names: Vec<_> = (0..50).map(|n| format!("s{n}")).collect();
    for name in &names {
        wait(world.store().put(&id(name), "v".into())).expect("stored");
    }
    for capacity in [1, 2, 10] {
        let store = world.builder().key_cache(capacity, TTL).build().expect("valid");
        names.iter().for_each(|name| opens(&store, name));
        let before = world.keys.unwraps();
        names.iter().for_each(|name| opens(&store, name));
        let again = world.keys.unwraps() - before;
        assert!(again >= names.len() - capacity, "{again} with room for {capacity}");
        // The one read last is there or comes back: a capacity of one is no failure.
        opens(&store, "s1");
    }
    let store = world.builder().key_cache(50, TTL).build().expect("valid");
    names.iter().for_each(|name| opens(&store, name));
    let before = world.keys.unwraps();
    (0..3).for_each(|_| opens(&store, "s49"));
    assert_eq!(world.keys.unwraps(), before);
}

#[test]
fn purged_keys_are_gone() {
    let world = world();
    let store = world.store();
    opens(&store, "Db");
    store.purge_keys();
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 2);
    world.clock.advance(TTL);
    store.sweep_keys();
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 3);
}
