//! What looks older and is not: races of honest writers are no rollback.

use std::sync::atomic::{AtomicUsize, Ordering};

use secret_store_core::{Consistency, ErrorKind, Persistence, Precondition, Record, SecretStoreExt, Value, Write};

use super::{put, text};
use crate::support::{Call, Strike, World, current, id, kind, slot, version, wait};

/// Identical bytes in a history slot are a success: a restore of the current record and another writer's crash both leave them.
#[test]
fn a_history_slot_with_the_same_bytes_is_no_rollback() {
    let world = World::new();
    put(&world.store(), "1");
    world.plant(&slot(&id("Db"), 1), world.record(&current(&id("Db"))));
    assert_eq!(put(&world.store(), "2").version, version(2));
    world.plant(&slot(&id("Db"), 2), world.record(&current(&id("Db"))));
    wait(world.store().delete(&id("Db"))).expect("deleted");
    assert_eq!(put(&world.store(), "3").version, version(3));
    // Other bytes are: one bit is enough, and a writer does not open what it moves.
    let mut other = world.record(&current(&id("Db")));
    other.set("CreatedAt", Value::from(1));
    world.plant(&slot(&id("Db"), 3), other);
    assert_eq!(kind(wait(world.store().put(&id("Db"), "4".into()))), ErrorKind::RollbackDetected);
    assert_eq!(kind(wait(world.store().delete(&id("Db")))), ErrorKind::RollbackDetected);
    assert_eq!(text(&world.store()), "3");
}

/// The slot is found taken because another writer has moved the same record there meanwhile: a race, no rollback.
#[test]
fn a_history_slot_taken_by_a_concurrent_writer_is_a_race() {
    let world = World::new();
    put(&world.store(), "1");
    let fired = AtomicUsize::new(0);
    let writer = world.store();
    world.records.hook(move |call| {
        if matches!(call, Call::Commit) && fired.fetch_add(1, Ordering::SeqCst) == 0 {
            // On a thread of its own: executors do not nest.
            let other =
                std::thread::scope(|scope| scope.spawn(|| put(&writer, "of another")).join().expect("no panic"));
            assert_eq!(other.version, version(2));
        }
        Strike::Pass
    });
    assert_eq!(put(&world.store(), "mine").version, version(3));
    world.records.unhook();
    assert_eq!(wait(world.store().get_version(&id("Db"), version(2))).expect("kept").expose_secret(), b"of another");
}

/// The current record was rewrapped and then replaced while a put was under way: the slot holds other bytes than the put has read,
/// and the backend names that write as the one that failed. The current record has changed as well: a race, no rollback.
#[test]
fn a_rewrap_during_a_put_is_a_race() {
    let world = World::new();
    put(&world.store(), "1");
    let (writer, memory) = (world.store(), world.records.clone());
    let fired = AtomicUsize::new(0);
    world.records.hook(move |call| {
        if *call != Call::Commit || fired.fetch_add(1, Ordering::SeqCst) != 0 {
            return Strike::Pass;
        }
        std::thread::scope(|scope| {
            let others = scope.spawn(|| {
                let stored = wait(memory.memory().load(&current(&id("Db")), Consistency::Strong)).expect("answers");
                // What a rewrap changes, and nothing that this test needs to open.
                let rewrapped =
                    Record::clone(&stored.expect("there").record).with("ProtectedDocumentKey", vec![1].into());
                let write = Write::put(current(&id("Db")), rewrapped, Precondition::Any);
                wait(memory.memory().commit(vec![write])).expect("taken");
                put(&writer, "of another")
            });
            assert_eq!(others.join().expect("no panic").version, version(2));
        });
        Strike::Lost(1)
    });
    assert_eq!(put(&world.store(), "mine").version, version(3));
    world.records.unhook();
    assert_eq!(wait(world.store().get_version(&id("Db"), version(2))).expect("kept").expose_secret(), b"of another");
}

/// Writers, readers and deleters of one process and of others, all honest: never a false alarm, never a number twice.
#[test]
fn an_honest_database_under_load_is_never_called_a_rollback() {
    let world = World::new();
    world.records.hook(|_| {
        std::thread::yield_now();
        Strike::Pass
    });
    let shared = world.store();
    let numbers = std::sync::Mutex::new(Vec::new());
    let allowed = |error: &secret_store_core::Error| {
        assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Conflict), "{error}");
    };
    std::thread::scope(|scope| {
        for thread in 0..9 {
            let store = if thread % 2 == 0 { shared.clone() } else { world.store() };
            let (numbers, allowed) = (&numbers, &allowed);
            scope.spawn(move || {
                for n in 0..60 {
                    match thread % 3 {
                        0 => numbers.lock().expect("no panic").push(put(&store, &n.to_string()).version.get()),
                        1 => {
                            drop(wait(store.get(&id("Db"))).map_err(|error| allowed(&error)));
                            drop(wait(store.get_many(&[id("Db")])).map_err(|error| allowed(&error)));
                            drop(wait(store.get_all(id("Db").application())).map_err(|error| allowed(&error)));
                        }
                        _ => drop(wait(store.delete(&id("Db"))).map_err(|error| allowed(&error))),
                    }
                }
            });
        }
    });
    let mut numbers = numbers.into_inner().expect("no panic");
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=180).collect::<Vec<u64>>());
}
