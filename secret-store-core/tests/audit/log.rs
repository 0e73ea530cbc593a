//! Entries as records: where they stand, how their own write is recognised, reading, filtering, verifying in place.

mod reading;
mod verifying;
mod writing;

use std::sync::Arc;

use secret_store_core::audit::{
    AuditEntry, AuditFilter, AuditHead, AuditLog, AuditSink, AuditedStore, PersistenceSink, Verification, Verifier,
};
use secret_store_core::{Persistence, RecordKey};
use secret_store_memory::MemoryPersistence;

use crate::support::{APP, ENVIRONMENT, SERVICE, Ticking, app, key, secrets, three_writers, wait};

fn over(records: Arc<dyn Persistence>) -> AuditedStore {
    let store = AuditedStore::builder(secrets(), Arc::new(PersistenceSink::new(records)));
    store.environment(ENVIRONMENT).actor(SERVICE).key(key()).clock(Ticking::new()).build().expect("configured")
}

/// A log of three writers in a persistence, and the keys of its records in their order.
fn kept(entries: usize) -> (Arc<MemoryPersistence>, Vec<AuditEntry>, Vec<RecordKey>) {
    let log = three_writers(entries, Some(&key()));
    let records = Arc::new(MemoryPersistence::new());
    let sink = PersistenceSink::new(Arc::<MemoryPersistence>::clone(&records));
    for entry in &log {
        wait(sink.append(std::slice::from_ref(entry))).expect("takes");
    }
    let keys = log.iter().map(key_of).collect();
    (records, log, keys)
}

/// Where the document says that an entry stands.
fn key_of(entry: &AuditEntry) -> RecordKey {
    let writer = entry.writer().to_string();
    RecordKey::new(
        format!("~a{}~{}", &writer[..1], entry.application().as_str()),
        format!("{}\u{1f}{writer}\u{1f}{:020}", entry.time(), entry.sequence()),
    )
}

fn verify(records: &Arc<MemoryPersistence>, head: &Arc<AuditHead>) -> Verification {
    let log = AuditLog::new(Arc::<MemoryPersistence>::clone(records));
    wait(log.verify(&app(APP), Verifier::new().with_key(key()).with_head(Arc::clone(head)))).expect("reads")
}

fn read_all(records: Arc<dyn Persistence>, filter: AuditFilter) -> Vec<AuditEntry> {
    let mut reader = AuditLog::new(records).read(&app(APP), filter);
    wait(async {
        let mut found = Vec::new();
        while let Some(entry) = reader.next().await.expect("reads") {
            found.push(entry);
        }
        found
    })
}
