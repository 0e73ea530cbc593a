//! Every wrap moves with its record, and what happens when answers get lost.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::fault::{Fault, TimingOut};
use secret_store_core::{
    BlindNames, BlindedKeys, EnvelopeStore, ErrorKind, MasterKeyId, Persistence, Record, RecordKey, SecretStoreExt,
    Value, Write,
};

use super::{new, newest_alone, old};
use crate::eyes::{assert_blind, database, shows, told};
use crate::support::{
    APPLICATION, Process, STORE, World, application, id, load, master_key, next_master_key, put, store_id,
};

/// A store that can use these master keys alone, each document key wrapped under all of them.
fn store(process: &Process, ids: &[MasterKeyId]) -> EnvelopeStore {
    let builder = EnvelopeStore::builder(process.keys.clone(), process.names.clone()).store_id(STORE);
    let builder = builder.key_cache(0, std::time::Duration::ZERO).master_key(&ids[0]).wrap_with(ids.iter().cloned());
    builder.unwrap_with(ids.iter().cloned()).also_wrap_with(ids[1..].iter().cloned()).build().expect("valid")
}

#[test]
fn every_wrap_of_a_record_moves() {
    let world = World::new();
    let former = world.process(old());
    let both = [master_key(), next_master_key()];
    for value in ["1", "2"] {
        block_on(store(&former, &both).put(&id("Db"), value.into())).expect("stored");
    }
    let (process, store_id) = (world.process(new()), store_id());
    let mover = process.names.mover().with_keys(&process.keys, &store_id);
    let report = block_on(mover.application(&application())).expect("a report");
    assert_eq!((report.moved, report.left, report.finished), (2, 0, true), "{report:?}");
    let alone = world.process(newest_alone());
    for id_of_key in &both {
        // Each wrap opens by itself, under the new key alone.
        let reader = store(&alone, std::slice::from_ref(id_of_key));
        assert_eq!(block_on(reader.get(&id("Db"))).expect("opens").text().expect("text"), "2");
        let info = &block_on(reader.history(&id("Db"))).expect("a page").items[0];
        let first = block_on(reader.get_version(&id("Db"), info.version)).expect("opens");
        assert_eq!(first.text().expect("text"), "1");
        assert_eq!((first.info().master_key_id.clone(), first.info().also_wrapped_with.len()), (master_key(), 1));
    }
}

/// A record whose wraps were moved by one process and put back by another in its history, as a put does that was under way.
#[test]
fn wraps_that_were_left_behind_where_the_record_stands_are_found() {
    let world = World::new();
    let former = world.process(old());
    block_on(former.store.put(&id("Db"), "1".into())).expect("stored");
    let (process, store_id) = (world.process(new()), store_id());
    // Without the keys the records move alone.
    let report = block_on(process.names.mover().application(&application())).expect("a report");
    assert_eq!((report.moved, report.rewrapped, report.finished), (1, 0, true));
    assert!(block_on(world.process(newest_alone()).store.get(&id("Db"))).is_err(), "its wrap is left behind");
    let mover = process.names.mover().with_keys(&process.keys, &store_id);
    let report = block_on(mover.application(&application())).expect("a report");
    assert_eq!((report.moved, report.rewrapped, report.finished), (0, 1, true));
    assert!(block_on(world.process(newest_alone()).store.get(&id("Db"))).is_ok());
}

/// A commit may land though its answer is lost: the next call finds what it did.
#[test]
fn a_move_whose_answers_are_lost_is_resumed() {
    for lost in 0..6 {
        let world = World::new();
        let former = world.process(old());
        for name in ["a", "b", "c"] {
            for value in ["1", "2"] {
                block_on(former.store.put(&id(name), value.into())).expect("stored");
            }
        }
        let timing_out = Arc::new(TimingOut::new(world.memory.clone()));
        timing_out.lose(Fault::new(ErrorKind::Unavailable).after(lost));
        let names = BlindNames::unchecked(timing_out.clone(), new());
        let (keys, store_id) = (BlindedKeys::new(world.keys.clone(), new()), store_id());
        let mover = names.mover().with_keys(&keys, &store_id);
        let error = block_on(mover.application(&application())).expect_err("an answer is lost");
        assert_eq!((error.kind(), timing_out.lost()), (ErrorKind::Unavailable, 1));
        let report = block_on(mover.application(&application())).expect("a report");
        assert_eq!((report.moved, report.left, report.finished), (5 - lost as u64, 0, true), "{report:?}");
        let alone = world.process(newest_alone());
        assert_eq!(world.dump().len(), 6);
        for name in ["a", "b", "c"] {
            assert_eq!(block_on(alone.store.get(&id(name))).expect("opens").text().expect("text"), "2");
            assert_eq!(block_on(alone.store.history(&id(name))).expect("a page").items.len(), 1);
        }
    }
}

