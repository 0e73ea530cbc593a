//! The parsers of the audit layer, for fuzz targets.

use super::codes::{Action, Outcome, Phase};
use super::entry::{AuditEntry, AuditedSecret, Event, Link, NO_HASH, Secrets};
use super::head::{AuditHead, WriterHead};
use super::key::{AuditKey, Domain, HASH_BYTES, hash};
use super::label::Label;
use super::timestamp::Timestamp;
use super::verify::Verifier;
use super::writer::WriterId;
use crate::id::{ApplicationName, SecretName, SecretVersion};

const WRITER: WriterId = WriterId::from_bytes([3; 16]);

/// An audit entry, whose hash may be another than its own: no fuzzer finds the right one.
pub fn audit_entry(bytes: &[u8]) -> bool {
    let mut verifier = Verifier::new().in_order_of_time();
    verifier.push(bytes);
    verifier.push(bytes);
    assert!(!verifier.faults().is_empty(), "nothing stands twice in a log");
    let Ok((entry, is_own_hash)) = AuditEntry::parse(bytes) else { return false };
    assert_eq!(AuditEntry::from_bytes(bytes).is_ok(), is_own_hash);
    assert_eq!(entry.encoded_again(), bytes, "an entry has one form");
    assert!(!format!("{entry}{entry:?}").contains(char::is_control), "names are escaped");
    true
}

/// Something that [`audit_entry`] accepts.
#[must_use]
pub fn audit_entry_sample() -> Vec<u8> {
    let label = |text| Label::new("label", text).expect("short");
    let name = |text| SecretName::new(text).expect("a valid name");
    let event = Event {
        time: Timestamp::EPOCH,
        operation: Some(1),
        action: Action::GetMany,
        phase: Phase::Read,
        outcome: Some(Outcome::Success),
        environment: label("fuzz"),
        actor: label("somebody"),
        request: Some(label("request")),
        application: ApplicationName::new("App").expect("a valid name"),
        count: 2,
        secrets: Secrets::from_iter([
            AuditedSecret { name: name("Db"), version: Some(SecretVersion::FIRST) },
            AuditedSecret { name: name("Key"), version: None },
        ]),
    };
    let link = Link { writer: WRITER, sequence: 2, previous: NO_HASH };
    AuditEntry::seal(event, link, Some(&AuditKey::from_bytes(&[7; 32]))).as_bytes().to_vec()
}

/// An audit head without its hash, which is put behind it.
pub fn audit_head(bytes: &[u8]) -> bool {
    let whole = [bytes, &hash(Domain::HeadHash, bytes)].concat();
    let Ok(head) = AuditHead::from_bytes(&whole, None) else { return false };
    assert_eq!(head.to_bytes(None), whole, "a head has one form");
    true
}

/// Something that [`audit_head`] accepts.
#[must_use]
pub fn audit_head_sample() -> Vec<u8> {
    let end = WriterHead { sequence: 2, hash: [5; HASH_BYTES], is_authenticated: true };
    let writers = [(WRITER, end), (WriterId::from_bytes([9; 16]), WriterHead { is_authenticated: false, ..end })];
    let mut bytes = AuditHead::new(Timestamp::EPOCH, writers).expect("few").to_bytes(None);
    bytes.truncate(bytes.len() - HASH_BYTES);
    bytes
}
