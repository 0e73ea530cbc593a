//! What was written once opens for ever: a tenant, its keys and a secret under two of them, made by another implementation.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::executor::block_on as wait;
use secret_store_core::{
    ApplicationConfig, EncryptionContext, EnvelopeStore, ErrorKind, KeyEncryptionKey, KeyProvider, MasterKeyId,
    Persistence, Precondition, Record, RecordKey, SecretId, SecretStoreExt, SecretVersion, StoreId, TenantId,
    TenantKeyState, TenantKeys, WrappedKey, Write,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use serde::Deserialize;

use super::support::{kind, version};

#[derive(Deserialize)]
struct Vector {
    store: String,
    tenant: String,
    application: String,
    name: String,
    master_key_id: String,
    master_key: String,
    versions: Vec<Version>,
    active: String,
    owned: String,
    destroyed_tenant: String,
    secrets: Vec<Secret>,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
    state: String,
    key: Option<String>,
    context: Option<String>,
    wrapped: Option<String>,
    record: String,
}

#[derive(Deserialize)]
struct Secret {
    partition: String,
    sort: String,
    version: u64,
    key_version: u32,
    document_key: String,
    context: String,
    wrap: String,
    record: String,
    value: String,
}

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).expect("hex")
}

fn key(hex: &str) -> KeyEncryptionKey {
    KeyEncryptionKey::from_bytes(&bytes(hex).try_into().expect("32 bytes"))
}

fn record(hex: &str) -> Record {
    let record = Record::from_bytes(&bytes(hex)).expect("a frozen record parses");
    assert_eq!(hex::encode(record.to_bytes()), hex, "it has one form");
    record
}

fn names(record: &Record) -> Vec<&str> {
    record.iter().map(|(name, _)| name).collect()
}

impl Vector {
    fn read() -> Self {
        serde_json::from_str(include_str!("../vectors/tenant.json")).expect("the vector parses")
    }

    fn store_id(&self) -> StoreId {
        StoreId::new(self.store.as_str()).expect("valid")
    }

    fn tenant(&self) -> TenantId {
        TenantId::new(self.tenant.as_str()).expect("valid")
    }

    fn id(&self) -> SecretId {
        SecretId::parse(&self.application, &self.name).expect("valid")
    }

    fn at(&self, sort: &str) -> RecordKey {
        RecordKey::new(format!("~k~{}", self.tenant), sort)
    }

    /// Every record, where it stood.
    fn records(&self) -> Vec<(RecordKey, Record)> {
        let versions = self.versions.iter().map(|it| (self.at(&format!("v{:010}", it.version)), record(&it.record)));
        let secrets = self.secrets.iter().map(|it| (RecordKey::new(&*it.partition, &*it.sort), record(&it.record)));
        let owned = self.at(&format!("APP#{}", self.application));
        let others = [(self.at("ACTIVE"), record(&self.active)), (owned, record(&self.owned))];
        versions.chain(secrets).chain(others).collect()
    }

    fn restored(&self) -> Arc<MemoryPersistence> {
        let memory = Arc::new(MemoryPersistence::new());
        for (at, record) in self.records() {
            wait(memory.commit(vec![Write::put(at, record, Precondition::Absent)])).expect("memory takes it");
        }
        memory
    }

    fn keys(&self, records: Arc<MemoryPersistence>) -> TenantKeys {
        let id = MasterKeyId::new(self.master_key_id.as_str()).expect("valid");
        let master_keys = MemoryKeyProvider::new().with_key(id.clone(), key(&self.master_key));
        let keys = TenantKeys::builder(Arc::new(master_keys), records).store_id(&*self.store).master_key(&id);
        keys.build().expect("valid")
    }

    fn open(&self, records: Arc<MemoryPersistence>) -> EnvelopeStore {
        let application = self.id().application().clone();
        EnvelopeStore::builder(Arc::new(self.keys(Arc::clone(&records))), records)
            .store_id(&*self.store)
            .application(application, ApplicationConfig::default().with_tenant(self.tenant()))
            .build()
            .expect("valid")
    }
}

