//! One call of an operation fails, or the operation is dropped: it has happened or has not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use futures::FutureExt;
use secret_store_core::{Error, ErrorKind, Result, SecretStoreExt};
use secret_store_memory::MemoryPersistence;

use super::{Landed, OPERATIONS, Operation, prepared};
use crate::support::{Call, Strike, World, current, id, kind, slot, version, wait};

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

/// One read answers what used to be there. A write notices, a read of an earlier state answers that one or the present.
#[test]
fn one_stale_answer_spoils_no_write() {
    let keys = prepared().keys;
    let mut struck = 0;
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
                struck += 1;
            }
        }
    }
    assert!(struck >= 20, "{struck}");
}

/// A call dropped at any of its suspension points has happened or has not.
#[test]
fn every_operation_may_be_dropped_anywhere() {
    let mut dropped = 0;
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
            dropped += 1;
        }
    }
    assert!(dropped >= 50, "{dropped}");
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
