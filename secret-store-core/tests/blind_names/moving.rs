//! A blinding key is replaced: beside readers and writers, at any moment of it, and from clear names.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::executor::block_on;
use secret_store_conformance::fault::{Failing, FailingKeyProvider, Fault};
use secret_store_core::{
    BlindMove, BlindNames, BlindedKeys, Blinding, ErrorKind, GetOptions, ListOptions, ListQuery, Persistence,
    Precondition, PutOptions, Record, RecordKey, SecretStore, SecretStoreExt, SecretVersion, TenantId, Value, Write,
};

use super::support::{APPLICATION, Process, World, application, id, key, load, put, store_id};

fn old() -> Blinding {
    Blinding::new(&key(1))
}

/// The three steps.
fn next() -> Blinding {
    old().with_next(&key(2)).expect("another")
}

fn new() -> Blinding {
    Blinding::new(&key(2)).with_previous(&key(1)).expect("another")
}

fn newest_alone() -> Blinding {
    Blinding::new(&key(2))
}

fn fill(process: &Process) {
    for name in ["a", "b", "c"] {
        for value in ["1", "2", "3"] {
            block_on(process.store.put(&id(name), format!("{name}{value}").into())).expect("stored");
        }
    }
    block_on(process.store.delete(&id("c"))).expect("deleted");
    for (partition, sort) in [("~s~", "SETTINGS"), ("~s~", "JOB")] {
        put(&*process.names, RecordKey::new(format!("{partition}{APPLICATION}"), sort), settings());
    }
    let entry = "2026-01-02T03:04:05.678Z\u{1f}0123456789abcdef0123456789abcdef\u{1f}00000000000000000001";
    put(&*process.names, RecordKey::new(format!("~af~{APPLICATION}"), entry), settings());
}

fn settings() -> Record {
    Record::new().with("Sequence", Value::from(7))
}

/// Everything is as [`fill`] left it.
#[track_caller]
fn holds_everything(process: &Process) {
    let store = &process.store;
    let names = block_on(store.list(&application())).expect("a page").items;
    assert_eq!(names.iter().map(|info| info.id.name().as_str()).collect::<Vec<_>>(), ["a", "b"]);
    for name in ["a", "b"] {
        assert_eq!(block_on(store.get(&id(name))).expect("there").text().expect("text"), format!("{name}3"));
        let history = block_on(store.history(&id(name))).expect("a page").items;
        assert_eq!(history.iter().map(|info| info.version.get()).collect::<Vec<_>>(), [2, 1]);
        for info in history {
            let secret = block_on(store.get_version(&id(name), info.version)).expect("opens");
            assert_eq!(secret.text().expect("text"), format!("{name}{}", info.version));
        }
    }
    assert_eq!(block_on(store.get(&id("c"))).expect_err("deleted").kind(), ErrorKind::NotFound);
    assert_eq!(block_on(store.history(&id("c"))).expect("a page").items.len(), 3);
    assert_eq!(
        *load(&*process.names, &RecordKey::new(format!("~s~{APPLICATION}"), "JOB")).expect("there").record,
        settings()
    );
    let entries = block_on(process.names.list(&ListQuery::new(format!("~af~{APPLICATION}")))).expect("a page");
    assert_eq!(entries.items.len(), 1);
}

fn moved(process: &Process) -> BlindMove {
    let store_id = store_id();
    let mover = process.names.mover().with_keys(&process.keys, &store_id);
    block_on(mover.application(&application())).expect("the backends answer")
}

#[test]
fn every_record_and_every_wrap_moves() {
    let world = World::new();
    fill(&world.process(old()));
    let records = world.dump().len() as u64;
    holds_everything(&world.process(next()));
    let process = world.process(new());
    holds_everything(&process);
    let report = moved(&process);
    assert_eq!((report.moved, report.left, report.finished), (records, 0, true), "{report:?}");
    let again = moved(&process);
    assert_eq!((again.moved, again.rewrapped, again.left, again.finished), (0, 0, 0, true));
    // The old key opens nothing any more, and is not needed.
    holds_everything(&world.process(newest_alone()));
    let former = world.process(old());
    assert!(block_on(former.store.list(&application())).expect("a page").items.is_empty());
    assert_eq!(world.dump().len() as u64, records);
    // The next number goes on.
    let info = block_on(world.process(newest_alone()).store.put(&id("c"), "again".into())).expect("stored");
    assert_eq!(info.version.get(), 4);
}

