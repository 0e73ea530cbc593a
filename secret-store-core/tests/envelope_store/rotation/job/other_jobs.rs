//! Another rotation begins only when the one before is ended or given up, and none goes on where another came between.

use secret_store_core::ErrorKind;
use secret_store_core::rotation::{JobState, ReencryptionId, RotationControl, RotationOptions};

use super::super::{NEW, assert_finished, drive, fill, job, job_key, records, rotate, rotation, step, store, under};
use crate::support::{
    APP, KeyCall, MAIN, World, app, id, kind, master, refusal, settings, settings_key, settings_key_of, wait,
};

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
    let (job_before, records_before) = (world.record(&job_key()), records(&world));
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
    assert_eq!(records(&world), records_before);
    // What could never go on begins no job.
    let other = rotator.rotate_master_key(&master("third"), &master(MAIN)).application(&app("Other"));
    world.plant(&settings_key_of("Other"), settings(1, &[(MAIN, NEW)]));
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
    let before = records(&world);
    let error = refusal(drive(&world, running));
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("came between"), "{error}");
    assert_eq!(job(&world).state, JobState::Finished);
    assert_eq!(under(&world, NEW), []);
    assert_eq!(records(&world), before);
}
