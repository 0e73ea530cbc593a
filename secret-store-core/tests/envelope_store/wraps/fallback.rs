//! Who is asked, and who is asked next: the loss of a master key is survived, and nobody is asked who is not allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use secret_store_core::{EnvelopeStore, Error, ErrorKind, SecretStoreExt};

use super::{SECOND, put, text};
use crate::faults::{Landed, OPERATIONS};
use crate::support::{DOCUMENT_KEY, KeyCall, MAIN, World, current, id, kind, master, slot, wait};

/// Of the key, of the way to it, of the wrap.
const NEXT_IS_ASKED: [ErrorKind; 7] = [
    ErrorKind::KeyUnavailable,
    ErrorKind::Unavailable,
    ErrorKind::Throttled,
    ErrorKind::PermissionDenied,
    ErrorKind::Integrity,
    ErrorKind::Unsupported,
    ErrorKind::InvalidInput,
];

fn asked(world: &World) -> Vec<String> {
    let asked = world.keys.take_asked();
    assert!(asked.iter().all(|(call, _)| *call == KeyCall::Unwrap), "{asked:?}");
    asked.into_iter().map(|(_, id)| id).collect()
}

/// Two secrets under both keys, of which nothing was read.
fn world() -> World {
    let world = World::new();
    let store = world.two_wraps();
    put(&store, "1");
    wait(store.put(&id("Other"), "other".into())).expect("stored");
    world.keys.take_asked();
    world
}

#[test]
fn the_first_key_is_asked_alone_as_long_as_it_answers() {
    let world = world();
    assert_eq!(text(&world.store()), "1");
    assert_eq!(asked(&world), [MAIN]);
}

#[test]
fn when_one_gives_no_key_the_next_is_asked() {
    for failure in NEXT_IS_ASKED {
        let world = world();
        world.keys.fail(MAIN, failure);
        assert_eq!(text(&world.store()), "1", "{failure:?}");
        assert_eq!(asked(&world), [MAIN, SECOND]);
        world.keys.fail(SECOND, ErrorKind::Throttled);
        // A wrap is bad only when everybody says so.
        let of_the_wrap = [ErrorKind::Integrity, ErrorKind::Unsupported, ErrorKind::InvalidInput].contains(&failure);
        let reported = if of_the_wrap { ErrorKind::Throttled } else { failure };
        assert_eq!(kind(wait(world.store().get(&id("Db")))), reported, "the first that does not judge the wrap");
        assert_eq!(asked(&world), [MAIN, SECOND]);
    }
}

/// What is deleted as unreadable is gone for good. A spoilt wrap must not get a readable record there while the other key is away.
#[test]
fn what_another_key_may_open_later_is_not_deleted_as_unreadable() {
    let world = world();
    let (here, stranger) = (current(&id("Db")), World::new());
    put(&stranger.store(), "another");
    // A history that contradicts the current record: no delete but that of an unreadable record goes on.
    world.plant(&slot(&id("Db"), 1), stranger.record(&here));
    let spoilt = world.record(&here).with(DOCUMENT_KEY, vec![0].into());
    world.plant(&here, spoilt.clone());
    for failure in [ErrorKind::Unavailable, ErrorKind::KeyUnavailable, ErrorKind::KeyNotAllowed] {
        world.keys.fail(SECOND, failure);
        assert_eq!(kind(wait(world.store().delete(&id("Db")))), ErrorKind::RollbackDetected);
        assert_eq!(world.record(&here), spoilt);
    }
    world.keys.fail(SECOND, ErrorKind::Integrity);
    wait(world.store().delete(&id("Db"))).expect("now nobody can read it");
    assert!(world.stored(&here).is_none());
}

#[test]
fn a_refusal_of_policy_is_the_answer() {
    for failure in [ErrorKind::KeyNotAllowed, ErrorKind::NotFound, ErrorKind::RollbackDetected] {
        let world = world();
        world.keys.fail(MAIN, failure);
        assert_eq!(kind(wait(world.store().get(&id("Db")))), failure);
        assert_eq!(asked(&world), [MAIN]);
        // Of the second, after the first was down: the first is the one to repair.
        world.keys.fail(MAIN, ErrorKind::Unavailable);
        world.keys.fail(SECOND, failure);
        assert_eq!(kind(wait(world.store().get(&id("Db")))), ErrorKind::Unavailable);
    }
}

#[test]
fn only_keys_of_the_allow_list_are_asked() {
    let world = world();
    let reader = |keys: &[&str]| {
        let keys = keys.iter().map(|key| master(key));
        world.builder().unwrap_with(keys).build().expect("valid")
    };
    assert_eq!(text(&reader(&[SECOND])), "1");
    assert_eq!(asked(&world), [SECOND]);
    world.keys.fail(MAIN, ErrorKind::Unavailable);
    assert_eq!(kind(wait(reader(&[MAIN]).get(&id("Db")))), ErrorKind::Unavailable);
    assert_eq!(asked(&world), [MAIN]);
    let error = wait(reader(&["another"]).get(&id("Db"))).expect_err("neither is allowed");
    assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
    assert!(error.to_string().contains(MAIN), "{error}");
    assert_eq!(asked(&world), [""; 0]);
    world.keys.heal();
    // What the provider does not hold, it is not asked for.
    let store = uncached(&world);
    world.keys.inner().remove(&master(MAIN));
    assert_eq!(text(&store), "1");
    assert_eq!(asked(&world), [SECOND]);
    world.keys.inner().remove(&master(SECOND));
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::KeyNotAllowed);
    assert_eq!(asked(&world), [""; 0]);
}

