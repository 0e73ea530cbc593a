//! Entries and heads made by another implementation, from the document alone: they open, and the library makes the same.

use std::sync::Arc;

use secret_store_core::ErrorKind;
use secret_store_core::audit::{Action, AuditEntry, AuditHead, AuditKey, Outcome, Phase, Verifier};
use serde_json::Value;

use crate::support::pushed;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/audit.json")).expect("vectors")
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("text")).expect("hex")
}

fn entries() -> Vec<AuditEntry> {
    let vectors = vectors();
    let entries = vectors["entries"].as_array().expect("an array").iter();
    entries.map(|entry| AuditEntry::from_bytes(&bytes(&entry["bytes"])).expect("an entry")).collect()
}

fn key() -> Arc<AuditKey> {
    Arc::new(AuditKey::from_bytes(bytes(&vectors()["key"])[..].try_into().expect("32 bytes")))
}

#[test]
fn frozen_entries_are_read() {
    let entries = entries();
    let said: Vec<_> = entries.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "2026-01-02T03:04:05.678Z production billing put YourApp.Production/MainDb: intent",
            "2026-01-02T03:04:05.690Z production billing put YourApp.Production/MainDb v7: success",
            "2026-01-02T03:04:07.178Z production alice@example.com (req-17) get YourApp.Production/Gönnt v9: not found",
            "2026-01-02T03:04:07.179Z production billing get many YourApp.Production/MainDb v7, OldDb v0: success",
            "2026-01-02T03:04:07.678Z staging billing list YourApp.Staging: success",
        ]
    );
    let (put, many, list) = (&entries[1], &entries[3], &entries[4]);
    assert_eq!((put.action(), put.phase(), put.outcome()), (Action::Put, Phase::Outcome, Some(Outcome::Success)));
    assert_eq!((put.sequence(), put.operation(), put.count()), (2, 1, 1));
    assert_eq!(put.previous(), entries[0].hash());
    assert_eq!((many.secrets().len(), many.count(), many.request_id()), (2, 2, None));
    assert_eq!(put.writer().to_string(), "a1b2c3d4e5f60718293a4b5c6d7e8f90");
    assert_eq!(put.key_id().map(|id| id.to_string()).as_deref(), vectors()["key_id"].as_str());
    assert!(put.is_authentic(&key()) && !list.is_authentic(&key()) && list.key_id().is_none());
}

#[test]
fn frozen_heads_are_read_and_hold_the_entries() {
    let vectors = vectors();
    let head = AuditHead::from_bytes(&bytes(&vectors["head"]), Some(&key())).expect("opens");
    assert_eq!(AuditHead::from_bytes(&bytes(&vectors["bare_head"]), None).expect("opens"), head);
    assert_eq!(head.to_bytes(Some(&key())), bytes(&vectors["head"]));
    assert_eq!(head.to_bytes(None), bytes(&vectors["bare_head"]));
    let verifier = Verifier::new().with_key(key()).with_head(head.clone());
    let verification = pushed(verifier, entries().iter().map(AuditEntry::as_bytes)).finish();
    assert!(verification.is_intact(), "{:?}", verification.faults());
    assert_eq!((verification.authenticated(), verification.unprotected()), (4, 0));
    assert_eq!(verification.head(head.time()).expect("intact"), head);
}

#[test]
fn later_releases_are_unsupported_and_everything_else_is_no_entry() {
    let good = bytes(&vectors()["entries"][1]["bytes"]);
    let kind = |at: usize, byte: u8| {
        let mut changed = good.clone();
        changed[at] = byte;
        AuditEntry::from_bytes(&changed).expect_err("refused").kind()
    };
    let (action, phase, outcome) = (3 + 1 + 16 + 8 + 32 + 8 + 8, 77, 78);
    for (at, byte) in [(2, b'2'), (2, b'9'), (3, 2), (action, 200), (action, 0), (phase, 4), (outcome, 200)] {
        assert_eq!(kind(at, byte), ErrorKind::Unsupported, "{at} {byte}");
    }
    for (at, byte) in [(0, b'X'), (2, b'0'), (2, b'a'), (action, 1), (phase, 1), (phase, 2), (outcome, 0), (10, 0)] {
        assert_eq!(kind(at, byte), ErrorKind::Integrity, "{at} {byte}");
    }
    let long = [&good[..], &[0; 17_000]].concat();
    assert_eq!(AuditEntry::from_bytes(&long).expect_err("too long").kind(), ErrorKind::Integrity);
}
