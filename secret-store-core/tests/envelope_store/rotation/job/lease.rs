//! One rotator works: it keeps its lease while it lives, and who lost it changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use secret_store_core::rotation::JobState;
use secret_store_core::{EnvelopeStore, ErrorKind, Persistence, Result};

use super::super::{
    GRACE, NEW, SECOND, assert_finished, drive, fill, job, rotate, rotation, step, steps, store, under,
};
use crate::support::{APP, Commits, KeyCall, MAIN, World, app, kind, master, refusal};

/// What is left while the first page waits for one of its records: that one and the history.
const LEFT: usize = 12;

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
    assert!(world.clock_seconds() - began >= 60 + GRACE.as_secs());
    assert_eq!((report.changed(), report.is_complete()), (LEFT as u64, true));
    assert!(job(&world).fence > fence);
    assert_finished(&world);
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