#[test]
fn what_is_frozen_of_a_tenant_opens() {
    let vector = Vector::read();
    let memory = vector.restored();
    let store = vector.open(Arc::clone(&memory));
    for secret in &vector.secrets {
        let number = SecretVersion::new(secret.version).expect("not zero");
        let opened = wait(store.get_version(&vector.id(), number)).expect("opens");
        assert_eq!(opened.text().expect("text"), secret.value);
        assert_eq!(opened.info().master_key_id, MasterKeyId::for_tenant(&vector.tenant()));
    }
    assert_eq!(wait(store.get(&vector.id())).expect("opens").text().expect("text"), "hunter2");
    let keys = vector.keys(memory);
    let listed = wait(keys.versions(&vector.tenant())).expect("lists");
    let states: Vec<_> = listed.iter().map(|info| (info.version.get(), info.state)).collect();
    assert_eq!(states, [(1, TenantKeyState::Destroyed), (2, TenantKeyState::Retired), (3, TenantKeyState::Enabled)]);
    for (info, frozen) in listed.iter().zip(&vector.versions) {
        assert_eq!(format!("{:?}", info.state), frozen.state);
        assert_eq!(info.wrapped_key().map(|key| hex::encode(key.as_bytes())), frozen.wrapped);
    }
    assert_eq!(wait(keys.active_version(&vector.tenant())).expect("answers"), Some(version(3)));
    assert_eq!(wait(keys.applications(&vector.tenant())).expect("lists"), [vector.id().application().clone()]);
}

/// Each layer by itself: the contexts, the tenant keys under the master key, the document keys under the tenant keys.
#[test]
fn frozen_wraps_open_under_their_context_alone() {
    let vector = Vector::read();
    let (store, tenant, id) = (vector.store_id(), vector.tenant(), vector.id());
    let master_key = key(&vector.master_key);
    let held: Vec<_> = vector.versions.iter().filter(|it| it.key.is_some()).collect();
    assert_eq!((held.len(), vector.secrets.len()), (2, 2));
    let contexts = held.iter().map(|it| EncryptionContext::tenant_key(&store, &tenant, version(it.version)));
    let contexts: Vec<_> = contexts.collect();
    for (at, frozen) in held.iter().enumerate() {
        assert_eq!(Some(hex::encode(contexts[at].aead_bytes())), frozen.context);
        let wrapped = bytes(frozen.wrapped.as_deref().expect("held"));
        let sealed = wrapped.strip_prefix(b"SM1").expect("a wrap of the memory backend");
        let opened = master_key.unwrap(sealed, &contexts[at]).expect("opens");
        assert_eq!(Some(hex::encode(opened.expose_secret())), frozen.key);
        assert_eq!(kind(master_key.unwrap(sealed, &contexts[1 - at])), ErrorKind::Integrity);
    }
    let pairs =
        [("ss:store", "prod"), ("ss:tenant", "acme"), ("ss:version", "2"), ("ss:purpose", "4"), ("ss:suite", "1")];
    assert!(contexts[0].pairs().iter().map(|(name, value)| (*name, &**value)).eq(pairs));
    for (at, secret) in vector.secrets.iter().enumerate() {
        let number = SecretVersion::new(secret.version).expect("not zero");
        let bound = |key_version| {
            EncryptionContext::tenant_wrapped_document_key(&store, &id, number, &tenant, version(key_version))
        };
        assert_eq!(hex::encode(bound(secret.key_version).aead_bytes()), secret.context);
        let wrap = bytes(&secret.wrap);
        assert_eq!(wrap.len(), 68);
        assert_eq!(&wrap[..8], [&b"ST1\x01"[..], &secret.key_version.to_be_bytes()].concat());
        let own = held.iter().position(|it| it.version == secret.key_version).expect("its key is there");
        let keys = held.iter().map(|it| key(it.key.as_deref().expect("held")));
        for (of, tenant_key) in keys.enumerate() {
            match tenant_key.unwrap(&wrap[8..], &bound(secret.key_version)) {
                Ok(opened) => assert_eq!((of, hex::encode(opened.expose_secret())), (own, secret.document_key.clone())),
                Err(error) => assert_eq!((of == own, error.kind()), (false, ErrorKind::Integrity)),
            }
            assert_eq!(kind(tenant_key.unwrap(&wrap[8..], &bound(9))), ErrorKind::Integrity);
            // Nor under the context of a document key under a master key.
            let master_tier = EncryptionContext::document_key(&store, &id, number);
            assert_eq!(kind(tenant_key.unwrap(&wrap[8..], &master_tier)), ErrorKind::Integrity);
        }
        // As the provider sees it, with the secret's own number and with the other's.
        let keys = vector.keys(vector.restored());
        let wrapped = WrappedKey::new(MasterKeyId::for_tenant(&tenant), wrap);
        for (of, other) in vector.secrets.iter().enumerate() {
            let number = SecretVersion::new(other.version).expect("not zero");
            let opened = wait(keys.unwrap_key(&wrapped, &EncryptionContext::document_key(&store, &id, number)));
            assert_eq!(opened.is_ok(), of == at);
        }
    }
}

