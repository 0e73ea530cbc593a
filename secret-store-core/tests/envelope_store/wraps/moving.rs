//! A version stays the same version when its wraps are moved: beside writers, in the history, under reservations.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use secret_store_core::{
    EnvelopeStore, ErrorKind, GetOptions, Legacy, ProtectOptions, ProtectedSecret, Record, RecordKey, SecretStore,
    SecretStoreExt, Value,
};

use super::{SECOND, put, reader, text};
use crate::support::{
    CREATED_AT, Call, DOCUMENT_KEY, KeyCall, MAIN, MASTER_KEY_ID, Strike, WRAPS, World, current, id, kind, last,
    master, slot, version, wait,
};

/// What a rotator does to one record, past every store: its wrap under one key is replaced by one under another.
fn rotate(world: &World, key: &RecordKey, from: &str, to: &str) {
    let protected = ProtectedSecret::from_record(&id("Db"), &world.record(key)).expect("a record");
    let moved = wait(world.store().rewrap(&protected, &master(from), &master(to))).expect("rewrapped");
    world.plant(key, moved.expect("it had such a wrap").to_record());
}

/// Does something while a store waits for the database: on a thread of its own, as an executor may not run within another.
fn meanwhile(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| scope.spawn(work).join().expect("the work does not panic"));
}

fn masters(record: &Record) -> (String, usize) {
    let protected = ProtectedSecret::from_record(&id("Db"), record).expect("a record");
    (protected.wrapped_key().master_key_id().as_str().to_owned(), protected.further_wraps().len())
}

/// Everything but the wraps.
fn without_wraps(record: &Record) -> Record {
    let mut record = record.clone();
    for attribute in [MASTER_KEY_ID, DOCUMENT_KEY, WRAPS] {
        record.remove(attribute);
    }
    record
}

fn protect(store: &EnvelopeStore, value: &str) -> ProtectedSecret {
    wait(store.protect(&id("Db"), value.into(), ProtectOptions::default())).expect("protected")
}

#[test]
fn a_protected_secret_that_is_kept_elsewhere_moves() {
    let world = World::new();
    let store = world.store();
    for (first, second) in [(store.clone(), 0), (world.two_wraps(), 1)] {
        let protected = protect(&first, "1");
        let before = protected.to_record();
        world.keys.take_asked();
        let moved = wait(store.rewrap(&protected, &master(MAIN), &master(SECOND))).expect("rewrapped").expect("moved");
        assert_eq!(masters(&before), (MAIN.to_owned(), second));
        assert_eq!(masters(&moved.to_record()), (SECOND.to_owned(), 0));
        assert_eq!(without_wraps(&moved.to_record()), without_wraps(&before));
        assert_eq!(world.keys.take_asked(), [(KeyCall::Unwrap, MAIN.to_owned()), (KeyCall::Wrap, SECOND.to_owned())]);
        assert_eq!(wait(reader(&world, SECOND).unprotect(&moved)).expect("opens").expose_secret(), b"1");
        assert_eq!(wait(store.rewrap(&moved, &master(MAIN), &master(SECOND))).expect("nothing to do"), None);
        assert_eq!(world.keys.take_asked().len(), 1, "the one unwrap of the reader");
    }
}

#[test]
fn moving_asks_both_allow_lists() {
    let world = World::new();
    let protected = protect(&world.store(), "1");
    world.keys.take_asked();
    let store = world.builder().wrap_with([master(MAIN)]).build().expect("valid");
    assert_eq!(kind(wait(store.rewrap(&protected, &master(MAIN), &master(SECOND)))), ErrorKind::KeyNotAllowed);
    let store = world.builder().unwrap_with([master(SECOND)]).build().expect("valid");
    assert_eq!(kind(wait(store.rewrap(&protected, &master(MAIN), &master(SECOND)))), ErrorKind::KeyNotAllowed);
    let unknown = master("unknown");
    assert_eq!(kind(wait(world.store().rewrap(&protected, &master(MAIN), &unknown))), ErrorKind::KeyNotAllowed);
    assert_eq!(kind(wait(world.store().rewrap(&protected, &unknown, &master(MAIN)))), ErrorKind::KeyNotAllowed);
    assert_eq!(world.keys.take_asked(), []);
}

