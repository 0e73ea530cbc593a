//! What was written once opens for ever: whole records as `docs/format.md` shows them, made by another implementation.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_core::{
    ApplicationConfig, ApplicationName, EncryptionContext, EnvelopeStore, ErrorKind, Format, HistoryRetention,
    KeyEncryptionKey, KeyProvider, Legacy, MasterKeyId, Persistence, Precondition, Record, RecordKey, SecretId,
    SecretStoreExt, SecretVersion, StoreId, WrappedKey, Write,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    store: String,
    application: String,
    master_key_id: String,
    master_key: String,
    records: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    partition: String,
    sort: String,
    record: String,
    document_key: Option<String>,
    context: Option<String>,
    wrap: Option<String>,
    metadata: Option<String>,
}

impl Vector {
    fn key(&self) -> RecordKey {
        RecordKey::new(self.partition.as_str(), self.sort.as_str())
    }

    fn record(&self) -> Record {
        Record::from_bytes(&bytes(&self.record)).expect("a frozen record parses")
    }
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/records.json")).expect("the vectors parse")
}

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).expect("hex")
}

fn master_key(vectors: &Vectors) -> KeyEncryptionKey {
    KeyEncryptionKey::from_bytes(&bytes(&vectors.master_key).try_into().expect("32 bytes"))
}

fn key_provider(vectors: &Vectors) -> MemoryKeyProvider {
    let id = MasterKeyId::new(vectors.master_key_id.as_str()).expect("valid");
    MemoryKeyProvider::new().with_key(id, master_key(vectors))
}

/// The frozen records, and a store over them that may read format 0.
fn frozen_store(vectors: &Vectors) -> (Arc<MemoryPersistence>, EnvelopeStore) {
    let records = Arc::new(MemoryPersistence::new());
    let writes = vectors.records.iter();
    let writes = writes.map(|vector| Write::put(vector.key(), vector.record(), Precondition::Absent)).collect();
    block_on(records.commit(writes)).expect("nothing is there");
    let application = ApplicationName::new(vectors.application.as_str()).expect("valid");
    let store = EnvelopeStore::builder(Arc::new(key_provider(vectors)), records.clone())
        .store_id(vectors.store.as_str())
        .master_key(vectors.master_key_id.as_str())
        .application(application, ApplicationConfig::default().with_legacy(Legacy::Read))
        .history(HistoryRetention::All)
        .build()
        .expect("a valid configuration");
    (records, store)
}

fn id(name: &str) -> SecretId {
    SecretId::parse("YourApp.Production", name).expect("valid")
}

fn version(number: u64) -> SecretVersion {
    SecretVersion::new(number).expect("not zero")
}

#[test]
fn records_have_one_form_and_open() {
    let vectors = vectors();
    assert_eq!(vectors.records.len(), 4);
    for vector in &vectors.records {
        assert_eq!(hex::encode(vector.record().to_bytes()), vector.record);
    }
    let (_, store) = frozen_store(&vectors);
    block_on(async {
        let current = store.get(&id("MainDb")).await.expect("opens");
        assert_eq!((current.text().expect("text"), current.info().version), ("hunter2", version(2)));
        assert_eq!(current.info().metadata.get("owner"), Some("team-a"));
        assert_eq!(current.info().metadata.iter().count(), 1, "the idempotency token is no entry of the caller's");
        let earlier = store.get_version(&id("MainDb"), version(1)).await.expect("opens");
        assert_eq!(earlier.text().expect("text"), "hunter1");
        let legacy = store.get(&id("OldDb")).await.expect("opens");
        assert_eq!((legacy.text().expect("text"), legacy.info().format), ("hunter0", Format::Zero));
    });
}

