//! Format 0: where it is read, where it is written, and how a name leaves it.

use secret_store_core::{
    ApplicationConfig, EnvelopeStore, ErrorKind, Format, GetOptions, HistoryRetention, Legacy, Metadata,
    ProtectOptions, PutOptions, Record, SecretId, SecretStore, SecretStoreExt, SecretVersion, Value,
};

use super::support::{
    APP, APPLICATION_NAME, DOCUMENT_KEY, IV, MASTER_KEY_ID, SECRET_NAME, VALUE, VERSION, World, app, current, id, kind,
    last, lenient, refusal, slot, version, wait,
};

fn put(store: &EnvelopeStore, value: &str) -> SecretVersion {
    wait(store.put(&id("Db"), value.into())).expect("stored").version
}

fn text(store: &EnvelopeStore) -> String {
    wait(store.get(&id("Db"))).expect("opens").text().expect("text").to_owned()
}

/// A record as the original writes it, at any name, made by an honest format-0 writer elsewhere.
pub(crate) fn original(world: &World, at: &SecretId, value: &str) -> Record {
    let other = World { keys: world.keys.clone(), ..World::new() };
    wait(other.legacy(Legacy::ReadWrite).put(&id("x"), value.into())).expect("stored");
    other.record(&current(&id("x"))).with(SECRET_NAME, Value::from(at.name().as_str()))
}

#[test]
fn off_neither_reads_nor_writes_it() {
    let world = World::new();
    let off = world.store();
    world.plant(&current(&id("Db")), original(&world, &id("Db"), "old"));
    let error = refusal(wait(off.get(&id("Db"))));
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("Legacy::Read"), "{error}");
    // It says in a listing what stands there, and a put replaces it by format 1.
    assert_eq!(wait(off.list(&app(APP))).expect("a page").items[0].format, Format::Zero);
    assert_eq!(put(&off, "new"), version(2));
    assert_eq!(text(&off), "new");
    assert_eq!(kind(wait(off.get_version(&id("Db"), version(1)))), ErrorKind::Unsupported);
}

#[test]
fn read_opens_it_and_writes_format_1() {
    let world = World::new();
    let store = world.legacy(Legacy::Read);
    world.plant(&current(&id("Db")), original(&world, &id("Db"), "old"));
    let secret = wait(store.get(&id("Db"))).expect("opens");
    assert_eq!((secret.text().expect("text"), secret.info().version), ("old", SecretVersion::UNVERSIONED));
    assert_eq!((secret.info().format, secret.info().created_at), (Format::Zero, None));
    // Replaced, it gets the next free number in the history, and the new one the number after.
    assert_eq!(put(&store, "new"), version(2));
    let old = wait(store.get_version(&id("Db"), version(1))).expect("opens");
    assert_eq!((old.text().expect("text"), old.info().format), ("old", Format::Zero));
    assert_eq!(old.info().version, version(1));
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").info().format, Format::One);
    assert_eq!(wait(store.restore(&id("Db"), version(1))).expect("restored").version, version(3));
    assert_eq!((text(&store), wait(store.get(&id("Db"))).expect("opens").info().format), ("old".into(), Format::One));
}

/// The original writes on beside us: each of its records is numbered above everything in the history.
#[test]
fn the_history_counts_where_the_original_wrote_over_a_numbered_record() {
    let world = World::new();
    let store = world.legacy(Legacy::Read);
    for round in 0..3u64 {
        world.plant(&current(&id("Db")), original(&world, &id("Db"), &format!("by the original {round}")));
        // Another process, or this one after the operator has accepted it.
        let store = world.legacy(Legacy::Read);
        assert_eq!(put(&store, "by us").get(), 2 * round + 2);
        assert_eq!(put(&store, "by us again").get(), 2 * round + 3, "round {round}");
        let old = wait(store.get_version(&id("Db"), version(2 * round + 1))).expect("kept");
        assert_eq!(old.text().expect("text"), format!("by the original {round}"));
    }
    assert!(wait(store.get(&id("Db"))).is_ok());
    // A process that has seen a number takes the original's record for a rollback until the operator accepts it.
    world.plant(&current(&id("Db")), original(&world, &id("Db"), "late"));
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::RollbackDetected);
    assert_eq!(kind(wait(store.put(&id("Db"), "x".into()))), ErrorKind::RollbackDetected);
    let accepted = wait(store.accept_rollback(&id("Db"))).expect("accepted").expect("there");
    assert_eq!(accepted.version, SecretVersion::UNVERSIONED);
    assert_eq!(text(&store), "late");
    assert_eq!(put(&store, "new").get(), 8);
}

