//! Zero is off.

use std::time::Duration;

use secret_store_core::{ErrorKind, SecretStoreExt};

use super::support::{World, id, kind, reads, wait};

#[test]
fn a_capacity_or_lifetime_of_zero_keeps_nothing() {
    let world = World::new();
    for options in [world.options().with_capacity(0), world.options().with_ttl(Duration::ZERO)] {
        let store = world.cached(&options);
        let before = world.backend.gets();
        (0..5).for_each(|_| drop(reads(&store, "Db")));
        assert_eq!(world.backend.gets(), before + 5);
        wait(store.put(&id("Db"), "two".into())).expect("stored");
        assert_eq!(reads(&store, "Db"), "two");
        wait(store.refresh_now(&id("Db"))).expect("reads");
        wait(store.get_many(&[id("Db")])).expect("reads");
        wait(store.get_all(id("Db").application())).expect("reads");
        wait(store.delete(&id("Db"))).expect("deleted");
        assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::NotFound);
        store.purge(&id("Db"));
        store.purge_all();
        store.cache().sweep();
        assert_eq!(store.metrics(), secret_store_core::CacheMetrics::default());
        world.elsewhere("Db", "one");
    }
}

#[test]
fn no_time_for_absence_remembers_none_and_no_time_ahead_asks_none() {
    let world = World::new();
    let store = world.cached(&world.strict().with_negative_ttl(Duration::ZERO));
    (0..3).for_each(|_| assert_eq!(kind(wait(store.get(&id("None")))), ErrorKind::NotFound));
    assert_eq!(world.backend.gets(), 3);
    reads(&store, "Db");
    world.clock.advance(Duration::from_secs(53));
    reads(&store, "Db");
    assert_eq!(store.metrics().refreshes, 0);
}
