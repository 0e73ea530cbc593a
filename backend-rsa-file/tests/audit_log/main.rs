//! The audit log of JSON lines, as its users and its enemies meet it: processes that are killed, many at once, rotation, foreign
//! files, a folder that cannot be written to, tampering.

#![cfg(unix)]

mod clones;
mod conditions;
mod frozen;
mod processes;
mod reading;
mod replaced;
mod tampering;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::executor::block_on;
use secret_store_core::audit::{AuditEntry, AuditFilter, AuditKey, AuditedStore, Verification, Verifier};
use secret_store_core::{EnvelopeStore, SecretId, SecretStore};
use secret_store_rsa_file::{JsonLinesLog, JsonLinesSink};
use tempfile::TempDir;

const APP: &str = "YourApp.Production";

fn key() -> Arc<AuditKey> {
    Arc::new(AuditKey::from_bytes(b"the key of the tests, 32 bytes..."[..32].try_into().expect("32 bytes")))
}

fn id(name: &str) -> SecretId {
    SecretId::parse(APP, name).expect("a valid name")
}

fn scratch() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a directory to work in");
    let log = folder.path().join("audit.jsonl");
    (folder, log)
}

fn secrets() -> Arc<EnvelopeStore> {
    Arc::new(secret_store_memory::store("audited").expect("random"))
}

fn over(inner: Arc<dyn SecretStore>, log: &Path) -> AuditedStore {
    let sink = block_on(JsonLinesSink::open(log)).expect("opens");
    AuditedStore::builder(inner, Arc::new(sink))
        .environment("tests")
        .actor("service")
        .key(key())
        .build()
        .expect("configured")
}

fn verify(files: &[&Path], verifier: Verifier) -> Verification {
    block_on(JsonLinesLog::new(files.iter().copied()).verify(verifier)).expect("reads")
}

fn assert_intact(files: &[&Path]) -> Verification {
    let verification = verify(files, Verifier::new().with_key(key()));
    assert!(verification.is_intact(), "{:?}", verification.faults());
    verification
}

fn read(files: &[&Path], filter: AuditFilter) -> Vec<AuditEntry> {
    let mut reader = JsonLinesLog::new(files.iter().copied()).read(filter).with_key(key());
    block_on(async {
        let mut entries = Vec::new();
        while let Some(entry) = reader.next().await.expect("reads") {
            entries.push(entry);
        }
        entries
    })
}
