//! How often an operation calls: once, unless it loses a race, and not for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use secret_store_core::{ErrorKind, SecretStoreExt};

use super::prepared;
use crate::support::{Call, Strike, id, version, wait};

/// The losers of a race that never ends give up, and say so.
#[test]
fn a_race_that_is_always_lost_ends() {
    let world = prepared();
    for always in [ErrorKind::Conflict, ErrorKind::Contention] {
        let commits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&commits);
        world.records.hook(move |call| match call {
            Call::Commit => {
                counted.fetch_add(1, Ordering::SeqCst);
                Strike::Before(always)
            }
            _ => Strike::Pass,
        });
        let error = wait(world.store().put(&id("Db"), "x".into())).expect_err("always lost");
        assert_eq!(error.kind(), always);
        assert!((100..10_000).contains(&commits.load(Ordering::SeqCst)));
        world.records.unhook();
    }
    assert_eq!(wait(world.store().get(&id("Db"))).expect("opens").expose_secret(), b"2");
}

/// Every try has a document key of its own: the version is part of what it seals.
#[test]
fn a_retried_put_asks_for_another_key() {
    let world = prepared();
    let before = world.keys.calls();
    let commits = AtomicUsize::new(0);
    world.records.hook(move |call| match call {
        Call::Commit if commits.fetch_add(1, Ordering::SeqCst) < 4 => Strike::Before(ErrorKind::Contention),
        _ => Strike::Pass,
    });
    wait(world.store().put(&id("Db"), "3".into())).expect("stored");
    assert_eq!(world.keys.calls() - before, 5);
}

/// A put is one `load_many` and one `commit`; a get one `load`; a delete two calls.
#[test]
fn round_trips_are_as_few_as_documented() {
    let world = prepared();
    let store = world.store();
    let count = |work: &dyn Fn()| {
        let before = world.records.calls();
        work();
        world.records.calls() - before
    };
    assert_eq!(count(&|| drop(wait(store.get(&id("Db"))).expect("opens"))), 1);
    assert_eq!(count(&|| drop(wait(store.put(&id("Db"), "3".into())).expect("stored"))), 2);
    assert_eq!(count(&|| drop(wait(store.put(&id("New"), "1".into())).expect("stored"))), 2);
    assert_eq!(count(&|| drop(wait(store.get_many(&[id("Db"), id("New")])).expect("all"))), 1);
    assert_eq!(count(&|| drop(wait(store.get_version(&id("Db"), version(1))).expect("opens"))), 1);
    assert_eq!(count(&|| wait(store.delete(&id("Db"))).expect("deleted")), 2);
}
