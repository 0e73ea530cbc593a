//! What a rotation of a master key changes, and what it leaves.

use secret_store_core::rotation::{JobState, RotationTarget};
use secret_store_core::{
    ApplicationConfig, ErrorKind, Legacy, PutOptions, Record, RecordKey, SecretStore, SecretStoreExt, Value,
};

use super::super::support::{
    APP, DOCUMENT_KEY, KeyCall, MAIN, MASTER_KEY_ID, VALUE, WRAPS, World, app, current, id, kind, last, master,
    refusal, slot, version, wait,
};
use super::{
    GRACE, NEW, assert_finished, both, check_values, drive, fill, job, records, rotate, rotation, store, under,
};

fn without_wraps(record: &Record) -> Record {
    let mut record = record.clone();
    for name in [MASTER_KEY_ID, DOCUMENT_KEY, WRAPS] {
        record.remove(name);
    }
    record
}

#[test]
fn everything_moves_and_values_stay_to_the_byte() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    let before = records(&world);
    let began = world.clock_seconds();
    let report = rotate(&world, &store).expect("rotated");
    assert!(world.clock_seconds() - began >= GRACE.as_secs(), "late writers had their time");
    // Five times three and one; the last numbers hold no key.
    assert_eq!((report.changed(), report.is_complete()), (16, true));
    assert_eq!((report.applications[0].seen, report.applications[0].application.as_str()), (16, APP));
    assert_finished(&world);
    let after = records(&world);
    assert!(before.keys().eq(after.keys()));
    for (key, record) in &before {
        assert_eq!(without_wraps(record), without_wraps(&after[key]), "{key:?}");
        assert_eq!(record == &after[key], key == &last(&id("gone")), "{key:?}");
    }
    let job = job(&world);
    assert_eq!(job.target, RotationTarget::MasterKey { from: master(MAIN), to: master(NEW) });
    assert_eq!(job.changed, 16);
    let settings = wait(store.settings(&app(APP))).expect("settings");
    assert_eq!(settings.replacement(&master(MAIN)), Some(&master(NEW)));
}

#[test]
fn one_call_moves_one_record_and_a_second_run_asks_for_the_probe_alone() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    world.keys.take_asked();
    rotate(&world, &store).expect("rotated");
    let asked = world.keys.take_asked();
    let probe = [(KeyCall::Generate, NEW.to_owned()), (KeyCall::Unwrap, NEW.to_owned())];
    assert_eq!(asked[..2], probe);
    let count = |call: KeyCall, key: &str| asked.iter().filter(|asked| **asked == (call, key.to_owned())).count();
    assert_eq!((count(KeyCall::Unwrap, MAIN), count(KeyCall::Wrap, NEW), asked.len()), (16, 16, 34));
    let before = records(&world);
    let report = rotate(&world, &store).expect("rotated");
    assert_eq!((report.changed(), report.is_complete()), (0, true));
    assert_eq!(world.keys.take_asked(), probe);
    assert_eq!(records(&world), before);
}

#[test]
fn writers_follow_and_the_way_back_is_a_rotation_too() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    rotate(&world, &store).expect("rotated");
    // Configured with the old key.
    wait(store.put(&id("a"), "a3".into())).expect("stored");
    assert_eq!(under(&world, MAIN), []);
    let back = store.rotator().rotate_master_key(&master(NEW), &master(MAIN)).application(&app(APP));
    let report = drive(&world, back.run()).expect("rotated");
    assert_eq!((report.changed(), report.is_complete()), (17, true));
    assert_eq!(under(&world, NEW), []);
    let reader = world.builder().unwrap_with([master(MAIN)]).build().expect("valid");
    check_values(&reader);
    wait(store.put(&id("new"), "v".into())).expect("stored");
    assert_eq!(under(&world, NEW), []);
}

