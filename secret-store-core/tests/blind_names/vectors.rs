//! What was written once opens for ever: names, contexts and records under a blinding key, made by another implementation.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::fault::{KeyCall, RecordingKeyProvider};
use secret_store_core::{
    ApplicationName, BlindNames, BlindedKeys, Blinding, BlindingKey, EncryptionContext, EnvelopeStore,
    KeyEncryptionKey, KeyProvider, ListQuery, MasterKeyId, Persistence, Precondition, Record, RecordKey, SecretId,
    SecretStoreExt, SecretVersion, StoreId, TenantId, TenantKeyVersion, Value, Write,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use serde::Deserialize;

use super::support::load;

#[derive(Deserialize)]
struct Vector {
    key: String,
    id: String,
    store: String,
    application: String,
    name: String,
    tenant: String,
    master_key_id: String,
    master_key: String,
    hashes: Vec<Hash>,
    secrets: Vec<Secret>,
    tenant_context: TenantContext,
    mark: Mark,
    records: Vec<Sealed>,
}

#[derive(Deserialize)]
struct Hash {
    kind: String,
    texts: Vec<String>,
    hash: String,
}

#[derive(Deserialize)]
struct Secret {
    version: u64,
    value: String,
    document_key: String,
    context: String,
    wrap: String,
}

#[derive(Deserialize)]
struct TenantContext {
    version: u32,
    context: String,
}

#[derive(Deserialize)]
struct Mark {
    partition: String,
    sort: String,
    record: String,
}

#[derive(Deserialize)]
struct Sealed {
    partition: String,
    sort: String,
    record: String,
    blind_partition: String,
    blind_sort: String,
    sealed: String,
}

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).expect("hex")
}

fn key(hex: &str) -> [u8; 32] {
    bytes(hex).try_into().expect("32 bytes")
}

fn record(hex: &str) -> Record {
    Record::from_bytes(&bytes(hex)).expect("a frozen record parses")
}

impl Vector {
    fn read() -> Self {
        serde_json::from_str(include_str!("../vectors/blind_names.json")).expect("the vector parses")
    }

    fn blinding(&self) -> Blinding {
        Blinding::new(&BlindingKey::from_bytes(&key(&self.key)))
    }

    fn id(&self) -> SecretId {
        SecretId::parse(&self.application, &self.name).expect("valid")
    }

    fn master_key_id(&self) -> MasterKeyId {
        MasterKeyId::new(self.master_key_id.as_str()).expect("valid")
    }

    /// Every record, where it stands.
    fn restored(&self) -> Arc<MemoryPersistence> {
        let memory = Arc::new(MemoryPersistence::new());
        let put = |at: RecordKey, record: Record| {
            block_on(memory.commit(vec![Write::put(at, record, Precondition::Absent)])).expect("memory takes it");
        };
        put(RecordKey::new(&*self.mark.partition, &*self.mark.sort), record(&self.mark.record));
        for frozen in &self.records {
            let sealed = Record::new().with("Sealed", Value::from(bytes(&frozen.sealed)));
            put(RecordKey::new(&*frozen.blind_partition, &*frozen.blind_sort), sealed);
        }
        memory
    }

    fn names(&self) -> BlindNames {
        block_on(BlindNames::open(self.restored(), self.blinding())).expect("its own mark")
    }

    fn keys(&self) -> (Arc<RecordingKeyProvider>, BlindedKeys) {
        let master_key = KeyEncryptionKey::from_bytes(&key(&self.master_key));
        let keys = MemoryKeyProvider::new().with_key(self.master_key_id(), master_key);
        let asked = Arc::new(RecordingKeyProvider::new(keys));
        (asked.clone(), BlindedKeys::new(asked, self.blinding()))
    }
}

#[test]
fn the_key_and_its_hashes_are_frozen() {
    let vector = Vector::read();
    let blinding = vector.blinding();
    assert_eq!(blinding.key_id().to_string(), vector.id);
    assert_eq!(hex::encode(blinding.key_id().as_bytes()), vector.id);
    for frozen in &vector.hashes {
        let texts: Vec<&str> = frozen.texts.iter().map(String::as_str).collect();
        let shown = match (&*frozen.kind, &texts[..]) {
            ("store", [text]) => blinding.display(&StoreId::new(*text).expect("valid")),
            ("application", [text]) => blinding.display(&ApplicationName::new(*text).expect("valid")),
            ("tenant", [text]) => blinding.display(&TenantId::new(*text).expect("valid")),
            ("name", [application, name]) => blinding.display(&SecretId::parse(application, name).expect("valid")),
            other => panic!("{other:?} is no kind of name"),
        };
        assert_eq!(shown, frozen.hash, "{} {texts:?}", frozen.kind);
    }
    assert!(vector.hashes.len() >= 9);
}

