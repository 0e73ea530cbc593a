//! Genuine records in another place: a record opens at its own address alone.

use futures::executor::block_on;
use secret_store_core::{
    ApplicationName, Blinding, Consistency, ErrorKind, ListQuery, Persistence, Record, RecordKey, SecretStoreExt,
    SecretVersion, Value,
};

use crate::support::{World, id, key, put};

#[test]
fn a_record_opens_at_its_own_address_alone() {
    let world = World::new();
    let process = world.process(Blinding::new(&key(1)));
    let addresses: Vec<RecordKey> = [
        ("App", "a"),
        ("App", "b"),
        ("Other", "a"),
        ("~h~App", "a\u{1f}00000000000000000001"),
        ("~h~App", "a\u{1f}00000000000000000002"),
        ("~h~App", "a\u{1f}"),
        ("~h~App", "a"),
        ("~s~App", "SETTINGS"),
        ("~k~App", "ACTIVE"),
        ("~k~App", "APP#App"),
        ("~x~App", "a"),
    ]
    .map(|(partition, sort)| RecordKey::new(partition, sort))
    .to_vec();
    let mut places = Vec::new();
    for address in &addresses {
        put(&*process.names, address.clone(), Record::new().with("Of", Value::from(format!("{address:?}").as_str())));
        let known: Vec<_> = places.iter().map(|(place, _)| place).cloned().collect();
        places.extend(world.dump().into_iter().filter(|(place, _)| !known.contains(place)));
    }
    assert_eq!(places.len(), addresses.len());
    for (target, (place, honest)) in addresses.iter().zip(&places) {
        for (source, (_, foreign)) in addresses.iter().zip(&places) {
            world.overwrite(place.clone(), foreign.record.clone());
            let loaded = block_on(process.names.load(target, Consistency::Strong));
            let listed = block_on(process.names.list(&ListQuery::new(target.partition().clone())));
            if source == target {
                assert!(loaded.expect("its own").is_some() && !listed.expect("its own").items.is_empty());
            } else {
                let what = format!("{source:?} at {target:?}");
                assert_eq!(loaded.expect_err(&what).kind(), ErrorKind::Integrity, "{what}");
                assert_eq!(listed.expect_err(&what).kind(), ErrorKind::Integrity, "{what}");
            }
        }
        world.overwrite(place.clone(), honest.record.clone());
    }
}

/// An older record of the same address is authentic here; the store above detects it.
#[test]
fn an_older_record_is_detected_by_who_has_seen_a_newer_one() {
    let world = World::new();
    let process = world.process(Blinding::new(&key(1)));
    block_on(process.store.put(&id("Db"), "old".into())).expect("stored");
    let snapshot = world.memory.snapshot();
    block_on(process.store.put(&id("Db"), "new".into())).expect("stored");
    world.memory.restore(&snapshot);
    let error = block_on(process.store.get(&id("Db"))).expect_err("older than seen");
    assert_eq!(error.kind(), ErrorKind::RollbackDetected);
}

/// Seen through the store: nothing that is changed in the database comes out as a value.
#[test]
fn no_exchange_of_records_gives_a_value() {
    let world = World::new();
    let process = world.process(Blinding::new(&key(1)));
    for name in ["a", "b"] {
        block_on(process.store.put(&id(name), name.into())).expect("stored");
        block_on(process.store.put(&id(name), name.into())).expect("stored");
    }
    let dump = world.dump();
    for (place, honest) in &dump {
        for (source, foreign) in &dump {
            world.overwrite(place.clone(), foreign.record.clone());
            for name in ["a", "b"] {
                for version in [1, 2] {
                    let version = SecretVersion::new(version).expect("not zero");
                    match block_on(process.store.get_version(&id(name), version)) {
                        Ok(secret) => assert_eq!(secret.expose_secret(), name.as_bytes()),
                        Err(error) => assert!(error.kind() == ErrorKind::Integrity && source != place, "{error}"),
                    }
                }
            }
            world.overwrite(place.clone(), honest.record.clone());
        }
    }
}

/// An address in clear that is the hash of another record's holds nothing of its own, also while names in clear are read.
#[test]
fn a_hash_for_a_name_opens_nothing() {
    let world = World::new();
    block_on(world.process(Blinding::new(&key(1))).store.put(&id("Db"), "v".into())).expect("stored");
    let both = world.process(Blinding::new(&key(2)).with_previous_in_clear().expect("once"));
    let (place, honest) = world.dump().pop().expect("one");
    let refused = block_on(both.names.load(&place, Consistency::Strong)).expect_err("a sealed record");
    assert_eq!(refused.kind(), ErrorKind::Integrity);
    let application = ApplicationName::new(&**place.partition()).expect("digits");
    let report = block_on(both.names.mover().application(&application)).expect("a report");
    assert_eq!((report.moved, report.left, report.not_moved[0].reason), (0, 1, ErrorKind::Integrity));
    let (found, stored) = world.dump().pop().expect("one");
    assert_eq!((found, stored.revision), (place, honest.revision), "not touched");
}
