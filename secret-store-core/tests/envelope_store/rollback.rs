//! Older states that are authentic: what one process has seen, what a caller pins, and what an operator does after a restore.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use secret_store_core::{
    Consistency, EnvelopeStore, ErrorKind, GetOptions, HistoryRetention, Persistence, Precondition, Record, SecretInfo,
    SecretStore, SecretStoreExt, Value, Write,
};
use secret_store_memory::{MemoryPersistence, Snapshot};

use super::support::{Call, Strike, VERSION, World, current, id, kind, last, refusal, slot, version, wait};

fn put(store: &EnvelopeStore, value: &str) -> SecretInfo {
    wait(store.put(&id("Db"), value.into())).expect("stored")
}

fn text(store: &EnvelopeStore) -> String {
    wait(store.get(&id("Db"))).expect("opens").text().expect("text").to_owned()
}

/// A store that has seen version 3, and what the database was at versions 1 and 2.
fn three() -> (World, EnvelopeStore, [Snapshot; 2]) {
    let world = World::new();
    let store = world.store();
    put(&store, "1");
    let one = world.memory().snapshot();
    put(&store, "2");
    let two = world.memory().snapshot();
    put(&store, "3");
    (world, store, [one, two])
}

#[test]
fn an_older_current_record_is_detected_by_who_has_seen_a_newer_one() {
    let (world, writer, [one, two]) = three();
    let reader = world.store();
    assert_eq!(text(&reader), "3");
    for store in [&writer, &reader] {
        for old in [&one, &two] {
            world.plant(&current(&id("Db")), Record::clone(&old.get(&current(&id("Db"))).expect("there").record));
            let calls = world.keys.calls();
            for consistency in [Consistency::Eventual, Consistency::Strong] {
                let options = GetOptions::default().with_consistency(consistency);
                let error = refusal(wait(store.get_with(&id("Db"), options.clone())));
                assert_eq!(error.kind(), ErrorKind::RollbackDetected);
                assert!(error.to_string().contains("accept_rollback"), "{error}");
                assert_eq!(kind(wait(store.get_many_with(&[id("Db")], options.clone()))), ErrorKind::RollbackDetected);
                let all = wait(store.get_all_with(id("Db").application(), options));
                assert_eq!(kind(all), ErrorKind::RollbackDetected);
            }
            assert_eq!(kind(wait(store.put(&id("Db"), "x".into()))), ErrorKind::RollbackDetected);
            let protected = wait(store.protect(&id("Db"), "x".into(), Default::default()));
            assert_eq!(kind(protected), ErrorKind::RollbackDetected);
            assert_eq!(world.keys.calls(), calls, "no key is asked for");
            // Save by a delete: what nobody can open it takes away.
            assert_eq!(kind(wait(store.delete(&id("Db")))), ErrorKind::RollbackDetected);
        }
    }
    // Who has seen nothing cannot tell: the documentation says so. It can with a pin.
    assert_eq!(text(&world.store()), "2");
}

#[test]
fn a_stale_eventual_read_is_read_again() {
    let (world, store, [one, two]) = three();
    for old in [Some(&one), Some(&two), None] {
        let stale = Arc::new(MemoryPersistence::new());
        if let Some(old) = old {
            stale.restore(old);
        }
        world.records.hook(move |call| match call {
            Call::Load(Consistency::Eventual)
            | Call::LoadMany(Consistency::Eventual)
            | Call::List(Consistency::Eventual) => Strike::From(stale.clone()),
            _ => Strike::Pass,
        });
        assert_eq!(text(&store), "3");
        assert_eq!(wait(store.get_many(&[id("Db")])).expect("all")[0].expose_secret(), b"3");
        if old.is_some() {
            assert_eq!(wait(store.get_all(id("Db").application())).expect("all")[0].expose_secret(), b"3");
        }
        // A pin asks again as well, of one who has seen nothing.
        let pin = GetOptions::default().with_minimum_version(version(3));
        assert_eq!(wait(world.store().get_with(&id("Db"), pin)).expect("fresh").expose_secret(), b"3");
        world.records.unhook();
    }
}

#[test]
fn pins_hold_across_processes() {
    let (world, _, [_, two]) = three();
    let pinned = |number| GetOptions::default().with_minimum_version(version(number));
    for number in 1..=3 {
        assert!(wait(world.store().get_with(&id("Db"), pinned(number))).is_ok());
    }
    assert_eq!(kind(wait(world.store().get_with(&id("Db"), pinned(4)))), ErrorKind::RollbackDetected);
    assert_eq!(kind(wait(world.store().get_many_with(&[id("Db")], pinned(4)))), ErrorKind::RollbackDetected);
    world.memory().restore(&two);
    assert_eq!(kind(wait(world.store().get_with(&id("Db"), pinned(3)))), ErrorKind::RollbackDetected);
    assert!(wait(world.store().get_with(&id("Db"), pinned(2))).is_ok());
}

