//! After a restore: an operator accepts the older state, or repairs it so that its numbers go on above all that was.

use secret_store_core::{ErrorKind, HistoryRetention, Record, SecretStoreExt, Value};

use super::{put, text, three};
use crate::support::{VERSION, World, current, id, kind, last, refusal, slot, version, wait};

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
