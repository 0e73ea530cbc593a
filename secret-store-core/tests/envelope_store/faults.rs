//! Every call of every operation fails once, in every way: what is answered is typed, what was acknowledged is kept, no number is
//! given twice, and what landed behind a lost answer is recognised.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use futures::FutureExt;
use secret_store_core::{
    DeleteOptions, EnvelopeStore, Error, ErrorKind, GetOptions, HistoryRetention, Precondition, ProtectOptions,
    PutOptions, Result, SecretStore, SecretStoreExt,
};
use secret_store_memory::MemoryPersistence;

use super::support::{Call, Strike, World, current, id, kind, last, slot, version, wait};

pub(super) type Done = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// What is done to a secret that has the versions 1 and 2.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) run: fn(EnvelopeStore) -> Done,
    /// What it adds to the versions there are.
    adds: Option<(u64, &'static str)>,
    /// Whether the current record is gone afterwards.
    deletes: bool,
}

const fn reads(name: &'static str, run: fn(EnvelopeStore) -> Done) -> Operation {
    Operation { name, run, adds: None, deletes: false }
}

const fn adds(name: &'static str, version: u64, value: &'static str, run: fn(EnvelopeStore) -> Done) -> Operation {
    Operation { name, run, adds: Some((version, value)), deletes: false }
}

async fn revision(store: &EnvelopeStore) -> Result<Precondition> {
    let strong = GetOptions::default().with_consistency(secret_store_core::Consistency::Strong);
    Ok(Precondition::Revision(store.get_with(&id("Db"), strong).await?.info().revision.clone()))
}

pub(super) const OPERATIONS: &[Operation] = &[
    reads("get", |store| {
        async move { store.get(&id("Db")).await.map(|secret| assert_eq!(secret.expose_secret(), b"2")) }.boxed()
    }),
    reads("get version", |store| {
        async move { store.get_version(&id("Db"), version(1)).await.map(|secret| assert_eq!(secret.expose_secret(), b"1")) }.boxed()
    }),
    reads("get many", |store| {
        async move { store.get_many(&[id("Db")]).await.map(|all| assert_eq!(all.len(), 1)) }.boxed()
    }),
    reads("get all", |store| {
        async move { store.get_all(id("Db").application()).await.map(|all| assert_eq!(all.len(), 1)) }.boxed()
    }),
    reads("list", |store| async move { store.list(id("Db").application()).await.map(drop) }.boxed()),
    reads("history", |store| async move { store.history(&id("Db")).await.map(drop) }.boxed()),
    reads("accept", |store| async move { store.accept_rollback(&id("Db")).await.map(drop) }.boxed()),
    reads("repair", |store| async move { store.repair(&id("Db")).await.map(drop) }.boxed()),
    reads("protect", |store| {
        async move { store.protect(&id("Db"), "p".into(), ProtectOptions::default()).await.map(drop) }.boxed()
    }),
    adds("put", 3, "3", |store| {
        async move { store.put(&id("Db"), "3".into()).await.map(|info| assert_eq!(info.version, version(3))) }.boxed()
    }),
    adds("put on a revision", 3, "3", |store| {
        async move {
            let options = PutOptions::default().with_precondition(revision(&store).await?);
            store.put_with(&id("Db"), "3".into(), options).await.map(|info| assert_eq!(info.version, version(3)))
        }
        .boxed()
    }),
    adds("put with a token", 3, "3", |store| {
        async move {
            let options = PutOptions::default().with_idempotency_token("t");
            store.put_with(&id("Db"), "3".into(), options).await.map(|info| assert_eq!(info.version, version(3)))
        }
        .boxed()
    }),
    adds("restore", 3, "1", |store| async move { store.restore(&id("Db"), version(1)).await.map(drop) }.boxed()),
    adds("save", 3, "3", |store| {
        async move {
            let protected = store.protect(&id("Db"), "3".into(), ProtectOptions::default()).await?;
            store.save(&protected).await.map(|info| assert_eq!(info.version, version(3)))
        }
        .boxed()
    }),
    Operation {
        name: "delete",
        run: |store| async move { store.delete(&id("Db")).await }.boxed(),
        adds: None,
        deletes: true,
    },
    Operation {
        name: "delete on a revision",
        run: |store| {
            async move {
                let options = DeleteOptions::default().with_precondition(revision(&store).await?);
                store.delete_with(&id("Db"), options).await
            }
            .boxed()
        },
        adds: None,
        deletes: true,
    },
];

fn prepared() -> World {
    let world = World::new();
    wait(world.store().put(&id("Db"), "1".into())).expect("stored");
    wait(world.store().put(&id("Db"), "2".into())).expect("stored");
    world
}

