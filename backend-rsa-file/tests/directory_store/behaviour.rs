//! The contract of a persistence, as far as this backend has its own way of breaking it.

use std::collections::HashSet;
use std::time::Duration;

use futures::executor::block_on;
use secret_store_core::{
    Consistency, ErrorKind, ListQuery, MAX_ATTRIBUTES, Persistence, Precondition, Record, RecordKey, Value, Write,
};
use secret_store_rsa_file::testing::{commit, load};
use secret_store_rsa_file::{DirectoryOptions, DirectoryPersistence};

use crate::scratch::{open, record, scratch};

fn key(sort: &str) -> RecordKey {
    RecordKey::new("App", sort)
}

#[test]
fn records_survive_the_handle() {
    let place = scratch();
    let root = place.path().join("data");
    block_on(async {
        let directory = DirectoryPersistence::open(&root).await.expect("opens");
        let writes = vec![
            Write::put(key("a"), record(1), Precondition::Absent),
            Write::check(key("c"), Precondition::Absent),
            Write::put(key("b"), Record::new(), Precondition::Any),
        ];
        let revisions = directory.commit(writes).await.expect("commits");
        assert_eq!(revisions.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
        drop(directory);
        let directory = DirectoryPersistence::open(&root).await.expect("opens again");
        let keys = [key("b"), key("c"), key("a")];
        let found = directory.load_many(&keys, Consistency::Strong).await.expect("reads");
        assert_eq!(*found[0].as_ref().expect("b").record, Record::new());
        assert!(found[1].is_none());
        let a = found[2].as_ref().expect("a");
        assert_eq!(*a.record, record(1));
        assert_eq!(Some(&a.revision), revisions[0].as_ref());
        assert_eq!(directory.commit(vec![]).await.expect("nothing"), vec![]);
    });
}

#[test]
fn a_precondition_that_fails_leaves_everything() {
    let place = scratch();
    let directory = open(place.path());
    let first =
        commit(&directory, &[Write::put(key("a"), record(1), Precondition::Absent)]).expect("creates")[0].clone();
    let stale = secret_store_core::Revision::new("stale");
    for (precondition, on) in [
        (Precondition::Absent, "a"),
        (Precondition::Revision(stale.clone()), "a"),
        (Precondition::Revision(stale), "missing"),
    ] {
        let put = Write::put(key("b"), record(2), Precondition::Any);
        let check = Write::check(key(on), precondition.clone());
        for failing in
            [check, Write::put(key(on), record(9), precondition.clone()), Write::delete(key(on), precondition)]
        {
            let error = commit(&directory, &[put.clone(), failing]).expect_err("a lost race");
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert_eq!(error.failed_write(), Some(1));
            assert_eq!(error.revision().cloned(), if on == "a" { first.clone() } else { None });
        }
        assert!(load(&directory, &key("b")).expect("reads").is_none());
        assert_eq!(*load(&directory, &key("a")).expect("reads").expect("stays").record, record(1));
    }
}

#[test]
fn revisions_never_repeat() {
    let place = scratch();
    let mut seen = HashSet::new();
    for round in 0..50 {
        // Another handle each time, the same content, and a delete between.
        let directory = open(place.path());
        let put = commit(&directory, &[Write::put(key("a"), record(1), Precondition::Absent)]).expect("creates");
        let created = put[0].clone().expect("a revision");
        let put = Write::put(key("a"), record(1), Precondition::Revision(created.clone()));
        let updated = commit(&directory, &[put]).expect("updates")[0].clone().expect("a revision");
        assert_eq!(load(&directory, &key("a")).expect("reads").expect("is there").revision, updated);
        commit(&directory, &[Write::delete(key("a"), Precondition::Revision(updated.clone()))]).expect("deletes");
        assert!(seen.insert(created) && seen.insert(updated), "round {round}");
    }
}

#[test]
fn deleting_what_is_not_there_succeeds_and_touches_nothing() {
    let place = scratch();
    let directory = open(place.path());
    let before = crate::scratch::files(place.path());
    let delete = Write::delete(RecordKey::new("nowhere", "x"), Precondition::Any);
    assert_eq!(commit(&directory, &[delete]).expect("deletes"), [None]);
    assert_eq!(crate::scratch::files(place.path()), before);
    assert!(!place.path().join("records/+nowhere.records").exists());
}

#[test]
fn limits_are_kept_before_anything_is_written() {
    let place = scratch();
    let directory = open(place.path());
    let large = |size: usize| Record::new().with("V", Value::from(vec![7; size - 1]));
    let limit = directory.limits().record_bytes;
    let many: Record = (0..=MAX_ATTRIBUTES).map(|n| (format!("{n}"), Value::from(0))).collect();
    let too_large = |writes: Vec<Write>| {
        let error = block_on(directory.commit(writes)).expect_err("too large");
        assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
    };
    too_large(vec![Write::put(key("a"), large(limit + 1), Precondition::Any)]);
    too_large(vec![Write::put(key("a"), many, Precondition::Any)]);
    too_large(vec![Write::put(key(&"x".repeat(5000)), record(1), Precondition::Any)]);
    too_large((0..101).map(|n| Write::put(key(&n.to_string()), record(1), Precondition::Any)).collect());
    let twice = vec![Write::put(key("a"), record(1), Precondition::Any), Write::delete(key("a"), Precondition::Any)];
    assert_eq!(block_on(directory.commit(twice)).expect_err("twice").kind(), ErrorKind::InvalidInput);
    assert_eq!(block_on(directory.list(&ListQuery::new("App"))).expect("lists").items.len(), 0);
    block_on(directory.commit(vec![Write::put(key("a"), large(limit), Precondition::Any)])).expect("the limit itself");
    assert_eq!(*load(&directory, &key("a")).expect("reads").expect("is there").record, large(limit));
}

#[test]
fn text_that_json_escapes_sixfold_still_fits() {
    let place = scratch();
    let directory = open(place.path());
    let text = "\u{1}".repeat(directory.limits().record_bytes - 1);
    let record = Record::new().with("T", Value::from(text.as_str()));
    commit(&directory, &[Write::put(key("a"), record.clone(), Precondition::Any)]).expect("commits");
    assert_eq!(*load(&directory, &key("a")).expect("reads").expect("is there").record, record);
}

#[test]
fn a_writer_waits_for_another_only_so_long() {
    let place = scratch();
    let patient = open(place.path());
    let options = DirectoryOptions::default().with_lock_timeout(Duration::from_millis(20));
    let hasty = block_on(DirectoryPersistence::open_with(place.path(), options)).expect("opens");
    let layer = secret_store_rsa_file::testing::NativeFileSystem;
    let mut other =
        secret_store_rsa_file::testing::FileSystem::open_lock(&layer, &place.path().join("lock")).expect("opens");
    assert!(other.try_lock().expect("locks"));
    let put = || Write::put(key("a"), record(1), Precondition::Any);
    let error = commit(&hasty, &[put()]).expect_err("locked");
    assert_eq!(error.kind(), ErrorKind::Contention);
    assert!(load(&hasty, &key("a")).expect("readers do not wait").is_none());
    // Opening does not wait either.
    open(place.path());
    let waiting = std::thread::spawn(move || commit(&patient, &[put()]).map(drop));
    std::thread::sleep(Duration::from_millis(50));
    other.unlock();
    waiting.join().expect("no panic").expect("commits after all");
    assert!(load(&hasty, &key("a")).expect("reads").is_some());
}

#[test]
fn handles_of_one_process_exclude_each_other() {
    let place = scratch();
    let root = place.path().to_owned();
    commit(&open(&root), &[Write::put(key("n"), Record::new().with("N", Value::from(0)), Precondition::Absent)])
        .expect("creates");
    let shared = open(&root);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            // Two threads share a handle, two have their own.
            let directory = if worker < 2 { shared.clone() } else { open(&root) };
            scope.spawn(move || crate::counter::add(&directory, &key("n"), 100));
        }
    });
    assert_eq!(load(&shared, &key("n")).expect("reads").expect("is there").record.number("N"), Some(400));
}

#[test]
fn a_dropped_commit_is_whole_or_nothing() {
    let place = scratch();
    let directory = open(place.path());
    for round in 0..100_u32 {
        let writes = ["a", "b"].map(|sort| Write::put(key(&format!("{round}{sort}")), record(1), Precondition::Absent));
        let mut future = directory.commit(writes.to_vec());
        if round % 2 == 0 {
            // Begun, then dropped.
            let waker = std::task::Waker::noop();
            let _ = future.as_mut().poll(&mut std::task::Context::from_waker(waker));
        }
        drop(future);
    }
    // The writer's turn comes after everything that was begun.
    commit(&directory, &[Write::put(key("last"), record(1), Precondition::Absent)]).expect("commits");
    for round in 0..100_u32 {
        let found = ["a", "b"].map(|sort| load(&directory, &key(&format!("{round}{sort}"))).expect("reads").is_some());
        assert_eq!(found[0], found[1], "round {round}");
        assert!(round % 2 == 0 || !found[0], "a commit that was never begun happened");
    }
}
