//! Settings that are older than seen, or malformed: they shut writers out, and readers not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use secret_store_core::{ErrorKind, ProtectOptions, SecretStoreExt, Value};

use super::{NEW, SECOND, following, key_of, put, replaced};
use crate::support::{APP, Call, MAIN, Strike, World, app, id, kind, refusal, settings, settings_key, slot, wait};

#[test]
fn older_settings_than_seen_are_a_rollback_until_they_are_accepted() {
    let world = World::new();
    world.plant(&settings_key(), replaced(2));
    let store = following(&world);
    put(&store, "Db").expect("stored");
    for older in [Some(settings(1, &[])), None] {
        match older {
            Some(older) => world.plant(&settings_key(), older),
            None => world.erase(&settings_key()),
        }
        world.clock.advance(30 * SECOND);
        let error = refusal(put(&store, "Db"));
        assert_eq!(error.kind(), ErrorKind::RollbackDetected);
        assert!(error.to_string().contains("accept_settings_rollback"), "{error}");
        assert_eq!(kind(wait(store.settings(&app(APP)))), ErrorKind::RollbackDetected);
        assert_eq!(wait(store.get(&id("Db"))).expect("reads go on").expose_secret(), b"v");
    }
    store.accept_settings_rollback(&app(APP));
    put(&store, "Db").expect("stored");
    assert_eq!(key_of(&world, "Db"), MAIN);
}

/// A read that began before a change and ends after it is no rollback, and what the faster one saw holds.
#[test]
fn a_slow_read_of_settings_is_no_rollback() {
    let world = World::new();
    let old = Arc::new(secret_store_memory::MemoryPersistence::new());
    let store = following(&world);
    world.plant(&settings_key(), replaced(1));
    let (within, first) = (store.clone(), AtomicUsize::new(0));
    world.records.hook(move |call| match call {
        Call::LoadMany(_) if first.fetch_add(1, Ordering::SeqCst) == 0 => {
            let faster = within.put(&id("Other"), "v".into()).now_or_never();
            faster.expect("memory waits for nothing").expect("stored by the faster one");
            Strike::From(old.clone())
        }
        _ => Strike::Pass,
    });
    put(&store, "Db").expect("stored");
    assert_eq!(key_of(&world, "Db"), NEW);
}

#[test]
fn malformed_settings_shut_writers_out_and_readers_not() {
    let world = World::new();
    put(&following(&world), "Db").expect("stored");
    let whole = replaced(3);
    for (name, value, expected) in [
        ("Sequence", Value::from(0), ErrorKind::Integrity),
        ("Sequence", Value::from("1"), ErrorKind::Integrity),
        ("Replaced", Value::from(vec![0xa0]), ErrorKind::Integrity),
        ("MinimumFormat", Value::from(7), ErrorKind::Unsupported),
        ("Unknown", Value::from(7), ErrorKind::Unsupported),
    ] {
        world.plant(&settings_key(), whole.clone().with(name, value));
        let store = following(&world);
        let calls = world.keys.calls();
        assert_eq!(kind(put(&store, "Db")), expected, "{name}");
        assert_eq!(kind(wait(store.protect(&id("Db"), "v".into(), ProtectOptions::default()))), expected);
        assert_eq!(world.keys.calls(), calls);
        assert_eq!(wait(store.get(&id("Db"))).expect("opens").expose_secret(), b"v");
    }
    let store = following(&world);
    wait(store.delete(&id("Db"))).expect("a delete wraps nothing");
    assert!(world.stored(&slot(&id("Db"), 1)).is_some());
}
