//! A record with several wraps that was written once opens for ever, under each of its master keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::executor::block_on;
use secret_store_core::{
    EnvelopeStore, ErrorKind, KeyEncryptionKey, MasterKeyId, Persistence, Precondition, ProtectedSecret, Record,
    RecordKey, Result, Secret, SecretId, SecretStoreExt, Write,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    store: String,
    application: String,
    name: String,
    master_keys: BTreeMap<String, String>,
    wraps: String,
    record: String,
    value: String,
}

impl Vector {
    fn read() -> Self {
        serde_json::from_str(include_str!("vectors/wraps.json")).expect("the vector parses")
    }

    fn id(&self) -> SecretId {
        SecretId::parse(&self.application, &self.name).expect("valid")
    }

    fn record(&self) -> Record {
        Record::from_bytes(&bytes(&self.record)).expect("a frozen record parses")
    }

    /// Reads it with these of its master keys.
    fn open(&self, keys: impl Fn(&str) -> bool) -> Result<Secret> {
        let held = self.master_keys.iter().filter(|(id, _)| keys(id));
        let keys = held.fold(MemoryKeyProvider::new(), |keys, (id, key)| {
            let key = KeyEncryptionKey::from_bytes(&bytes(key).try_into().expect("32 bytes"));
            keys.with_key(master(id), key)
        });
        let records = Arc::new(MemoryPersistence::new());
        let key = RecordKey::new(self.application.as_str(), self.name.as_str());
        block_on(records.commit(vec![Write::put(key, self.record(), Precondition::Absent)]))?;
        let store = EnvelopeStore::builder(Arc::new(keys), records).store_id(self.store.as_str()).build()?;
        block_on(store.get(&self.id()))
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).expect("hex")
}

fn master(id: &str) -> MasterKeyId {
    MasterKeyId::new(id).expect("valid")
}

#[test]
fn the_frozen_record_opens_under_each_of_its_master_keys() {
    let vector = Vector::read();
    assert_eq!(vector.master_keys.len(), 3);
    for one in vector.master_keys.keys() {
        let secret = vector.open(|id| id == one).expect("opens");
        assert_eq!(secret.text().expect("text"), vector.value);
        assert_eq!(secret.info().master_key_id, master("main"));
        assert_eq!(secret.info().also_wrapped_with, ["eu-west-1", "us-east-1"].map(master));
    }
    assert_eq!(vector.open(|_| false).expect_err("none is held").kind(), ErrorKind::KeyNotAllowed);
}

#[test]
fn further_wraps_have_one_form() {
    let vector = Vector::read();
    let record = vector.record();
    assert_eq!(hex::encode(record.to_bytes()), vector.record);
    assert_eq!(hex::encode(record.bytes("Wraps").expect("bytes")), vector.wraps);
    let protected = ProtectedSecret::from_record(&vector.id(), &record).expect("a record");
    assert_eq!(protected.to_record(), record);
    let mut longer = bytes(&vector.wraps);
    longer.push(0);
    let longer = record.with("Wraps", longer.into());
    let error = ProtectedSecret::from_record(&vector.id(), &longer).expect_err("a trailing byte");
    assert_eq!(error.kind(), ErrorKind::Integrity);
}