#[test]
fn a_deleted_record_keeps_its_number() {
    for retention in [HistoryRetention::All, HistoryRetention::None] {
        let world = World::new();
        let config = ApplicationConfig::default().with_legacy(Legacy::Read).with_history(retention);
        let store = world.builder().application(app(APP), config).build().expect("valid");
        world.plant(&current(&id("Db")), original(&world, &id("Db"), "old"));
        wait(store.delete(&id("Db"))).expect("deleted");
        assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::NotFound);
        let kept = wait(store.get_version(&id("Db"), version(1)));
        assert_eq!(kept.is_ok(), retention == HistoryRetention::All);
        assert_eq!(put(&store, "new"), version(2));
    }
}

#[test]
fn read_write_leaves_what_the_original_reads() {
    let world = World::new();
    let store = world.legacy(Legacy::ReadWrite);
    for value in ["first", "second", ""] {
        assert_eq!(put(&store, value), SecretVersion::UNVERSIONED);
        let record = world.record(&current(&id("Db")));
        let names: Vec<_> = record.iter().map(|(name, _)| name).collect();
        assert_eq!(names, [APPLICATION_NAME, IV, MASTER_KEY_ID, DOCUMENT_KEY, VALUE, SECRET_NAME]);
        assert_eq!(record.bytes(IV).expect("bytes").len(), 16);
        assert_eq!(text(&store), value);
    }
    assert_eq!(world.memory().snapshot().len(), 1, "no history, no last number");
    assert!(wait(store.history(&id("Db"))).expect("a page").items.is_empty());
    wait(store.delete(&id("Db"))).expect("deleted");
    assert!(world.memory().snapshot().is_empty(), "nothing is left that the original would not leave");
    assert_eq!(put(&store, "again"), SecretVersion::UNVERSIONED);
}

#[test]
fn two_records_of_one_value_share_nothing() {
    let world = World::new();
    let store = world.legacy(Legacy::ReadWrite);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        put(&store, "the same");
        let record = world.record(&current(&id("Db")));
        for attribute in [IV, DOCUMENT_KEY, VALUE] {
            assert!(seen.insert(record.bytes(attribute).expect("bytes").to_vec()), "{attribute}");
        }
    }
}

#[test]
fn read_write_refuses_what_format_0_has_no_room_for() {
    let world = World::new();
    let store = world.legacy(Legacy::ReadWrite);
    let metadata = PutOptions::default().with_metadata(Metadata::new().with("k", "v"));
    let token = PutOptions::default().with_idempotency_token("t");
    for options in [metadata, token] {
        let error = refusal(wait(store.put_with(&id("Db"), "v".into(), options)));
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("Legacy::Read"), "{error}");
    }
    let protect = ProtectOptions::default().with_metadata(Metadata::new().with("k", "v"));
    assert_eq!(kind(wait(store.protect(&id("Db"), "v".into(), protect))), ErrorKind::Unsupported);
    assert_eq!((world.keys.calls(), world.records.calls()), (0, 0), "nothing is contacted");
}

#[test]
fn read_write_never_goes_back_from_format_1() {
    for deleted in [false, true] {
        let world = World::new();
        put(&world.store(), "format 1");
        if deleted {
            wait(world.store().delete(&id("Db"))).expect("deleted");
        }
        let before = world.memory().snapshot();
        let store = world.legacy(Legacy::ReadWrite);
        let error = refusal(wait(store.put(&id("Db"), "v".into())));
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("Legacy::Read"), "{error}");
        let protected = wait(store.protect(&id("Db"), "v".into(), ProtectOptions::default()));
        assert_eq!(kind(protected), ErrorKind::Unsupported);
        assert_eq!(world.memory().snapshot().len(), before.len());
        if !deleted {
            assert_eq!(text(&store), "format 1", "it reads on");
        }
    }
}