/// What is written today has the frozen shape: the same places, the same attributes of the same types.
#[test]
fn what_is_written_of_a_tenant_has_the_frozen_shape() {
    let vector = Vector::read();
    let memory = Arc::new(MemoryPersistence::new());
    let store = vector.open(Arc::clone(&memory));
    let keys = vector.keys(Arc::clone(&memory));
    let tenant = vector.tenant();
    wait(keys.create(&tenant)).expect("creates");
    for number in [1, 2] {
        wait(keys.activate_next(&tenant, version(number))).expect("activates");
        wait(keys.retire(&tenant, version(number))).expect("retires");
        // Another store: this one's caches trust version 1 for a minute.
        wait(vector.open(Arc::clone(&memory)).put(&vector.id(), "v".into())).expect("stored");
    }
    wait(keys.destroy_version(&tenant, version(1))).expect("destroys");
    assert!(wait(store.get(&vector.id())).is_ok());
    let shape = |record: &Record| -> Vec<(String, std::mem::Discriminant<secret_store_core::Value>)> {
        record.iter().map(|(name, value)| (name.to_owned(), std::mem::discriminant(value))).collect()
    };
    let snapshot = memory.snapshot();
    let frozen = vector.records();
    let written: BTreeSet<_> = snapshot.iter().map(|(at, _)| at).collect();
    assert_eq!(written, frozen.iter().map(|(at, _)| at.clone()).collect());
    for (at, frozen) in &frozen {
        let now = &snapshot.get(at).expect("written too").record;
        assert_eq!(shape(now), shape(frozen), "{at:?}");
        assert_eq!(now.text("State"), frozen.text("State"), "{at:?}");
    }
    // The record of the active version has no freedom at all.
    let active = snapshot.get(&vector.at("ACTIVE")).map(|stored| stored.record.to_bytes());
    assert_eq!(active, Some(bytes(&vector.active)));
    wait(keys.destroy_tenant(&tenant)).expect("destroys");
    let active = wait(memory.load(&vector.at("ACTIVE"), secret_store_core::Consistency::Strong)).expect("answers");
    let active = active.expect("a tombstone stands there");
    assert_eq!(names(&active.record), names(&record(&vector.destroyed_tenant)));
    assert_eq!(active.record.text("State").map(|state| &**state), Some("Destroyed"));
}

/// The frozen tombstone of a tenant is understood.
#[test]
fn a_frozen_destroyed_tenant_wraps_nothing() {
    let vector = Vector::read();
    let memory = vector.restored();
    let tombstone = Write::put(vector.at("ACTIVE"), record(&vector.destroyed_tenant), Precondition::Any);
    wait(memory.commit(vec![tombstone])).expect("memory takes it");
    let store = vector.open(memory);
    assert_eq!(kind(wait(store.put(&vector.id(), "v".into()))), ErrorKind::KeyDestroyed);
}
