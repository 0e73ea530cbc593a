//! What cannot be migrated is reported and left as it is.

use secret_store_core::{ErrorKind, Record, Value};

use super::super::records;
use super::{check_both, fill_both, migrate, migration, reader, text, write_as_the_original};
use crate::legacy::original;
use crate::support::{IV, MASTER_KEY_ID, METADATA, VALUE, VERSION, World, current, id, last, lenient, slot, wait};

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