/// The settings of applications do not touch each other, and the default of those not named is off.
#[test]
fn each_application_is_configured_by_itself() {
    let world = World::new();
    let other = SecretId::parse("Other", "Db").expect("valid");
    let store = world.legacy(Legacy::ReadWrite);
    put(&store, "format 0");
    assert_eq!(wait(store.put(&other, "v".into())).expect("stored").format, Format::One);
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").info().format, Format::Zero);
}

const ODD_NAMES: [&str; 5] =
    ["tab\there", "line\nbreak", "nul\0", "sep\u{1f}arated", "trailing\u{1f}00000000000000000001"];

#[test]
fn names_that_only_the_original_could_write_are_read_and_deleted_but_not_written() {
    for legacy in [Legacy::Read, Legacy::ReadWrite] {
        let world = World::new();
        let store = world.legacy(legacy);
        let long = "x".repeat(1024);
        for name in ODD_NAMES.into_iter().chain([&*long]) {
            let id = lenient(name);
            world.plant(&current(&id), original(&world, &id, name));
            assert_eq!(wait(store.get(&id)).expect("opens").text().expect("text"), name);
            assert_eq!(wait(store.get_many(std::slice::from_ref(&id))).expect("opens").len(), 1);
            assert_eq!(kind(wait(store.put(&id, "v".into()))), ErrorKind::InvalidInput);
            assert_eq!(kind(wait(store.protect(&id, "v".into(), ProtectOptions::default()))), ErrorKind::InvalidInput);
            assert_eq!(kind(wait(store.repair(&id))), ErrorKind::InvalidInput);
        }
        assert_eq!(wait(store.get_all(&app(APP))).expect("all").len(), ODD_NAMES.len() + 1);
        assert_eq!(wait(store.list(&app(APP))).expect("a page").items.len(), ODD_NAMES.len() + 1);
        for name in ODD_NAMES.into_iter().chain([&*long]) {
            wait(store.delete(&lenient(name))).expect("deleted");
        }
        assert!(world.memory().snapshot().is_empty(), "nothing is written under such a name");
    }
}

/// A name with U+001F reads like a sort key of the history of another name. They stand in different partitions.
#[test]
fn an_odd_name_reaches_no_history() {
    let world = World::new();
    let store = world.legacy(Legacy::Read);
    put(&store, "1");
    put(&store, "2");
    let like_a_slot = lenient(&format!("Db\u{1f}{:020}", 1));
    assert_eq!(kind(wait(store.get(&like_a_slot))), ErrorKind::NotFound);
    assert_eq!(kind(wait(store.delete(&like_a_slot))), ErrorKind::NotFound);
    assert!(world.stored(&slot(&id("Db"), 1)).is_some());
    assert!(SecretId::parse("~h~YourApp.Production", "Db").is_err());
    // Its own history would begin with the name and the separator: that of another name is none of it.
    let like_last = lenient("Db\u{1f}");
    assert!(wait(store.history(&like_last)).expect("a page").items.is_empty());
}

/// A version pins nothing in format 0, and a pin refuses all of it.
#[test]
fn a_pin_asks_for_a_number() {
    let world = World::new();
    let store = world.legacy(Legacy::ReadWrite);
    put(&store, "v");
    let pin = |version| GetOptions::default().with_minimum_version(version);
    assert!(wait(store.get_with(&id("Db"), pin(SecretVersion::UNVERSIONED))).is_ok());
    assert_eq!(kind(wait(store.get_with(&id("Db"), pin(SecretVersion::FIRST)))), ErrorKind::RollbackDetected);
}

#[test]
fn a_numbered_record_of_the_history_cannot_be_saved_as_the_current_one() {
    use secret_store_core::ProtectedSecret;
    let world = World::new();
    let numbered = original(&world, &id("Db"), "old").with(VERSION, Value::from(5));
    let protected = ProtectedSecret::from_record(&id("Db"), &numbered).expect("a record of the history");
    let store = world.legacy(Legacy::ReadWrite);
    assert_eq!(kind(wait(store.save(&protected))), ErrorKind::InvalidInput);
    assert_eq!(wait(store.unprotect(&protected)).expect("opens").text().expect("text"), "old");
    assert!(world.stored(&last(&id("Db"))).is_none());
}
