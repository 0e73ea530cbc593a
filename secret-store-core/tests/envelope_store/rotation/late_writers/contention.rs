//! Writers of different secrets share nothing that they write.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use secret_store_core::{ErrorKind, Persistence, SecretStoreExt};

use super::super::{NEW, fill, rotate, store, under};
use crate::support::{Call, Commits, MAIN, Strike, World, id, master, wait};

/// The records of writers that touch no shared one, and how many races their commits have lost.
fn racing(world: &World) -> (Arc<Commits>, Arc<AtomicUsize>) {
    let races = Arc::new(AtomicUsize::new(0));
    let counter = races.clone();
    let records = Commits::by(world.records.clone(), move |records, writes| {
        let counter = counter.clone();
        async move {
            let shared = writes.iter().find(|write| write.key().partition().starts_with("~s~"));
            assert!(shared.is_none(), "a writer touches no shared record: {shared:?}");
            let outcome = records.commit(writes).await;
            if outcome.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Contention))
            {
                counter.fetch_add(1, Ordering::SeqCst);
            }
            outcome
        }
        .boxed()
    });
    (records, races)
}

/// Writers of different secrets share nothing that they write: none of 64 at once loses a race.
#[test]
fn writers_contend_on_nothing() {
    let world = World::new();
    fill(&store(&world));
    rotate(&world, &store(&world)).expect("rotated");
    let (records, races) = racing(&world);
    let writer = || world.builder_over(records.clone()).wrap_with([MAIN, NEW].map(master)).build().expect("valid");
    let shared = writer();
    let start = std::sync::Barrier::new(64);
    std::thread::scope(|scope| {
        for number in 0..64 {
            let store = if number % 2 == 0 { shared.clone() } else { writer() };
            let start = &start;
            scope.spawn(move || {
                let name = id(&format!("w{number}"));
                start.wait();
                for value in 1..=8 {
                    wait(store.put(&name, format!("{value}").as_str().into())).expect("stored");
                }
                wait(store.delete(&name)).expect("deleted");
            });
        }
    });
    assert_eq!(races.load(Ordering::SeqCst), 0);
    assert_eq!(under(&world, MAIN), []);
    // The count counts: two writers of one secret do meet.
    let (one, other) = (writer(), writer());
    let (name, first) = (id("same"), AtomicUsize::new(0));
    world.records.hook(move |call| {
        if matches!(call, Call::Commit) && first.fetch_add(1, Ordering::SeqCst) == 0 {
            other.put(&id("same"), "2".into()).now_or_never().expect("memory waits for nothing").expect("stored");
        }
        Strike::Pass
    });
    wait(one.put(&name, "1".into())).expect("stored after the other");
    assert_eq!(races.load(Ordering::SeqCst), 1);
}
