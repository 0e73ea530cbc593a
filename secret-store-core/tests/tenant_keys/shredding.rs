//! What is left when a tenant or a version of its key is gone, and how long what is cached outlives it.

use std::time::Duration;

use secret_store_core::{ErrorKind, SecretId, SecretStoreExt, TenantConfig};

use super::store::{config, current, of_other, two_tenants};
use super::support::{ACME, APP, MAIN, OTHER, World, acme, app, id, kind, version, wait};

#[test]
fn of_a_destroyed_tenant_no_secret_opens_and_of_others_all_do() {
    let world = World::new();
    let keys = world.keys();
    let store = two_tenants(&world, &keys);
    let second_app = SecretId::parse("Acme.Test", "Db").expect("valid");
    let builder = || {
        world
            .store_builder(&keys)
            .master_key(MAIN)
            .application(app("Other.Production"), config(OTHER))
            .application(app("Acme.Test"), config(ACME))
    };
    let full = builder().build().expect("valid");
    for n in 0..20 {
        wait(store.put(&id(&format!("s{n}")), "v".into())).expect("stored");
        wait(store.put(&of_other(&format!("s{n}")), "v".into())).expect("stored");
    }
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
    for n in 0..10 {
        wait(store.put(&id(&format!("s{n}")), "w".into())).expect("stored");
    }
    wait(full.put(&second_app, "v".into())).expect("stored");
    let cold = || builder().build().expect("valid");
    assert!((0..20).all(|n| wait(cold().get(&id(&format!("s{n}")))).is_ok()), "all open before");
    let backup = world.memory.snapshot();
    wait(keys.destroy_tenant(&acme())).expect("destroys");
    store.purge_keys();
    full.purge_keys();
    let (mut refused, mut opened) = (0, 0);
    for reader in [&store, &full, &builder().build().expect("valid")] {
        for n in 0..20 {
            let error = wait(reader.get(&id(&format!("s{n}")))).expect_err("nothing opens");
            assert_eq!(error.kind(), ErrorKind::KeyDestroyed);
            assert!(error.to_string().contains("destroyed"), "{error}");
            refused += 1;
            opened += usize::from(wait(reader.get(&of_other(&format!("s{n}")))).is_ok());
        }
        for n in 0..10 {
            let first = wait(reader.get_version(&id(&format!("s{n}")), secret_store_core::SecretVersion::FIRST));
            assert_eq!(kind(first), ErrorKind::KeyDestroyed, "nor does the history");
        }
        assert_eq!(kind(wait(reader.get_all(&app(APP)))), ErrorKind::KeyDestroyed);
        assert_eq!(kind(wait(reader.put(&id("s0"), "x".into()))), ErrorKind::KeyDestroyed);
    }
    assert_eq!((refused, opened), (60, 60));
    let elsewhere = builder().build().expect("valid");
    assert_eq!(kind(wait(elsewhere.get(&second_app))), ErrorKind::KeyDestroyed);
    // What does not open can still be listed and deleted.
    assert_eq!(wait(store.list(&app(APP))).expect("lists").items.len(), 20);
    wait(store.delete(&id("s0"))).expect("deletes");
    assert_eq!(kind(wait(store.get(&id("s0")))), ErrorKind::NotFound);
    // Final it is only when no copy of the wrapped keys is left: a backup opens everything to a process that has seen nothing.
    world.memory.restore(&backup);
    let keys = world.keys();
    assert!((0..20).all(|n| wait(world.store(&keys).get(&id(&format!("s{n}")))).is_ok()));
}

/// A document key that is kept ready reads on until its own time is over or it is purged: the documents say so.
#[test]
fn document_keys_that_are_cached_outlive_the_tenant_for_their_time() {
    for purged in [true, false] {
        let world = World::new();
        let keys = world.keys();
        let store = world.store(&keys);
        wait(store.put(&id("Db"), "v".into())).expect("stored");
        wait(store.get(&id("Db"))).expect("opens");
        wait(keys.destroy_tenant(&acme())).expect("destroys");
        assert!(wait(store.get(&id("Db"))).is_ok());
        match purged {
            true => store.purge_keys(),
            false => world.clock.advance(Duration::from_secs(15 * 60)),
        }
        assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::KeyDestroyed);
    }
}

/// A replayed record from before a version was retired: authentic, and refused below the configured minimum.
#[test]
fn replayed_wraps_of_a_retired_version_are_refused_below_the_minimum() {
    let world = World::new();
    let keys = world.keys();
    let store = world.store(&keys);
    wait(store.put(&id("Db"), "old".into())).expect("stored");
    let replayed = world.record(&current(&id("Db")));
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
    wait(store.put(&id("Db"), "new".into())).expect("stored");
    wait(keys.retire(&acme(), version(1))).expect("retires");
    let config = TenantConfig::default().with_minimum_version(version(2));
    let strict = world.builder().tenant(acme(), config).build().expect("valid");
    assert_eq!(wait(world.store(&strict).get(&id("Db"))).expect("opens").expose_secret(), b"new");
    world.plant(&current(&id("Db")), replayed);
    let asked = world.asked.count();
    assert_eq!(kind(wait(world.store(&strict).get(&id("Db")))), ErrorKind::KeyNotAllowed);
    assert_eq!(world.asked.count(), asked);
    // Without the minimum the replay succeeds against a reader that has seen nothing.
    let lax = world.store(&world.keys());
    assert_eq!(wait(lax.get(&id("Db"))).expect("authentic").expose_secret(), b"old");
}
