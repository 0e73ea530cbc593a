//! A move that stops, and what is left where it was: named, and untouched until it can be moved.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::fault::{Failing, FailingKeyProvider, Fault};
use secret_store_core::{
    BlindNames, BlindedKeys, ErrorKind, Persistence, Precondition, Record, RecordKey, SecretStoreExt, Value, Write,
};

use super::{fill, holds_everything, moved, new, newest_alone, old};
use crate::support::{APPLICATION, Process, World, application, id, load, store_id};

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
