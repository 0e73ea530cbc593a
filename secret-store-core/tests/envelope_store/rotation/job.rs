//! The job: who may work, who no longer, and what a forger of its record gains.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use secret_store_core::rotation::{JobState, ReencryptionId, RotationControl, RotationOptions};
use secret_store_core::{EnvelopeStore, ErrorKind, Persistence, Record, Result, Value};

use super::super::support::{
    APP, Commits, KeyCall, MAIN, World, app, id, kind, master, refusal, settings, settings_key, wait,
};
use super::{NEW, SECOND, assert_finished, drive, fill, job, job_key, rotate, rotation, step, steps, store, under};

/// A process, and how many commits it has tried.
fn counted(world: &World) -> (Arc<AtomicUsize>, EnvelopeStore) {
    let commits = Arc::new(AtomicUsize::new(0));
    let counter = commits.clone();
    let records = Commits::by(world.records.clone(), move |records, writes| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move { records.commit(writes).await }.boxed()
    });
    (commits, world.builder_over(records).wrap_with([MAIN, NEW].map(master)).build().expect("valid"))
}

/// What is left while the first page waits for one of its records: that one and the history.
const LEFT: usize = 12;

/// A rotator is held up in the middle of a record, another one takes over: the first commits nothing any more.
#[test]
fn a_lost_lease_fences_the_old_rotator_out() {
    let world = World::new();
    fill(&store(&world));
    let (commits, old) = counted(&world);
    let open = world.keys.hold_next(KeyCall::Wrap);
    let mut held_up = Box::pin(rotation(&old).run());
    step(&mut held_up);
    world.keys.unhook();
    let before = commits.load(Ordering::SeqCst);
    // It is not polled any more: its process is paused. The other one has to watch for a minute.
    let new = store(&world);
    let mut taking_over = Box::pin(rotation(&new).run());
    steps(&world, &mut taking_over, 59 * SECOND);
    assert_eq!(under(&world, MAIN).len(), LEFT, "nobody took over yet");
    let left = under(&world, MAIN).remove(0);
    let as_it_was = world.record(&left);
    let report = drive(&world, taking_over).expect("rotated");
    assert_eq!((report.changed(), report.is_complete()), (LEFT as u64, true));
    assert_finished(&world);
    // Nothing of what it read would stop it: the lease alone does.
    world.plant(&left, as_it_was);
    open.send(()).expect("it waits");
    let error = refusal(drive(&world, held_up));
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("lease") || error.to_string().contains("took the rotation over"), "{error}");
    // The attempts to write its job, which are refused.
    let attempts = commits.load(Ordering::SeqCst) - before;
    assert!(attempts <= 2, "{attempts}");
    assert_eq!(under(&world, MAIN), [left]);
    assert_eq!(job(&world).state, JobState::Finished);
}

/// The same pause in time: as long as the lease holds it goes on.
#[test]
fn a_short_pause_costs_no_lease() {
    for (pause, goes_on) in [(39, true), (40, false), (3600, false)] {
        let world = World::new();
        fill(&store(&world));
        let old = store(&world);
        let open = world.keys.hold_next(KeyCall::Wrap);
        let mut held_up = Box::pin(rotation(&old).run());
        step(&mut held_up);
        world.keys.unhook();
        world.clock.advance(pause * SECOND);
        open.send(()).expect("it waits");
        let outcome = drive(&world, held_up);
        assert_eq!(outcome.is_ok(), goes_on, "{pause} s");
        if let Err(error) = outcome {
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert!(error.to_string().contains("run it again"), "{error}");
            // Nobody else came: it could give its lease back.
            assert_eq!((job(&world).state, under(&world, MAIN).len()), (JobState::Released, LEFT));
            rotate(&world, &store(&world)).expect("rotated");
        }
        assert_finished(&world);
    }
}

/// A slow rotator that is alive keeps its lease.
#[test]
fn a_heartbeat_keeps_others_out() {
    let world = World::new();
    fill(&store(&world));
    let open = world.keys.hold_next(KeyCall::Wrap);
    let (old, new) = (store(&world), store(&world));
    let mut slow = Box::pin(rotation(&old).run());
    step(&mut slow);
    world.keys.unhook();
    steps(&world, &mut slow, 600 * SECOND);
    let fence = job(&world).fence;
    assert!(fence >= 40, "a heartbeat every fifteen seconds: {fence}");
    let mut other = Box::pin(rotation(&new).run());
    let error = loop {
        world.clock.advance(SECOND);
        step(&mut slow);
        if let Some(outcome) = other.as_mut().now_or_never() {
            break refusal(outcome);
        }
    };
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Contention, true));
    assert_eq!(kind(abandon_beside(&world, &mut slow)), ErrorKind::Contention);
    open.send(()).expect("it waits");
    assert!(drive(&world, slow).expect("rotated").is_complete());
    assert_finished(&world);
}

