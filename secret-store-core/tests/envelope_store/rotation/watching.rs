//! Progress, pause, cancel, bounded concurrency.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use secret_store_core::SecretStoreExt;
use secret_store_core::rotation::{JobState, Phase, Rotation, RotationControl, RotationOptions, RotationProgress};

use super::super::support::{APP, Call, KeyCall, MAIN, Strike, World, app, id, wait};
use super::{SECOND, assert_finished, drive, fill, job, rotate, rotation, step, steps, store, under};

fn pages(records: usize) -> RotationOptions {
    RotationOptions::default().with_page(NonZeroUsize::new(records).expect("not zero"))
}

fn watched(rotation: Rotation, options: RotationOptions) -> (Rotation, Arc<Mutex<Vec<RotationProgress>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let all = seen.clone();
    let options = options.with_progress(move |progress| all.lock().expect("no panic").push(progress.clone()));
    (rotation.with_options(options), seen)
}

#[test]
fn progress_tells_counts_and_what_remains() {
    for counts_first in [false, true] {
        let world = World::new();
        let store = store(&world);
        fill(&store);
        let options = if counts_first { pages(4).counting_first() } else { pages(4) };
        let (rotation, seen) = watched(rotation(&store), options);
        drive(&world, rotation.run()).expect("rotated");
        let seen = seen.lock().expect("no panic");
        let (early, closing): (Vec<_>, Vec<_>) = seen.iter().cloned().partition(|progress| !progress.is_closing);
        for pass in [&early, &closing] {
            assert!(pass.is_sorted_by_key(|progress| progress.seen) && pass.len() == 5);
            let last = pass.last().expect("not empty");
            assert_eq!((last.seen, last.changed, last.reported), (16, 16, 0));
        }
        let remaining = |pass: &[RotationProgress]| pass.iter().map(|it| it.remaining).collect::<Vec<_>>();
        assert_eq!(remaining(&closing), [12, 11, 7, 3, 0].map(Some));
        assert_eq!(remaining(&early), if counts_first { remaining(&closing) } else { vec![None; 5] });
    }
}

#[test]
fn the_rate_is_of_the_clock() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    let clock = world.clock.clone();
    world.records.hook(move |call| {
        if matches!(call, Call::List(_)) {
            clock.advance(SECOND);
        }
        Strike::Pass
    });
    let (rotation, seen) = watched(rotation(&store), pages(4));
    drive(&world, rotation.run()).expect("rotated");
    let seen = seen.lock().expect("no panic");
    assert!((seen[0].per_second - 4.0).abs() < 0.01, "{:?}", seen[0]);
    assert!((seen[4].per_second - 16.0 / 5.0).abs() < 0.01, "{:?}", seen[4]);
}

/// A paused rotation begins nothing, keeps its lease, and goes on.
#[test]
fn pause_and_resume() {
    let world = World::new();
    let one = store(&world);
    fill(&one);
    let control = RotationControl::new();
    control.pause();
    let mut running = Box::pin(rotation(&one).with_options(pages(4).with_control(control.clone())).run());
    step(&mut running);
    steps(&world, &mut running, 300 * SECOND);
    assert_eq!(under(&world, MAIN).len(), 16);
    assert_eq!(job(&world).state, JobState::Running);
    let fence = job(&world).fence;
    assert!(fence > 20, "{fence}");
    control.resume();
    let report = drive(&world, running).expect("rotated");
    assert_eq!((report.changed(), report.is_complete()), (16, true));
    assert_finished(&world);
}

/// In the middle of a page: what was begun is ended, and no record is missed or counted twice.
#[test]
fn a_pause_in_the_middle_of_a_page_misses_nothing() {
    let world = World::new();
    let one = store(&world);
    fill(&one);
    let control = RotationControl::new();
    let (wraps, pause) = (AtomicUsize::new(0), control.clone());
    world.keys.hook(move |call| {
        if call == KeyCall::Wrap && wraps.fetch_add(1, Ordering::SeqCst) == 1 {
            pause.pause();
        }
        async { Ok(()) }.boxed()
    });
    let options = RotationOptions::default().with_control(control.clone()).with_concurrency(NonZeroUsize::MIN);
    let mut running = Box::pin(rotation(&one).with_options(options).run());
    step(&mut running);
    assert_eq!(under(&world, MAIN).len(), 14);
    control.resume();
    let report = drive(&world, running).expect("rotated");
    assert_eq!((report.changed(), report.applications[0].seen, job(&world).changed), (16, 16, 16));
    assert_finished(&world);
}

/// A cancelled rotation gives its lease back: the next one goes on at once.
#[test]
fn cancel_and_go_on() {
    for (during_grace, left) in [(false, 16), (true, 0)] {
        let world = World::new();
        let one = store(&world);
        fill(&one);
        let control = RotationControl::new();
        if !during_grace {
            control.pause();
        }
        let mut running = Box::pin(rotation(&one).with_options(pages(4).with_control(control.clone())).run());
        step(&mut running);
        control.cancel();
        control.resume();
        let report = wait(running).expect("cancelled");
        let of = &report.applications[0];
        assert!(!of.is_finished && !report.is_complete());
        assert_eq!((job(&world).state, under(&world, MAIN).len()), (JobState::Released, left));
        let began = world.clock_seconds();
        let report = rotate(&world, &store(&world)).expect("rotated");
        assert!(world.clock_seconds() - began < 140, "nobody is waited for");
        assert_eq!(report.changed(), left as u64);
        assert_finished(&world);
    }
}

/// What a cancelled rotation did not reach is not done.
#[test]
fn cancelled_before_all_applications_were_reached() {
    for reached in [0, 1] {
        let world = World::new();
        let store = store(&world);
        fill(&store);
        let control = RotationControl::new();
        let cancel = control.clone();
        let options = RotationOptions::default().with_control(control.clone()).with_progress(move |progress| {
            if progress.is_closing && progress.phase == Phase::History {
                cancel.cancel();
            }
        });
        if reached == 0 {
            control.cancel();
        }
        let both = rotation(&store).applications([app(APP), app("Other")]).with_options(options);
        let report = drive(&world, both.run()).expect("cancelled");
        let finished: Vec<_> = report.applications.iter().map(|of| (of.application.as_str(), of.is_finished)).collect();
        assert_eq!((finished.len(), report.is_complete()), (2, false), "{finished:?}");
        assert_eq!(finished.iter().filter(|(_, is_finished)| *is_finished).count(), reached);
    }
}

#[test]
fn so_many_records_at_a_time() {
    for limit in [1, 3, 8] {
        let world = World::new();
        let one = store(&world);
        for number in 0..20 {
            wait(one.put(&id(&format!("s{number}")), "v".into())).expect("stored");
        }
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (running, peak) = (now.clone(), most.clone());
        world.keys.hook(move |call| {
            if call == KeyCall::Unwrap {
                peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            }
            let (running, is_end) = (running.clone(), call == KeyCall::Wrap);
            let mut polled = false;
            futures::future::poll_fn(move |context| {
                if std::mem::replace(&mut polled, true) {
                    if is_end {
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                    return std::task::Poll::Ready(Ok(()));
                }
                context.waker().wake_by_ref();
                std::task::Poll::Pending
            })
            .boxed()
        });
        let options = RotationOptions::default().with_concurrency(NonZeroUsize::new(limit).expect("not zero"));
        drive(&world, rotation(&one).with_options(options).run()).expect("rotated");
        // The probe unwraps once without wrapping.
        assert_eq!((most.load(Ordering::SeqCst), now.load(Ordering::SeqCst)), (limit + 1, 1));
    }
}