#[test]
fn an_exchanged_attribute_is_refused() {
    let vectors = vectors();
    let (records, store) = frozen_store(&vectors);
    let [current, earlier] = [0, 1].map(|index: usize| &vectors.records[index]);
    for name in ["InitialisationVector", "ProtectedDocumentKey", "ProtectedSecretValue", "Version", "Metadata"] {
        let mut changed = current.record();
        match earlier.record().get(name) {
            Some(value) => changed.set(name, value.clone()),
            None => drop(changed.remove(name)),
        }
        let put = Write::put(current.key(), changed, Precondition::Any);
        block_on(records.commit(vec![put])).expect("no condition");
        let error = block_on(store.get(&id("MainDb"))).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Integrity, "{name}");
    }
}

/// The wraps by themselves: of a local master key, and behind the header of the memory key provider.
#[test]
fn wraps_open_under_their_context_alone() {
    let vectors = vectors();
    let contexts = [2, 1].map(|number| {
        let store = StoreId::new(vectors.store.as_str()).expect("valid");
        EncryptionContext::document_key(&store, &id("MainDb"), version(number))
    });
    for (index, context) in contexts.iter().enumerate() {
        let vector = &vectors.records[index];
        let [frozen, wrap, key] =
            [&vector.context, &vector.wrap, &vector.document_key].map(|hex| bytes(hex.as_ref().expect("present")));
        assert_eq!(context.aead_bytes(), frozen);
        let opened = master_key(&vectors).unwrap(&wrap, context).expect("opens");
        assert_eq!(opened.expose_secret(), key);
        assert!(master_key(&vectors).unwrap(&wrap, &contexts[1 - index]).is_err(), "under another context");

        let stored = vector.record().bytes("ProtectedDocumentKey").expect("bytes").to_vec();
        assert_eq!(stored, [&b"SM1"[..], &wrap].concat());
        let provider = key_provider(&vectors);
        let stored = WrappedKey::new(MasterKeyId::new("main").expect("valid"), stored);
        assert_eq!(block_on(provider.unwrap_key(&stored, context)).expect("opens").expose_secret(), key);
    }
}

/// What is written now stands where the frozen records stand and has the attributes they have.
#[test]
fn what_is_written_has_the_frozen_shape() {
    let vectors = vectors();
    let (records, store) = frozen_store(&vectors);
    let shape = |record: &Record| -> Vec<String> { record.iter().map(|(name, _)| name.to_owned()).collect() };
    block_on(async {
        assert_eq!(store.put(&id("New"), "a".into()).await.expect("stores").version, version(1));
        assert_eq!(store.put(&id("New"), "b".into()).await.expect("stores").version, version(2));
        // A secret that was deleted at version 7.
        assert_eq!(store.put(&id("Gone"), "c".into()).await.expect("stores").version, version(8));
        // Format 0 gets a number when it moves to the history.
        assert_eq!(store.put(&id("OldDb"), "d".into()).await.expect("stores").version, version(2));
        assert_eq!(store.get_version(&id("OldDb"), version(1)).await.expect("opens").text().expect("text"), "hunter0");
        store.delete(&id("New")).await.expect("deletes");
    });
    let written = records.snapshot();
    let find = |partition: &str, sort: &str| written.get(&RecordKey::new(partition, sort)).map(|stored| &stored.record);
    let frozen = shape(&vectors.records[1].record());
    for sort in ["New\u{1f}00000000000000000001", "New\u{1f}00000000000000000002"] {
        assert_eq!(shape(find("~h~YourApp.Production", sort).expect(sort)), frozen);
    }
    assert_eq!(shape(find("YourApp.Production", "Gone").expect("current")), frozen);
    let last = find("~h~YourApp.Production", "New\u{1f}").expect("the last version of what was deleted");
    assert_eq!(hex::encode(last.to_bytes()), "a16b4c61737456657273696f6e02");
    assert!(find("YourApp.Production", "New").is_none());
}

#[test]
fn metadata_stands_in_the_record_as_it_is_authenticated() {
    let vector = &vectors().records[0];
    let metadata = vector.record().bytes("Metadata").expect("bytes").to_vec();
    assert_eq!(Some(hex::encode(metadata)), vector.metadata);
}