fn uncached(world: &World) -> EnvelopeStore {
    world.builder().key_cache(0, Duration::ZERO).build().expect("valid")
}

#[test]
fn without_a_cache_it_is_the_same() {
    let world = world();
    let store = uncached(&world);
    world.keys.fail(MAIN, ErrorKind::Integrity);
    for _ in 0..2 {
        assert_eq!(text(&store), "1");
        assert_eq!(asked(&world), [MAIN, SECOND]);
    }
    world.keys.fail(SECOND, ErrorKind::Integrity);
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);
}

/// A key that is ready spares every call, whichever wrap gave it; the first key comes back when it is asked again.
#[test]
fn a_key_that_a_further_wrap_gave_is_kept() {
    for failure in NEXT_IS_ASKED {
        let world = world();
        let store = world.store();
        world.keys.fail(MAIN, failure);
        (0..5).for_each(|_| assert_eq!(text(&store), "1"));
        assert_eq!(asked(&world), [MAIN, SECOND], "{failure:?}");
        world.keys.fail(SECOND, ErrorKind::Unavailable);
        assert_eq!(text(&store), "1", "it is ready");
        store.purge_keys();
        assert!(wait(store.get(&id("Db"))).is_err());
        world.keys.heal();
        assert_eq!(text(&store), "1");
    }
}

/// A ready key opens under its own wrap alone, and only as long as that wrap's master key is allowed.
#[test]
fn a_ready_key_answers_for_its_own_wrap() {
    let world = world();
    let store = world.store();
    world.keys.fail(MAIN, ErrorKind::Unavailable);
    assert_eq!(text(&store), "1");
    asked(&world);
    world.keys.inner().remove(&master(SECOND));
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Unavailable, "it was the second's");
    assert_eq!(asked(&world), [MAIN]);
    world.keys.heal();
    assert_eq!(text(&store), "1");
}

/// While a key is down, reads of other secrets do not wait for it first; after a while it is tried again.
#[test]
fn a_key_that_is_down_is_asked_last_for_a_while() {
    for failure in &NEXT_IS_ASKED[..4] {
        let world = world();
        let store = world.store();
        world.keys.fail(MAIN, *failure);
        assert_eq!(text(&store), "1");
        assert_eq!(asked(&world), [MAIN, SECOND]);
        wait(store.get(&id("Other"))).expect("opens");
        assert_eq!(asked(&world), [SECOND], "{failure:?}");
        store.purge_keys();
        world.keys.fail(SECOND, ErrorKind::Integrity);
        assert_eq!(kind(wait(store.get(&id("Other")))), *failure, "the same answer, whoever is asked first");
        assert_eq!(asked(&world), [SECOND, MAIN], "last, but asked");
        world.keys.heal();
        world.clock.advance(Duration::from_secs(30));
        wait(store.get(&id("Other"))).expect("opens");
        assert_eq!(asked(&world), [MAIN]);
    }
    // A wrap that is refused says nothing about its key.
    for failure in &NEXT_IS_ASKED[4..] {
        let world = world();
        let store = uncached(&world);
        world.keys.fail(MAIN, *failure);
        assert_eq!(text(&store), "1");
        wait(store.get(&id("Other"))).expect("opens");
        assert_eq!(asked(&world), [MAIN, SECOND, MAIN, SECOND], "{failure:?}");
    }
}

#[test]
fn every_operation_goes_on_while_either_key_cannot_unwrap() {
    for operation in OPERATIONS {
        for down in [MAIN, SECOND] {
            let world = World::new();
            put(&world.two_wraps(), "1");
            put(&world.two_wraps(), "2");
            world.keys.fail_unwraps(down, ErrorKind::KeyUnavailable);
            wait((operation.run)(world.two_wraps()))
                .unwrap_or_else(|error| panic!("{} without {down}: {error}", operation.name));
            world.keys.heal();
            operation.check(&world, Landed::Yes, operation.name);
        }
    }
}

#[test]
fn every_call_to_the_key_provider_may_fail_once() {
    let mut struck = 0;
    for operation in OPERATIONS {
        for failure in [ErrorKind::Unavailable, ErrorKind::Integrity, ErrorKind::KeyNotAllowed] {
            for at in 0.. {
                let world = World::new();
                put(&world.two_wraps(), "1");
                put(&world.two_wraps(), "2");
                let calls = Arc::new(AtomicUsize::new(0));
                let unwrapped = Arc::new(AtomicUsize::new(0));
                let (counted, struck_unwrap) = (Arc::clone(&calls), Arc::clone(&unwrapped));
                world.keys.hook(move |call| {
                    let strikes = counted.fetch_add(1, Ordering::SeqCst) == at;
                    if strikes && call == KeyCall::Unwrap {
                        struck_unwrap.store(1, Ordering::SeqCst);
                    }
                    Box::pin(async move { if strikes { Err(Error::new(failure, "the test")) } else { Ok(()) } })
                });
                let outcome = wait((operation.run)(world.two_wraps()));
                if calls.load(Ordering::SeqCst) <= at {
                    outcome.expect("nothing was struck");
                    break;
                }
                let what = format!("{} at key call {at} {failure:?}", operation.name);
                let survives = unwrapped.load(Ordering::SeqCst) == 1 && failure != ErrorKind::KeyNotAllowed;
                if survives {
                    outcome.unwrap_or_else(|error| panic!("{what}: {error}"));
                    operation.check(&world, Landed::Yes, &what);
                } else {
                    assert_eq!(kind(outcome), failure, "{what}");
                    operation.check(&world, Landed::No, &what);
                }
                struck += 1;
            }
        }
    }
    assert!(struck >= 60, "{struck}");
}
