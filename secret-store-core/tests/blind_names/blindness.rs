//! No name of an application, a secret or a tenant in what the database holds, is asked for, or the key provider is told.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures::executor::block_on;
use secret_store_conformance::fault::KeyCall;
use secret_store_core::{
    ApplicationName, BlindName, Blinding, DeleteOptions, EnvelopeStore, GetOptions, ListOptions, ListQuery, Metadata,
    Persistence, Precondition, PutOptions, Record, RecordKey, SecretId, SecretStore, SecretStoreExt, TenantId, Value,
};
use std::collections::BTreeSet;

use super::eyes::{assert_blind, database, shows, told};
use super::support::{APPLICATION, STORE, World, application, id, key, put, store_id};

const NAME: &str = "MainDbPassword";
const OTHER_NAME: &str = "Smtp/Relay#2";
const TENANT: &str = "acme-corporation";
const NAMES: [&str; 5] = [APPLICATION, NAME, OTHER_NAME, TENANT, STORE];

/// Every operation, as it succeeds and as it fails.
async fn use_everything(store: &EnvelopeStore) {
    let (main, other) = (id(NAME), id(OTHER_NAME));
    for value in ["one", "two", "three"] {
        let metadata = Metadata::new().with("about", format!("{APPLICATION}/{NAME} of {TENANT}"));
        let options = PutOptions::default().with_metadata(metadata).with_idempotency_token(format!("{NAME}-{value}"));
        drop(store.put_with(&main, value.into(), options).await.expect("stored"));
    }
    drop(store.put(&other, "four".into()).await.expect("stored"));
    drop(store.get(&main).await.expect("opens"));
    drop(store.get_version(&main, secret_store_core::SecretVersion::FIRST).await.expect("opens"));
    drop(store.get_many(&[main.clone(), other.clone()]).await.expect("opens"));
    drop(store.get_all(&application()).await.expect("opens"));
    drop(store.list_with(&application(), ListOptions::default().with_after(NAME)).await.expect("a page"));
    drop(store.history(&main).await.expect("a page"));
    store.delete_with(&other, DeleteOptions::default()).await.expect("deleted");
    drop(store.get_with(&other, GetOptions::default()).await.expect_err("deleted"));
    let never = PutOptions::default().with_precondition(Precondition::Absent);
    drop(store.put_with(&main, "five".into(), never).await.expect_err("there"));
}

/// What other parts of the library keep: settings, jobs, tenant keys, audit entries, each with names in it.
fn keep_everything_else(records: &dyn Persistence) {
    let text = format!("{APPLICATION} {NAME} {OTHER_NAME} {TENANT}");
    let record = Record::new()
        .with("MasterKeyId", Value::from(format!("~t~{TENANT}").as_str()))
        .with("Text", Value::from(text.as_str()))
        .with("Bytes", Value::from(text.as_bytes()));
    let time = "2026-01-02T03:04:05.678Z\u{1f}0123456789abcdef0123456789abcdef\u{1f}00000000000000000001";
    for (partition, sort) in [
        (format!("~s~{APPLICATION}"), "SETTINGS".to_owned()),
        (format!("~s~{APPLICATION}"), "JOB".to_owned()),
        (format!("~k~{TENANT}"), "v0000000001".to_owned()),
        (format!("~k~{TENANT}"), "ACTIVE".to_owned()),
        (format!("~k~{TENANT}"), format!("APP#{APPLICATION}")),
        (format!("~a0~{APPLICATION}"), time.to_owned()),
        (format!("~mine~{TENANT}"), format!("{APPLICATION}/{NAME}")),
    ] {
        put(records, RecordKey::new(partition.clone(), sort), record.clone());
        let listed = block_on(records.list(&ListQuery::new(partition))).expect("a page");
        assert!(listed.items.iter().all(|(_, stored)| *stored.record == record));
    }
}

#[test]
fn nothing_that_is_stored_asked_or_told_shows_a_name() {
    let world = World::new();
    let process = world.process(Blinding::new(&key(1)));
    block_on(use_everything(&process.store));
    keep_everything_else(&*process.names);
    let (database, told) = (database(&world), told(&world));
    assert!(database.len() > 10_000 && told.len() > 5_000, "{} and {}", database.len(), told.len());
    assert_blind("the database", &database, &NAMES);
    assert_blind("what the key provider is told", &told, &NAMES);
}

