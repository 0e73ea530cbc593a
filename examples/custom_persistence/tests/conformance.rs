//! SQLite passes the published suites.

use std::path::Path;
use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::{persistence, store};
use secret_store_core::{EnvelopeStore, Error, ErrorKind, KeyProvider, MasterKeyId, Persistence, Result};
use secret_store_example_custom_persistence::SqlitePersistence;
use secret_store_memory::MemoryKeyProvider;

fn database() -> Result<(tempfile::TempDir, std::path::PathBuf)> {
    let directory = tempfile::tempdir()
        .map_err(|error| Error::new(ErrorKind::Unavailable, "no temporary directory").with_source(error))?;
    let path = directory.path().join("records.sqlite");
    Ok((directory, path))
}

fn instance() -> Result<persistence::Instance> {
    let (directory, path) = database()?;
    let instance = persistence::Instance::from(SqlitePersistence::open(&path)?).keeping(directory);
    Ok(instance.with_reopen(move || std::future::ready(SqlitePersistence::open(&path))))
}

fn keys() -> Result<Arc<dyn KeyProvider>> {
    let (first, second) = (MasterKeyId::new("first")?, MasterKeyId::new("second")?);
    Ok(Arc::new(MemoryKeyProvider::new().with_generated(&first)?.with_generated(&second)?))
}

fn store_over(keys: &Arc<dyn KeyProvider>, records: Arc<dyn Persistence>) -> Result<EnvelopeStore> {
    EnvelopeStore::builder(Arc::clone(keys), records).store_id("conformance").master_key("first").build()
}

fn store_at(keys: &Arc<dyn KeyProvider>, path: &Path) -> Result<EnvelopeStore> {
    store_over(keys, Arc::new(SqlitePersistence::open(path)?))
}

#[test]
fn the_persistence_is_right() {
    block_on(persistence::run(|| std::future::ready(instance()))).assert_complete();
}

#[test]
fn a_store_over_it_is_right() {
    let report = block_on(store::run(|| async {
        let ((directory, path), keys) = (database()?, keys()?);
        let instance = store::Instance::from(store_at(&keys, &path)?).keeping(directory);
        let instance = instance.with_other_master_key(MasterKeyId::new("second")?);
        Ok(instance.with_reopen(move || std::future::ready(store_at(&keys, &path))))
    }));
    report.assert_complete();
}

#[test]
fn a_store_over_it_survives_a_hostile_one() {
    let keys = keys().expect("the operating system gives random bytes");
    // Every altered bit is tried over memory; here it is the persistence beneath that counts.
    let options = secret_store_conformance::Options::default().with_attempts(100);
    let report = block_on(store::run_hostile_with(
        || std::future::ready(instance()),
        move |records| std::future::ready(store_over(&keys, records)),
        options,
    ));
    report.assert_complete();
}

#[test]
fn a_damaged_record_is_refused_and_not_absent() {
    use secret_store_core::{Consistency, ListQuery, Precondition, Record, RecordKey, Value, Write};
    let (_directory, path) = database().expect("a temporary directory");
    let records = SqlitePersistence::open(&path).expect("a new database");
    let key = RecordKey::new("App", "Db");
    let record = Record::new().with("Number", Value::from(1));
    block_on(records.commit(vec![Write::put(key.clone(), record, Precondition::Absent)])).expect("the put");
    let other = rusqlite::Connection::open(&path).expect("the same database");
    other.execute("UPDATE records SET record = substr(record, 1, length(record) - 1)", []).expect("cut by hand");
    let loaded = block_on(records.load(&key, Consistency::Strong)).expect_err("a cut record");
    assert_eq!(loaded.kind(), ErrorKind::Integrity);
    assert_eq!(block_on(records.list(&ListQuery::new("App"))).expect_err("a cut record").kind(), ErrorKind::Integrity);
}
