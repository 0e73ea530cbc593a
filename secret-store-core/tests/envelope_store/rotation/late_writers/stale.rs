//! A writer that began before a rotation leaves nothing under the old key once the rotation has ended.

use secret_store_core::SecretStoreExt;

use super::super::{NEW, SECOND, assert_finished, drive, fill, rotate, rotation, step, steps, store, under};
use crate::support::{Commits, KeyCall, MAIN, World, current, id, master, slot, wait};

/// It read the settings right before they moved, trusts them for almost a minute, and writes where the early pass was already.
#[test]
fn stale_settings() {
    let world = World::new();
    fill(&store(&world));
    let writer = store(&world);
    wait(writer.put(&id("warm"), "v".into())).expect("it has read the settings now");
    let rotator = store(&world);
    let mut running = Box::pin(rotation(&rotator).run());
    step(&mut running);
    assert_eq!(under(&world, MAIN), [], "the early pass is through");
    steps(&world, &mut running, 29 * SECOND);
    wait(writer.put(&id("late"), "v".into())).expect("stored");
    wait(writer.put(&id("b"), "b3".into())).expect("stored");
    wait(writer.delete(&id("b"))).expect("deleted");
    wait(writer.put(&id("b"), "b3".into())).expect("stored");
    let places = [current(&id("b")), current(&id("late")), slot(&id("b"), 4)];
    assert_eq!(under(&world, MAIN), places, "late writes are under the old key");
    let report = drive(&world, running).expect("rotated");
    assert_eq!((report.changed(), report.is_complete()), (17 + 3, true));
    assert_finished(&world);
    wait(writer.put(&id("late"), "v".into())).expect("stored");
    assert_eq!(under(&world, MAIN), []);
}

/// The last moment at which anything may land: it began its commit when its settings were 59 seconds old, and that took as long as
/// a commit may.
#[test]
fn a_slow_commit() {
    let world = World::new();
    fill(&store(&world));
    let (records, open) = Commits::held(world.records.clone());
    let writer = world.builder_over(records).wrap_with([MAIN, NEW].map(master)).commit_timeout(60 * SECOND);
    let writer = writer.build().expect("valid");
    let gate = world.keys.hold(KeyCall::Generate);
    let late = id("late");
    let mut put = writer.put(&late, "v".into());
    step(&mut put);
    world.keys.unhook();
    let rotator = store(&world);
    let mut running = Box::pin(rotation(&rotator).run());
    step(&mut running);
    steps(&world, &mut running, 59 * SECOND);
    gate.send(()).expect("it waits");
    step(&mut put);
    steps(&world, &mut running, 59 * SECOND);
    open.send(()).expect("it waits");
    assert_eq!(wait(put).expect("stored").master_key_id, master(MAIN));
    assert_eq!(under(&world, MAIN), [current(&late)], "118 seconds after the settings moved");
    let report = drive(&world, running).expect("rotated");
    assert_eq!((report.changed(), report.is_complete()), (17, true));
    assert_finished(&world);
}

/// A writer that is held up for longer than that begins anew, however late.
#[test]
fn a_paused_writer() {
    let world = World::new();
    fill(&store(&world));
    let gate = world.keys.hold(KeyCall::Generate);
    let (writer, late) = (store(&world), id("late"));
    let mut put = writer.put(&late, "v".into());
    step(&mut put);
    world.keys.unhook();
    rotate(&world, &store(&world)).expect("rotated");
    gate.send(()).expect("it waits");
    assert_eq!(wait(put).expect("stored").master_key_id, master(NEW));
    assert_finished(&world);
}