/// All versions that can be read, by number, and whether one is current.
fn census(world: &World) -> (Vec<(u64, String)>, bool) {
    let store = world.store();
    let read = |number| wait(store.get_version(&id("Db"), version(number)));
    let found = (1..8).filter_map(|number| read(number).ok().map(|secret| (number, secret)));
    let all = found.map(|(number, secret)| (number, secret.text().expect("text").to_owned())).collect();
    (all, wait(store.get(&id("Db"))).is_ok())
}

impl Operation {
    fn before(&self) -> (Vec<(u64, String)>, bool) {
        (vec![(1, "1".into()), (2, "2".into())], true)
    }

    fn after(&self) -> (Vec<(u64, String)>, bool) {
        let (mut all, _) = self.before();
        all.extend(self.adds.map(|(number, value)| (number, value.to_owned())));
        (all, !self.deletes)
    }

    /// The database is as before or as after, never between; and it goes on with the next number.
    pub(super) fn check(&self, world: &World, landed: Landed, what: &str) {
        world.records.unhook();
        world.keys.unhook();
        let found = census(world);
        match landed {
            Landed::Yes => assert_eq!(found, self.after(), "{what}"),
            Landed::No => assert_eq!(found, self.before(), "{what}"),
            Landed::Unknown => assert!(found == self.before() || found == self.after(), "{what}: {found:?}"),
        }
        let next = wait(world.store().put(&id("Db"), "next".into())).unwrap_or_else(|error| panic!("{what}: {error}"));
        let highest = found.0.iter().map(|(number, _)| *number).max().expect("some");
        assert_eq!(next.version.get(), highest + 1, "{what}");
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Landed {
    Yes,
    No,
    Unknown,
}

fn strikes() -> Vec<Strike> {
    let kinds = [
        ErrorKind::Unavailable,
        ErrorKind::Conflict,
        ErrorKind::Contention,
        ErrorKind::Throttled,
        ErrorKind::PermissionDenied,
    ];
    kinds.into_iter().map(Strike::Before).chain([Strike::After(ErrorKind::Unavailable)]).collect()
}

/// Strikes one call of an operation and answers what came of it, or `None` when there was no such call.
fn strike(world: &World, operation: Operation, at: usize, strike: &Strike) -> Option<(Result<()>, bool)> {
    let store = world.store();
    let (calls, strike) = (Arc::new(AtomicUsize::new(0)), strike.clone());
    let on_commit = Arc::new(AtomicUsize::new(0));
    let (counted, committed) = (Arc::clone(&calls), Arc::clone(&on_commit));
    world.records.hook(move |call| {
        if counted.fetch_add(1, Ordering::SeqCst) != at {
            return Strike::Pass;
        }
        committed.store(usize::from(matches!(call, Call::Commit)), Ordering::SeqCst);
        strike.clone()
    });
    let outcome = wait((operation.run)(store));
    (calls.load(Ordering::SeqCst) > at).then(|| (outcome, on_commit.load(Ordering::SeqCst) == 1))
}

#[test]
fn every_call_to_the_persistence_fails_once_in_every_way() {
    let mut struck = 0;
    for operation in OPERATIONS {
        for blow in strikes() {
            for at in 0.. {
                let world = prepared();
                let Some((outcome, on_commit)) = strike(&world, *operation, at, &blow) else { break };
                let what = format!("{} at call {at} {blow:?}", operation.name);
                let landed = match (&outcome, &blow) {
                    (Ok(()), _) => Landed::Yes,
                    (Err(error), Strike::Before(kind) | Strike::After(kind)) => {
                        assert_eq!(error.kind(), *kind, "{what}: {error}");
                        // Lost races are run again; a reservation that is lost is lost.
                        let is_race = matches!(kind, ErrorKind::Conflict | ErrorKind::Contention);
                        let reserved = operation.name == "save" && *kind == ErrorKind::Conflict;
                        assert!(!on_commit || !is_race || reserved, "{what}");
                        assert!(!on_commit || !matches!(blow, Strike::After(_)), "its own write is recognised: {what}");
                        Landed::No
                    }
                    (Err(error), _) => panic!("{what}: {error}"),
                };
                operation.check(&world, landed, &what);
                struck += 1;
            }
        }
    }
    assert!(struck >= 170, "{struck}");
}

/// The answer of a commit is lost, and then every later call fails too.
#[test]
fn a_lost_answer_that_cannot_be_looked_up_is_unavailable_and_may_have_landed() {
    for operation in OPERATIONS.iter().filter(|operation| operation.adds.is_some() || operation.deletes) {
        let world = prepared();
        let lost = AtomicUsize::new(0);
        world.records.hook(move |call| match call {
            Call::Commit if lost.fetch_add(1, Ordering::SeqCst) == 0 => Strike::After(ErrorKind::Unavailable),
            _ if lost.load(Ordering::SeqCst) > 0 => Strike::Before(ErrorKind::Throttled),
            _ => Strike::Pass,
        });
        let error = wait((operation.run)(world.store())).expect_err("nobody can tell");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{}: the first cause stays", operation.name);
        assert!(error.is_retryable());
        operation.check(&world, Landed::Yes, operation.name);
    }
}

/// The caller repeats with its token, however often the answer is lost: one version.
#[test]
fn a_token_makes_a_repeated_put_safe() {
    let world = prepared();
    let put = || {
        let options = PutOptions::default().with_idempotency_token("t");
        wait(world.store().put_with(&id("Db"), "3".into(), options))
    };
    for _ in 0..3 {
        let lost = AtomicUsize::new(0);
        world.records.hook(move |call| match call {
            Call::Commit => {
                lost.store(1, Ordering::SeqCst);
                Strike::After(ErrorKind::Unavailable)
            }
            _ if lost.load(Ordering::SeqCst) == 1 => Strike::Before(ErrorKind::Unavailable),
            _ => Strike::Pass,
        });
        let answer = put();
        world.records.unhook();
        if let Ok(info) = answer {
            assert_eq!(info.version, version(3));
        }
        wait(world.store().put(&id("Db"), "of another".into())).expect("stored");
    }
    assert_eq!(put().expect("recognised").version, version(3));
    let (all, _) = census(&world);
    assert_eq!(all.iter().filter(|(_, value)| value == "3").count(), 1, "{all:?}");
}

/// One read answers what used to be there. A write notices, a read of an earlier state answers that one or the present.
#[test]
fn one_stale_answer_spoils_no_write() {
    let keys = prepared().keys;
    for old in [0, 1] {
        for operation in OPERATIONS.iter().filter(|operation| operation.adds.is_some() || operation.deletes) {
            for at in 0.. {
                let world = World { keys: keys.clone(), ..World::new() };
                let stale = Arc::new(MemoryPersistence::new());
                wait(world.store().put(&id("Db"), "1".into())).expect("stored");
                if old == 1 {
                    stale.restore(&world.memory().snapshot());
                }
                wait(world.store().put(&id("Db"), "2".into())).expect("stored");
                let blow = Strike::From(stale);
                let Some((outcome, on_commit)) = strike(&world, *operation, at, &blow) else { break };
                let what = format!("{} with call {at} stale by {}: {outcome:?}", operation.name, 2 - old);
                if on_commit {
                    continue;
                }
                let landed = match &outcome {
                    Ok(()) => Landed::Yes,
                    Err(error) => {
                        let typed = [ErrorKind::Conflict, ErrorKind::NotFound, ErrorKind::RollbackDetected];
                        assert!(typed.contains(&error.kind()), "{what}");
                        Landed::No
                    }
                };
                operation.check(&world, landed, &what);
            }
        }
    }
}

#[test]
fn every_call_to_the_key_provider_fails_once_in_every_way() {
    let kinds = [
        ErrorKind::Unavailable,
        ErrorKind::Throttled,
        ErrorKind::PermissionDenied,
        ErrorKind::KeyUnavailable,
        ErrorKind::Integrity,
    ];
    let mut struck = 0;
    for operation in OPERATIONS {
        for failure in kinds {
            for at in 0.. {
                let world = prepared();
                let calls = Arc::new(AtomicUsize::new(0));
                let counted = Arc::clone(&calls);
                world.keys.hook(move |_| {
                    let strikes = counted.fetch_add(1, Ordering::SeqCst) == at;
                    async move { if strikes { Err(Error::new(failure, "the test made this call fail")) } else { Ok(()) } }.boxed()
                });
                let outcome = wait((operation.run)(world.store()));
                if calls.load(Ordering::SeqCst) <= at {
                    outcome.expect("nothing was struck");
                    break;
                }
                let what = format!("{} at key call {at} {failure:?}", operation.name);
                assert_eq!(kind(outcome), failure, "{what}");
                operation.check(&world, Landed::No, &what);
                struck += 1;
            }
        }
    }
    assert!(struck >= 60, "{struck}");
}

/// A call dropped at any of its suspension points has happened or has not.
#[test]
fn every_operation_may_be_dropped_anywhere() {
    for operation in OPERATIONS {
        for polls in 1.. {
            let world = prepared();
            world.records.suspend();
            let mut running = (operation.run)(world.store());
            let mut context = Context::from_waker(Waker::noop());
            let done = (0..polls).any(|_| running.as_mut().poll(&mut context).is_ready());
            drop(running);
            let what = format!("{} dropped after {polls} polls", operation.name);
            operation.check(&world, if done { Landed::Yes } else { Landed::Unknown }, &what);
            if done {
                break;
            }
        }
    }
}

/// The losers of a race that never ends give up, and say so.
#[test]
fn a_race_that_is_always_lost_ends() {
    let world = prepared();
    for always in [ErrorKind::Conflict, ErrorKind::Contention] {
        let commits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&commits);
        world.records.hook(move |call| match call {
            Call::Commit => {
                counted.fetch_add(1, Ordering::SeqCst);
                Strike::Before(always)
            }
            _ => Strike::Pass,
        });
        let error = wait(world.store().put(&id("Db"), "x".into())).expect_err("always lost");
        assert_eq!(error.kind(), always);
        assert!((100..10_000).contains(&commits.load(Ordering::SeqCst)));
        world.records.unhook();
    }
    assert_eq!(wait(world.store().get(&id("Db"))).expect("opens").expose_secret(), b"2");
}

/// Every try has a document key of its own: the version is part of what it seals.
#[test]
fn a_retried_put_asks_for_another_key() {
    let world = prepared();
    let before = world.keys.calls();
    let commits = AtomicUsize::new(0);
    world.records.hook(move |call| match call {
        Call::Commit if commits.fetch_add(1, Ordering::SeqCst) < 4 => Strike::Before(ErrorKind::Contention),
        _ => Strike::Pass,
    });
    wait(world.store().put(&id("Db"), "3".into())).expect("stored");
    assert_eq!(world.keys.calls() - before, 5);
}

/// A put is one `load_many` and one `commit`; a get one `load`; a delete two calls.
#[test]
fn round_trips_are_as_few_as_documented() {
    let world = prepared();
    let store = world.store();
    let count = |work: &dyn Fn()| {
        let before = world.records.calls();
        work();
        world.records.calls() - before
    };
    assert_eq!(count(&|| drop(wait(store.get(&id("Db"))).expect("opens"))), 1);
    assert_eq!(count(&|| drop(wait(store.put(&id("Db"), "3".into())).expect("stored"))), 2);
    assert_eq!(count(&|| drop(wait(store.put(&id("New"), "1".into())).expect("stored"))), 2);
    assert_eq!(count(&|| drop(wait(store.get_many(&[id("Db"), id("New")])).expect("all"))), 1);
    assert_eq!(count(&|| drop(wait(store.get_version(&id("Db"), version(1))).expect("opens"))), 1);
    assert_eq!(count(&|| wait(store.delete(&id("Db"))).expect("deleted")), 2);
}

/// Repair in every state of a restore, struck at every call: in the end the secret is writable and its value is what it was.
#[test]
fn a_repair_that_fails_can_be_repeated() {
    for blow in strikes() {
        for at in 0.. {
            let world = prepared();
            wait(world.store().put(&id("Db"), "3".into())).expect("stored");
            let first = world.record(&slot(&id("Db"), 1));
            world.plant(&current(&id("Db")), first);
            let store = world.store();
            let calls = Arc::new(AtomicUsize::new(0));
            let (counted, struck) = (Arc::clone(&calls), blow.clone());
            world.records.hook(move |_| {
                if counted.fetch_add(1, Ordering::SeqCst) == at { struck.clone() } else { Strike::Pass }
            });
            let outcome = wait(store.repair(&id("Db")));
            world.records.unhook();
            if calls.load(Ordering::SeqCst) <= at {
                assert_eq!(outcome.expect("repaired").expect("there").version, version(3));
                break;
            }
            let what = format!("repair at call {at} {blow:?}");
            let repaired = wait(store.repair(&id("Db"))).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(repaired.expect("there").version, version(3), "{what}");
            assert_eq!(wait(store.get(&id("Db"))).expect("opens").expose_secret(), b"1", "{what}");
            assert_eq!(wait(store.put(&id("Db"), "x".into())).expect("writable").version, version(4), "{what}");
        }
    }
}

/// What a delete leaves is the last number, also where nothing else is kept; a lost answer is recognised there, too.
#[test]
fn a_delete_that_keeps_no_history_is_recognised() {
    let world = prepared();
    let store = world.builder().history(HistoryRetention::None).build().expect("valid");
    let commits = AtomicUsize::new(0);
    world.records.hook(move |call| match call {
        Call::Commit if commits.fetch_add(1, Ordering::SeqCst) == 0 => Strike::After(ErrorKind::Unavailable),
        _ => Strike::Pass,
    });
    wait(store.delete(&id("Db"))).expect("recognised");
    world.records.unhook();
    assert!(world.stored(&last(&id("Db"))).is_some());
    assert_eq!(wait(store.put(&id("Db"), "3".into())).expect("stored").version, version(3));
}
