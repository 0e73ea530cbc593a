//! Re-encryption: other keys and ciphertexts, the same versions.

use std::collections::BTreeMap;

use secret_store_core::rotation::{ReencryptionId, Rotation, RotationReport, RotationTarget};
use secret_store_core::{
    ApplicationConfig, EnvelopeStore, ErrorKind, Legacy, Metadata, PutOptions, Record, RecordKey, SecretStore,
    SecretStoreExt, Value,
};

use super::super::support::{
    APP, DOCUMENT_KEY, IV, KeyCall, MAIN, MASTER_KEY_ID, VALUE, WRAPS, World, app, current, id, kind, last, master,
    settings, settings_key, slot, version, wait,
};
use super::{NEW, SECOND, both, check_values, drive, fill, job, records, step, steps, store, under};

const MARK: &str = "Reencrypted";

fn new_id() -> ReencryptionId {
    ReencryptionId::generate().expect("random")
}

fn reencryption(store: &EnvelopeStore, id: ReencryptionId) -> Rotation {
    store.rotator().rotate_document_keys(id).application(&app(APP))
}

fn reencrypt(world: &World, store: &EnvelopeStore) -> RotationReport {
    drive(world, reencryption(store, new_id()).run()).expect("re-encrypted")
}

fn without(record: &Record, names: &[&str]) -> Record {
    let mut record = record.clone();
    for name in names {
        record.remove(name);
    }
    record
}

/// Every attribute that must change did, and no other.
fn assert_resealed(before: &BTreeMap<RecordKey, Record>, after: &BTreeMap<RecordKey, Record>, but: &[RecordKey]) {
    assert!(before.keys().eq(after.keys()));
    for (key, record) in before {
        if but.contains(key) {
            assert_eq!(record, &after[key], "{key:?}");
            continue;
        }
        for name in [IV, DOCUMENT_KEY, VALUE] {
            assert_ne!(record.get(name), after[key].get(name), "{key:?} {name}");
        }
        let changed = [IV, DOCUMENT_KEY, VALUE, MARK];
        assert_eq!(without(record, &changed), without(&after[key], &changed), "{key:?}");
    }
}

#[test]
fn everything_is_sealed_anew_as_the_same_versions() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    let options = PutOptions::default().with_metadata(Metadata::new().with("owner", "team-a"));
    wait(store.put_with(&id("with"), "v".into(), options)).expect("stored");
    let infos = wait(store.list(&app(APP))).expect("listed").items;
    let before = records(&world);
    let report = reencrypt(&world, &store);
    assert_eq!((report.changed(), report.is_complete()), (17, true));
    assert_resealed(&before, &records(&world), &[last(&id("gone"))]);
    check_values(&super::store(&world));
    check_values(&store);
    for (now, then) in wait(store.list(&app(APP))).expect("listed").items.into_iter().zip(infos) {
        assert_eq!((now.version, now.created_at, &now.metadata), (then.version, then.created_at, &then.metadata));
        assert_ne!(now.revision, then.revision);
    }
    wait(store.put(&id("a"), "a4".into())).expect("stored");
    wait(store.delete(&id("a"))).expect("deleted");
}

#[test]
fn the_same_id_goes_on_and_another_one_begins_anew() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    let id = new_id();
    let run = |id| drive(&world, reencryption(&store, id).run()).expect("re-encrypted").changed();
    assert_eq!(run(id), 16);
    let before = records(&world);
    let census = wait(reencryption(&store, id).dry_run()).expect("counted");
    assert_eq!((census.original(), census.applications[0].terminal), (0, 16));
    assert_eq!(run(id), 0);
    assert_eq!(records(&world), before);
    assert_eq!(wait(reencryption(&store, new_id()).dry_run()).expect("counted").original(), 16);
    assert_eq!(run(new_id()), 16);
}

