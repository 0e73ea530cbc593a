//! A rotation that is killed or fails anywhere: everything stays readable, and the same run again ends it.

use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use secret_store_core::rotation::{ReencryptionId, Rotation, RotationOptions, RotationReport};
use secret_store_core::{EnvelopeStore, Error, ErrorKind, Format, Result, SecretStoreExt};

use super::super::support::{APP, MAIN, Strike, World, app, current, id, version, wait};
use super::migration::{in_format_0, migration, reader, write_as_the_original};
use super::migration_back::{reversion, writer};
use super::minimum_format::raise;
use super::{SECOND, drive, rotation, store, under};

/// Two secrets, three versions.
fn few(world: &World) {
    let store = store(world);
    for (name, value) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
        wait(store.put(&id(name), value.into())).expect("stored");
    }
}

fn check_few(world: &World) {
    check_values(&store(world));
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

/// One secret of the original's, one that ours has written over, and what ours has written.
fn few_in_format_0(world: &World) {
    write_as_the_original(world, "a", "a1");
    wait(reader(world).put(&id("a"), "a2".into())).expect("stored");
    write_as_the_original(world, "b", "b1");
}

/// As after a migration.
fn few_migrated(world: &World) {
    few_in_format_0(world);
    assert!(drive(world, migration(&reader(world)).run()).expect("migrated").is_complete());
}

/// A migration, the way back, and the raised floor: what they begin with, how they are run, and how they end. Whoever reads in
/// between allows both formats.
struct Migrating {
    begin: fn(&World),
    rotation: fn(&World) -> Rotation,
    read: fn(&World) -> EnvelopeStore,
    is_done: fn(&World),
}

const MIGRATING: [Migrating; 3] = [
    Migrating {
        begin: few_in_format_0,
        rotation: |world| migration(&reader(world)),
        read: reader,
        is_done: |world| {
            assert_eq!(in_format_0(world), []);
            check_values(&world.store());
            assert_eq!(wait(world.store().get(&id("b"))).expect("opens").info().version, version(1));
        },
    },
    Migrating {
        begin: few_migrated,
        rotation: |world| reversion(&writer(world)),
        read: writer,
        is_done: |world| {
            assert_eq!(in_format_0(world), [current(&id("a")), current(&id("b"))]);
            let last = |name| world.record(&super::super::support::last(&id(name))).number("LastVersion");
            assert_eq!((last("a"), last("b")), (Some(2), Some(1)));
        },
    },
    Migrating {
        begin: few_migrated,
        rotation: |world| raise(&reader(world)),
        read: reader,
        is_done: |world| {
            let settings = wait(world.store().settings(&app(APP))).expect("settings");
            assert_eq!((settings.minimum_format(), settings.sequence()), (Format::One, 1));
        },
    },
];

fn check_values(store: &EnvelopeStore) {
    assert_eq!(wait(store.get(&id("a"))).expect("opens").text().expect("text"), "a2");
    assert_eq!(wait(store.get_version(&id("a"), version(1))).expect("opens").text().expect("text"), "a1");
    assert_eq!(wait(store.get(&id("b"))).expect("opens").text().expect("text"), "b1");
}

#[test]
fn a_migration_is_killed_anywhere() {
    for Migrating { begin, rotation, read, is_done } in MIGRATING {
        for polls in 0.. {
            let world = World::new();
            begin(&world);
            world.records.suspend();
            let ended = kill_after(&world, polls, small_pages(rotation(&world)).run());
            check_values(&read(&world));
            if !ended {
                let report = drive(&world, rotation(&world).run()).expect("it goes on");
                assert!(report.is_complete(), "killed after {polls} polls");
                check_values(&read(&world));
            }
            is_done(&world);
            if ended {
                assert!(polls > 60, "there were many places to be killed at: {polls}");
                break;
            }
        }
    }
}

#[test]
fn any_call_of_a_migration_fails() {
    for Migrating { begin, rotation, read, is_done } in MIGRATING {
        for strike in [
            Strike::Before(ErrorKind::Unavailable),
            Strike::After(ErrorKind::Unavailable),
            Strike::Before(ErrorKind::PermissionDenied),
            Strike::Lost(0),
        ] {
            for struck in 0.. {
                let world = World::new();
                begin(&world);
                let (calls, with) = (std::sync::Arc::new(AtomicUsize::new(0)), strike.clone());
                let counted = calls.clone();
                world.records.hook(move |_| {
                    if counted.fetch_add(1, Ordering::SeqCst) == struck { with.clone() } else { Strike::Pass }
                });
                to_the_end(|| small_pages(rotation(&world)), &world, || check_values(&read(&world)));
                let called = calls.load(Ordering::SeqCst);
                world.records.unhook();
                is_done(&world);
                check_values(&read(&world));
                if called <= struck {
                    assert!(struck > 15, "there were many calls: {struck}");
                    break;
                }
            }
        }
    }
}

#[test]
fn any_key_of_a_migration_fails() {
    for Migrating { begin, rotation, read, is_done } in &MIGRATING[..2] {
        for failure in [ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::KeyUnavailable, ErrorKind::Integrity] {
            for struck in 0..8 {
                let world = World::new();
                begin(&world);
                let calls = AtomicUsize::new(0);
                world.keys.hook(move |_| {
                    let fails = calls.fetch_add(1, Ordering::SeqCst) == struck;
                    async move { if fails { Err(Error::new(failure, "the test made this fail")) } else { Ok(()) } }
                        .boxed()
                });
                // The hook would strike readers as well.
                to_the_end(|| small_pages(rotation(&world)), &world, || {});
                world.keys.unhook();
                is_done(&world);
                check_values(&read(&world));
            }
        }
    }
}

/// Runs until it ends well, at most three times.
fn to_the_end(rotation: impl Fn() -> Rotation, world: &World, meanwhile: impl Fn()) -> usize {
    for runs in 1..=3 {
        match drive(world, rotation().run()) {
            Ok(report) if report.is_complete() => return runs,
            _ => meanwhile(),
        }
    }
    panic!("it does not end");
}

fn run_to_the_end(world: &World) -> usize {
    to_the_end(|| small_pages(rotation(&store(world))), world, || check_few(world))
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