#[test]
fn every_frozen_record_opens_where_it_stands() {
    let vector = Vector::read();
    let names = vector.names();
    assert!(vector.records.len() >= 8);
    for frozen in &vector.records {
        let address = RecordKey::new(&*frozen.partition, &*frozen.sort);
        let stored = load(&names, &address).unwrap_or_else(|| panic!("{address:?} is there"));
        assert_eq!(*stored.record, record(&frozen.record), "{address:?}");
        let listed = block_on(names.list(&ListQuery::new(&*frozen.partition))).expect("a page").items;
        assert!(listed.iter().any(|(sort, _)| **sort == *frozen.sort), "{address:?}");
        // Written again it stands in the same place.
        let memory = Arc::new(MemoryPersistence::new());
        let again = BlindNames::unchecked(memory.clone(), vector.blinding());
        super::support::put(&again, address, record(&frozen.record));
        let place = RecordKey::new(&*frozen.blind_partition, &*frozen.blind_sort);
        let written = load(&*memory, &place).expect("there").record;
        let (written, frozen) = (written.bytes("Sealed").expect("sealed"), bytes(&frozen.sealed));
        assert_eq!((written.len(), &written[..12]), (frozen.len(), &frozen[..12]));
    }
}

#[test]
fn the_frozen_secret_opens_and_its_key_provider_is_told_hashes() {
    let vector = Vector::read();
    let (asked, keys) = vector.keys();
    let store = EnvelopeStore::builder(Arc::new(keys), Arc::new(vector.names())).store_id(&*vector.store);
    let store = store.master_key(vector.master_key_id()).build().expect("valid");
    for frozen in &vector.secrets {
        let version = SecretVersion::new(frozen.version).expect("not zero");
        let secret = block_on(store.get_version(&vector.id(), version)).expect("opens");
        assert_eq!(secret.text().expect("text"), frozen.value);
        let calls = asked.take();
        let [KeyCall::Unwrap { key: wrapped, context, .. }] = &calls[..] else { panic!("{calls:?}") };
        assert_eq!(hex::encode(context.aead_bytes()), frozen.context);
        assert_eq!(hex::encode(wrapped.as_bytes()), frozen.wrap[22..], "the wrap without its eleven bytes");
    }
    let secret = block_on(store.get(&vector.id())).expect("opens");
    assert_eq!(secret.info().metadata.get("owner"), Some("team-a"));
    let listed = block_on(store.list(secret.id().application())).expect("a page").items;
    assert_eq!(listed.len(), 1);
}

#[test]
fn the_frozen_wraps_open() {
    let vector = Vector::read();
    let (_, keys) = vector.keys();
    let store = StoreId::new(&*vector.store).expect("valid");
    for frozen in &vector.secrets {
        let version = SecretVersion::new(frozen.version).expect("not zero");
        let context = EncryptionContext::document_key(&store, &vector.id(), version);
        let wrap = secret_store_core::WrappedKey::new(vector.master_key_id(), bytes(&frozen.wrap));
        let opened = block_on(keys.unwrap_key(&wrap, &context)).expect("opens");
        assert_eq!(hex::encode(opened.expose_secret()), frozen.document_key);
    }
}

#[test]
fn the_context_of_a_tenants_key_is_frozen() {
    let vector = Vector::read();
    let (asked, keys) = vector.keys();
    let tenant = TenantId::new(&*vector.tenant).expect("valid");
    let version = TenantKeyVersion::new(vector.tenant_context.version).expect("not zero");
    let store = StoreId::new(&*vector.store).expect("valid");
    let context = EncryptionContext::tenant_key(&store, &tenant, version);
    block_on(keys.generate_key(&vector.master_key_id(), &context)).map(drop).expect("generated");
    let calls = asked.take();
    let [KeyCall::Generate { context, .. }] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(hex::encode(context.aead_bytes()), vector.tenant_context.context);
}
