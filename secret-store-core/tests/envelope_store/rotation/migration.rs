//! From format 0 to format 1 in place: what is changed, under which number, and what is left alone.

use futures::FutureExt;
use secret_store_core::rotation::{JobState, Rotation, RotationReport, RotationTarget};
use secret_store_core::{
    ApplicationConfig, EnvelopeStore, ErrorKind, Format, Legacy, ProtectOptions, Record, RecordKey, SecretStoreExt,
    SecretVersion, Value,
};

use super::super::legacy::original;
use super::super::support::{
    APP, CREATED_AT, IV, KeyCall, MAIN, MASTER_KEY_ID, METADATA, VALUE, VERSION, World, app, current, id, kind, last,
    lenient, master, refusal, settings_key, slot, version, wait,
};
use super::{NEW, SECOND, drive, job, job_key, records, step, steps};

pub(super) fn configured(world: &World, legacy: Legacy) -> EnvelopeStore {
    let config = ApplicationConfig::default().with_legacy(legacy);
    world.builder().wrap_with([MAIN, NEW].map(master)).application(app(APP), config).build().expect("valid")
}

pub(super) fn reader(world: &World) -> EnvelopeStore {
    configured(world, Legacy::Read)
}

pub(super) fn migration(store: &EnvelopeStore) -> Rotation {
    store.rotator().migrate(&app(APP))
}

pub(super) fn migrate(world: &World) -> RotationReport {
    drive(world, migration(&reader(world)).run()).expect("migrated")
}

/// The original writes, past everything of ours.
pub(super) fn write_as_the_original(world: &World, name: &str, value: &str) {
    world.plant(&current(&lenient(name)), original(world, &lenient(name), value));
}

pub(super) fn text(store: &EnvelopeStore, name: &str) -> String {
    wait(store.get(&id(name))).expect("opens").text().expect("text").to_owned()
}

fn text_of_version(store: &EnvelopeStore, name: &str, number: u64) -> String {
    wait(store.get_version(&id(name), version(number))).expect("opens").text().expect("text").to_owned()
}

pub(super) fn number(world: &World, name: &str) -> Option<u64> {
    world.record(&current(&id(name))).number(VERSION)
}

/// Secrets of the original, some of which ours has written over or deleted since, and one of ours.
pub(super) fn fill_both(world: &World) {
    let store = reader(world);
    for name in ["a", "b", "moved", "deleted"] {
        write_as_the_original(world, name, &format!("{name}1"));
    }
    for value in ["moved2", "moved3"] {
        wait(store.put(&id("moved"), value.into())).expect("stored");
    }
    wait(store.delete(&id("deleted"))).expect("deleted");
    wait(store.put(&id("ours"), "ours1".into())).expect("stored");
}

pub(super) fn check_both(store: &EnvelopeStore) {
    for (name, value) in [("a", "a1"), ("b", "b1"), ("moved", "moved3"), ("ours", "ours1")] {
        assert_eq!(text(store, name), value);
    }
    assert_eq!(text_of_version(store, "moved", 1), "moved1");
    assert_eq!(text_of_version(store, "moved", 2), "moved2");
    assert_eq!(text_of_version(store, "deleted", 1), "deleted1");
}

/// Where there is a record in format 0.
pub(super) fn in_format_0(world: &World) -> Vec<RecordKey> {
    let is_format_0 = |record: &Record| record.bytes(IV).is_some_and(|iv| iv.len() == 16);
    records(world).into_iter().filter(|(_, record)| is_format_0(record)).map(|(key, _)| key).collect()
}

#[test]
fn format_0_becomes_format_1_in_place() {
    let world = World::new();
    fill_both(&world);
    let before = records(&world);
    let places = [current(&id("a")), current(&id("b")), slot(&id("deleted"), 1), slot(&id("moved"), 1)];
    assert_eq!(in_format_0(&world), places);
    check_both(&reader(&world));
    let census = wait(migration(&reader(&world)).dry_run()).expect("counted");
    assert_eq!((census.original(), census.applications[0].terminal), (4, 3));
    assert_eq!(census.applications[0].losses, Default::default(), "nothing is lost");
    assert_eq!(records(&world), before, "a dry run writes nothing");

    let report = migrate(&world);
    assert_eq!((report.changed(), report.is_complete()), (4, true));
    assert_eq!((job(&world).target, job(&world).state), (RotationTarget::Migration, JobState::Finished));
    assert_eq!(in_format_0(&world), []);
    // Nobody needs to allow format 0 any more.
    check_both(&world.store());
    let after = records(&world);
    for (key, record) in &before {
        if !places.contains(key) {
            assert_eq!(record, &after[key], "{key:?} was not format 0");
        }
    }
    // Nothing came into being but the last numbers of the two that got one.
    let new: Vec<_> = after.keys().filter(|key| !before.contains_key(key)).cloned().collect();
    assert_eq!(new, [last(&id("a")), last(&id("b"))]);
    let secret = wait(world.store().get(&id("a"))).expect("opens");
    let info = secret.info();
    assert_eq!((info.version, info.format, info.created_at), (version(1), Format::One, None));
    // Again: nothing to do, nothing touched.
    assert_eq!(migrate(&world).changed(), 0);
    assert_eq!(records(&world), after);
    // They go on as all others do.
    let store = world.store();
    assert_eq!(wait(store.put(&id("a"), "a2".into())).expect("stored").version, version(2));
    assert_eq!(text_of_version(&store, "a", 1), "a1");
    wait(store.delete(&id("b"))).expect("deleted");
    assert_eq!(wait(store.put(&id("b"), "b2".into())).expect("stored").version, version(2));
    assert_eq!(wait(store.repair(&id("moved"))).expect("in order").expect("there").version, version(3));
}