/// A key that was made before the rotation began does not survive it, however late its record lands.
#[test]
fn a_late_writer_is_met() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    let protected = wait(store.protect(&id("late"), "v".into(), secret_store_core::ProtectOptions::default()));
    let protected = protected.expect("made");
    let mut running = Box::pin(reencryption(&store, new_id()).run());
    step(&mut running);
    steps(&world, &mut running, 100 * SECOND);
    wait(store.save(&protected)).expect("saved");
    let saved = world.record(&current(&id("late")));
    assert_eq!(drive(&world, running).expect("re-encrypted").changed(), 17);
    assert_ne!(world.record(&current(&id("late"))).get(DOCUMENT_KEY), saved.get(DOCUMENT_KEY));
    assert_eq!(wait(store.get(&id("late"))).expect("opens").expose_secret(), b"v");
}

#[test]
fn one_secret_alone() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    let before = records(&world);
    let of_a = |reencryption: Rotation| reencryption.secret(&id("a")).expect("it has a meaning");
    let reencryption_id = new_id();
    let census = wait(of_a(reencryption(&store, reencryption_id)).dry_run()).expect("counted");
    assert_eq!((census.original(), census.applications[0].records), (3, 3));
    let report = drive(&world, of_a(reencryption(&store, reencryption_id)).run()).expect("re-encrypted");
    assert_eq!((report.changed(), report.is_complete()), (3, true));
    let mine = [current(&id("a")), slot(&id("a"), 1), slot(&id("a"), 2)];
    let others: Vec<_> = before.keys().filter(|key| !mine.contains(key)).cloned().collect();
    assert_resealed(&before, &records(&world), &others);
    let secret = Some(id("a").name().clone());
    assert_eq!(job(&world).target, RotationTarget::DocumentKeys { id: reencryption_id, secret });
    check_values(&store);
    let missing = reencryption(&store, new_id()).secret(&id("missing")).expect("it has a meaning");
    assert_eq!(drive(&world, missing.run()).expect("nothing to do").applications[0].seen, 0);
}

fn three_keys() -> World {
    World::with_keys(&[MAIN, NEW, "third"])
}

/// New keys are wrapped as those of a put; a key that a put chose is kept, once it has opened.
#[test]
fn wraps_are_those_of_a_put() {
    let world = three_keys();
    let builder = || world.builder().wrap_with([MAIN, NEW, "third"].map(master));
    let plain = builder().build().expect("valid");
    wait(plain.put(&id("usual"), "v".into())).expect("stored");
    let options = PutOptions::default().with_master_key(master("third"));
    wait(plain.put_with(&id("chosen"), "v".into(), options)).expect("stored");
    let further = builder().also_wrap_with([master(NEW)]).build().expect("valid");
    assert_eq!(reencrypt(&world, &further).changed(), 2);
    let keys = |name: &str| {
        let info = wait(plain.get(&id(name))).expect("opens").info().clone();
        let also: Vec<_> = info.also_wrapped_with.iter().map(|id| id.as_str().to_owned()).collect();
        (info.master_key_id.as_str().to_owned(), also)
    };
    assert_eq!(keys("usual"), (MAIN.to_owned(), vec![NEW.to_owned()]));
    assert_eq!(keys("chosen"), ("third".to_owned(), vec![NEW.to_owned()]));
    reencrypt(&world, &plain);
    assert_eq!(keys("usual"), (MAIN.to_owned(), vec![]));
    assert!(world.record(&current(&id("usual"))).get(WRAPS).is_none());
    // A key that was replaced is not wrapped under again.
    world.plant(&settings_key(), settings(1, &[(MAIN, NEW), ("third", NEW)]));
    let later = builder().build().expect("valid");
    reencrypt(&world, &later);
    assert_eq!((keys("usual").0, keys("chosen").0), (NEW.to_owned(), NEW.to_owned()));
}

