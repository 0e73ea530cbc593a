//! Whoever forges the job or the settings stops a rotation, and makes it skip nothing.

use secret_store_core::rotation::JobState;
use secret_store_core::{ErrorKind, Record, Value};

use super::super::{NEW, assert_finished, drive, fill, job, job_key, records, rotate, rotation, step, store, under};
use crate::support::{APP, MAIN, World, app, kind, master, refusal, settings, settings_key, wait};

/// Nothing in a job is trusted for what is to be done.
#[test]
fn a_forged_job_skips_nothing() {
    let genuine = {
        let world = World::new();
        fill(&store(&world));
        rotate(&world, &store(&world)).expect("rotated");
        world.record(&job_key())
    };
    let end = "\u{10ffff}";
    let forgeries: [(&str, &str, Option<&str>); 6] = [
        ("finished", "history", Some(end)),
        ("finished", "current", None),
        ("released", "history", Some(end)),
        ("released", "current", Some(end)),
        ("running", "history", Some(end)),
        ("released", "history", None),
    ];
    for (state, phase, cursor) in forgeries {
        for settings_moved in [false, true] {
            let world = World::new();
            fill(&store(&world));
            if settings_moved {
                world.plant(&settings_key(), settings(1, &[(MAIN, NEW)]));
            }
            let mut forged = genuine.clone().with("State", state.into()).with("Phase", phase.into());
            forged.set("Pass", Value::from(u64::MAX));
            forged.set("Changed", Value::from(u64::MAX));
            if let Some(cursor) = cursor {
                forged.set("Cursor", cursor.into());
            }
            world.plant(&job_key(), forged);
            let report = rotate(&world, &store(&world)).expect("rotated");
            assert_eq!((report.changed(), report.is_complete()), (16, true), "{state} {phase} {cursor:?}");
            assert_finished(&world);
        }
    }
}

#[test]
fn a_forged_job_can_refuse_and_is_given_up() {
    let world = World::new();
    fill(&store(&world));
    let rotator = store(&world).rotator();
    rotate(&world, &store(&world)).expect("rotated");
    let back = || rotator.rotate_master_key(&master(NEW), &master(MAIN)).application(&app(APP));
    let genuine = world.record(&job_key());
    let running = genuine.with("State", "running".into());
    for (forged, expected) in [
        (running.clone(), ErrorKind::Conflict),
        (
            running.clone().with("Fence", Value::from(u64::MAX)),
            ErrorKind::TooLarge { limit: u64::MAX, actual: u64::MAX },
        ),
        (running.clone().with("Fence", Value::from(0)), ErrorKind::Integrity),
        (running.clone().with("Owner", Value::from(1)), ErrorKind::Integrity),
        (running.with("Kind", "later".into()), ErrorKind::Unsupported),
        (Record::new(), ErrorKind::Integrity),
    ] {
        world.plant(&job_key(), forged);
        let before = records(&world);
        assert_eq!(kind(drive(&world, back().run())), expected);
        assert_eq!(records(&world), before, "nothing was changed");
        drive(&world, rotator.abandon_job(&app(APP))).expect("nobody is at it");
        assert!(world.stored(&job_key()).is_none());
    }
    drive(&world, back().run()).expect("rotated");
    assert_eq!(under(&world, NEW), []);
}

/// A job that is changed or removed under a running rotator stops it.
#[test]
fn a_job_that_is_forged_under_a_running_rotator_stops_it() {
    for removed in [false, true] {
        let world = World::new();
        fill(&store(&world));
        let one = store(&world);
        let mut running = Box::pin(rotation(&one).run());
        step(&mut running);
        let forged = world.record(&job_key()).with("State", "finished".into());
        if removed {
            world.erase(&job_key())
        } else {
            world.plant(&job_key(), forged.clone())
        }
        let error = refusal(drive(&world, running));
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("took the rotation over"), "{error}");
        assert_eq!(world.stored(&job_key()).map(|stored| Record::clone(&stored.record)), (!removed).then_some(forged));
        rotate(&world, &store(&world)).expect("rotated");
        assert_finished(&world);
    }
}

/// Settings that are changed back meanwhile would let writers use the old key again: the proof is refused.
#[test]
fn settings_that_are_changed_under_a_rotation_spoil_its_proof() {
    let world = World::new();
    fill(&store(&world));
    let one = store(&world);
    let mut running = Box::pin(rotation(&one).run());
    step(&mut running);
    world.plant(&settings_key(), settings(9, &[]));
    let error = refusal(drive(&world, running));
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("settings were changed"), "{error}");
    assert_eq!(job(&world).state, JobState::Released);
    rotate(&world, &store(&world)).expect("rotated");
    assert_finished(&world);
    // Older ones than it has seen are a rollback.
    let two = store(&world);
    wait(two.settings(&app(APP))).expect("read");
    world.plant(&settings_key(), settings(1, &[]));
    assert_eq!(kind(drive(&world, rotation(&two).run())), ErrorKind::RollbackDetected);
}
