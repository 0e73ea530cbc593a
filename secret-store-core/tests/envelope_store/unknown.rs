//! What this release or this configuration does not know or allow is refused before any key provider is asked.

use secret_store_core::{
    EnvelopeStore, Error, ErrorKind, Legacy, PutOptions, Record, Result, Secret, SecretStore, SecretStoreExt, Value,
};

use super::support::{
    APP, DOCUMENT_KEY, IV, MAIN, MASTER_KEY_ID, VALUE, VERSION, World, app, current, id, kind, master, refusal, slot,
    version, wait,
};

/// Every way to read one secret.
fn reads(store: &EnvelopeStore) -> Vec<(&'static str, Result<Secret>)> {
    let first = |all: Vec<Secret>| all.into_iter().next().ok_or_else(Error::not_found);
    vec![
        ("get", wait(store.get(&id("Db")))),
        ("get version", wait(store.get_version(&id("Db"), version(1)))),
        ("get many", wait(store.get_many(&[id("Db")])).and_then(first)),
        ("get all", wait(store.get_all(&app(APP))).and_then(first)),
        ("restore", wait(store.restore(&id("Db"), version(1))).and(Err(Error::not_found()))),
        ("accept", wait(store.accept_rollback(&id("Db"))).and(Err(Error::not_found()))),
        ("repair", wait(store.repair(&id("Db"))).and(Err(Error::not_found()))),
    ]
}

#[track_caller]
fn refused_without_a_call(world: &World, store: &EnvelopeStore, record: &Record, expected: ErrorKind, fix: &str) {
    world.plant(&current(&id("Db")), record.clone());
    let calls = world.keys.calls();
    for (how, read) in reads(store) {
        let error = refusal(read);
        assert_eq!(error.kind(), expected, "{how}: {error}");
        assert!(error.to_string().contains(fix), "{how}: {error}");
    }
    assert_eq!(world.keys.calls(), calls, "no key provider is asked");
}

fn stored() -> (World, Record) {
    let world = World::new();
    wait(world.store().put(&id("Db"), "v".into())).expect("stored");
    let record = world.record(&current(&id("Db")));
    (world, record)
}

fn with_header(record: &Record, header: [u8; 6]) -> Record {
    let value = record.bytes(VALUE).expect("bytes");
    record.clone().with(VALUE, Value::from([&header[..], &value[6..]].concat()))
}

#[test]
fn suites() {
    let (world, record) = stored();
    for suite in (0..=255).filter(|suite| *suite != 1) {
        let forged = with_header(&record, [b'S', b'S', b'1', suite, 0, 0]);
        refused_without_a_call(&world, &world.store(), &forged, ErrorKind::Unsupported, "upgrade the library");
    }
}

#[test]
fn flags() {
    let (world, record) = stored();
    for bit in 0..16 {
        let [high, low] = (1u16 << bit).to_be_bytes();
        let forged = with_header(&record, [b'S', b'S', b'1', 1, high, low]);
        refused_without_a_call(&world, &world.store(), &forged, ErrorKind::Unsupported, "upgrade the library");
    }
}

#[test]
fn formats() {
    let (world, record) = stored();
    for digit in b'2'..=b'9' {
        let forged = with_header(&record, [b'S', b'S', digit, 1, 0, 0]);
        refused_without_a_call(&world, &world.store(), &forged, ErrorKind::Unsupported, "upgrade the library");
    }
    for magic in [*b"SS0", *b"SS:", *b"ss1", *b"XX1", [0; 3], [255; 3]] {
        let forged = with_header(&record, [magic[0], magic[1], magic[2], 1, 0, 0]);
        refused_without_a_call(&world, &world.store(), &forged, ErrorKind::Integrity, "integrity");
    }
    for size in (0..64).filter(|size| ![12, 16].contains(size)) {
        let forged = record.clone().with(IV, Value::from(vec![0; size]));
        refused_without_a_call(&world, &world.store(), &forged, ErrorKind::Integrity, "integrity");
    }
}

/// Sizes that no format has are refused as early as everything else that needs no key.
#[test]
fn impossible_sizes() {
    let (world, record) = stored();
    let value = record.bytes(VALUE).expect("bytes").clone();
    for length in 0..6 + 32 + 16 {
        let kind = ErrorKind::Integrity;
        refused_without_a_call(
            &world,
            &world.store(),
            &record.clone().with(VALUE, Value::from(&value[..length])),
            kind,
            "",
        );
    }
    let world = World::new();
    let store = world.legacy(Legacy::ReadWrite);
    wait(store.put(&id("Db"), "v".into())).expect("stored");
    let record = world.record(&current(&id("Db"))).with(VERSION, Value::from(1));
    for length in (0..64).filter(|length| *length == 0 || length % 16 != 0) {
        let forged = record.clone().with(VALUE, Value::from(vec![0; length]));
        world.plant(&slot(&id("Db"), 1), forged.clone());
        let calls = world.keys.calls();
        assert_eq!(kind(wait(store.get_version(&id("Db"), version(1)))), ErrorKind::Integrity);
        let mut unnumbered = forged;
        unnumbered.remove(VERSION);
        world.plant(&current(&id("Db")), unnumbered);
        assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);
        assert_eq!(world.keys.calls(), calls);
    }
}

