//! The parsers of wraps and key files, for fuzz targets.

use super::legacy::LegacySegment;
use super::pem::{self, Cost};
use super::wrap::Wrap;

/// Parses an `SR1` wrap. Whatever parses must encode to the very bytes it came from.
pub fn rsa_wrap(bytes: &[u8]) -> bool {
    let Ok(wrap) = Wrap::parse(bytes) else { return false };
    assert_eq!(wrap.to_bytes(), bytes, "a wrap has one form");
    true
}

/// Parses the wrapped key of a format-0 record. What parses must encode to the same bytes, key ids being text.
pub fn rsa_legacy_segment(bytes: &[u8]) -> bool {
    let Ok(segment) = LegacySegment::parse(bytes) else { return false };
    let Ok(key_id) = std::str::from_utf8(segment.key_id) else { return false };
    let again = LegacySegment::encode(key_id, segment.signed, segment.signature);
    assert_eq!(again, bytes, "a segment has one form");
    true
}

/// Parses the bytes of a key file, encrypted ones under the passphrase `fuzz` if deriving the key costs next to nothing.
/// What parses must parse again from its canonical form.
pub fn key_file(bytes: &[u8]) -> bool {
    match pem::parse(bytes, Some(&"fuzz".into()), "key file", Cost::TINY) {
        Ok(pem::Key::Private(key)) => assert_same(&key.public),
        Ok(pem::Key::Public(key)) => assert_same(&key),
        Err(_) => return false,
    }
    true
}

fn assert_same(key: &pem::PublicKey) {
    let again = pem::parse(key.to_pem().as_bytes(), None, "key file", Cost::TINY);
    assert!(matches!(again, Ok(pem::Key::Public(again)) if again == *key));
}