/// A wrap whose record does not say whose it is, or not how, stays where it is and is named.
#[test]
fn a_wrap_that_cannot_be_moved_is_named() {
    let world = World::new();
    let former = world.process(old());
    block_on(former.store.put(&id("Db"), "1".into())).expect("stored");
    let address = RecordKey::new(APPLICATION, "Db");
    let honest = load(&*former.names, &address).expect("there").record;
    let (process, store_id) = (world.process(new()), store_id());
    let mover = process.names.mover().with_keys(&process.keys, &store_id);
    let mut without_version = (*honest).clone();
    without_version.remove("Version");
    let wrap = |bytes: &[u8]| (*honest).clone().with("ProtectedDocumentKey", Value::from(bytes));
    for (what, broken) in [
        ("no version", without_version),
        ("another version", (*honest).clone().with("Version", Value::from(7))),
        ("no master key id", (*honest).clone().with("MasterKeyId", Value::from("~x"))),
        ("no further wraps", (*honest).clone().with("Wraps", Value::from(&[0x80_u8][..]))),
        ("a key not in use", wrap(b"SK1\x07\x07\x07\x07\x07\x07\x07\x07rest")),
        ("a cut wrap", wrap(b"SK1")),
    ] {
        put(&*former.names, address.clone(), broken.clone());
        let report = block_on(mover.application(&application())).expect("a report");
        assert_eq!((report.moved, report.left, report.finished), (0, 1, false), "{what}");
        let named = (&report.not_moved[0].address, report.not_moved[0].reason);
        assert_eq!(named, (&address, ErrorKind::Integrity), "{what}");
        assert_eq!(*load(&*former.names, &address).expect("not touched").record, broken, "{what}");
    }
    put(&*former.names, address, honest);
    assert!(block_on(mover.application(&application())).expect("a report").finished);
}

/// What a caller keeps in a partition of their own moves too, when it is named.
#[test]
fn other_partitions_move_when_they_are_named() {
    let world = World::new();
    let address = RecordKey::new("~mine~", "Something");
    let record = Record::new().with("Text", Value::from("text"));
    put(&*world.process(old()).names, address.clone(), record.clone());
    let process = world.process(new());
    let report = block_on(process.names.mover().partition("~mine~")).expect("a report");
    assert_eq!((report.moved, report.finished), (1, true));
    assert_eq!(*load(&*world.process(newest_alone()).names, &address).expect("there").record, record);
}

/// Nor does a move show a name, from one key to another.
#[test]
fn a_move_shows_no_name() {
    const NAMES: [&str; 3] = [APPLICATION, STORE, "MainDbPassword"];
    let world = World::new();
    block_on(world.process(old()).store.put(&id("MainDbPassword"), "1".into())).expect("stored");
    let (process, store_id) = (world.process(new()), store_id());
    let mover = process.names.mover().with_keys(&process.keys, &store_id);
    assert!(block_on(mover.application(&application())).expect("a report").finished);
    let former = block_on(process.names.commit(vec![Write::delete(
        RecordKey::new(APPLICATION, "MainDbPassword"),
        secret_store_core::Precondition::Absent,
    )]));
    assert_eq!(former.expect_err("it is there").kind(), ErrorKind::Conflict);
    assert_blind("the database", &database(&world), &NAMES);
    assert_blind("what the key provider is told", &told(&world), &NAMES);
    // From clear names it does, which is where they were.
    let world = World::new();
    block_on(world.clear().put(&id("MainDbPassword"), "1".into())).expect("stored");
    let process = world.process(old().with_previous_in_clear().expect("once"));
    let mover = process.names.mover().with_keys(&process.keys, &store_id);
    assert!(block_on(mover.application(&application())).expect("a report").finished);
    assert!(shows(&told(&world), "MainDbPassword"));
    drop(world.records.take());
    assert_blind("the database afterwards", &database(&world), &NAMES);
}
