//! Writers that move and change records during the passes: none is missed, and nothing is undone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::FutureExt;
use secret_store_core::rotation::{Phase, ReencryptionId, RotationControl, RotationOptions};
use secret_store_core::{
    ApplicationConfig, Consistency, EnvelopeStore, ErrorKind, Persistence, RecordKey, SecretStoreExt, TenantKeyVersion,
    TenantKeys,
};

use super::super::{
    NEW, SECOND, assert_finished, both, drive, fill, job, job_key, rotation, step, steps, store, under,
};
use crate::support::{
    APP, Call, KeyCall, MAIN, MASTER_KEY_ID, Strike, World, app, id, last, master, slot, version, wait,
};

fn key_at(world: &World, place: &RecordKey) -> String {
    world.record(place).text(MASTER_KEY_ID).expect("text").to_string()
}

/// A job whose cursor stands behind everything.
fn forge_cursor(world: &World) {
    let control = RotationControl::new();
    control.cancel();
    let options = RotationOptions::default().with_control(control);
    wait(rotation(&store(world)).with_options(options).run()).expect("cancelled");
    let forged = world.record(&job_key());
    world.plant(&job_key(), forged.with("Phase", "history".into()).with("Cursor", "\u{10ffff}".into()));
    assert_eq!(job(world).changed, 0);
}

/// During the closing pass writers move records that it has not met yet from the current ones to the history. The early pass did
/// nothing, because a forger has put the cursor at the end.
#[test]
fn puts_and_deletes_that_move_old_records_into_the_history_during_the_pass() {
    let world = World::new();
    fill(&store(&world));
    forge_cursor(&world);
    let (writer, rotator) = (store(&world), store(&world));
    let options = RotationOptions::default().with_page(std::num::NonZeroUsize::MIN);
    let mut running = Box::pin(rotation(&rotator).with_options(options).run());
    step(&mut running);
    assert_eq!(under(&world, MAIN).len(), 16, "the early pass met nothing");
    steps(&world, &mut running, 129 * SECOND);
    let (lists, moved) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (seen, records) = (moved.clone(), world.records.clone());
    world.records.hook(move |call| {
        if matches!(call, Call::List(_)) && lists.fetch_add(1, Ordering::SeqCst) == 1 {
            // The first page is through: it was "a".
            writer.put(&id("b"), "b3".into()).now_or_never().expect("memory waits for nothing").expect("stored");
            writer.delete(&id("c")).now_or_never().expect("memory waits for nothing").expect("deleted");
            writer.put(&id("a"), "a3".into()).now_or_never().expect("memory waits for nothing").expect("stored");
            for (place, expected) in [(slot(&id("a"), 3), NEW), (slot(&id("b"), 3), MAIN), (slot(&id("c"), 3), MAIN)] {
                let found = records.memory().load(&place, Consistency::Strong).now_or_never();
                let found = found.expect("memory waits for nothing").expect("answered").expect("it has moved");
                assert_eq!(found.record.text(MASTER_KEY_ID).map(|id| &**id), Some(expected), "{place:?}");
                seen.fetch_add(1, Ordering::SeqCst);
            }
        }
        Strike::Pass
    });
    let report = drive(&world, running).expect("rotated");
    assert_eq!((report.changed(), report.is_complete()), (16, true));
    assert_eq!(moved.load(Ordering::SeqCst), 3, "records moved during the pass");
    for place in [slot(&id("b"), 3), slot(&id("c"), 3)] {
        assert_eq!(key_at(&world, &place), NEW, "{place:?}");
    }
    assert!(world.stored(&last(&id("c"))).is_some());
    assert_eq!(under(&world, MAIN), []);
}

/// The order is what makes it safe, so it is shown: current records first.
#[test]
fn current_records_come_before_the_history() {
    let world = World::new();
    fill(&store(&world));
    let phases = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = phases.clone();
    let options = RotationOptions::default()
        .with_page(std::num::NonZeroUsize::new(3).expect("not zero"))
        .with_progress(move |progress| seen.lock().expect("no panic").push((progress.is_closing, progress.phase)));
    let rotator = both(&world).build().expect("valid");
    drive(&world, rotation(&rotator).with_options(options).run()).expect("rotated");
    let phases = phases.lock().expect("no panic").clone();
    assert!(phases.is_sorted_by_key(|(is_closing, phase)| (*is_closing, *phase)), "{phases:?}");
    let count = |is_closing, phase| phases.iter().filter(|seen| **seen == (is_closing, phase)).count();
    for is_closing in [false, true] {
        assert_eq!(count(is_closing, Phase::Current), 2);
        assert_eq!(count(is_closing, Phase::History), 4);
    }
}

