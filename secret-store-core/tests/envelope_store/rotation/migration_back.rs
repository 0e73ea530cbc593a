//! Back to format 0 for the original's readers: what it restores, what it loses, and when it is refused.

use secret_store_core::rotation::{Rotation, RotationReport};
use secret_store_core::{
    ApplicationConfig, EnvelopeStore, ErrorKind, Format, GetOptions, Legacy, Metadata, PutOptions, Record, SecretStore,
    SecretStoreExt, SecretVersion, Value,
};

use super::super::support::{
    APP, APPLICATION_NAME, DOCUMENT_KEY, IV, MASTER_KEY_ID, SECRET_NAME, VALUE, World, app, current, id, kind, last,
    master, raised, refusal, settings_key, slot, version, wait,
};
use super::migration::{
    check_both, configured, fill_both, in_format_0, migrate, number, reader, text, write_as_the_original,
};
use super::{NEW, SECOND, drive, records, step, steps};

pub(super) fn writer(world: &World) -> EnvelopeStore {
    configured(world, Legacy::ReadWrite)
}

pub(super) fn reversion(store: &EnvelopeStore) -> Rotation {
    store.rotator().revert_migration(&app(APP))
}

pub(super) fn revert(world: &World) -> RotationReport {
    drive(world, reversion(&writer(world)).run()).expect("reverted")
}

#[test]
fn there_and_back_again() {
    let world = World::new();
    fill_both(&world);
    migrate(&world);
    let migrated = records(&world);
    let report = revert(&world);
    assert_eq!((report.changed(), report.is_complete()), (4, true));
    let places = ["a", "b", "moved", "ours"].map(|name| current(&id(name)));
    assert_eq!(in_format_0(&world), places);
    for place in &places {
        let record = world.record(place);
        let names: Vec<_> = record.iter().map(|(name, _)| name).collect();
        assert_eq!(names, [APPLICATION_NAME, IV, MASTER_KEY_ID, DOCUMENT_KEY, VALUE, SECRET_NAME]);
    }
    // The original reads no history: it stays.
    for place in [slot(&id("moved"), 1), slot(&id("moved"), 2), slot(&id("deleted"), 1)] {
        assert_eq!(world.record(&place), migrated[&place]);
    }
    check_both(&writer(&world));
    check_both(&reader(&world));
    assert_eq!(kind(wait(world.store().get(&id("a")))), ErrorKind::Unsupported);
    assert_eq!(revert(&world).changed(), 0);
    // The numbers are not given away again.
    assert_eq!(migrate(&world).changed(), 4);
    check_both(&world.store());
    for (name, expected) in [("a", 2), ("b", 2), ("moved", 4), ("ours", 2)] {
        assert_eq!(number(&world, name), Some(expected), "{name}");
    }
}

/// Ours writes for the original again, and deletes.
#[test]
fn ours_writes_on_in_format_0() {
    let world = World::new();
    write_as_the_original(&world, "a", "a1");
    migrate(&world);
    let before = writer(&world);
    let error = refusal(wait(before.put(&id("a"), "a2".into())));
    assert_eq!(error.kind(), ErrorKind::Unsupported, "not before");
    assert!(error.to_string().contains("revert"), "{error}");
    revert(&world);
    let store = writer(&world);
    for value in ["a2", "a3"] {
        let info = wait(store.put(&id("a"), value.into())).expect("stored");
        assert_eq!((info.version, info.format), (SecretVersion::UNVERSIONED, Format::Zero));
        assert_eq!(text(&store, "a"), value);
    }
    assert_eq!(world.record(&last(&id("a"))).number("LastVersion"), Some(1), "it is not forgotten");
    wait(store.delete(&id("a"))).expect("deleted");
    assert_eq!(world.record(&last(&id("a"))).number("LastVersion"), Some(1));
    assert_eq!(wait(reader(&world).put(&id("a"), "a4".into())).expect("stored").version, version(2));
}

#[test]
fn a_dry_run_says_what_would_be_lost() {
    let world = World::new();
    write_as_the_original(&world, "a", "a1");
    migrate(&world);
    let store = reader(&world);
    let metadata = PutOptions::default().with_metadata(Metadata::new().with("owner", "team-a"));
    wait(store.put_with(&id("metadata"), "v".into(), metadata)).expect("stored");
    wait(store.put_with(&id("token"), "v".into(), PutOptions::default().with_idempotency_token("t"))).expect("stored");
    let config = ApplicationConfig::default().with_legacy(Legacy::Read);
    let several = world.builder().also_wrap_with([master(NEW)]).application(app(APP), config).build().expect("valid");
    wait(several.put(&id("several"), "v".into())).expect("stored");
    wait(several.put(&id("several"), "v".into())).expect("stored");
    let before = records(&world);
    let census = wait(reversion(&writer(&world)).dry_run()).expect("counted");
    let losses = census.applications[0].losses;
    assert_eq!((census.original(), census.applications[0].terminal), (4, 1));
    assert_eq!((losses.versions, losses.creation_times, losses.metadata, losses.further_wraps), (4, 3, 2, 1));
    assert_eq!(records(&world), before);
    revert(&world);
    let secret = wait(writer(&world).get(&id("metadata"))).expect("opens");
    assert!(secret.info().metadata.is_empty() && secret.info().created_at.is_none());
    assert_eq!(wait(reversion(&writer(&world)).dry_run()).expect("counted").applications[0].losses, Default::default());
}

