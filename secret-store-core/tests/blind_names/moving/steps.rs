//! The steps of a replacement: each reads and writes what the others wrote, and in the end the old key is not needed.

use futures::executor::block_on;
use secret_store_core::{
    Blinding, ErrorKind, Persistence, Precondition, PutOptions, Record, RecordKey, SecretStore, SecretStoreExt,
    TenantId, Value, Write,
};

use super::{fill, holds_everything, moved, new, newest_alone, next, old, settings};
use crate::support::{World, application, id, key, load, put};

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