/// Whoever can write to the database cannot have a value wrapped under a key of their choice.
#[test]
fn a_key_that_a_record_merely_names_gains_nothing() {
    let world = three_keys();
    let builder = || world.builder().also_wrap_with([master(NEW)]);
    let store = builder().build().expect("valid");
    wait(store.put(&id("Db"), "v".into())).expect("stored");
    let genuine = world.record(&current(&id("Db")));
    // The wrap under the first key is moved among the further ones; the first one is the forger's.
    let info = wait(store.get(&id("Db"))).expect("opens").info().clone();
    assert_eq!(info.also_wrapped_with, [master(NEW)]);
    let forged = genuine.with(MASTER_KEY_ID, "third".into());
    world.plant(&current(&id("Db")), forged);
    assert!(wait(builder().build().expect("valid").get(&id("Db"))).is_ok(), "the further wrap opens it");
    world.keys.take_asked();
    assert_eq!(reencrypt(&world, &store).changed(), 1);
    let asked = world.keys.take_asked();
    let wrapped = asked.iter().filter(|(call, _)| *call != KeyCall::Unwrap).map(|(_, key)| key.as_str());
    assert_eq!(wrapped.collect::<Vec<_>>(), [MAIN, NEW]);
    assert_eq!(under(&world, "third"), []);
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").expose_secret(), b"v");
}

#[test]
fn what_does_not_open_is_reported_and_left() {
    let world = World::new();
    let writer = store(&world);
    fill(&writer);
    let options = PutOptions::default().with_master_key(master(NEW));
    wait(writer.put_with(&id("foreign"), "v".into(), options)).expect("stored");
    let narrow = world.builder().unwrap_with([master(MAIN)]).build().expect("valid");
    let mut value = world.record(&current(&id("a"))).bytes(VALUE).expect("bytes").to_vec();
    *value.last_mut().expect("not empty") ^= 1;
    let flipped = world.record(&current(&id("a"))).with(VALUE, Value::from(value));
    world.plant(&current(&id("a")), flipped.clone());
    let foreign = world.record(&current(&id("foreign")));
    let report = reencrypt(&world, &narrow);
    let neither: Vec<_> = report.applications[0].neither.iter().map(|found| (found.key.clone(), found.kind)).collect();
    assert!(neither.contains(&(current(&id("a")), Some(ErrorKind::Integrity))), "{neither:?}");
    assert!(neither.contains(&(current(&id("foreign")), Some(ErrorKind::KeyNotAllowed))), "{neither:?}");
    assert_eq!((report.changed(), neither.len(), report.is_complete()), (15, 2, false));
    assert_eq!(world.record(&current(&id("a"))), flipped);
    assert_eq!(world.record(&current(&id("foreign"))), foreign);
}

#[test]
fn format_0_stays_format_0_with_six_attributes() {
    let world = World::new();
    let legacy = |legacy| {
        let config = ApplicationConfig::default().with_legacy(legacy);
        both(&world).application(app(APP), config).build().expect("valid")
    };
    let writer = legacy(Legacy::ReadWrite);
    wait(writer.put(&id("old"), "v".into())).expect("stored in format 0");
    wait(writer.put(&id("moved"), "1".into())).expect("stored in format 0");
    wait(legacy(Legacy::Read).put(&id("moved"), "2".into())).expect("stored in format 1");
    let before = records(&world);
    assert_eq!(before[&current(&id("old"))].len(), 6);
    let calls = world.keys.calls();
    let report = reencrypt(&world, &legacy(Legacy::Read));
    assert_eq!((report.changed(), report.is_complete()), (3, true));
    assert_eq!(world.keys.calls() - calls, 6, "each was opened and sealed once");
    assert_resealed(&before, &records(&world), &[]);
    assert_eq!(world.record(&current(&id("old"))).len(), 6);
    assert!(world.record(&slot(&id("moved"), 1)).get(MARK).is_none());
    assert_eq!(wait(writer.get(&id("old"))).expect("opens").expose_secret(), b"v");
    let first = wait(writer.get_version(&id("moved"), version(1))).expect("opens");
    assert_eq!(first.expose_secret(), b"1");
}

/// Rotating keys needs the right to open; a role without it changes nothing.
#[test]
fn without_the_right_to_open_nothing_changes() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    let before = records(&world);
    world.keys.fail_unwraps(MAIN, ErrorKind::PermissionDenied);
    assert_eq!(kind(drive(&world, reencryption(&store, new_id()).run())), ErrorKind::PermissionDenied);
    assert_eq!(records(&world), before);
}
