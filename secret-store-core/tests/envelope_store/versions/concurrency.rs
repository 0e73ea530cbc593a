//! Writers of one secret at once: preconditions hold, every number has one value, and no write is lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use secret_store_core::{
    DeleteOptions, EnvelopeStore, ErrorKind, Precondition, PutOptions, Result, Revision, SecretStore, SecretStoreExt,
    SystemClock,
};

use super::{history, put, slow, text, threads};
use crate::support::{World, id, kind, refusal, version, wait};

#[test]
fn a_precondition_holds_or_nothing_is_written() {
    let world = World::new();
    let store = world.store();
    let on = |precondition| PutOptions::default().with_precondition(precondition);
    let stale = Precondition::Revision(Revision::new("0"));
    let error = refusal(wait(store.put_with(&id("Db"), "x".into(), on(stale.clone()))));
    assert_eq!((error.kind(), error.revision()), (ErrorKind::Conflict, None), "nothing is there");
    let first = wait(store.put_with(&id("Db"), "1".into(), on(Precondition::Absent))).expect("created");
    for precondition in [Precondition::Absent, stale] {
        let error = refusal(wait(store.put_with(&id("Db"), "x".into(), on(precondition))));
        assert_eq!((error.kind(), error.revision()), (ErrorKind::Conflict, Some(&first.revision)));
    }
    let second = wait(store.put_with(&id("Db"), "2".into(), on(Precondition::Revision(first.revision.clone()))));
    let second = second.expect("the revision that was read");
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").info(), &second, "the put answers what a get does");
    let delete =
        |precondition| wait(store.delete_with(&id("Db"), DeleteOptions::default().with_precondition(precondition)));
    assert_eq!(kind(delete(Precondition::Absent)), ErrorKind::InvalidInput);
    let error = refusal(delete(Precondition::Revision(first.revision)));
    assert_eq!((error.kind(), error.revision()), (ErrorKind::Conflict, Some(&second.revision)));
    assert_eq!(text(&store, "Db").expect("still there"), "2");
    delete(Precondition::Revision(second.revision.clone())).expect("deleted");
    // A revision that was is not there again after a new start.
    assert_eq!(
        kind(wait(store.put_with(&id("Db"), "x".into(), on(Precondition::Revision(second.revision))))),
        ErrorKind::Conflict
    );
    let third = wait(store.put_with(&id("Db"), "3".into(), on(Precondition::Absent))).expect("created again");
    assert_eq!(third.version, version(3));
    assert_eq!(history(&store, "Db", 9), [2, 1]);
}

/// So many writers at once.
const WRITERS: usize = 64;

/// Every put is a version of its own, every version is there with its own value.
fn concurrent_puts(world: &World, store: impl Fn() -> EnvelopeStore + Sync) {
    let infos = threads(WRITERS, |n| wait(store().put(&id("Db"), n.to_string().as_str().into())).expect("stored"));
    let numbers: BTreeSet<_> = infos.iter().map(|info| info.version.get()).collect();
    assert_eq!(numbers, (1..=WRITERS as u64).collect());
    world.records.unhook();
    for (n, info) in infos.iter().enumerate() {
        let secret = wait(world.store().get_version(&id("Db"), info.version)).expect("kept");
        assert_eq!(secret.text().expect("text"), n.to_string());
    }
}

#[test]
fn concurrent_puts_of_one_process_are_versions_of_their_own() {
    let world = World::new();
    let store = world.store();
    concurrent_puts(&world, || store.clone());
}

#[test]
fn concurrent_puts_of_many_processes_over_a_contended_database_are_versions_of_their_own() {
    let world = World::new();
    slow(&world);
    concurrent_puts(&world, || world.builder().clock(Arc::new(SystemClock)).build().expect("valid"));
}

#[test]
fn concurrent_creates_have_one_winner() {
    for contended in [false, true] {
        let world = World::new();
        if contended {
            slow(&world);
        }
        let options = PutOptions::default().with_precondition(Precondition::Absent);
        let outcomes = threads(WRITERS, |n| {
            wait(world.store().put_with(&id("Db"), n.to_string().as_str().into(), options.clone()))
        });
        let winners: Vec<_> = outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_ok()).collect();
        assert_eq!(winners.len(), 1);
        world.records.unhook();
        let secret = wait(world.store().get(&id("Db"))).expect("opens");
        assert_eq!((secret.text().expect("text"), secret.info().version), (&*winners[0].0.to_string(), version(1)));
        for lost in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!((lost.kind(), lost.revision()), (ErrorKind::Conflict, Some(&secret.info().revision)));
        }
    }
}

/// Compare-and-swap on a counter: no increment is lost.
#[test]
fn concurrent_compare_and_swap_loses_nothing() {
    let world = World::new();
    slow(&world);
    let store = world.store();
    put(&store, "0");
    threads(8, |_| {
        let store = world.store();
        let mut done = 0;
        while done < 10 {
            let secret = wait(store.get(&id("Db"))).expect("opens");
            let next = secret.text().expect("text").parse::<u64>().expect("a number") + 1;
            let options =
                PutOptions::default().with_precondition(Precondition::Revision(secret.info().revision.clone()));
            match wait(store.put_with(&id("Db"), next.to_string().as_str().into(), options)) {
                Ok(_) => done += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
            }
        }
    });
    assert_eq!(text(&store, "Db").expect("opens"), "80");
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").info().version, version(81));
}