#[test]
fn every_wrap_of_a_record_counts() {
    let world = World::with_keys(&[MAIN, NEW, "third"]);
    let builder = || world.builder().wrap_with([MAIN, NEW, "third"].map(master));
    let first = builder().also_wrap_with([master("third")]).build().expect("valid");
    let further = builder().master_key("third").also_wrap_with([master(MAIN)]).build().expect("valid");
    let there = builder().also_wrap_with([master(NEW)]).build().expect("valid");
    wait(first.put(&id("first"), "v".into())).expect("stored");
    wait(further.put(&id("further"), "v".into())).expect("stored");
    wait(there.put(&id("there"), "v".into())).expect("stored");
    let options = PutOptions::default().with_master_key(master("third"));
    let elsewhere = builder().build().expect("valid");
    wait(elsewhere.put_with(&id("elsewhere"), "v".into(), options)).expect("stored");
    let untouched = world.record(&current(&id("elsewhere")));
    let report = rotate(&world, &elsewhere).expect("rotated");
    assert_eq!((report.changed(), report.is_complete(), report.applications[0].seen), (3, true, 4));
    assert_eq!(under(&world, MAIN), []);
    assert_eq!(world.record(&current(&id("elsewhere"))), untouched);
    let keys = |name: &str| {
        let info = wait(first.get(&id(name))).expect("opens").info().clone();
        let also: Vec<_> = info.also_wrapped_with.iter().map(|id| id.as_str().to_owned()).collect();
        (info.master_key_id.as_str().to_owned(), also)
    };
    assert_eq!(keys("first"), (NEW.to_owned(), vec!["third".to_owned()]));
    assert_eq!(keys("further"), ("third".to_owned(), vec![NEW.to_owned()]));
    assert_eq!(keys("there"), (NEW.to_owned(), vec![]));
}

#[test]
fn format_0_moves_too_where_it_is_admitted_and_not_elsewhere() {
    let world = World::new();
    let legacy = ApplicationConfig::default().with_legacy(Legacy::ReadWrite);
    let writer = both(&world).application(app(APP), legacy).build().expect("valid");
    wait(writer.put(&id("old"), "v".into())).expect("stored in format 0");
    let strict = store(&world);
    let before = world.record(&current(&id("old")));
    let report = rotate(&world, &strict).expect("it runs to its end");
    let found: Vec<_> = report.applications[0].neither.iter().cloned().collect();
    assert_eq!((report.changed(), report.is_complete(), found.len()), (0, false, 1));
    assert_eq!((found[0].kind, found[0].secret.clone()), (Some(ErrorKind::Unsupported), Some(id("old"))));
    assert_eq!(world.record(&current(&id("old"))), before);
    // Which application it is, the store's configuration says.
    let report = drive(&world, writer.rotator().rotate_master_key(&master(MAIN), &master(NEW)).run()).expect("rotated");
    assert_eq!((report.changed(), report.is_complete()), (1, true));
    let after = world.record(&current(&id("old")));
    assert_eq!((after.len(), without_wraps(&after)), (6, without_wraps(&before)));
    assert_eq!(wait(writer.get(&id("old"))).expect("opens").expose_secret(), b"v");
}