#[test]
fn each_step_reads_and_writes_what_the_others_wrote() {
    for (first, second) in [(next as fn() -> Blinding, new as fn() -> Blinding), (new, next), (old, next), (next, old)]
    {
        // A process that knows the old key alone is gone before anybody writes under the new one.
        let world = World::new();
        let (first, second) = (world.process(first()), world.process(second()));
        let mut number = 0;
        for process in [&first, &second, &second, &first, &first] {
            number += 1;
            let info = block_on(process.store.put(&id("Db"), number.to_string().into())).expect("stored");
            assert_eq!(info.version.get(), number);
            for reader in [&first, &second] {
                let secret = block_on(reader.store.get(&id("Db"))).expect("there");
                assert_eq!(secret.text().expect("text"), number.to_string());
                let history = block_on(reader.store.history(&id("Db"))).expect("a page").items;
                let expected: Vec<_> = (1..number).rev().collect();
                assert_eq!(history.iter().map(|info| info.version.get()).collect::<Vec<_>>(), expected);
                assert_eq!(block_on(reader.store.list(&application())).expect("a page").items.len(), 1);
            }
        }
        let absent = PutOptions::default().with_precondition(Precondition::Absent);
        for process in [&first, &second] {
            let refused = block_on(process.store.put_with(&id("Db"), "x".into(), absent.clone())).expect_err("there");
            assert_eq!(refused.kind(), ErrorKind::Conflict);
        }
        block_on(second.store.delete(&id("Db"))).expect("deleted");
        for reader in [&first, &second] {
            assert_eq!(block_on(reader.store.get(&id("Db"))).expect_err("deleted").kind(), ErrorKind::NotFound);
        }
        let info = block_on(first.store.put(&id("Db"), "again".into())).expect("stored");
        assert_eq!(info.version.get(), number + 1);
        // One record of each kind, in one generation.
        let places = world.dump().len() as u64;
        assert_eq!(places, number + 2, "the current one, the history, the last number");
    }
}

/// However a record is written while two keys are in use, it never stands in two places.
#[test]
fn no_write_leaves_a_record_twice() {
    let address = RecordKey::new("App", "Db");
    for first in [next as fn() -> Blinding, new, old] {
        for second in [next as fn() -> Blinding, new] {
            for precondition in ["any", "absent", "revision"] {
                let world = World::new();
                let (first, second) = (world.process(first()), world.process(second()));
                if precondition != "absent" {
                    put(&*first.names, address.clone(), Record::new().with("By", Value::from(1)));
                }
                let condition = match precondition {
                    "any" => Precondition::Any,
                    "absent" => Precondition::Absent,
                    _ => Precondition::Revision(load(&*second.names, &address).expect("there").revision),
                };
                let record = Record::new().with("By", Value::from(2));
                let write = Write::put(address.clone(), record.clone(), condition.clone());
                let revisions = block_on(second.names.commit(vec![write])).expect("taken");
                assert_eq!(world.dump().len(), 1, "{precondition}");
                let stored = load(&*second.names, &address).expect("there");
                assert_eq!((&*stored.record, Some(&stored.revision)), (&record, revisions[0].as_ref()));
                // The condition it was written under holds no more, wherever it stands now.
                let again = Write::put(address.clone(), Record::new(), condition);
                let conflict = block_on(second.names.commit(vec![again]));
                if precondition != "any" {
                    let conflict = conflict.expect_err("not again");
                    assert_eq!((conflict.kind(), conflict.failed_write()), (ErrorKind::Conflict, Some(0)));
                }
                // A delete finds it, wherever it stands.
                let delete = Write::delete(address.clone(), Precondition::Any);
                block_on(second.names.commit(vec![delete])).expect("taken");
                assert!(world.dump().is_empty());
            }
        }
    }
}