/// A process that has read format 1 reads on where format 0 is written; a pin holds, and elsewhere going back is a rollback.
#[test]
fn readers_that_have_seen_format_1_read_on() {
    let world = World::new();
    fill_both(&world);
    migrate(&world);
    let (old, other) = (writer(&world), reader(&world));
    check_both(&old);
    check_both(&other);
    revert(&world);
    check_both(&old);
    assert_eq!(wait(old.get_all(&app(APP))).expect("all").len(), 4);
    wait(old.put(&id("a"), "a1".into())).expect("stored");
    let pin = GetOptions::default().with_minimum_version(SecretVersion::FIRST);
    assert_eq!(kind(wait(old.get_with(&id("a"), pin))), ErrorKind::RollbackDetected);
    assert_eq!(kind(wait(other.get(&id("a")))), ErrorKind::RollbackDetected);
    // An older version in format 1 is a rollback as ever.
    let world = World::new();
    let writes = reader(&world);
    wait(writes.put(&id("a"), "1".into())).expect("stored");
    let first = world.record(&current(&id("a")));
    wait(writes.put(&id("a"), "2".into())).expect("stored");
    let reads = writer(&world);
    assert_eq!(text(&reads, "a"), "2");
    world.plant(&current(&id("a")), first);
    assert_eq!(kind(wait(reads.get(&id("a")))), ErrorKind::RollbackDetected);
}

#[test]
fn it_is_refused_where_format_1_is_written_or_the_floor_was_raised() {
    for legacy in [Legacy::Off, Legacy::Read] {
        let world = World::new();
        fill_both(&world);
        migrate(&world);
        let before = records(&world);
        let error = refusal(wait(reversion(&configured(&world, legacy)).run()));
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("`Legacy::ReadWrite`"), "{error}");
        assert_eq!(records(&world), before);
    }
    let world = World::new();
    fill_both(&world);
    migrate(&world);
    world.plant(&settings_key(), raised(1));
    let before = world.memory().snapshot();
    for error in [refusal(wait(reversion(&writer(&world)).run())), refusal(wait(reversion(&ignoring(&world)).run()))] {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("minimum format"), "{error}");
    }
    assert_eq!(world.memory().snapshot().len(), before.len(), "no job was begun");
    // Whoever removes the settings gains nothing in a process that has seen them.
    let knows = writer(&world);
    assert_eq!(kind(wait(reversion(&knows).run())), ErrorKind::Unsupported);
    world.erase(&settings_key());
    assert_eq!(kind(wait(reversion(&knows).run())), ErrorKind::RollbackDetected);
}

/// A store that writes without settings.
fn ignoring(world: &World) -> EnvelopeStore {
    let config = ApplicationConfig::default()
        .with_legacy(Legacy::ReadWrite)
        .with_settings(secret_store_core::SettingsUse::Ignored);
    world.builder().application(app(APP), config).build().expect("valid")
}

/// Raised meanwhile, by somebody who forged the settings or gave the job up: what was not reverted yet is not, and the end is
/// no success.
#[test]
fn it_stops_where_the_floor_is_raised_under_it() {
    for store in [writer, ignoring] {
        let world = World::new();
        fill_both(&world);
        migrate(&world);
        let rotator = store(&world);
        let mut running = Box::pin(reversion(&rotator).run());
        step(&mut running);
        assert_eq!(in_format_0(&world).len(), 4, "the early pass is through");
        world.plant(&settings_key(), raised(1));
        steps(&world, &mut running, 70 * SECOND);
        wait(world.store().put(&id("late"), "v".into())).expect("stored in format 1");
        let error = refusal(drive(&world, running));
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}

/// What does not open is not reverted, and its number is not believed.
#[test]
fn what_does_not_open_is_reported_and_left() {
    let world = World::new();
    fill_both(&world);
    migrate(&world);
    let forged = world.record(&current(&id("a"))).with("Version", Value::from(1_000_000));
    world.plant(&current(&id("a")), forged.clone());
    let report = revert(&world);
    assert_eq!((report.changed(), report.is_complete()), (3, false));
    let found = report.applications[0].neither.iter().next().expect("one");
    assert_eq!((found.secret.as_ref(), found.kind), (Some(&id("a")), Some(ErrorKind::Integrity)));
    assert_eq!(world.record(&current(&id("a"))), forged);
    assert_eq!(world.record(&last(&id("a"))).number("LastVersion"), Some(1));
}

/// Puts of a process that writes format 1 still are met as long as it goes on.
#[test]
fn late_writers_in_format_1_are_met() {
    let world = World::new();
    fill_both(&world);
    migrate(&world);
    let (rotator, late) = (writer(&world), world.store());
    let mut running = Box::pin(reversion(&rotator).run());
    step(&mut running);
    steps(&world, &mut running, 100 * SECOND);
    wait(late.put(&id("new"), "v".into())).expect("stored");
    wait(late.put(&id("a"), "a2".into())).expect("stored over format 0");
    let report = drive(&world, running).expect("reverted");
    assert_eq!((report.changed(), report.is_complete()), (4 + 2, true));
    assert_eq!(in_format_0(&world).iter().filter(|key| key.partition() == current(&id("a")).partition()).count(), 5);
    assert_eq!((text(&writer(&world), "new"), text(&writer(&world), "a")), ("v".into(), "a2".into()));
    assert_eq!(world.record(&last(&id("a"))).number("LastVersion"), Some(3));
}

/// After a restore of the current record alone a higher number may be known.
#[test]
fn a_higher_last_number_stays() {
    let world = World::new();
    wait(reader(&world).put(&id("a"), "a1".into())).expect("stored");
    world.plant(&last(&id("a")), Record::new().with("LastVersion", Value::from(9)));
    assert_eq!(revert(&world).changed(), 1);
    assert_eq!(world.record(&last(&id("a"))).number("LastVersion"), Some(9));
    migrate(&world);
    assert_eq!(number(&world, "a"), Some(10));
}