/// The same search finds every name where names are clear.
#[test]
fn the_eyes_are_good() {
    for name in NAMES {
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{name}, and more");
            for form in [
                text.clone(),
                hex::encode(&text),
                hex::encode_upper(&text),
                STANDARD.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
            ] {
                assert!(shows(form.as_bytes(), name), "{form}");
            }
        }
    }
    let world = World::new();
    let store = world.clear();
    block_on(use_everything(&store));
    keep_everything_else(&*world.records);
    let (database, told) = (database(&world), told(&world));
    for name in NAMES {
        assert!(shows(&database, name) || name == STORE, "{name}");
        assert!(shows(&told, name) || name == TENANT, "{name}");
    }
}

#[test]
fn what_is_displayed_is_what_is_stored_and_told() {
    let world = World::new();
    let process = world.process(Blinding::new(&key(1)));
    block_on(process.store.put(&id(NAME), "v".into())).expect("stored");
    let (blind_application, blind_name) = (process.names.display(&application()), process.names.display(&id(NAME)));
    assert_eq!(blind_application.len(), 64);
    let keys: BTreeSet<_> = world.dump().into_iter().map(|(key, _)| key).collect();
    assert!(keys.contains(&RecordKey::new(blind_application.as_str(), blind_name.as_str())), "{keys:?}");
    // A partition of the layers above is hashed as a whole.
    put(&*process.names, RecordKey::new("~n~App", "a"), Record::new());
    let place = format!("~b~{}", process.names.display(BlindName::Partition("~n~App")));
    assert!(world.dump().iter().any(|(key, _)| **key.partition() == *place), "{place}");
    let [KeyCall::Generate { context, .. }] = &world.keys.calls()[..] else { panic!("one call") };
    let pairs: Vec<_> = context.pairs().into_iter().map(|(key, value)| (key, value.into_owned())).collect();
    let blind_store = process.names.display(&store_id());
    assert_eq!(
        pairs,
        [
            ("ss:store", blind_store),
            ("ss:application", blind_application),
            ("ss:name", blind_name),
            ("ss:version", "1".to_owned()),
            ("ss:purpose", "3".to_owned()),
            ("ss:suite", "1".to_owned()),
        ]
    );
}

/// The same text as the name of different things, and the same name in different applications, has unrelated hashes; so has the
/// same name under another key.
#[test]
fn kinds_applications_and_keys_are_kept_apart() {
    let blinding = Blinding::new(&key(1));
    let same = "same";
    let shown = |blinding: &Blinding| {
        let application = ApplicationName::new(same).expect("valid");
        let id = |application: &str| SecretId::parse(application, same).expect("valid");
        vec![
            blinding.display(&secret_store_core::StoreId::new(same).expect("valid")),
            blinding.display(&application),
            blinding.display(&TenantId::new(same).expect("valid")),
            blinding.display(&id(same)),
            blinding.display(&id("other")),
        ]
    };
    let mut all = shown(&blinding);
    all.extend(shown(&Blinding::new(&key(2))));
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 10, "{all:?}");
    assert_eq!(shown(&blinding), shown(&Blinding::new(&key(1))), "the same for every process");
    // Boundaries between application and name are part of what is hashed.
    let moved = |application: &str, name: &str| blinding.display(&SecretId::parse(application, name).expect("valid"));
    assert_ne!(moved("ab", "c"), moved("a", "bc"));
}

/// Lengths of names do not show as long as all names and texts of a record have less than about 490 bytes.
#[test]
fn lengths_of_names_do_not_show() {
    let sizes = |application: &str, name: &str| {
        let world = World::new();
        let process = world.process(Blinding::new(&key(1)));
        let id = SecretId::parse(application, name).expect("valid");
        for _ in 0..2 {
            block_on(process.store.put(&id, "value".into())).expect("stored");
        }
        let mut sizes: Vec<_> = world
            .dump()
            .iter()
            .map(|(key, stored)| (key.partition().len(), key.sort().len(), stored.record.size()))
            .collect();
        sizes.sort_unstable();
        sizes
    };
    let usual = sizes("a", "b");
    for length in 1..=96 {
        assert_eq!(sizes(&"a".repeat(length), &"n".repeat(length)), usual, "{length} bytes each");
    }
    // Beyond that, in steps; nothing is cut off.
    let long = [sizes(&"a".repeat(255), &"n".repeat(100)), sizes(&"a".repeat(255), &"n".repeat(120))];
    assert_ne!(long[0], usual);
    assert_eq!(long[0], long[1]);
}

/// The debug form of the parts shows no key.
#[test]
fn debug_shows_no_key() {
    let world = World::new();
    let process = world.process(Blinding::new(&key(0x41)));
    let shown = format!("{:?} {:?} {:?}", process.names, process.keys, key(0x41));
    assert!(!shown.contains("4141") && !shown.contains("65, 65") && !shown.contains("AAAA"), "{shown}");
    assert!(shown.contains(&key(0x41).id().to_string()));
}