/// The slot of an outgoing version holds the same version under another wrap, on whichever side the rotation was.
#[test]
fn a_history_slot_with_other_wraps_is_the_same_version() {
    for in_history in [true, false] {
        for delete in [false, true] {
            let world = World::new();
            put(&world.two_wraps(), "1");
            let (here, there) = (current(&id("Db")), slot(&id("Db"), 1));
            // As after a restore of the current record alone.
            world.plant(&there, world.record(&here));
            rotate(&world, if in_history { &there } else { &here }, MAIN, SECOND);
            let kept = world.stored(&there).expect("there");
            let store = world.store();
            if delete {
                wait(store.delete(&id("Db"))).expect("deleted");
                assert!(world.stored(&last(&id("Db"))).is_some());
            } else {
                assert_eq!(put(&store, "2").version, version(2));
            }
            assert_eq!(world.stored(&there).expect("there").revision, kept.revision, "what stood there stays");
            assert_eq!(wait(store.get_version(&id("Db"), version(1))).expect("opens").expose_secret(), b"1");
        }
    }
}

/// One attribute more or less, and it is another version.
#[test]
fn a_history_slot_with_another_version_is_a_rollback_still() {
    let world = World::new();
    put(&world.two_wraps(), "1");
    let record = world.record(&current(&id("Db")));
    let other = World { keys: world.keys.clone(), ..World::new() };
    put(&other.two_wraps(), "another");
    for forged in [
        other.record(&current(&id("Db"))),
        record.clone().with(CREATED_AT, Value::from(1)),
        record.clone().with("Unknown", Value::from(1)),
        without_wraps(&record).with("ProtectedSecretValue", vec![1].into()),
    ] {
        world.plant(&slot(&id("Db"), 1), forged);
        assert_eq!(kind(wait(world.store().put(&id("Db"), "2".into()))), ErrorKind::RollbackDetected);
        assert_eq!(world.record(&current(&id("Db"))), record);
    }
}

/// A slot that is rotated between the look at it and the commit is a race like any other.
#[test]
fn a_slot_that_is_rotated_meanwhile_is_looked_at_again() {
    let world = Arc::new(World::new());
    put(&world.two_wraps(), "1");
    let there = slot(&id("Db"), 1);
    world.plant(&there, world.record(&current(&id("Db"))));
    let (shared, commits) = (Arc::downgrade(&world), AtomicUsize::new(0));
    world.records.hook(move |call| {
        if *call == Call::Commit && commits.fetch_add(1, Ordering::SeqCst) == 1 {
            let world = shared.upgrade().expect("the test runs");
            meanwhile(|| rotate(&world, &slot(&id("Db"), 1), MAIN, SECOND));
        }
        Strike::Pass
    });
    assert_eq!(put(&world.store(), "2").version, version(2));
    world.records.unhook();
    assert_eq!(masters(&world.record(&there)), (SECOND.to_owned(), 0));
}

/// Loses the answer of the first commit, and rotates what landed before the store can look.
fn lose_and_rotate(world: &Arc<World>) {
    let (shared, commits) = (Arc::downgrade(world), AtomicUsize::new(0));
    world.records.hook(move |call| match call {
        Call::Commit if commits.fetch_add(1, Ordering::SeqCst) == 0 => Strike::After(ErrorKind::Unavailable),
        Call::Load(_) => {
            let world = shared.upgrade().expect("the test runs");
            meanwhile(|| {
                if masters(&world.record(&current(&id("Db")))).0 == MAIN {
                    rotate(&world, &current(&id("Db")), MAIN, SECOND);
                }
            });
            Strike::Pass
        }
        _ => Strike::Pass,
    });
}

#[test]
fn a_write_recognises_itself_under_other_wraps() {
    for save in [false, true] {
        let world = Arc::new(World::new());
        let store = world.store();
        let protected = protect(&store, "1");
        lose_and_rotate(&world);
        let info = if save { wait(store.save(&protected)).expect("recognised") } else { put(&store, "1") };
        assert_eq!((info.version, info.master_key_id), (version(1), master(SECOND)), "as it stands there");
        assert_eq!(info.revision, world.stored(&current(&id("Db"))).expect("there").revision);
        world.records.unhook();
        assert_eq!(text(&store), "1");
        assert_eq!(put(&store, "2").version, version(2));
    }
}