/// What is malformed, forged or foreign is reported and left as it is; everything else moves.
#[test]
fn what_is_neither_is_reported_and_not_touched() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    let good = world.record(&current(&id("a")));
    let flipped = |name: &str| {
        let mut bytes = good.bytes(name).expect("bytes").to_vec();
        *bytes.last_mut().expect("not empty") ^= 1;
        Value::from(bytes)
    };
    let history = |sort: &str| RecordKey::new(format!("~h~{APP}"), sort);
    let planted = [
        (current(&id("x1")), Record::new().with("Other", Value::from(1)), ErrorKind::Integrity),
        (current(&id("x2")), good.clone(), ErrorKind::Integrity),
        (current(&id("a")), good.clone().with(DOCUMENT_KEY, flipped(DOCUMENT_KEY)), ErrorKind::Integrity),
        (current(&id("b")), suite_9(&world.record(&current(&id("b")))), ErrorKind::Unsupported),
        // Version 2 in the place of version 1.
        (slot(&id("c"), 1), world.record(&slot(&id("c"), 2)), ErrorKind::Integrity),
        (RecordKey::new(APP, "~reserved"), good.clone(), ErrorKind::Integrity),
        (history("no separator"), good.clone(), ErrorKind::Integrity),
        (history("a\u{1f}1"), good.clone(), ErrorKind::Integrity),
        (history("a\u{1f}99999999999999999999"), good.clone(), ErrorKind::Integrity),
    ];
    for (key, record, _) in &planted {
        world.plant(key, record.clone());
    }
    let report = rotate(&world, &store).expect("it runs to its end");
    let of = &report.applications[0];
    assert!(of.is_finished && !report.is_complete());
    assert_eq!((of.neither.count(), of.changed), (planted.len() as u64, 16 - 3));
    for (key, record, expected) in &planted {
        assert_eq!(&world.record(key), record, "{key:?}");
        let found = of.neither.iter().find(|found| found.key == *key).expect("it is reported");
        assert_eq!(found.kind, Some(*expected), "{key:?}");
        assert!(!found.to_string().contains('\u{1f}'), "{found}");
    }
    assert_eq!(under_or_malformed(&world), planted.len());
}

fn suite_9(record: &Record) -> Record {
    let mut value = record.bytes(VALUE).expect("bytes").to_vec();
    value[3] = 9;
    record.clone().with(VALUE, Value::from(value))
}

fn under_or_malformed(world: &World) -> usize {
    let is_old = |record: &Record| record.text(MASTER_KEY_ID).is_none_or(|id| **id == *MAIN);
    records(world).iter().filter(|(key, record)| **key != last(&id("gone")) && is_old(record)).count()
}

#[test]
fn what_cannot_go_well_is_refused_before_anything_is_written() {
    let world = World::new();
    fill(&store(&world));
    let before = world.memory().snapshot().len();
    let listed = |keys: &[&str]| world.builder().wrap_with(keys.iter().map(|key| master(key)));
    let refused = |builder: secret_store_core::EnvelopeStoreBuilder, from: &str, to: &str| {
        let store = builder.build().expect("valid");
        let rotation = store.rotator().rotate_master_key(&master(from), &master(to)).application(&app(APP));
        let error = refusal(drive(&world, rotation.run()));
        assert!(error.to_string().starts_with("rotate master key: "), "{error}");
        assert_eq!(world.memory().snapshot().len(), before);
        error.kind()
    };
    let calls = world.keys.calls();
    assert_eq!(refused(both(&world), MAIN, MAIN), ErrorKind::InvalidInput);
    assert_eq!(refused(world.builder(), MAIN, NEW), ErrorKind::KeyNotAllowed);
    assert_eq!(refused(listed(&[MAIN]), MAIN, NEW), ErrorKind::KeyNotAllowed);
    assert_eq!(refused(listed(&[MAIN, "stranger"]), MAIN, "stranger"), ErrorKind::KeyNotAllowed);
    assert_eq!(refused(both(&world).unwrap_with([master(MAIN)]), MAIN, NEW), ErrorKind::KeyNotAllowed);
    assert_eq!(refused(both(&world).unwrap_with([master(NEW)]), MAIN, NEW), ErrorKind::KeyNotAllowed);
    assert_eq!(world.keys.calls(), calls, "no key is asked");
    for failure in [ErrorKind::KeyUnavailable, ErrorKind::PermissionDenied] {
        world.keys.fail(NEW, failure);
        assert_eq!(refused(both(&world), MAIN, NEW), failure);
        // It wraps, and nobody could open it again.
        world.keys.fail_unwraps(NEW, failure);
        assert_eq!(refused(both(&world), MAIN, NEW), failure);
        world.keys.heal();
    }
    let rotator = store(&world).rotator();
    let nowhere = rotator.rotate_master_key(&master(MAIN), &master(NEW));
    assert_eq!(kind(drive(&world, nowhere.clone().run())), ErrorKind::InvalidInput);
    assert_eq!(kind(wait(nowhere.dry_run())), ErrorKind::InvalidInput);
    assert_eq!(kind(rotation(&store(&world)).secret(&id("a"))), ErrorKind::InvalidInput);
    check_values(&store(&world));
}

