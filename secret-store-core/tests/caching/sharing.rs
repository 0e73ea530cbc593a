//! Several stores in one cache: they share the room, never the entries.

use std::time::Duration;

use secret_store_core::{
    ApplicationConfig, CachedStore, EnvelopeStore, ErrorKind, Legacy, MasterKeyId, SecretCache, SecretStoreExt,
};

use super::support::{APP, World, id, kind, wait};

impl World {
    fn builder(&self) -> secret_store_core::EnvelopeStoreBuilder {
        EnvelopeStore::builder(self.keys.clone(), self.records.clone())
            .store_id("prod")
            .master_key("main")
            .clock(self.clock.clone())
    }
}

/// Must hold: the downgrade. What a lenient store read, in the oldest format or under any key, a strict one never serves.
#[test]
fn stores_with_different_policies_never_serve_each_others_entries() {
    let world = World::new();
    let cache = SecretCache::new(&world.options());
    let application = |config| world.builder().application(APP.parse().expect("valid"), config).build().expect("valid");
    let writer = application(ApplicationConfig::default().with_legacy(Legacy::ReadWrite));
    wait(writer.put(&id("Old"), "format 0".into())).expect("stored");

    let lenient = CachedStore::sharing(application(ApplicationConfig::default().with_legacy(Legacy::Read)), &cache);
    let strict = CachedStore::sharing(application(ApplicationConfig::default()), &cache);
    let other_keys = world.builder().unwrap_with([MasterKeyId::new("other").expect("valid")]).build().expect("valid");
    let other_keys = CachedStore::sharing(other_keys, &cache);

    for _ in 0..2 {
        assert_eq!(wait(lenient.get(&id("Old"))).expect("reads").text().expect("text"), "format 0");
        assert_eq!(kind(wait(strict.get(&id("Old")))), ErrorKind::Unsupported);
        assert_eq!(wait(strict.get(&id("Db"))).expect("reads").text().expect("text"), "one");
        assert_eq!(kind(wait(other_keys.get(&id("Db")))), ErrorKind::KeyNotAllowed);
        assert_eq!(kind(wait(lenient.get(&id("None")))), ErrorKind::NotFound);
    }
    // The absence is one store's knowledge as well.
    let later = CachedStore::sharing(application(ApplicationConfig::default()), &cache);
    world.elsewhere("None", "now");
    assert_eq!(wait(later.get(&id("None"))).expect("reads").text().expect("text"), "now");
    assert_eq!(kind(wait(lenient.get(&id("None")))), ErrorKind::NotFound);
}

#[test]
fn clones_share_entries_and_stores_share_the_room() {
    let world = World::new();
    (0..20).for_each(|n| world.elsewhere(&format!("s{n}"), "v"));
    let cache = SecretCache::new(&world.options().with_capacity(8));
    let [first, second] = [(); 2].map(|()| CachedStore::sharing(world.backend.clone(), &cache));
    let clone = first.clone();
    wait(first.get(&id("Db"))).expect("reads");
    wait(clone.get(&id("Db"))).expect("reads");
    assert_eq!(world.backend.gets(), 1);
    for n in 0..20 {
        wait(first.get(&id(&format!("s{n}")))).expect("reads");
        wait(second.get(&id(&format!("s{n}")))).expect("reads");
        assert!(cache.metrics().entries <= 8);
    }
    assert_eq!(cache.metrics(), first.metrics());
    assert!(cache.metrics().evictions >= 32, "{:?}", cache.metrics());
}

#[test]
fn a_purge_of_one_store_leaves_the_other_and_a_purge_of_the_cache_none() {
    let world = World::new();
    let cache = SecretCache::new(&world.options());
    let [first, second] = [(); 2].map(|()| CachedStore::sharing(world.backend.clone(), &cache));
    for store in [&first, &second] {
        wait(store.get(&id("Db"))).expect("reads");
    }
    first.purge_all();
    assert_eq!(cache.metrics().entries, 1);
    wait(first.get(&id("Db"))).expect("reads");
    second.purge_application(id("Db").application());
    assert_eq!(cache.metrics().entries, 1);
    cache.purge();
    assert_eq!(cache.metrics().entries, 0);
    // The last handle of a store takes its entries along.
    wait(first.get(&id("Db"))).expect("reads");
    drop(first);
    assert_eq!(cache.metrics().entries, 0);
    world.clock.advance(Duration::from_secs(1));
    wait(second.get(&id("Db"))).expect("reads");
}