#[test]
fn what_another_wrote_is_not_recognised() {
    let world = Arc::new(World::new());
    let store = world.store();
    let (shared, commits) = (Arc::downgrade(&world), AtomicUsize::new(0));
    world.records.hook(move |call| match call {
        Call::Commit if commits.fetch_add(1, Ordering::SeqCst) == 0 => Strike::Before(ErrorKind::Unavailable),
        Call::Load(_) => {
            let world = shared.upgrade().expect("the test runs");
            meanwhile(|| {
                let other = World { keys: world.keys.clone(), ..World::new() };
                put(&other.store(), "of another");
                world.plant(&current(&id("Db")), other.record(&current(&id("Db"))));
            });
            Strike::Pass
        }
        _ => Strike::Pass,
    });
    assert_eq!(kind(wait(store.put(&id("Db"), "1".into()))), ErrorKind::Unavailable);
}

#[test]
fn saving_again_what_was_rotated_is_a_success() {
    let world = World::new();
    let store = world.two_wraps();
    let protected = protect(&store, "1");
    wait(store.save(&protected)).expect("saved");
    rotate(&world, &current(&id("Db")), MAIN, SECOND);
    let info = wait(store.save(&protected)).expect("recognised");
    assert_eq!((info.master_key_id, info.also_wrapped_with), (master(SECOND), vec![]));
    assert!(world.stored(&slot(&id("Db"), 1)).is_none());
}

/// The number was reserved after a version, not after a wrap of it.
#[test]
fn a_reservation_survives_a_rotation_of_what_it_found() {
    let world = World::new();
    let store = world.store();
    put(&store, "1");
    let protected = protect(&store, "2");
    rotate(&world, &current(&id("Db")), MAIN, SECOND);
    assert_eq!(wait(store.save(&protected)).expect("saved").version, version(2));
    assert_eq!(masters(&world.record(&slot(&id("Db"), 1))), (SECOND.to_owned(), 0), "the rotated record moved");
    assert_eq!(text(&store), "2");
    // Also one that was itself moved on meanwhile.
    let protected = protect(&store, "3");
    let moved = wait(store.rewrap(&protected, &master(MAIN), &master(SECOND))).expect("rewrapped").expect("moved");
    rotate(&world, &current(&id("Db")), MAIN, SECOND);
    assert_eq!(wait(store.save(&moved)).expect("saved").master_key_id, master(SECOND));
    // Another version is another version, whatever it is wrapped under.
    let protected = protect(&store, "5");
    put(&store, "meanwhile");
    rotate(&world, &current(&id("Db")), MAIN, SECOND);
    assert_eq!(kind(wait(store.save(&protected))), ErrorKind::Conflict);
    assert_eq!(text(&store), "meanwhile");
}

/// Reads go on while records are moved: a mark is of a version, and a cached key of a wrap.
#[test]
fn a_rotation_is_no_rollback_for_readers() {
    let world = World::new();
    let store = world.two_wraps();
    put(&store, "1");
    assert_eq!(text(&store), "1");
    let pinned = GetOptions::default().with_minimum_version(version(1));
    for (from, to) in [(MAIN, SECOND), (SECOND, MAIN)] {
        rotate(&world, &current(&id("Db")), from, to);
        assert_eq!(wait(store.get_with(&id("Db"), pinned.clone())).expect("opens").expose_secret(), b"1");
    }
}

#[test]
fn format_0_moves_too() {
    let world = World::new();
    put(&world.legacy(Legacy::ReadWrite), "1");
    let before = world.record(&current(&id("Db")));
    rotate(&world, &current(&id("Db")), MAIN, SECOND);
    let after = world.record(&current(&id("Db")));
    assert_eq!((after.len(), without_wraps(&after)), (6, without_wraps(&before)));
    assert_eq!(masters(&after), (SECOND.to_owned(), 0));
    let reader = world.legacy(Legacy::Read);
    assert_eq!(text(&reader), "1");
    // And in the history, with its number.
    put(&reader, "2");
    rotate(&world, &slot(&id("Db"), 1), SECOND, MAIN);
    assert_eq!(wait(reader.get_version(&id("Db"), version(1))).expect("opens").expose_secret(), b"1");
}
