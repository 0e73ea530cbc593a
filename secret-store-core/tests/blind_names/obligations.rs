//! The published suites over blind names: with one key, and in the midst of a change of keys.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::{Report, key_provider, persistence, rotation, store};
use secret_store_core::{
    ApplicationConfig, BlindNames, BlindedKeys, Blinding, EnvelopeStore, ErrorKind, KeyProvider, Legacy, Limits,
    MasterKeyId, Persistence, Precondition, Record, RecordKey, Result, SecretStoreExt, Value, Write,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};

use super::support::{World, application, id, key, put};

type Make = fn() -> Blinding;

/// Before, in the midst of and after a change of keys, and on the way from clear names.
const STAGES: [(&str, Make); 5] = [
    ("one key", || Blinding::new(&key(1))),
    ("a next key", || Blinding::new(&key(1)).with_next(&key(2)).expect("another")),
    ("a previous key", || Blinding::new(&key(2)).with_previous(&key(1)).expect("another")),
    ("clear names, and a next key", || Blinding::in_clear_with_next(&key(1))),
    ("from clear names", || Blinding::new(&key(1)).with_previous_in_clear().expect("once")),
];

#[test]
fn persistence_obligations() {
    for (stage, blinding) in STAGES {
        let report = block_on(persistence::run(|| async {
            let memory = Arc::new(MemoryPersistence::new());
            let again = Arc::clone(&memory);
            let instance = persistence::Instance::from(BlindNames::unchecked(memory, blinding()));
            Ok(instance.with_reopen(move || std::future::ready(Ok(BlindNames::unchecked(again.clone(), blinding())))))
        }));
        complete(stage, &report);
    }
}

#[track_caller]
fn complete(stage: &str, report: &Report) {
    let incomplete = report.failed().chain(report.skipped()).count();
    assert!(incomplete == 0 && report.passed().count() > 10, "{stage}: {report}");
}

/// Commits no larger than what two generations leave of a small backend.
#[test]
fn limits_leave_room_for_what_is_added() {
    let inner = Limits::DEFAULT.with_record_bytes(64 * 1024).with_writes_per_commit(20).with_batch(9);
    let memory = || Arc::new(MemoryPersistence::new().with_limits(inner));
    let one = BlindNames::unchecked(memory(), STAGES[0].1()).limits();
    assert_eq!((one.record_bytes, one.writes_per_commit, one.batch), (59 * 1024, 20, 9));
    let two = BlindNames::unchecked(memory(), STAGES[2].1()).limits();
    assert_eq!((two.record_bytes, two.writes_per_commit, two.batch), (59 * 1024, 10, 4));
    // The largest record, with the longest names that a store writes, and as many attributes as there are.
    let names = BlindNames::unchecked(memory(), STAGES[0].1());
    let partition = format!("~h~{}", "p".repeat(255));
    let sort = format!("{}\u{1f}{:020}", "n".repeat(900), 7);
    let mut record: Record = (0..63).map(|n| (format!("{n:02}"), Value::from(u64::MAX))).collect();
    record.set("Value", Value::from(vec![7; one.record_bytes - record.size() - "Value".len()]));
    assert_eq!(record.size(), one.record_bytes);
    put(&names, RecordKey::new(partition, sort), record);
}

#[test]
fn store_obligations() {
    for (stage, blinding) in STAGES {
        let report = block_on(store::run(|| async {
            let ids = [MasterKeyId::new("first")?, MasterKeyId::new("second")?];
            let keys = MemoryKeyProvider::new().with_generated(&ids[0])?.with_generated(&ids[1])?;
            let keys: Arc<dyn KeyProvider> = Arc::new(BlindedKeys::new(Arc::new(keys), blinding()));
            let memory = Arc::new(MemoryPersistence::new());
            let build = move || {
                let records = BlindNames::unchecked(memory.clone(), blinding());
                let builder = EnvelopeStore::builder(keys.clone(), Arc::new(records));
                builder.store_id("conformance").master_key("first").build()
            };
            let instance = store::Instance::from(build()?).with_reopen(move || std::future::ready(build()));
            Ok(instance.with_other_master_key(MasterKeyId::new("second")?))
        }));
        complete(stage, &report);
    }
}

/// Faults and lies above and beneath blind names.
#[test]
fn store_obligations_over_a_hostile_database() {
    let main = MasterKeyId::new("first").expect("valid");
    let keys = MemoryKeyProvider::new().with_generated(&main).expect("random");
    let keys: Arc<dyn KeyProvider> = Arc::new(BlindedKeys::new(Arc::new(keys), STAGES[0].1()));
    let builder =
        move |records| EnvelopeStore::builder(keys.clone(), records).store_id("conformance").master_key("first");
    let (above, beneath) = (builder.clone(), builder);
    let report = block_on(store::run_hostile(
        || async { Ok(BlindNames::unchecked(Arc::new(MemoryPersistence::new()), STAGES[0].1())) },
        move |records| std::future::ready(above(records).build()),
    ));
    complete("above", &report);
    let report = block_on(store::run_hostile(
        || async { Ok(MemoryPersistence::new()) },
        move |records| std::future::ready(beneath(Arc::new(BlindNames::unchecked(records, STAGES[0].1()))).build()),
    ));
    complete("beneath", &report);
}