/// The move may stop after any call to the database: what was moved is moved, the rest is as it was, and the next one finishes.
#[test]
fn a_move_that_stops_anywhere_is_resumed() {
    let move_over = |world: &World, failing: Failing| {
        let (process, store_id) = (world.process(new()), store_id());
        let (names, failing) = over(failing);
        let outcome = block_on(names.mover().with_keys(&process.keys, &store_id).application(&application()));
        (outcome, failing.calls(), process)
    };
    let world = World::new();
    fill(&world.process(old()));
    let (_, calls, _) = move_over(&world, Failing::new(world.records.clone()));
    assert!(calls > 60, "{calls}");
    for stop in 0..calls {
        let world = World::new();
        fill(&world.process(old()));
        let failing = Failing::new(world.records.clone());
        failing.fail(Fault::new(ErrorKind::Unavailable).after(stop).forever());
        let (outcome, _, process) = move_over(&world, failing);
        assert_eq!(outcome.expect_err("the database is gone").kind(), ErrorKind::Unavailable, "at call {stop}");
        holds_everything(&process);
        assert!(moved(&process).finished, "after a stop at call {stop}");
        holds_everything(&world.process(newest_alone()));
    }
}

fn over(failing: Failing) -> (BlindNames, Arc<Failing>) {
    let failing = Arc::new(failing);
    (BlindNames::unchecked(failing.clone(), new()), failing)
}

/// A key provider that fails stops the move as well; one that refuses leaves the record, named, and moves the others.
#[test]
fn what_the_key_provider_refuses_is_left_and_named() {
    let world = World::new();
    fill(&world.process(old()));
    let process = world.process(new());
    let (store_id, application) = (store_id(), application());
    let failing = Arc::new(FailingKeyProvider::new(world.keys.clone()));
    let keys = BlindedKeys::new(failing.clone(), new());
    let mover = process.names.mover().with_keys(&keys, &store_id);
    failing.fail(Fault::new(ErrorKind::Throttled).after(2));
    assert_eq!(block_on(mover.application(&application)).expect_err("throttled").kind(), ErrorKind::Throttled);
    failing.fail(Fault::new(ErrorKind::KeyUnavailable).forever());
    let report = block_on(mover.application(&application)).expect("a report");
    assert!(!report.finished && report.left > 0 && report.not_moved.len() as u64 == report.left, "{report:?}");
    assert!(report.not_moved.iter().all(|left| left.reason == ErrorKind::KeyUnavailable));
    let named: Vec<_> = report.not_moved.iter().map(|left| left.address.partition().to_string()).collect();
    assert!(named.iter().all(|partition| partition.ends_with(APPLICATION)), "true names: {named:?}");
    holds_everything(&process);
    failing.heal();
    assert!(block_on(mover.application(&application)).expect("a report").finished);
    holds_everything(&world.process(newest_alone()));
}

/// What is damaged is told and not touched; so is what stands in the way.
#[test]
fn what_cannot_be_moved_is_told_and_not_touched() {
    let world = World::new();
    let former = world.process(old());
    fill(&former);
    let place = |process: &Process, name: &str| {
        RecordKey::new(process.names.display(&application()), process.names.display(&id(name)))
    };
    // A byte of one is changed, and another one has a double in its new place, as a process that did not read both would leave it.
    let damaged = place(&former, "a");
    let mut bytes = load(&*world.memory, &damaged).expect("there").record.bytes("Sealed").expect("sealed").to_vec();
    bytes[100] ^= 1;
    let forged = Record::new().with("Sealed", Value::from(bytes));
    world.overwrite(damaged.clone(), forged.clone());
    let alone = world.process(newest_alone());
    block_on(alone.store.put(&id("b"), "double".into())).expect("it sees nothing there");
    let double = load(&*world.memory, &place(&alone, "b")).expect("there");

    let process = world.process(new());
    let report = moved(&process);
    assert!(!report.finished && report.moved > 0, "{report:?}");
    let mut left: Vec<_> = report.not_moved.iter().map(|left| (left.address.clone(), left.reason)).collect();
    left.sort_by_key(|(_, reason)| format!("{reason:?}"));
    let b = RecordKey::new(APPLICATION, "b");
    assert_eq!(left, [(b, ErrorKind::Conflict), (damaged.clone(), ErrorKind::Integrity)]);
    assert_eq!(*load(&*world.memory, &damaged).expect("there").record, forged);
    assert_eq!(load(&*world.memory, &place(&alone, "b")).expect("there").revision, double.revision);
    assert!(load(&*world.memory, &place(&former, "b")).is_some());
    // The operator decides: without the double it moves.
    block_on(world.memory.commit(vec![Write::delete(place(&alone, "b"), Precondition::Any)])).expect("taken");
    block_on(world.memory.commit(vec![Write::delete(damaged, Precondition::Any)])).expect("taken");
    assert!(moved(&process).finished);
}