#[test]
fn what_was_deleted_does_not_come_back() {
    let (world, store, _) = three();
    let before = world.memory().snapshot();
    wait(store.delete(&id("Db"))).expect("deleted");
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::NotFound);
    let deleted = world.memory().snapshot();
    world.memory().restore(&before);
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::RollbackDetected);
    assert_eq!(kind(wait(store.put(&id("Db"), "x".into()))), ErrorKind::RollbackDetected);
    world.memory().restore(&deleted);
    assert_eq!(put(&store, "4").version, version(4));
    assert_eq!(text(&store), "4");
}

/// Absence is nothing that could be authenticated: a reader is told that nothing is there, a writer that its number is lost.
#[test]
fn a_record_that_vanishes_is_not_found_and_its_numbers_are_missed() {
    let (world, store, _) = three();
    world.erase(&current(&id("Db")));
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::NotFound);
    assert_eq!(kind(wait(store.put(&id("Db"), "x".into()))), ErrorKind::RollbackDetected);
    assert_eq!(wait(store.accept_rollback(&id("Db"))).expect("accepted"), None);
    // The history still knows better: its slots are taken once the numbers get there.
    assert_eq!(wait(store.repair(&id("Db"))).expect("repaired"), None);
    assert_eq!(put(&store, "new").version, version(3), "above the history");
    assert_eq!(text(&store), "new");
}

#[test]
fn accepting_makes_the_older_state_the_present_one() {
    let (world, store, [_, two]) = three();
    world.memory().restore(&two);
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::RollbackDetected);
    let accepted = wait(store.accept_rollback(&id("Db"))).expect("accepted").expect("something is there");
    assert_eq!(accepted.version, version(2));
    assert_eq!(text(&store), "2");
    assert_eq!(put(&store, "3 again").version, version(3));
    assert_eq!(text(&store), "3 again");
    // Only what is authentic is accepted.
    let forged = world.record(&current(&id("Db"))).with(VERSION, Value::from(1));
    world.plant(&current(&id("Db")), forged);
    assert_eq!(kind(wait(store.accept_rollback(&id("Db")))), ErrorKind::Integrity);
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::RollbackDetected, "the mark stays");
}

/// A restore of the current record alone: the history is newer than it.
fn restored_current(number: usize) -> World {
    let (world, _, old) = three();
    let record = &old[number - 1].get(&current(&id("Db"))).expect("there").record;
    world.plant(&current(&id("Db")), Record::clone(record));
    world
}

#[test]
fn a_put_over_a_history_that_contradicts_it_is_refused_until_repaired() {
    // Version 1 is current again and the history has 1 and 2. A process that knows nothing moves 1 to where the same bytes stand,
    // which is a success, and writes a second version 2; it cannot move that to where another version 2 stands.
    let world = restored_current(1);
    let store = world.store();
    assert_eq!(put(&store, "other 2").version, version(2));
    assert_eq!(world.record(&slot(&id("Db"), 1)).number(VERSION), Some(1));
    let error = refusal(wait(store.put(&id("Db"), "x".into())));
    assert_eq!(error.kind(), ErrorKind::RollbackDetected);
    assert!(error.to_string().contains("repair"), "{error}");
    assert_eq!(kind(wait(store.delete(&id("Db")))), ErrorKind::RollbackDetected);
    assert_eq!(text(&store), "other 2", "nothing was written");
    let repaired = wait(store.repair(&id("Db"))).expect("repaired").expect("something is there");
    assert_eq!(repaired.version, version(3));
    assert_eq!(text(&store), "other 2");
    assert_eq!(put(&store, "4").version, version(4));
    wait(store.delete(&id("Db"))).expect("deleted");
    let first = wait(store.get_version(&id("Db"), version(2))).expect("the history was not touched");
    assert_eq!(first.expose_secret(), b"2");
}

#[test]
fn repair_goes_above_everything_that_was_ever_seen() {
    // By the history.
    let world = restored_current(1);
    let repaired = wait(world.store().repair(&id("Db"))).expect("repaired").expect("something is there");
    assert_eq!(repaired.version, version(3));
    // By what this process has seen: everything was restored, and it has seen 3.
    let (world, store, [one, _]) = three();
    world.memory().restore(&one);
    let repaired = wait(store.repair(&id("Db"))).expect("repaired").expect("something is there");
    assert_eq!(repaired.version, version(4));
    assert_eq!(text(&store), "1");
    assert_eq!(put(&store, "5").version, version(5));
    assert_eq!(wait(store.get_version(&id("Db"), version(1))).expect("kept").expose_secret(), b"1");
    // By the last number, whose current record came back.
    let (world, store, _) = three();
    let record = world.record(&current(&id("Db")));
    wait(store.delete(&id("Db"))).expect("deleted");
    world.plant(&current(&id("Db")), record);
    let cold = world.store();
    let repaired = wait(cold.repair(&id("Db"))).expect("repaired").expect("something is there");
    assert_eq!((repaired.version, text(&cold)), (version(4), "3".to_owned()));
}