#[test]
fn a_migrated_secret_is_in_order() {
    let world = World::new();
    write_as_the_original(&world, "a", "a1");
    migrate(&world);
    let before = records(&world);
    assert_eq!(wait(world.store().repair(&id("a"))).expect("in order").expect("there").version, version(1));
    assert_eq!(records(&world), before);
}

/// A current record takes the number after all that its name ever had, and keeps it from being used again.
#[test]
fn numbers_are_never_used_twice() {
    let world = World::new();
    for round in 0..3 {
        // Whatever the original puts there, also over what was migrated already.
        write_as_the_original(&world, "a", &format!("by the original {round}"));
        assert_eq!(migrate(&world).changed(), 1);
        assert_eq!(number(&world, "a"), Some(round + 1));
        assert_eq!(text(&world.store(), "a"), format!("by the original {round}"));
    }
    wait(world.store().put(&id("a"), "ours".into())).expect("stored");
    // Over a fourth version, with the third in the history.
    write_as_the_original(&world, "a", "again");
    migrate(&world);
    assert_eq!(number(&world, "a"), Some(4), "the last that is known anywhere is 3");
    wait(world.store().delete(&id("a"))).expect("deleted");
    write_as_the_original(&world, "a", "after a delete");
    migrate(&world);
    assert_eq!(number(&world, "a"), Some(5));
}

/// Whoever takes the number between the look at the history and the commit wins it.
#[test]
fn a_number_that_is_taken_meanwhile_is_left_to_others() {
    let world = World::new();
    write_as_the_original(&world, "a", "a1");
    let numbered = original(&world, &id("a"), "from a backup").with(VERSION, Value::from(1));
    let beneath = world.records.clone();
    let place = slot(&id("a"), 1);
    world.keys.hook(move |call| {
        if call == KeyCall::Generate {
            let write =
                secret_store_core::Write::put(place.clone(), numbered.clone(), secret_store_core::Precondition::Absent);
            drop(wait(secret_store_core::Persistence::commit(beneath.memory(), vec![write])));
        }
        async { Ok(()) }.boxed()
    });
    assert_eq!(migrate(&world).changed(), 2);
    assert_eq!(number(&world, "a"), Some(2));
    assert_eq!(
        (text(&world.store(), "a"), text_of_version(&world.store(), "a", 1)),
        ("a1".into(), "from a backup".into())
    );
}

#[test]
fn it_does_not_begin_where_the_configuration_forbids_it() {
    for (legacy, fix) in [(Legacy::ReadWrite, "`Legacy::Read`"), (Legacy::Off, "`Legacy::Read`")] {
        let world = World::new();
        fill_both(&world);
        let before = world.memory().snapshot().len();
        let (calls, asked) = (world.records.calls(), world.keys.calls());
        let store = configured(&world, legacy);
        for error in [refusal(wait(migration(&store).dry_run())), refusal(wait(migration(&store).run()))] {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains(fix), "{error}");
        }
        assert_eq!((world.records.calls(), world.keys.calls()), (calls, asked), "nobody is asked");
        assert_eq!(world.memory().snapshot().len(), before);
    }
    assert_eq!(kind(migration(&reader(&World::new())).secret(&id("a")).map(drop)), ErrorKind::InvalidInput);
}