fn abandon_beside<F: Future + Unpin>(world: &World, running: &mut F) -> Result<()> {
    let rotator = store(world).rotator();
    let application = app(APP);
    let mut abandoning = Box::pin(rotator.abandon_job(&application));
    loop {
        world.clock.advance(SECOND);
        step(running);
        if let Some(outcome) = abandoning.as_mut().now_or_never() {
            return outcome;
        }
    }
}

#[test]
fn another_target_is_refused_until_the_job_is_ended_or_given_up() {
    let world = World::with_keys(&[MAIN, NEW, "third"]);
    let store = world.builder().wrap_with([MAIN, NEW, "third"].map(master)).build().expect("valid");
    fill(&store);
    // One that dies in the middle.
    let open = world.keys.hold_next(KeyCall::Wrap);
    let mut dies = Box::pin(rotation(&store).run());
    step(&mut dies);
    drop(dies);
    drop(open);
    world.keys.unhook();
    let (job_before, records_before) = (world.record(&job_key()), super::records(&world));
    let settings_before = world.record(&settings_key());
    let rotator = store.rotator();
    let others = || {
        let other = |from: &str, to: &str| rotator.rotate_master_key(&master(from), &master(to));
        let documents = rotator.rotate_document_keys(ReencryptionId::generate().expect("random"));
        let of_one = documents.clone().secret(&id("a")).expect("it has a meaning");
        [other(MAIN, "third"), other(NEW, MAIN), other(NEW, "third"), documents]
            .map(|it| it.application(&app(APP)))
            .into_iter()
            .chain([of_one])
    };
    for other in others() {
        let error = refusal(drive(&world, other.run()));
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("from master key main to second"), "{error}");
        assert!(error.to_string().contains("abandon_job"), "{error}");
    }
    assert_eq!(world.record(&job_key()), job_before);
    assert_eq!(world.record(&settings_key()), settings_before);
    assert_eq!(super::records(&world), records_before);
    // What could never go on begins no job.
    let other = rotator.rotate_master_key(&master("third"), &master(MAIN)).application(&app("Other"));
    world.plant(&super::super::support::settings_key_of("Other"), settings(1, &[(MAIN, NEW)]));
    assert_eq!(kind(drive(&world, other.run())), ErrorKind::InvalidInput);
    assert!(wait(rotator.job(&app("Other"))).expect("answered").is_none());
    // The very same goes on.
    drive(&world, rotation(&store).run()).expect("rotated");
    assert_finished(&world);
    let third = rotator.rotate_master_key(&master(NEW), &master("third")).application(&app(APP));
    drive(&world, third.run()).expect("the job before is ended");
    assert_eq!(under(&world, NEW), []);

    let control = RotationControl::new();
    control.cancel();
    let options = RotationOptions::default().with_control(control);
    let back = rotator.rotate_master_key(&master("third"), &master(MAIN)).application(&app(APP));
    drive(&world, back.with_options(options).run()).expect("cancelled");
    assert_eq!(job(&world).state, JobState::Released);
    wait(rotator.abandon_job(&app(APP))).expect("nobody is at it");
    assert!(wait(rotator.job(&app(APP))).expect("answered").is_none());
    wait(rotator.abandon_job(&app(APP))).expect("nothing to give up");
    let other = rotator.rotate_document_keys(ReencryptionId::generate().expect("random")).application(&app(APP));
    drive(&world, other.run()).expect("nothing is unfinished");
    let before = world.record(&job_key());
    wait(rotator.abandon_job(&app(APP))).expect("nothing to give up");
    assert_eq!(world.record(&job_key()), before, "an ended job stays");
}