#[test]
fn repair_of_what_is_in_order_does_nothing() {
    let (world, store, _) = three();
    for store in [&store, &world.store()] {
        let before = world.memory().snapshot();
        let info = wait(store.repair(&id("Db"))).expect("in order").expect("something is there");
        assert_eq!(info.version, version(3));
        assert_eq!(wait(store.repair(&id("Nothing"))).expect("in order"), None);
        let after: Vec<_> =
            world.memory().snapshot().iter().map(|(key, stored)| (key, stored.revision.clone())).collect();
        assert_eq!(after, before.iter().map(|(key, stored)| (key, stored.revision.clone())).collect::<Vec<_>>());
    }
    wait(store.delete(&id("Db"))).expect("deleted");
    assert_eq!(wait(store.repair(&id("Db"))).expect("in order"), None);
    assert_eq!(put(&store, "4").version, version(4), "the numbers go on as if nothing had been");
}

#[test]
fn repair_restores_a_lost_last_number() {
    for retention in [HistoryRetention::All, HistoryRetention::None] {
        let world = World::new();
        let store = world.builder().history(retention).build().expect("valid");
        (1..=3).for_each(|n| drop(put(&store, &n.to_string())));
        wait(store.delete(&id("Db"))).expect("deleted");
        world.erase(&last(&id("Db")));
        assert_eq!(kind(wait(store.put(&id("Db"), "x".into()))), ErrorKind::RollbackDetected);
        assert_eq!(wait(store.repair(&id("Db"))).expect("repaired"), None);
        assert!(put(&store, "4").version >= version(4), "{retention:?}");
        put(&store, "5");
    }
    // A process that has seen nothing is told by the history.
    let (world, store, _) = three();
    wait(store.delete(&id("Db"))).expect("deleted");
    world.erase(&last(&id("Db")));
    let cold = world.store();
    wait(cold.repair(&id("Db"))).expect("repaired");
    assert_eq!(put(&cold, "4").version, version(4));
}

/// The last number is nothing that could be authenticated: a malformed one is refused by writers, and repaired.
#[test]
fn repair_replaces_a_malformed_last_number() {
    for present in [false, true] {
        let (world, store, _) = three();
        if !present {
            wait(store.delete(&id("Db"))).expect("deleted");
        }
        for forged in [Record::new(), Record::new().with("LastVersion", "3".into())] {
            world.plant(&last(&id("Db")), forged);
            assert_eq!(kind(wait(world.store().put(&id("Db"), "x".into()))), ErrorKind::Integrity);
            assert_eq!(wait(world.store().repair(&id("Db"))).expect("repaired").is_some(), present);
        }
        assert_eq!(put(&store, "4").version, version(4));
    }
}

/// A whole older state of a name that was deleted and created again: not only the version that is gone is missed.
#[test]
fn a_deleted_state_from_before_a_new_start_is_a_rollback() {
    let (world, store, _) = three();
    wait(store.delete(&id("Db"))).expect("deleted");
    let deleted = world.memory().snapshot();
    assert_eq!(put(&store, "4").version, version(4));
    world.memory().restore(&deleted);
    assert_eq!(kind(wait(store.put(&id("Db"), "other 4".into()))), ErrorKind::RollbackDetected);
    let reader = world.store();
    assert_eq!(put(&reader, "other 4").version, version(4), "who has seen nothing cannot tell");
}

/// A forged record under a number that was, while a mark or a slot of that number stands: it must be possible to get rid of it.
#[test]
fn a_forged_older_record_can_be_deleted() {
    for cold in [false, true] {
        let (world, warm, _) = three();
        let store = if cold { world.store() } else { warm };
        let forged = world.record(&current(&id("Db"))).with(VERSION, Value::from(1));
        world.plant(&current(&id("Db")), forged);
        assert_eq!(kind(wait(store.repair(&id("Db")))), ErrorKind::Integrity);
        wait(store.delete(&id("Db"))).expect("deleted, as nobody can open it");
        let number = put(&store, "new").version;
        assert!(number >= version(4) || cold && number >= version(3), "{number}");
        assert_eq!(text(&store), "new");
        assert_eq!(put(&store, "newer").version, number.next().expect("another"));
    }
}

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

#[test]
fn marks_are_bounded_and_may_be_off() {
    let (world, _, [one, _]) = three();
    let off = world.builder().high_water_marks(0).build().expect("valid");
    assert_eq!(text(&off), "3");
    let few = world.builder().high_water_marks(4).build().expect("valid");
    for n in 0..100 {
        wait(few.put(&id(&format!("s{n}")), "v".into())).expect("stored");
    }
    assert_eq!(text(&few), "3");
    let keep = world.memory().snapshot();
    world.memory().restore(&one);
    assert_eq!(text(&off), "1", "nothing is remembered");
    assert_eq!(kind(wait(few.get(&id("Db")))), ErrorKind::RollbackDetected, "the newest is remembered");
    world.memory().restore(&keep);
}
