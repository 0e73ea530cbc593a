//! What is older than this process has seen, or than the caller pins, is refused.

use std::sync::Arc;

use secret_store_core::{Consistency, ErrorKind, GetOptions, Record, SecretStore, SecretStoreExt};
use secret_store_memory::MemoryPersistence;

use super::{put, text, three};
use crate::support::{Call, Strike, current, id, kind, refusal, version, wait};

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
fn marks_are_bounded_and_may_be_off() {
    let (world, _, [one, _]) = three();
    let off = world.builder().high_water_marks(0).build().expect("valid");
    assert_eq!(text(&off), "3");
    let few = world.builder().high_water_marks(4).build().expect("valid");
    let names: Vec<_> = (0..100).map(|n| id(&format!("s{n}"))).collect();
    for name in &names {
        wait(few.put(name, "1".into())).expect("stored");
    }
    let firsts: Vec<_> = names.iter().map(|name| world.record(&current(name))).collect();
    for name in &names {
        wait(few.put(name, "2".into())).expect("stored");
    }
    assert_eq!(text(&few), "3");
    world.memory().restore(&one);
    assert_eq!(text(&off), "1", "nothing is remembered");
    assert_eq!(kind(wait(few.get(&id("Db")))), ErrorKind::RollbackDetected, "the newest is remembered");
    for (name, first) in names.iter().zip(firsts) {
        world.plant(&current(name), first);
    }
    let remembered = names.iter().filter(|name| wait(few.get(name)).is_err()).count();
    assert!(remembered <= 4, "{remembered}");
}
