//! `asherah`: envelope encryption with system, intermediate and row keys. Metastore in memory, static KMS, session at hand, its keys
//! cached.

use std::sync::{Arc, Mutex, PoisonError};

use asherah::aead::AES256GCM;
use asherah::kms::StaticKMS;
use asherah::metastore::InMemoryMetastore;
use asherah::{Config, DataRowRecord, Session};
use secret_store_benches::turns::Contender;
use secret_store_benches::{secret_id, value};

type MemorySession = Session<AES256GCM, StaticKMS<AES256GCM>, InMemoryMetastore>;

/// A session whose keys are cached, and a record of it.
fn session(bytes: usize) -> (Arc<MemorySession>, DataRowRecord) {
    let cipher = Arc::new(AES256GCM::new());
    let kms = Arc::new(StaticKMS::new(Arc::clone(&cipher), vec![7; 32]).expect("32 bytes"));
    let metastore = Arc::new(InMemoryMetastore::new());
    let factory = asherah::api::new_session_factory(Config::new("service", "product"), metastore, kms, cipher);
    let session = Arc::new(factory.get_session(secret_id().application().as_str()));
    let record = session.encrypt(&value(bytes)).expect("encrypts");
    assert_eq!(session.decrypt(record.clone()).expect("authentic"), value(bytes));
    (session, record)
}

/// Holds one record, as `put` and `get` of this library are measured with one. Not the session's own `store` and `load`: they do
/// without its cached keys.
#[derive(Default)]
struct OneRecord(Mutex<Option<DataRowRecord>>);

impl OneRecord {
    fn keep(&self, record: DataRowRecord) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(record);
    }

    fn read(&self) -> DataRowRecord {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().expect("kept")
    }
}

pub(crate) fn contenders(bytes: usize) -> Vec<Contender> {
    let (session, record) = session(bytes);
    let [encrypting, decrypting, storing, loading] = [(); 4].map(|()| Arc::clone(&session));
    let (stored, loaded) = (OneRecord::default(), OneRecord::default());
    loaded.keep(record.clone());
    let (plaintext, payload) = (value(bytes), value(bytes));
    vec![
        Contender::with_input(
            "asherah decrypt",
            move || record.clone(),
            move |record| decrypting.decrypt(record).expect("authentic"),
        ),
        Contender::new("asherah read and decrypt", move || loading.decrypt(loaded.read()).expect("authentic")),
        Contender::new("asherah encrypt", move || encrypting.encrypt(&plaintext).expect("encrypts")),
        Contender::new("asherah encrypt and keep", move || stored.keep(storing.encrypt(&payload).expect("encrypts"))),
    ]
}