/// Whoever dies is waited for a minute; what it has done is not done again.
#[test]
fn a_dead_rotator_is_taken_over() {
    let world = World::new();
    fill(&store(&world));
    let open = world.keys.hold_next(KeyCall::Wrap);
    let one = store(&world);
    let mut dies = Box::pin(rotation(&one).run());
    step(&mut dies);
    drop(dies);
    drop(open);
    world.keys.unhook();
    assert_eq!((job(&world).state, under(&world, MAIN).len()), (JobState::Running, LEFT));
    let fence = job(&world).fence;
    let began = world.clock_seconds();
    let report = rotate(&world, &store(&world)).expect("rotated");
    assert!(world.clock_seconds() - began >= 60 + super::GRACE.as_secs());
    assert_eq!((report.changed(), report.is_complete()), (LEFT as u64, true));
    assert!(job(&world).fence > fence);
    assert_finished(&world);
}

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
        let before = super::records(&world);
        assert_eq!(kind(drive(&world, back().run())), expected);
        assert_eq!(super::records(&world), before, "nothing was changed");
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

/// Two begin at the same moment: one of them works.
#[test]
fn of_two_at_once_one_works() {
    let world = World::new();
    fill(&store(&world));
    world.records.suspend();
    let (one, two) = (store(&world), store(&world));
    let (mut first, mut second) = (Box::pin(rotation(&one).run()), Box::pin(rotation(&two).run()));
    let (mut of_first, mut of_second) = (None, None);
    for polls in 0..10_000 {
        if of_first.is_none() {
            of_first = first.as_mut().now_or_never();
        }
        if of_second.is_none() {
            of_second = second.as_mut().now_or_never();
        }
        if of_first.is_some() && of_second.is_some() {
            break;
        }
        if polls % 5 == 0 {
            world.clock.advance(SECOND);
        }
    }
    let outcomes = [of_first.expect("it has an end"), of_second.expect("it has an end")];
    let (done, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((done.len(), refused.len()), (1, 1));
    let refused = refused.into_iter().next().expect("one").expect_err("refused").kind();
    assert!(matches!(refused, ErrorKind::Conflict | ErrorKind::Contention), "{refused:?}");
    assert_finished(&world);
}

/// Between the trial of the new key and the job somebody else replaces that key: no job is left that could never go on.
#[test]
fn a_rotation_that_came_too_late_leaves_no_job_behind() {
    let world = World::new();
    let third = master("third");
    world.keys.inner().add(third.clone(), secret_store_core::KeyEncryptionKey::generate().expect("random"));
    let store = || world.builder().wrap_with([master(MAIN), master(NEW), third.clone()]).build().expect("valid");
    fill(&store());
    let (late, other) = (store(), store());
    let open = world.keys.hold_next(KeyCall::Generate);
    let mut running = Box::pin(rotation(&late).run());
    step(&mut running);
    rotate(&world, &other).expect("rotated");
    let next = other.rotator().rotate_master_key(&master(NEW), &third).application(&app(APP));
    drive(&world, next.run()).expect("rotated");
    let before = job(&world);
    open.send(()).expect("it waits");
    let error = refusal(drive(&world, running));
    assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains("third"), "{error}");
    let after = job(&world);
    assert_eq!((after.state, &after.target), (JobState::Finished, &before.target));
    assert!(after.fence > before.fence);
    // Where there was no job there is none.
    world.erase(&job_key());
    let (late, open) = (store(), world.keys.hold_next(KeyCall::Generate));
    world.erase(&settings_key());
    let mut running = Box::pin(rotation(&late).run());
    step(&mut running);
    world.plant(&settings_key(), settings(1, &[(NEW, "third")]));
    open.send(()).expect("it waits");
    assert_eq!(kind(drive(&world, running)), ErrorKind::InvalidInput);
    assert!(world.stored(&job_key()).is_none());
}

/// A rotator is held up after it has moved the settings. Meanwhile another one ends the job and takes the way back: the first
/// changes nothing any more.
#[test]
fn a_rotation_between_the_settings_and_the_passes_is_noticed() {
    let world = World::new();
    fill(&store(&world));
    let (late, other) = (store(&world), store(&world));
    world.records.suspend();
    let mut running = Box::pin(rotation(&late).run());
    let has_moved = || world.stored(&job_key()).is_some() && job(&world).state == JobState::Released;
    for _ in 0..100 {
        step(&mut running);
        if has_moved() {
            break;
        }
    }
    assert!(has_moved(), "it has given the lease back for a moment");
    // It knows so.
    step(&mut running);
    rotate(&world, &other).expect("rotated");
    let back = other.rotator().rotate_master_key(&master(NEW), &master(MAIN)).application(&app(APP));
    drive(&world, back.run()).expect("rotated");
    let before = super::records(&world);
    let error = refusal(drive(&world, running));
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("came between"), "{error}");
    assert_eq!(job(&world).state, JobState::Finished);
    assert_eq!(under(&world, NEW), []);
    assert_eq!(super::records(&world), before);
}