#[test]
fn key_provider_obligations() {
    for (stage, blinding) in STAGES {
        let report = block_on(key_provider::run(|| async {
            let ids = [MasterKeyId::new("first")?, MasterKeyId::new("second")?];
            let keys = MemoryKeyProvider::new().with_generated(&ids[0])?.with_generated(&ids[1])?;
            let instance = key_provider::Instance::new(BlindedKeys::new(Arc::new(keys), blinding()), ids);
            Ok(instance.without_legacy("format 0 has no names to blind"))
        }));
        report.assert_passed();
        let is_legacy =
            |name: &str| name.starts_with("legacy::") || name == "moving::a_short_legacy_key_does_not_become_modern";
        assert!(report.skipped().all(is_legacy) && report.passed().count() > 30, "{stage}: {report}");
    }
}

/// Keys change over blind names as over anything else, and while a blinding key is replaced.
#[test]
fn rotation_obligations() {
    for (stage, blinding) in STAGES {
        let report = block_on(rotation::run(|| async {
            let [old, new] = [MasterKeyId::new("old")?, MasterKeyId::new("new")?];
            let keys = Arc::new(MemoryKeyProvider::new().with_generated(&old)?.with_generated(&new)?);
            let records = BlindNames::unchecked(Arc::new(MemoryPersistence::new()), blinding());
            let blind: Arc<dyn KeyProvider> = Arc::new(BlindedKeys::new(keys.clone(), blinding()));
            let instance = rotation::Instance::new(records, blind.clone(), [old.clone(), new], blind);
            Ok(instance.with_taking_away(move || {
                keys.remove(&old);
                std::future::ready(Ok(()))
            }))
        }));
        complete(stage, &report);
    }
}

#[test]
fn format_0_is_refused_with_the_fix() {
    let world = World::new();
    let refused = |result: Result<()>, what: &str| {
        let error = result.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{what}: {error}");
        assert!(error.to_string().contains("Legacy::Off"), "{error}");
    };
    // Written by a store that is configured for it.
    let process = world.process(Blinding::new(&key(1)));
    let legacy = ApplicationConfig::default().with_legacy(Legacy::ReadWrite);
    let store = |keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>| {
        let builder = EnvelopeStore::builder(keys, records).store_id("prod").master_key("main");
        builder.application(application(), legacy.clone()).build().expect("valid")
    };
    let blind = store(process.keys.clone(), process.names.clone());
    refused(block_on(blind.put(&id("Db"), "v".into())).map(drop), "a put in format 0");
    // Also where the key provider would take it, nothing reaches the database.
    let half = store(world.keys.clone(), process.names);
    refused(block_on(half.put(&id("Db"), "v".into())).map(drop), "a record in format 0");
    assert!(world.dump().is_empty());
    // And what stands there in clear is not read through blind names.
    let original = store(world.keys.clone(), world.records.clone());
    block_on(original.put(&id("Db"), "v".into())).expect("format 0 in clear");
    let moving = world.process(Blinding::new(&key(1)).with_previous_in_clear().expect("once"));
    let reader = store(moving.keys.clone(), moving.names.clone());
    refused(block_on(reader.get(&id("Db"))).map(drop), "a read of format 0");
    let moved = block_on(moving.names.mover().application(&application())).expect("a report");
    assert_eq!((moved.finished, moved.left, moved.not_moved[0].reason), (false, 1, ErrorKind::Unsupported));
}

/// What the library's own partitions do not hold is refused: in clear it could tell a name, hashed it would be missing from ranges.
#[test]
fn unknown_records_of_the_librarys_partitions_are_refused() {
    let names = BlindNames::unchecked(Arc::new(MemoryPersistence::new()), STAGES[0].1());
    for (partition, taken, refused) in [
        (
            "~h~App",
            &["a", "a\u{1f}", "a\u{1f}00000000000000000001"][..],
            &["a\u{1f}1", "a\u{1f}b\u{1f}", "a\u{1f}x"][..],
        ),
        ("~k~acme", &["v0000000001", "ACTIVE", "APP#App", "APP#"], &["v1", "v000000000x", "ACTIVE ", "Secret", ""]),
        // Any other text is hashed: nothing is asked for as a range here.
        ("~s~App", &["", "JOB", "JOB\u{1f}App", "SETTINGS", "settings"], &[]),
        (
            "~a7~App",
            &["2026-01-02T03:04:05.678Z\u{1f}0123456789abcdef0123456789abcdef\u{1f}00000000000000000001"],
            &[
                "",
                "MainDb",
                "2026-01-02T03:04:05.678Z",
                "2026-01-02T03:04:05.678Z\u{1f}MainDb\u{1f}00000000000000000001",
            ],
        ),
        // Nothing of the library's own: any text is hashed.
        ("~a~App", &["", "x"], &[]),
        ("~x~App", &["", "x"], &[]),
        ("~", &["", "x"], &[]),
    ] {
        for sort in taken {
            put(&names, RecordKey::new(partition, *sort), Record::new());
        }
        let listed = block_on(names.list(&secret_store_core::ListQuery::new(partition))).expect("a page");
        let mut expected = taken.to_vec();
        expected.sort_unstable();
        assert_eq!(listed.items.iter().map(|(sort, _)| &**sort).collect::<Vec<_>>(), expected);
        for sort in refused {
            let write = Write::put(RecordKey::new(partition, *sort), Record::new(), Precondition::Any);
            let error = block_on(names.commit(vec![write])).expect_err(sort);
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{partition} {sort:?}");
        }
    }
}
