//! The end of format 0: refused while there is any, and for ever after.

use secret_store_core::rotation::{JobState, Rotation, RotationTarget};
use secret_store_core::{EnvelopeStore, ErrorKind, Format, Legacy, Record, SecretStoreExt, Value};

use super::super::legacy::original;
use super::super::support::{APP, IV, World, app, current, id, kind, refusal, settings_key, slot, wait};
use super::migration::{
    check_both, configured, fill_both, in_format_0, migrate, migration, reader, text, write_as_the_original,
};
use super::{SECOND, drive, job, records, step, steps};

pub(super) fn raise(store: &EnvelopeStore) -> Rotation {
    store.rotator().raise_minimum_format(&app(APP))
}

#[test]
fn format_0_is_over() {
    for legacy in [Legacy::Read, Legacy::Off] {
        let world = World::new();
        fill_both(&world);
        migrate(&world);
        let before = records(&world);
        let store = configured(&world, legacy);
        let census = wait(raise(&store).dry_run()).expect("counted");
        assert_eq!((census.original(), census.applications[0].terminal), (0, 7));
        assert!(world.stored(&settings_key()).is_none(), "a dry run writes nothing");
        let (other, old) = (reader(&world), configured(&world, Legacy::ReadWrite));
        wait(old.put(&id("old"), "v".into())).expect("stored");
        wait(old.delete(&id("old"))).expect("deleted");
        let report = drive(&world, raise(&store).run()).expect("raised");
        assert_eq!((report.changed(), report.is_complete()), (0, true));
        assert_eq!((job(&world).target, job(&world).state), (RotationTarget::MinimumFormat, JobState::Finished));
        assert_eq!(wait(store.settings(&app(APP))).expect("settings").minimum_format(), Format::One);
        assert_eq!(records(&world), before, "no secret was touched");
        check_both(&other);
        // Whatever a configuration allows: not to be read, not to be written, not to be migrated.
        write_as_the_original(&world, "forged", "v");
        for reading in [&reader(&world), &other] {
            let error = refusal(wait(reading.get(&id("forged"))));
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("minimum format"), "{error}");
        }
        assert_eq!(kind(wait(old.put(&id("x"), "v".into()))), ErrorKind::Unsupported);
        let report = migrate(&world);
        assert_eq!((report.changed(), report.applications[0].neither.count()), (0, 1));
        assert_eq!(in_format_0(&world), [current(&id("forged"))]);
        // Raised once more: it ends, and says what stands there.
        let report = drive(&world, raise(&reader(&world)).run()).expect("raised");
        assert_eq!((report.applications[0].neither.count(), report.is_complete()), (1, false));
        assert_eq!(wait(store.settings(&app(APP))).expect("settings").sequence(), 1);
    }
}

#[test]
fn it_is_refused_while_anything_is_in_format_0() {
    let malformed = Record::new().with(IV, Value::from(&[0u8; 16][..]));
    type Plant<'a> = (&'a str, &'a dyn Fn(&World));
    let plants: [Plant<'_>; 4] = [
        ("current", &|world| write_as_the_original(world, "one", "v")),
        ("history", &|world| {
            let numbered = original(world, &id("moved"), "v").with("Version", Value::from(7));
            world.plant(&slot(&id("moved"), 7), numbered);
        }),
        ("malformed", &|world| world.plant(&current(&id("one")), malformed.clone())),
        ("in a name of the original's", &|world| {
            let id = super::super::support::lenient("tab\there");
            world.plant(&current(&id), original(world, &id, "v"));
        }),
    ];
    for (what, plant) in plants {
        let world = World::new();
        fill_both(&world);
        migrate(&world);
        plant(&world);
        let before = world.memory().snapshot().len();
        let job_before = job(&world);
        let error = refusal(wait(raise(&reader(&world)).run()));
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{what}");
        assert!(error.to_string().contains("records in format 0: 1"), "{what}: {error}");
        assert!(!error.to_string().contains('\t'));
        assert!(world.stored(&settings_key()).is_none(), "{what}");
        assert_eq!((world.memory().snapshot().len(), job(&world)), (before, job_before), "{what}: nothing was begun");
        let census = wait(raise(&reader(&world)).dry_run()).expect("counted");
        assert_eq!(census.applications[0].neither.count(), 1, "{what}");
    }
    let world = World::new();
    let error = refusal(wait(raise(&configured(&world, Legacy::ReadWrite)).run()));
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("`Legacy::Read`"), "{error}");
    assert_eq!(world.records.calls(), 0);
}

/// What lands while it runs is reported and not touched: nobody can tell it from a forgery.
#[test]
fn what_lands_meanwhile_is_reported() {
    let world = World::new();
    fill_both(&world);
    migrate(&world);
    let rotator = reader(&world);
    let mut running = Box::pin(raise(&rotator).run());
    step(&mut running);
    steps(&world, &mut running, 20 * SECOND);
    write_as_the_original(&world, "a", "late");
    let late = world.record(&current(&id("a")));
    let report = drive(&world, running).expect("raised");
    assert_eq!((report.changed(), report.is_complete()), (0, false));
    let found = report.applications[0].neither.iter().next().expect("one");
    assert_eq!((found.secret.as_ref(), found.kind), (Some(&id("a")), Some(ErrorKind::Unsupported)));
    assert_eq!(world.record(&current(&id("a"))), late);
    assert_eq!(kind(wait(reader(&world).get(&id("a")))), ErrorKind::Unsupported);
    // A new value takes its place.
    wait(world.store().put(&id("a"), "new".into())).expect("stored");
    assert_eq!(text(&world.store(), "a"), "new");
}

/// Settings that somebody takes back while it runs, or after.
#[test]
fn taken_back_settings_are_no_success() {
    let world = World::new();
    fill_both(&world);
    migrate(&world);
    let rotator = reader(&world);
    let mut running = Box::pin(raise(&rotator).run());
    step(&mut running);
    world.erase(&settings_key());
    assert_eq!(kind(drive(&world, running)), ErrorKind::RollbackDetected);
    let forged = Record::new().with("Sequence", Value::from(9));
    let rotator = reader(&world);
    let mut running = Box::pin(raise(&rotator).run());
    step(&mut running);
    world.plant(&settings_key(), forged);
    let error = refusal(drive(&world, running));
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("minimum format"), "{error}");
    // The process that has seen the floor keeps to it.
    write_as_the_original(&world, "forged", "v");
    assert_eq!(kind(wait(rotator.get(&id("forged")))), ErrorKind::Unsupported);
    drive(&world, rotator.rotator().abandon_job(&app(APP))).expect("nobody is at it");
    assert_eq!(drive(&world, migration(&rotator).run()).expect("ends").changed(), 0);
}
