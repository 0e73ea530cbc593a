//! One directory shared in form with the original: what it wrote is read, what it refuses is refused, what we write it reads.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_core::{
    ApplicationConfig, Consistency, EnvelopeStore, Error, ErrorKind, KeyProvider, Legacy, Persistence, Precondition,
    Record, RecordKey, Result, Secret, SecretStoreExt, SecretValue, Write,
};
use secret_store_memory::MemoryPersistence;
use secret_store_rsa_file::DirectoryPersistence;

use crate::vectors::{Vector, Vectors, bytes, vectors};

/// A store that allows format 0 to one application.
fn store(vector: &Vector, keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>, legacy: Legacy) -> EnvelopeStore {
    EnvelopeStore::builder(keys, records)
        .store_id("prod")
        .master_key(vector.master_key_id())
        .application(vector.id().application().clone(), ApplicationConfig::default().with_legacy(legacy))
        .build()
        .expect("the configuration is good")
}

fn put(records: &dyn Persistence, key: RecordKey, record: Record) {
    block_on(records.commit(vec![Write::put(key, record, Precondition::Any)])).expect("commits");
}

fn read(vectors: &Vectors, vector: &Vector, legacy: Legacy) -> Result<Secret> {
    let records = Arc::new(MemoryPersistence::new());
    put(&*records, vector.key(), vector.record());
    block_on(store(vector, vectors.provider(vector), records, legacy).get(&vector.id()))
}

#[test]
fn all_that_the_original_wrote_is_read() {
    let vectors = vectors();
    assert_eq!(vectors.written.len(), 8);
    for vector in &vectors.written {
        let expected = bytes(vector.plaintext.as_deref().expect("a plaintext"));
        for legacy in [Legacy::Read, Legacy::ReadWrite] {
            let secret = read(&vectors, vector, legacy).expect(&vector.id);
            assert_eq!(secret.expose_secret(), expected, "{}", vector.id);
        }
        let error = read(&vectors, vector, Legacy::Off).expect_err(&vector.id);
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", vector.id);
        assert!(error.to_string().contains("Legacy::Read"), "the fix is named: {error}");
    }
}

#[test]
fn what_the_original_refuses_is_refused_and_what_it_reads_is_read() {
    let vectors = vectors();
    assert_eq!(vectors.foreign.len(), 13);
    let mut refused = 0;
    for vector in &vectors.foreign {
        let original = vector.original.as_ref().expect("what the original does");
        let outcome = read(&vectors, vector, Legacy::Read);
        if original.reads {
            let expected = bytes(original.plaintext_base64.as_deref().expect("a plaintext"));
            assert_eq!(outcome.expect(&vector.id).expose_secret(), expected, "{}", vector.id);
        } else {
            let expected =
                if vector.id == "neg-negative-keyid-len" { ErrorKind::InvalidInput } else { ErrorKind::Integrity };
            assert_eq!(outcome.expect_err(&vector.id).kind(), expected, "{}", vector.id);
            refused += 1;
        }
    }
    assert_eq!(refused, 10);
}

/// Written by this code under the first vector's keys, and opened by Python's `cryptography` before it was frozen.
#[test]
fn what_we_wrote_stays_what_it_was() {
    let vectors = vectors();
    let mut vector: Vector = serde_json::from_str(include_str!("../vectors/format0.json")).expect("the vector parses");
    let secret = read(&vectors, &vector, Legacy::Read).expect("opens");
    let expected = bytes(&vector.plaintext.take().expect("a plaintext"));
    assert_eq!(secret.expose_secret(), expected);
}

#[test]
fn what_we_write_has_exactly_the_six_attributes_and_the_lengths_of_the_original() {
    let vectors = vectors();
    let vector = &vectors.written[0];
    let provider = vectors.provider(vector);
    block_on(async {
        let directory = tempfile::tempdir().expect("a directory");
        let records = DirectoryPersistence::open(directory.path().join("records")).await.expect("opens");
        let records: Arc<dyn Persistence> = Arc::new(records);
        let store = store(vector, provider, Arc::clone(&records), Legacy::ReadWrite);
        store.put(&vector.id(), SecretValue::from("hunter2")).await.expect("stores");
        let stored = records.load(&vector.key(), Consistency::Strong).await.expect("loads").expect("is there");
        let names: Vec<&str> = stored.record.iter().map(|(name, _)| name).collect();
        let original = vector.record();
        assert_eq!(names, original.iter().map(|(name, _)| name).collect::<Vec<_>>());
        for name in ["InitialisationVector", "ProtectedDocumentKey", "ProtectedSecretValue"] {
            let (ours, theirs) = (stored.record.bytes(name), original.bytes(name));
            assert_eq!(ours.map(|bytes| bytes.len()), theirs.map(|bytes| bytes.len()), "{name}");
        }
        assert_eq!(store.get(&vector.id()).await.expect("reads").text().expect("text"), "hunter2");
    });
}

/// No path opens a format-1 wrap for a format-0 value or the reverse.
#[test]
fn wraps_do_not_cross_formats() {
    let vectors = vectors();
    let vector = &vectors.written[0];
    let provider = vectors.provider(vector);
    block_on(async {
        let records = Arc::new(MemoryPersistence::new());
        let store = store(vector, provider.clone(), records.clone(), Legacy::Read);
        store.put(&vector.id(), SecretValue::from("in format 1")).await.expect("stores");
        let stored = records.load(&vector.key(), Consistency::Strong).await.expect("loads").expect("is there");
        let old = vector.record();
        let get = async |record: Record| -> Result<Secret, Error> {
            let records = Arc::new(MemoryPersistence::new());
            records.commit(vec![Write::put(vector.key(), record, Precondition::Any)]).await?;
            self::store(vector, provider.clone(), records, Legacy::Read).get(&vector.id()).await
        };
        get((*stored.record).clone()).await.expect("the record itself opens");
        get(old.clone()).await.expect("the original's record opens");
        for names in [
            &["ProtectedDocumentKey"][..],
            &["InitialisationVector"],
            &["ProtectedSecretValue"],
            &["InitialisationVector", "ProtectedSecretValue"],
        ] {
            for (from, into) in [(&old, &*stored.record), (&*stored.record, &old)] {
                let mut mixed = into.clone();
                for name in names {
                    mixed.set(*name, from.get(name).expect("both have it").clone());
                }
                let error = get(mixed).await.expect_err("formats are mixed");
                assert!(matches!(error.kind(), ErrorKind::Integrity | ErrorKind::InvalidInput), "{names:?}: {error}");
            }
        }
    });
}