#[test]
fn format_0_where_it_is_not_configured() {
    let world = World::new();
    wait(world.legacy(Legacy::ReadWrite).put(&id("Db"), "v".into())).expect("stored");
    let record = world.record(&current(&id("Db")));
    world.plant(&slot(&id("Db"), 1), record.clone().with(VERSION, Value::from(1)));
    refused_without_a_call(&world, &world.store(), &record, ErrorKind::Unsupported, "Legacy::Read");
}

#[test]
fn master_keys_outside_the_providers_allow_list() {
    let (world, record) = stored();
    for stranger in ["stranger", "arn:aws:kms:eu-central-1:666:key/evil"] {
        let forged = record.clone().with(MASTER_KEY_ID, Value::from(stranger));
        refused_without_a_call(&world, &world.store(), &forged, ErrorKind::KeyNotAllowed, stranger);
    }
    // Foreign text in the message is escaped.
    let forged = record.clone().with(MASTER_KEY_ID, Value::from("a\u{202e}b"));
    world.plant(&current(&id("Db")), forged);
    assert!(!refusal(wait(world.store().get(&id("Db")))).to_string().contains('\u{202e}'));
    // A key that the provider forgets is refused at once, also where it was cached.
    world.plant(&current(&id("Db")), record);
    let store = world.store();
    wait(store.get(&id("Db"))).expect("opens and is cached");
    world.keys.inner().remove(&master(MAIN));
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::KeyNotAllowed);
}

#[test]
fn master_keys_outside_the_stores_allow_list() {
    let (world, record) = stored();
    let narrow = || world.builder().unwrap_with([master("second")]).build().expect("valid");
    refused_without_a_call(&world, &narrow(), &record, ErrorKind::KeyNotAllowed, "allow-list");
    let none = world.builder().unwrap_with([]).build().expect("valid");
    refused_without_a_call(&world, &none, &record, ErrorKind::KeyNotAllowed, "allow-list");
    // In the list, but unknown to the provider.
    let forged = record.clone().with(MASTER_KEY_ID, Value::from("stranger"));
    let wide = world.builder().unwrap_with([master("stranger")]).build().expect("valid");
    refused_without_a_call(&world, &wide, &forged, ErrorKind::KeyNotAllowed, "allow-list");
    // Another key's id on this key's wrap passes the list and not the unwrap.
    let forged = record.clone().with(MASTER_KEY_ID, Value::from("second"));
    world.plant(&current(&id("Db")), forged);
    assert_eq!(kind(wait(narrow().get(&id("Db")))), ErrorKind::Integrity);
    world.plant(&current(&id("Db")), record);
    assert!(wait(world.builder().unwrap_with([master(MAIN)]).build().expect("valid").get(&id("Db"))).is_ok());
}

#[test]
fn writes_under_a_key_outside_the_allow_lists() {
    let world = World::new();
    let only_main = world.builder().wrap_with([master(MAIN)]).build().expect("valid");
    for (store, key) in [(&only_main, "second"), (&world.store(), "stranger")] {
        let options = PutOptions::default().with_master_key(master(key));
        let error = refusal(wait(store.put_with(&id("Db"), "v".into(), options)));
        assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
        assert!(error.to_string().contains(key), "{error}");
    }
    assert_eq!((world.keys.calls(), world.records.calls()), (0, 0), "nothing is contacted");
    wait(only_main.put(&id("Db"), "v".into())).expect("the key in the list");
}

#[test]
fn configured_keys_are_checked_when_the_store_is_built() {
    use secret_store_core::ApplicationConfig;
    let world = World::new();
    assert_eq!(kind(world.builder().master_key("stranger").build()), ErrorKind::KeyNotAllowed);
    assert_eq!(kind(world.builder().wrap_with([master("second")]).build()), ErrorKind::KeyNotAllowed);
    let config = ApplicationConfig::default().with_master_key(master("stranger"));
    assert_eq!(kind(world.builder().application(app(APP), config).build()), ErrorKind::KeyNotAllowed);
    assert_eq!(
        kind(EnvelopeStore::builder(world.keys.clone(), world.records.clone()).build()),
        ErrorKind::InvalidInput
    );
    assert_eq!(kind(world.builder().store_id("").build()), ErrorKind::InvalidInput);
    assert_eq!(kind(world.builder().store_id("~x").build()), ErrorKind::InvalidInput);
    assert_eq!(kind(world.builder().master_key("").build()), ErrorKind::InvalidInput);
    let none = EnvelopeStore::builder(world.keys.clone(), world.records.clone()).store_id("s").build().expect("valid");
    let error = refusal(wait(none.put(&id("Db"), "v".into())));
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("master_key"), "{error}");
}

/// A document key of another size than the format's, from a provider that does not look.
#[test]
fn a_wrap_of_a_key_of_the_wrong_size_does_not_open() {
    let (world, record) = stored();
    let legacy = World { keys: world.keys.clone(), ..World::new() };
    wait(legacy.legacy(Legacy::ReadWrite).put(&id("Db"), "v".into())).expect("stored");
    let short = legacy.record(&current(&id("Db"))).bytes(DOCUMENT_KEY).expect("bytes").clone();
    world.plant(&current(&id("Db")), record.with(DOCUMENT_KEY, Value::Bytes(short)));
    assert_eq!(kind(wait(world.store().get(&id("Db")))), ErrorKind::Integrity);
}