/// What the original cannot have written, what does not open and what has no place in format 1 is reported and left as it is.
#[test]
fn what_is_neither_is_reported_and_never_touched() {
    let world = World::new();
    fill_both(&world);
    let genuine = original(&world, &id("x"), "a value of some length, in three blocks");
    let of = |name: &str| genuine.clone().with("SecretName", Value::from(name));
    let cut = |record: Record, bytes| {
        let value = record.bytes(VALUE).expect("bytes")[..bytes].to_vec();
        record.with(VALUE, Value::from(value))
    };
    let mut wrong_key = of("wrong-key").bytes("ProtectedDocumentKey").expect("bytes").to_vec();
    *wrong_key.last_mut().expect("not empty") ^= 1;
    let mut no_value = of("no-value");
    no_value.remove(VALUE);
    let planted = [
        ("cut-in-a-block", cut(of("cut-in-a-block"), 17), ErrorKind::Integrity),
        ("cut-at-a-block", cut(of("cut-at-a-block"), 16), ErrorKind::Integrity),
        ("empty", cut(of("empty"), 0), ErrorKind::Integrity),
        ("wrong-key", of("wrong-key").with("ProtectedDocumentKey", Value::from(wrong_key)), ErrorKind::Integrity),
        ("no-value", no_value, ErrorKind::Integrity),
        ("short-iv", of("short-iv").with(IV, Value::from(&[1u8; 15][..])), ErrorKind::Integrity),
        ("numbered", of("numbered").with(VERSION, Value::from(7)), ErrorKind::Integrity),
        ("metadata", of("metadata").with(METADATA, Value::from(&[0xa0u8][..])), ErrorKind::Integrity),
        ("elsewhere", of("another name"), ErrorKind::Integrity),
        ("foreign-key", of("foreign-key").with(MASTER_KEY_ID, "forged".into()), ErrorKind::KeyNotAllowed),
        ("tab\there", of("tab\there"), ErrorKind::InvalidInput),
        ("x\u{1f}", of("x\u{1f}"), ErrorKind::InvalidInput),
    ];
    for (name, record, _) in &planted {
        world.plant(&current(&lenient(name)), record.clone());
    }
    let misplaced = slot(&id("moved"), 9);
    world.plant(&misplaced, of("moved").with(VERSION, Value::from(8)));
    let census = wait(migration(&reader(&world)).dry_run()).expect("counted");
    assert_eq!(census.original(), 4 + 2, "two are found out when they are opened");
    let report = migrate(&world);
    assert_eq!((report.changed(), report.is_complete()), (4, false));
    let neither = &report.applications[0].neither;
    assert_eq!(neither.count(), planted.len() as u64 + 1);
    for (name, record, expected) in planted {
        let key = current(&lenient(name));
        let found = neither.iter().find(|found| found.key == key).expect(name);
        assert_eq!(found.kind, Some(expected), "{name}");
        assert_eq!(world.record(&key), record, "{name}");
        assert!(!found.reason.contains('\t'), "{name}");
        assert!(world.stored(&last(&lenient(name))).is_none(), "{name}");
    }
    assert!(neither.iter().any(|found| found.key == misplaced));
    check_both(&reader(&world));
}

/// A record that cannot be numbered is left alone until it is repaired.
#[test]
fn a_malformed_last_number_is_in_the_way() {
    let world = World::new();
    write_as_the_original(&world, "a", "a1");
    world.plant(&last(&id("a")), Record::new().with("LastVersion", "1".into()));
    let before = records(&world);
    let report = migrate(&world);
    assert_eq!((report.changed(), report.applications[0].neither.count()), (0, 1));
    assert_eq!(records(&world), before);
    wait(reader(&world).repair(&id("a"))).expect("repaired");
    assert!(migrate(&world).is_complete());
    assert_eq!(text(&world.store(), "a"), "a1");
}

#[test]
fn new_keys_are_wrapped_as_those_of_a_put() {
    let world = World::new();
    write_as_the_original(&world, "a", "a1");
    let config = ApplicationConfig::default().with_legacy(Legacy::Read);
    let builder = world.builder().also_wrap_with([master(NEW)]).application(app(APP), config);
    drive(&world, migration(&builder.build().expect("valid")).run()).expect("migrated");
    let secret = wait(world.store().get(&id("a"))).expect("opens");
    let info = secret.info();
    assert_eq!((info.master_key_id.as_str(), &info.also_wrapped_with[..]), (MAIN, &[master(NEW)][..]));
    assert!(world.record(&current(&id("a"))).get(CREATED_AT).is_none(), "nobody knows when it was made");
    // A key that was replaced is not wrapped under again.
    write_as_the_original(&world, "b", "b1");
    world.plant(&settings_key(), super::super::support::settings(1, &[(MAIN, NEW)]));
    migrate(&world);
    assert_eq!(wait(world.store().get(&id("b"))).expect("opens").info().master_key_id, master(NEW));
}

