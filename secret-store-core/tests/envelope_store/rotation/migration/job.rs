//! Its job: one at a time for an application, and nothing in it is trusted.

use futures::FutureExt;
use secret_store_core::{ErrorKind, Legacy};

use super::super::{NEW, SECOND, drive, job_key, records, step};
use super::{check_both, configured, fill_both, in_format_0, migrate, migration, reader};
use crate::support::{APP, MAIN, World, app, kind, master};

#[test]
fn a_forged_job_skips_nothing() {
    let genuine = {
        let world = World::new();
        fill_both(&world);
        migrate(&world);
        world.record(&job_key())
    };
    let end = "\u{10ffff}";
    for (state, phase, cursor) in [
        ("finished", "history", Some(end)),
        ("released", "current", Some(end)),
        ("running", "history", Some(end)),
        ("released", "history", None),
    ] {
        let world = World::new();
        fill_both(&world);
        let mut forged = genuine.clone().with("State", state.into()).with("Phase", phase.into());
        if let Some(cursor) = cursor {
            forged.set("Cursor", cursor.into());
        }
        world.plant(&job_key(), forged);
        let report = migrate(&world);
        assert_eq!((report.changed(), report.is_complete()), (4, true), "{state} {phase} {cursor:?}");
        assert_eq!(in_format_0(&world), []);
        check_both(&world.store());
    }
}

/// One job for an application: neither the way back nor a rotation of keys begins beside it.
#[test]
fn another_job_waits_for_its_end() {
    let world = World::new();
    fill_both(&world);
    let rotator = reader(&world);
    let mut running = Box::pin(migration(&rotator).run());
    step(&mut running);
    drop(running);
    let before = records(&world);
    let back = configured(&world, Legacy::ReadWrite);
    assert_eq!(kind(drive(&world, back.rotator().revert_migration(&app(APP)).run())), ErrorKind::Conflict);
    let master_keys = rotator.rotator().rotate_master_key(&master(MAIN), &master(NEW)).application(&app(APP));
    assert_eq!(kind(drive(&world, master_keys.run())), ErrorKind::Conflict);
    assert_eq!(records(&world), before);
    assert!(migrate(&world).is_complete());
    check_both(&world.store());
}

#[test]
fn of_two_at_once_one_works() {
    let world = World::new();
    fill_both(&world);
    let (one, other) = (reader(&world), reader(&world));
    let mut first = Box::pin(migration(&one).run());
    step(&mut first);
    let mut second = Box::pin(migration(&other).run());
    for _ in 0..20 {
        step(&mut first);
        if let Some(outcome) = (&mut second).now_or_never() {
            assert_eq!(kind(outcome), ErrorKind::Contention);
            assert!(drive(&world, first).expect("migrated").is_complete());
            assert_eq!(in_format_0(&world), []);
            return check_both(&world.store());
        }
        world.clock.advance(SECOND);
    }
    panic!("the second one goes on");
}
