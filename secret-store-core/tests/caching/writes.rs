//! No stale value after one's own write.

use std::time::Duration;

use secret_store_core::{DeleteOptions, ErrorKind, PutOptions, SecretStore, SecretStoreExt};

use super::support::{Fault, World, begun, begun_read, id, kind, reads, wait};

#[test]
fn a_put_over_what_is_read_leaves_the_new_value() {
    let world = World::new();
    let store = world.cached(&world.options());
    reads(&store, "Db");
    let info = wait(store.put(&id("Db"), "two".into())).expect("stored");
    let secret = wait(store.get(&id("Db"))).expect("reads");
    assert_eq!((secret.text().expect("text"), secret.info()), ("two", &info));
    assert_eq!(world.backend.gets(), 1, "written through");
    // Who only writes keeps nothing.
    wait(store.put(&id("Other"), "v".into())).expect("stored");
    assert_eq!(store.metrics().entries, 1);
}

#[test]
fn a_delete_is_seen_at_once() {
    let world = World::new();
    let store = world.cached(&world.options());
    reads(&store, "Db");
    wait(store.delete(&id("Db"))).expect("deleted");
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::NotFound);
    // The absence that was remembered ends with a put.
    wait(store.put(&id("Db"), "two".into())).expect("stored");
    assert_eq!(reads(&store, "Db"), "two");
}

/// A read that was asked before the write and answered after it.
#[test]
fn an_older_answer_does_not_come_back() {
    let world = World::new();
    let store = world.cached(&world.options());
    let gate = world.backend.hold();
    let before = begun_read(&store, "Db");
    world.backend.hold_no_more();
    wait(store.put(&id("Db"), "two".into())).expect("stored");
    assert_eq!(reads(&store, "Db"), "two");
    drop(gate);
    assert_eq!(wait(before).expect("reads").text().expect("text"), "one", "it began before the write");
    assert_eq!(reads(&store, "Db"), "two");
}

/// A read that begins and ends during a write may be told either; it leaves nothing.
#[test]
fn nothing_read_during_a_write_is_kept() {
    let world = World::new();
    let store = world.cached(&world.options());
    reads(&store, "Db");
    let gate = world.backend.hold();
    let writing = {
        let store = store.clone();
        begun(async move { store.put_with(&id("Db"), "two".into(), PutOptions::default()).await })
    };
    let during = begun_read(&store, "Db");
    drop(gate);
    wait(during).expect("reads");
    world.elsewhere("Db", "three");
    world.backend.hold_no_more();
    assert_eq!(reads(&store, "Db"), "three", "each read asks");
    wait(writing).expect("stored");
    world.elsewhere("Db", "four");
    // What the write leaves was newest when it was acknowledged, for all this process can know.
    assert!(["two", "four"].contains(&reads(&store, "Db").as_str()));
}

#[test]
fn of_writes_at_the_same_time_none_is_kept() {
    let world = World::new();
    let store = world.cached(&world.options());
    reads(&store, "Db");
    let gate = world.backend.hold();
    let [first, second] = ["two", "three"].map(|value| {
        let store = store.clone();
        begun(async move { store.put_with(&id("Db"), value.into(), PutOptions::default()).await })
    });
    drop(gate);
    world.backend.hold_no_more();
    // Acknowledged in the other order.
    wait(second).expect("stored");
    wait(first).expect("stored");
    assert_eq!(reads(&store, "Db"), "three");
}

/// Must not be served: what was there before a write of unknown outcome, also when it lands late.
#[test]
fn after_an_unknown_outcome_every_read_asks_for_a_minute() {
    for cancelled in [false, true] {
        let world = World::new();
        let store = world.cached(&world.options());
        reads(&store, "Db");
        if cancelled {
            let gate = world.backend.hold();
            let writing = {
                let store = store.clone();
                begun(async move { store.put_with(&id("Db"), "two".into(), PutOptions::default()).await })
            };
            drop(writing);
            world.backend.hold_no_more();
            drop(gate);
        } else {
            world.backend.fail(Fault::After(ErrorKind::Unavailable));
            assert_eq!(kind(wait(store.put(&id("Db"), "two".into()))), ErrorKind::Unavailable);
            world.backend.fail(None);
        }
        assert_eq!(reads(&store, "Db"), "two");
        // As if it landed only now.
        world.elsewhere("Db", "late");
        world.clock.advance(Duration::from_secs(59));
        assert_eq!(reads(&store, "Db"), "late");
        world.elsewhere("Db", "later");
        assert_eq!(reads(&store, "Db"), "later");
        world.clock.advance(Duration::from_secs(1));
        reads(&store, "Db");
        let asked = world.backend.gets();
        reads(&store, "Db");
        assert_eq!(world.backend.gets(), asked, "kept again");
    }
}

#[test]
fn a_refused_write_changes_nothing_and_is_no_reason_to_keep_what_was_there() {
    let world = World::new();
    let store = world.cached(&world.options());
    reads(&store, "Db");
    world.elsewhere("Db", "two");
    let stale = secret_store_core::Precondition::Absent;
    let refused = wait(store.put_with(&id("Db"), "x".into(), PutOptions::default().with_precondition(stale)));
    assert_eq!(kind(refused), ErrorKind::Conflict);
    assert_eq!(reads(&store, "Db"), "two", "whoever lost a race sees who won it");
    let refused = wait(store.delete_with(&id("None"), DeleteOptions::default()));
    assert_eq!(kind(refused), ErrorKind::NotFound);
}

/// A repeated token is answered with the version that the first one wrote: its value is not that of the repetition.
#[test]
fn a_repeated_token_leaves_no_value() {
    let world = World::new();
    let store = world.cached(&world.options());
    let with_token = || PutOptions::default().with_idempotency_token("token");
    wait(store.put_with(&id("Db"), "two".into(), with_token())).expect("stored");
    reads(&store, "Db");
    drop(wait(store.put_with(&id("Db"), "not stored".into(), with_token())));
    assert_eq!(reads(&store, "Db"), "two");
}
