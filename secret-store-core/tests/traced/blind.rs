//! Under blind names, what is traced has the names that the database has.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_core::{
    BlindNames, BlindedKeys, Blinding, BlindingKey, EnvelopeStore, Persistence, SecretId, SecretStoreExt, TracedKeys,
    TracedRecords, TracedStore,
};
use secret_store_memory::MemoryPersistence;
use tracing::Level;

use super::recorder::Recorder;
use super::{VALUE, application, forge, keys};

const APPLICATION: &str = "Canary-Application";
const SECRET: &str = "Canary-Name";

fn blind_store(records: Arc<dyn Persistence>, blinding: &Blinding) -> EnvelopeStore {
    let records = Arc::new(TracedRecords::new(records, "test-records"));
    let records = block_on(BlindNames::open(records, blinding.clone())).expect("a new store");
    let keys = BlindedKeys::new(Arc::new(TracedKeys::new(Arc::new(keys()), "test-keys")), blinding.clone());
    let store = EnvelopeStore::builder(Arc::new(keys), Arc::new(records)).store_id("prod").master_key("main");
    store.build().expect("valid")
}

#[test]
fn applications_are_shown_as_the_database_has_them() {
    let (recorder, _guard) = Recorder::listen(Level::TRACE);
    let (key, _bytes) = BlindingKey::generate().expect("random");
    let blinding = Blinding::new(&key);
    let store = blind_store(Arc::new(MemoryPersistence::new()), &blinding);
    let secret = SecretId::parse(APPLICATION, SECRET).expect("valid");

    // The control: without the setting the name is there.
    let clear = TracedStore::new(Arc::new(store.clone()), "test");
    block_on(clear.put(&secret, VALUE.into())).expect("stored");
    assert!(format!("{:?}", recorder.take()).contains(APPLICATION));

    let traced = TracedStore::new(Arc::new(store), "test").with_blind_names(blinding.clone());
    block_on(async {
        traced.put(&secret, VALUE.into()).await.expect("stored");
        traced.get(&secret).await.expect("opens");
        traced.get_all(secret.application()).await.expect("opens");
        traced.get_many(std::slice::from_ref(&secret)).await.expect("opens");
        traced.delete(&secret).await.expect("deleted");
        traced.get(&secret).await.expect_err("deleted");
    });
    let seen = recorder.take();
    let shown: Vec<_> = seen.iter().filter_map(|seen| seen.get("application")).collect();
    assert_eq!(shown, vec![blinding.display(secret.application()); 6]);
    let told = format!("{seen:?}");
    for name in [APPLICATION, SECRET] {
        assert!(!told.contains(name) && !told.contains(&hex::encode(name)), "{name}");
    }
}

/// The event that is heard where nothing else is has no clear name either.
#[test]
fn a_warning_is_blind_too() {
    let (recorder, _guard) = Recorder::listen(Level::WARN);
    let (key, _bytes) = BlindingKey::generate().expect("random");
    let blinding = Blinding::new(&key);
    let records = Arc::new(MemoryPersistence::new());
    let store = super::over(records.clone()).with_blind_names(blinding.clone());
    block_on(store.put(&super::id("Db"), VALUE.into())).expect("stored");
    forge(&records, "ProtectedSecretValue", vec![0; 80]);
    block_on(store.get(&super::id("Db"))).expect_err("forged");
    let seen = recorder.take();
    assert_eq!(seen[0].get("application"), Some(blinding.display(&application()).as_str()));
}