#[test]
fn a_dry_run_counts_and_changes_nothing() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    world.plant(&current(&id("x")), Record::new());
    let before: Vec<_> = world.memory().snapshot().iter().map(|(key, stored)| (key, stored.revision.clone())).collect();
    let calls = world.keys.calls();
    let census = wait(rotation(&store).dry_run()).expect("counted");
    assert_eq!(census.original(), 16);
    let of = &census.applications[0];
    assert_eq!((of.records, of.terminal, of.neither.count(), of.wraps[&master(MAIN)]), (17, 0, 1, 16));
    assert_eq!(world.keys.calls(), calls);
    let after: Vec<_> = world.memory().snapshot().iter().map(|(key, stored)| (key, stored.revision.clone())).collect();
    assert_eq!(before, after);
    rotate(&world, &store).expect("rotated");
    let census = wait(rotation(&store).dry_run()).expect("counted");
    let of = &census.applications[0];
    assert_eq!((of.original, of.terminal, of.wraps.len(), of.wraps[&master(NEW)]), (0, 16, 1, 16));
    let strict = world.builder().build().expect("valid");
    assert_eq!(kind(wait(rotation(&strict).dry_run())), ErrorKind::KeyNotAllowed);
}

/// Several applications wait for one grace period together, and no other application is touched.
#[test]
fn applications_are_rotated_one_after_the_other() {
    let world = World::new();
    let of = |name: &str| secret_store_core::SecretId::parse(name, "Db").expect("valid");
    let builder = ["One", "Two"]
        .iter()
        .fold(both(&world), |builder, name| builder.application(app(name), ApplicationConfig::default()));
    let store = builder.build().expect("valid");
    for name in ["One", "Two", "Other"] {
        wait(store.put(&of(name), name.into())).expect("stored");
    }
    let began = world.clock_seconds();
    let rotation = store.rotator().rotate_master_key(&master(MAIN), &master(NEW));
    let report = drive(&world, rotation.run()).expect("rotated");
    let took = world.clock_seconds() - began;
    assert!((GRACE.as_secs()..GRACE.as_secs() + 20).contains(&took), "{took} s");
    let names: Vec<_> = report.applications.iter().map(|of| of.application.as_str()).collect();
    assert_eq!((names, report.changed(), report.is_complete()), (vec!["One", "Two"], 2, true));
    assert_eq!(under(&world, MAIN), [current(&of("Other"))]);
    assert!(wait(store.rotator().job(&app("Other"))).expect("answered").is_none());
    for name in ["One", "Two"] {
        assert_eq!(wait(store.rotator().job(&app(name))).expect("answered").expect("there").state, JobState::Finished);
        assert_eq!(wait(store.get(&of(name))).expect("opens").text().expect("text"), name);
    }
}

#[test]
fn versions_written_after_a_rotation_go_on() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    rotate(&world, &store).expect("rotated");
    let info = wait(store.put(&id("a"), "4".into())).expect("stored");
    assert_eq!((info.version, info.master_key_id), (version(4), master(NEW)));
    let restored = wait(store.restore(&id("a"), version(1))).expect("restored");
    assert_eq!(restored.version, version(5));
    assert_eq!(wait(store.get(&id("a"))).expect("opens").text().expect("text"), "a1");
    wait(store.put(&id("gone"), "again".into())).expect("stored above the last number");
    assert_eq!(wait(store.get(&id("gone"))).expect("opens").info().version, version(4));
}