/// While it goes on: our readers read, our writers write, deletes delete, and nothing of it is undone.
#[test]
fn puts_and_deletes_beside_it_win() {
    let world = World::new();
    for name in ["put", "deleted", "put-twice", "saved", "left"] {
        write_as_the_original(&world, name, "old");
    }
    let store = reader(&world);
    let protected = wait(store.protect(&id("saved"), "new".into(), ProtectOptions::default())).expect("made");
    let open = world.keys.hold(KeyCall::Unwrap);
    let rotator = reader(&world);
    let mut running = Box::pin(migration(&rotator).run());
    step(&mut running);
    // All records of the page were read, and wait for their keys.
    world.keys.unhook();
    wait(store.put(&id("put"), "new".into())).expect("stored");
    wait(store.put(&id("put-twice"), "newer".into())).expect("stored");
    wait(store.put(&id("put-twice"), "newest".into())).expect("stored");
    wait(store.delete(&id("deleted"))).expect("deleted");
    wait(store.save(&protected)).expect("saved");
    open.send(()).expect("it waits");
    let report = drive(&world, running).expect("migrated");
    assert!(report.is_complete());
    assert_eq!(in_format_0(&world), []);
    let strict = world.store();
    for (name, value, count) in [("put", "new", 2), ("put-twice", "newest", 3), ("saved", "new", 2), ("left", "old", 1)]
    {
        assert_eq!((text(&strict, name).as_str(), number(&world, name)), (value, Some(count)), "{name}");
    }
    for name in ["put", "put-twice", "saved", "deleted"] {
        assert_eq!(text_of_version(&strict, name, 1), "old");
    }
    assert_eq!(kind(wait(strict.get(&id("deleted")))), ErrorKind::NotFound);
}

/// What was reserved for the version after an unnumbered one is refused once that has its number: protect again.
#[test]
fn a_reservation_over_a_record_that_was_migrated_is_a_conflict() {
    let world = World::new();
    write_as_the_original(&world, "a", "a1");
    let store = reader(&world);
    let protected = wait(store.protect(&id("a"), "a2".into(), ProtectOptions::default())).expect("made");
    migrate(&world);
    assert_eq!(kind(wait(store.save(&protected))), ErrorKind::Conflict);
    assert_eq!(text(&store, "a"), "a1");
    assert_eq!(wait(store.put(&id("a"), "a2".into())).expect("stored").version, version(2));
}

/// The original and a process with an old configuration cannot be shut out. What they leave is met as long as it goes on, read
/// afterwards, and met by the next run.
#[test]
fn the_original_writes_on() {
    let world = World::new();
    fill_both(&world);
    let (rotator, old) = (reader(&world), configured(&world, Legacy::ReadWrite));
    let mut running = Box::pin(migration(&rotator).run());
    step(&mut running);
    assert_eq!(in_format_0(&world), [], "the early pass is through");
    steps(&world, &mut running, 100 * SECOND);
    // The original writes over what was migrated, unconditionally; ours with an old configuration refuses to.
    write_as_the_original(&world, "a", "late");
    assert_eq!(kind(wait(old.put(&id("b"), "late".into()))), ErrorKind::Unsupported);
    wait(old.put(&id("new"), "late".into())).expect("nothing was there");
    assert_eq!(in_format_0(&world), [current(&id("a")), current(&id("new"))]);
    assert_eq!(text(&reader(&world), "a"), "late", "it is readable at every moment");
    let report = drive(&world, running).expect("migrated");
    assert_eq!((report.changed(), report.is_complete()), (4 + 2, true));
    assert_eq!((number(&world, "a"), number(&world, "new")), (Some(2), Some(1)));
    // After the end.
    write_as_the_original(&world, "a", "later");
    assert_eq!(text(&reader(&world), "a"), "later");
    assert_eq!(wait(migration(&reader(&world)).dry_run()).expect("counted").original(), 1);
    assert_eq!(migrate(&world).changed(), 1);
    assert_eq!((text(&world.store(), "a"), number(&world, "a")), ("later".into(), Some(3)));
}

/// A process that has seen the number takes what the original writes over it for a rollback, as the threat model says.
#[test]
fn a_process_that_has_seen_the_migrated_version_detects_what_overwrites_it() {
    let world = World::new();
    write_as_the_original(&world, "a", "a1");
    migrate(&world);
    let store = reader(&world);
    assert_eq!(text(&store, "a"), "a1");
    write_as_the_original(&world, "a", "over it");
    assert_eq!(kind(wait(store.get(&id("a")))), ErrorKind::RollbackDetected);
    let accepted = wait(store.accept_rollback(&id("a"))).expect("accepted").expect("there");
    assert_eq!(accepted.version, SecretVersion::UNVERSIONED);
    assert_eq!(text(&store, "a"), "over it");
}

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
