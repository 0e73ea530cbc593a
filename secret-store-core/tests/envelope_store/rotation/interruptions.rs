//! A rotation that is killed or fails anywhere: everything stays readable, and the same run again ends it.

use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use secret_store_core::rotation::{ReencryptionId, Rotation, RotationOptions, RotationReport};
use secret_store_core::{EnvelopeStore, Error, ErrorKind, Result, SecretStoreExt};

use super::super::support::{APP, MAIN, Strike, World, app, id, version, wait};
use super::{SECOND, drive, rotation, store, under};

/// Two secrets, three versions.
fn few(world: &World) {
    let store = store(world);
    for (name, value) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
        wait(store.put(&id(name), value.into())).expect("stored");
    }
}

fn check_few(world: &World) {
    let store = store(world);
    assert_eq!(wait(store.get(&id("a"))).expect("opens").text().expect("text"), "a2");
    assert_eq!(wait(store.get_version(&id("a"), version(1))).expect("opens").text().expect("text"), "a1");
    assert_eq!(wait(store.get(&id("b"))).expect("opens").text().expect("text"), "b1");
}

fn small_pages(rotation: Rotation) -> Rotation {
    rotation.with_options(RotationOptions::default().with_page(NonZeroUsize::MIN))
}

/// Polls so often, and lets a second pass each time; then it is killed.
fn kill_after(world: &World, polls: usize, running: impl Future<Output = Result<RotationReport>>) -> bool {
    let mut running = pin!(running);
    for _ in 0..polls {
        if let Poll::Ready(report) = running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            assert!(report.expect("nothing fails").is_complete());
            return true;
        }
        world.clock.advance(SECOND);
    }
    false
}

fn killed_anywhere(rotation: impl Fn(&EnvelopeStore) -> Rotation, is_done: impl Fn(&World)) {
    for polls in 0.. {
        let world = World::new();
        few(&world);
        world.records.suspend();
        let ended = kill_after(&world, polls, small_pages(rotation(&store(&world))).run());
        check_few(&world);
        if ended {
            assert!(polls > 60, "there were many places to be killed at: {polls}");
            is_done(&world);
            break;
        }
        let report = drive(&world, rotation(&store(&world)).run()).expect("it goes on");
        assert!(report.is_complete(), "killed after {polls} polls");
        is_done(&world);
        check_few(&world);
    }
}

#[test]
fn a_master_rotation_is_killed_anywhere() {
    killed_anywhere(rotation, |world| assert_eq!(under(world, MAIN), []));
}

#[test]
fn a_re_encryption_is_killed_anywhere() {
    let reencryption = ReencryptionId::generate().expect("random");
    let of = |store: &EnvelopeStore| store.rotator().rotate_document_keys(reencryption).application(&app(APP));
    killed_anywhere(of, |world| {
        let marked = |record: &secret_store_core::Record| record.get("Reencrypted").is_some();
        assert!(super::records(world).values().all(marked));
    });
}

/// Runs until it ends well, at most three times.
fn run_to_the_end(world: &World) -> usize {
    for runs in 1..=3 {
        match drive(world, small_pages(rotation(&store(world))).run()) {
            Ok(report) if report.is_complete() => return runs,
            _ => check_few(world),
        }
    }
    panic!("it does not end");
}

#[test]
fn any_call_to_the_persistence_fails() {
    for strike in [
        Strike::Before(ErrorKind::Unavailable),
        Strike::After(ErrorKind::Unavailable),
        Strike::Before(ErrorKind::Throttled),
        Strike::Before(ErrorKind::Contention),
        Strike::Before(ErrorKind::PermissionDenied),
        Strike::Lost(0),
    ] {
        let mut most = 0;
        for struck in 0.. {
            let world = World::new();
            few(&world);
            let (calls, with) = (AtomicUsize::new(0), strike.clone());
            let called = std::sync::Arc::new(AtomicUsize::new(0));
            let seen = called.clone();
            world.records.hook(move |_| {
                seen.fetch_add(1, Ordering::SeqCst);
                if calls.fetch_add(1, Ordering::SeqCst) == struck { with.clone() } else { Strike::Pass }
            });
            most = most.max(run_to_the_end(&world));
            world.records.unhook();
            assert_eq!(under(&world, MAIN), [], "{strike:?} at call {struck}");
            check_few(&world);
            if called.load(Ordering::SeqCst) <= struck {
                assert!(struck > 20, "there were many calls: {struck}");
                break;
            }
        }
        let is_waited_out = matches!(
            strike,
            Strike::Before(ErrorKind::Unavailable | ErrorKind::Throttled | ErrorKind::Contention)
                | Strike::After(ErrorKind::Unavailable)
        );
        if !is_waited_out {
            assert!(most > 1, "{strike:?} ends a run somewhere");
        }
    }
}

#[test]
fn any_call_to_the_key_provider_fails() {
    for failure in [ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::KeyUnavailable, ErrorKind::Integrity] {
        for struck in 0..8 {
            let world = World::new();
            few(&world);
            let calls = AtomicUsize::new(0);
            world.keys.hook(move |_| {
                let fails = calls.fetch_add(1, Ordering::SeqCst) == struck;
                async move { if fails { Err(Error::new(failure, "the test made this fail")) } else { Ok(()) } }.boxed()
            });
            run_to_the_end(&world);
            world.keys.unhook();
            assert_eq!(under(&world, MAIN), [], "{failure:?} at call {struck}");
            check_few(&world);
        }
    }
}

/// What lasts ends the run with an error after some patience, and it goes on when that is over.
#[test]
fn patience_is_bounded() {
    for failure in [ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::KeyUnavailable] {
        let world = World::new();
        few(&world);
        world.keys.fail(MAIN, failure);
        let began = world.clock_seconds();
        let error = drive(&world, rotation(&store(&world)).run()).expect_err("it gives up");
        assert_eq!(error.kind(), failure);
        assert!(world.clock_seconds() - began < 60);
        world.keys.heal();
        let began = world.clock_seconds();
        assert!(drive(&world, rotation(&store(&world)).run()).expect("rotated").is_complete());
        assert!(world.clock_seconds() - began < 140, "its lease was given back");
        assert_eq!(under(&world, MAIN), []);
    }
}