/// Between the read of a record and its commit somebody else writes it, or deletes it: nothing of that is undone.
#[test]
fn a_record_that_changes_meanwhile_is_looked_at_again() {
    let world = World::new();
    fill(&store(&world));
    let (writer, moves) = (store(&world), AtomicUsize::new(0));
    world.keys.hook(move |call| {
        // Two wraps are these writers' own; by then it is the third move that is under way.
        let number = if call == KeyCall::Wrap { moves.fetch_add(1, Ordering::SeqCst) } else { usize::MAX };
        let writer = writer.clone();
        async move {
            match number {
                0 => drop(writer.put(&id("a"), "a4".into()).await.expect("stored")),
                2 => writer.delete(&id("b")).await.expect("deleted"),
                _ => {}
            }
            Ok(())
        }
        .boxed()
    });
    let options = RotationOptions::default().with_concurrency(std::num::NonZeroUsize::MIN);
    let report = drive(&world, rotation(&store(&world)).with_options(options).run()).expect("rotated");
    world.keys.unhook();
    assert!(report.is_complete());
    assert_eq!(under(&world, MAIN), []);
    let reader = world.builder().unwrap_with([master(NEW)]).build().expect("valid");
    assert_eq!(wait(reader.get(&id("a"))).expect("opens").text().expect("text"), "a4");
    assert_eq!(wait(reader.get_version(&id("a"), version(3))).expect("opens").expose_secret(), b"a3");
    assert_eq!(wait(reader.get(&id("b"))).expect_err("deleted").kind(), ErrorKind::NotFound);
    assert_eq!(wait(reader.get_version(&id("b"), version(3))).expect("opens").expose_secret(), b"b3");
}

/// At every call that a rotation makes somebody writes.
#[test]
fn busy_writers() {
    let world = World::new();
    fill(&store(&world));
    let (writer, rotator) = (store(&world), store(&world));
    let (count, is_busy) = (Arc::new(AtomicUsize::new(0)), AtomicBool::new(false));
    let puts = count.clone();
    world.records.hook(move |_| {
        if !is_busy.swap(true, Ordering::SeqCst) {
            let number = puts.fetch_add(1, Ordering::SeqCst);
            let name = id(&format!("w{}", number % 3));
            let put = writer.put(&name, number.to_string().as_str().into()).now_or_never();
            put.expect("memory waits for nothing").expect("stored");
            let found = writer.get(&name).now_or_never().expect("memory waits for nothing").expect("opens");
            assert_eq!(found.text().expect("text"), number.to_string());
            if number.is_multiple_of(7) {
                writer.delete(&name).now_or_never().expect("memory waits for nothing").expect("deleted");
            }
            is_busy.store(false, Ordering::SeqCst);
        }
        Strike::Pass
    });
    let report = drive(&world, rotation(&rotator).run()).expect("rotated");
    assert!(report.is_complete(), "{report:?}");
    world.records.unhook();
    assert!(count.load(Ordering::SeqCst) > 40);
    assert_finished(&world);
}

/// Right before each commit of a rotation somebody writes one of the secrets that it works on: nothing of that is undone.
#[test]
fn what_is_written_meanwhile_is_not_undone() {
    let tenant = || secret_store_core::TenantId::new("acme").expect("valid");
    for kind in ["master", "documents", "tenant"] {
        let world = World::new();
        let keys = TenantKeys::builder(world.keys.clone(), world.records.clone()).store_id("prod").master_key(MAIN);
        let keys = keys.clock(world.clock.clone()).build().expect("valid");
        let process = || {
            let config = ApplicationConfig::default();
            let config = if kind == "tenant" { config.with_tenant(tenant()) } else { config };
            let builder = EnvelopeStore::builder(Arc::new(keys.clone()), world.records.clone()).store_id("prod");
            let builder = builder.clock(world.clock.clone()).wrap_with([MAIN, NEW].map(master)).master_key(MAIN);
            builder.application(app(APP), config).build().expect("valid")
        };
        let (writer, rotator) = (process(), process().rotator());
        fill(&writer);
        let rotation = match kind {
            "master" => rotator.rotate_master_key(&master(MAIN), &master(NEW)),
            "documents" => rotator.rotate_document_keys(ReencryptionId::generate().expect("random")),
            _ => rotator.rotate_tenant_key(&keys, &tenant(), TenantKeyVersion::FIRST),
        };
        let (newest, is_busy, reader) = (Arc::new(AtomicUsize::new(0)), AtomicBool::new(false), writer.clone());
        let (puts, names) = (newest.clone(), ["a", "a#b", "b", "c", "single"]);
        world.records.hook(move |call| {
            if *call == Call::Commit && !is_busy.swap(true, Ordering::SeqCst) {
                let number = puts.fetch_add(1, Ordering::SeqCst);
                let put = writer.put(&id(names[number % 5]), number.to_string().as_str().into()).now_or_never();
                put.expect("memory waits for nothing").expect("stored");
                is_busy.store(false, Ordering::SeqCst);
            }
            Strike::Pass
        });
        let options = RotationOptions::default().with_concurrency(std::num::NonZeroUsize::MIN);
        let report = drive(&world, rotation.application(&app(APP)).with_options(options).run()).expect("rotated");
        world.records.unhook();
        let newest = newest.load(Ordering::SeqCst);
        assert!(report.is_complete() && newest > 30, "{kind}: {newest} puts");
        for number in newest - 5..newest {
            let found = wait(reader.get(&id(names[number % 5]))).expect("opens");
            assert_eq!(found.text().expect("text"), number.to_string(), "{kind}");
        }
        let versions: u64 =
            names.iter().map(|name| wait(reader.get(&id(name))).expect("opens").info().version.get()).sum();
        assert_eq!(versions, 13 + newest as u64, "{kind}: every put became a version");
    }
}
