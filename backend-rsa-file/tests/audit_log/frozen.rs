//! Lines made by another implementation, from the document alone.

use std::path::Path;
use std::sync::Arc;

use futures::executor::block_on;
use secret_store_core::audit::{AuditFilter, AuditKey, AuditSink, Verifier};
use secret_store_rsa_file::fuzzing::audit_line;
use secret_store_rsa_file::{JsonLinesLog, JsonLinesSink};

/// The key of `secret-store-core/tests/vectors/audit.json`, whose entries these are.
fn key() -> Arc<AuditKey> {
    Arc::new(AuditKey::from_bytes(&std::array::from_fn(|n| 0x80 + u8::try_from(n).expect("small"))))
}

#[test]
fn frozen_lines_are_read_and_written_alike() {
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/audit.jsonl");
    let log = JsonLinesLog::new([&frozen]);
    let mut reader = log.read(AuditFilter::new());
    let folder = tempfile::tempdir().expect("a directory to work in");
    let path = folder.path().join("audit.jsonl");
    block_on(async {
        let sink = JsonLinesSink::open(&path).await.expect("opens");
        let mut entries = Vec::new();
        while let Some(entry) = reader.next().await.expect("reads") {
            sink.append(std::slice::from_ref(&entry)).await.expect("takes");
            entries.push(entry);
        }
        assert_eq!(entries.len(), 5);
        assert!(entries[..4].iter().all(|entry| entry.is_authentic(&key())));
        let verification = log.verify(Verifier::new()).await.expect("reads");
        assert!(verification.is_intact(), "{:?}", verification.faults());
    });
    assert_eq!(std::fs::read(&path).expect("reads"), std::fs::read(&frozen).expect("reads"));
}

#[test]
fn the_fuzz_target_accepts_lines_and_nothing_less() {
    for line in include_str!("../vectors/audit.jsonl").lines() {
        assert!(audit_line(line.as_bytes()));
        assert!((0..line.len()).all(|length| !audit_line(&line.as_bytes()[..length])));
    }
}
