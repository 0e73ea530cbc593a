//! The parsers, for fuzz targets. No part of the public interface: may change in any release.

use super::legacy::LegacySegment;
use super::pem::{self, Cost};
use super::wrap::Wrap;

/// Parses an `SR1` wrap. Whatever parses must encode to the very bytes it came from.
pub fn parse_wrap(bytes: &[u8]) {
    if let Ok(wrap) = Wrap::parse(bytes) {
        assert_eq!(wrap.to_bytes(), bytes);
    }
}

/// Parses the wrapped key of a format-0 record. What parses must encode to the same bytes, key ids being text.
pub fn parse_legacy_segment(bytes: &[u8]) {
    if let Ok(segment) = LegacySegment::parse(bytes)
        && let Ok(key_id) = std::str::from_utf8(segment.key_id)
    {
        assert_eq!(LegacySegment::encode(key_id, segment.signed, segment.signature), bytes);
    }
}

/// Parses the bytes of a key file, encrypted ones under the passphrase `fuzz` if deriving the key costs next to nothing.
/// What parses must parse again from its canonical form.
pub fn parse_key_file(bytes: &[u8]) {
    match pem::parse(bytes, Some(&"fuzz".into()), "key file", Cost::TINY) {
        Ok(pem::Key::Private(key)) => assert_same(&key.public),
        Ok(pem::Key::Public(key)) => assert_same(&key),
        Err(_) => {}
    }
}

fn assert_same(key: &pem::PublicKey) {
    let again = pem::parse(key.to_pem().as_bytes(), None, "key file", Cost::TINY);
    assert!(matches!(again, Ok(pem::Key::Public(again)) if again == *key));
}