/// Readers never miss a secret while it moves, writers lose no update, and the move ends beside them.
#[test]
fn readers_and_writers_go_on_beside_a_move() {
    for round in 0..4 {
        let world = World::new();
        fill(&world.process(old()));
        // Those of the step before read on and write no more; these write.
        let (reader, writer, mover) = (world.process(next()), world.process(new()), world.process(new()));
        let (over, written, reads) = (AtomicBool::new(false), AtomicU64::new(3), AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let lowest = written.load(Ordering::SeqCst);
                    let secret = block_on(reader.store.get(&id("a"))).expect("never missed");
                    assert!(secret.info().version.get() >= lowest, "nothing older than was acknowledged");
                    assert_eq!(block_on(reader.store.list(&application())).expect("a page").items.len(), 2);
                    let history = block_on(reader.store.history(&id("b"))).expect("a page").items;
                    assert_eq!(history.len(), 2);
                    assert!(block_on(reader.store.get(&id("c"))).is_err());
                    reads.fetch_add(1, Ordering::SeqCst);
                }
            });
            scope.spawn(|| {
                for _ in 0..20 {
                    let info = block_on(writer.store.put(&id("a"), "x".into())).expect("stored");
                    written.store(info.version.get(), Ordering::SeqCst);
                }
                over.store(true, Ordering::SeqCst);
            });
            while !over.load(Ordering::SeqCst) {
                moved(&mover);
            }
        });
        assert!(moved(&mover).finished, "round {round}");
        assert!(reads.load(Ordering::SeqCst) > 0);
        assert_eq!(written.load(Ordering::SeqCst), 23, "no number is lost or given twice");
        let alone = world.process(newest_alone());
        let history = block_on(alone.store.history(&id("a"))).expect("a page").items;
        assert_eq!(
            history.iter().map(|info| info.version.get()).collect::<Vec<_>>(),
            (1..23).rev().collect::<Vec<_>>()
        );
        for version in 1..=23 {
            let version = SecretVersion::new(version).expect("not zero");
            block_on(alone.store.get_version(&id("a"), version)).expect("every version opens under the new key alone");
        }
    }
}

/// From names in clear: beside processes without blind names, then beside each other.
#[test]
fn the_first_key_comes_beside_processes_without() {
    let world = World::new();
    let (clear, first) = (world.clear(), world.process(Blinding::in_clear_with_next(&key(1))));
    let put = |store: &dyn SecretStore, value: &str| {
        drop(block_on(store.put(&id("Db"), value.into())).expect("stored"));
    };
    let reads = |store: &dyn SecretStore, value: &str| {
        assert_eq!(block_on(store.get(&id("Db"))).expect("there").text().expect("text"), value);
        let listed = block_on(store.list(&application())).expect("a page").items;
        assert_eq!(listed.len(), 1);
    };
    for value in ["1", "2"] {
        put(if value == "1" { &clear } else { &first.store }, value);
        reads(&clear, value);
        reads(&first.store, value);
    }
    // No process without blind names is left.
    drop(clear);
    let second = world.process(old().with_previous_in_clear().expect("once"));
    for (store, value) in [(&second.store, "3"), (&first.store, "4"), (&second.store, "5")] {
        put(store, value);
        reads(&first.store, value);
        reads(&second.store, value);
    }
    let report = moved(&second);
    assert!(report.finished && report.moved > 0, "{report:?}");
    let alone = world.process(old());
    reads(&alone.store, "5");
    for version in 1..=5 {
        let version = SecretVersion::new(version).expect("not zero");
        let secret = block_on(alone.store.get_version(&id("Db"), version)).expect("opens");
        assert_eq!(secret.text().expect("text"), version.to_string());
    }
    // The mark is left with the first name that is hashed, not before.
    let open = |blinding| block_on(BlindNames::open(world.memory.clone(), blinding));
    open(Blinding::in_clear_with_next(&key(1))).expect("no mark yet");
    open(newest_alone()).expect("none still, so that any key is the first");
    let error = open(Blinding::in_clear_with_next(&key(1))).expect_err("another key's mark");
    assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
}

