//! Asking for a key now, whatever is cached.

use secret_store_core::{ErrorKind, SecretStoreExt, Value};

use super::{TTL, opens, world};
use crate::support::{DOCUMENT_KEY, MAIN, VALUE, World, current, id, kind, version, wait};

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
