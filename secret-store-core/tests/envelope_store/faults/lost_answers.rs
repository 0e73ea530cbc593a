//! A commit lands and its answer is lost: the write is recognised, or nobody can tell and the caller is told so.

use std::sync::atomic::{AtomicUsize, Ordering};

use secret_store_core::{ErrorKind, HistoryRetention, PutOptions, SecretStore, SecretStoreExt};

use super::{Landed, OPERATIONS, census, prepared};
use crate::support::{Call, Strike, id, last, version, wait};

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