#[test]
fn a_store_in_clear_moves_to_blind_names() {
    let world = World::new();
    let clear = world.clear();
    for value in ["1", "2"] {
        block_on(clear.put(&id("Db"), value.into())).expect("stored");
    }
    let process = world.process(old().with_previous_in_clear().expect("once"));
    assert_eq!(block_on(process.store.get(&id("Db"))).expect("there").text().expect("text"), "2");
    let report = moved(&process);
    assert_eq!((report.moved, report.left, report.finished), (2, 0, true), "{report:?}");
    let alone = world.process(old());
    assert_eq!(block_on(alone.store.get(&id("Db"))).expect("there").text().expect("text"), "2");
    let first = block_on(alone.store.get_version(&id("Db"), SecretVersion::FIRST)).expect("there");
    assert_eq!(first.text().expect("text"), "1");
    assert!(block_on(clear.list(&application())).expect("a page").items.is_empty());
}

/// Pages that were begun before a record moved go on after it.
#[test]
fn pages_go_on_while_records_move() {
    let world = World::new();
    let former = world.process(old());
    let names: Vec<String> = (0..12).map(|n| format!("name-{n:02}")).collect();
    for name in &names {
        block_on(former.store.put(&id(name), "v".into())).expect("stored");
    }
    let process = world.process(new());
    let three = ListOptions::default().with_limit(std::num::NonZeroUsize::new(3).expect("not zero"));
    let mut page = block_on(process.store.list_with(&application(), three.clone())).expect("a page");
    let mut seen: Vec<String> = Vec::new();
    loop {
        seen.extend(page.items.iter().map(|info| info.id.name().as_str().to_owned()));
        // Some of both sides of the cursor move.
        for name in [&names[1], &names[4], &names[7], &names[10]] {
            block_on(process.store.put(&id(name), "moved".into())).expect("stored");
        }
        let Some(next) = page.next else { break };
        page = block_on(process.store.list_with(&application(), three.clone().with_after(next))).expect("a page");
    }
    assert_eq!(seen, names);
    assert_eq!(block_on(process.store.get_all_with(&application(), GetOptions::default())).expect("all").len(), 12);
}

#[test]
fn a_tenants_records_move() {
    let world = World::new();
    let former = world.process(old());
    let tenant = TenantId::new("acme").expect("valid");
    let addresses = ["v0000000001", "ACTIVE", "APP#App"].map(|sort| RecordKey::new("~k~acme", sort));
    for address in &addresses {
        put(&*former.names, address.clone(), settings());
    }
    let process = world.process(new());
    let report = block_on(process.names.mover().tenant(&tenant)).expect("a report");
    assert_eq!((report.moved, report.finished), (3, true));
    for address in &addresses {
        assert_eq!(*load(&*world.process(newest_alone()).names, address).expect("there").record, settings());
    }
}

#[test]
fn a_key_is_named_once() {
    for twice in [old().with_previous(&key(1)), old().with_next(&key(1)), new().with_next(&key(1))] {
        assert_eq!(twice.expect_err("twice").kind(), ErrorKind::InvalidInput);
    }
    let clear = old().with_previous_in_clear().expect("once");
    assert_eq!(clear.with_previous_in_clear().expect_err("twice").kind(), ErrorKind::InvalidInput);
}
