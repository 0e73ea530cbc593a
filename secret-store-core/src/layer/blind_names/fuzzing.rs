//! The parsers of blind names, for fuzz targets.

use super::blinding::Blinding;
use super::key::{BlindingKey, Keyed};
use super::keys::generation_of;
use super::{address, sealed};
use crate::crypto::NONCE_BYTES;
use crate::persistence::RecordKey;
use crate::record::{Record, Value};

fn key() -> Keyed {
    Keyed::new(&BlindingKey::from_bytes(&[7; 32]))
}

fn address() -> RecordKey {
    RecordKey::new("App", "Db")
}

fn honest() -> Record {
    let record = Record::new().with("Application", "App".into()).with("Bytes", Value::from(&[1, 2, 3][..]));
    record.with("Version", Value::from(300))
}

/// A sealed record found at a blind address.
pub fn blind_record(bytes: &[u8]) -> bool {
    let (key, record) = (key(), Record::new().with("Sealed", Value::from(bytes)));
    let place = address::blind(&key, &address()).expect("a place");
    let Ok(opened) = sealed::open(&key, &place, &record) else { return false };
    assert_eq!((opened.address, opened.record), (address(), honest()));
    assert_eq!(bytes, blind_record_sample(), "only what was sealed opens");
    true
}

/// What [`blind_record`] opens.
#[must_use]
pub fn blind_record_sample() -> Vec<u8> {
    let key = key();
    let place = address::blind(&key, &address()).expect("a place");
    let sealed = sealed::seal_with(&key, &[9; 12 + NONCE_BYTES], &address(), &place, &honest()).expect("seals");
    sealed.bytes("Sealed").expect("the one attribute").to_vec()
}

/// What is in a sealed record, as somebody with the key could have sealed it.
pub fn blind_content(bytes: &[u8]) -> bool {
    let Ok(opened) = sealed::decode(bytes) else { return false };
    assert_eq!(sealed::encode(&opened.address, &opened.record), bytes, "content has one form");
    // Wherever it says that it stands, it is told where.
    let key = key();
    if let Ok(place) = address::blind(&key, &opened.address) {
        let shows = |text: &str| text.len() > 8 && (place.partition().contains(text) || place.sort().contains(text));
        assert!(opened.address.partition().starts_with('~') || !shows(opened.address.partition()), "no name shows");
    }
    true
}

/// Something that [`blind_content`] accepts.
#[must_use]
pub fn blind_content_sample() -> Vec<u8> {
    sealed::encode(&address(), &honest())
}

/// A wrap that says under which blinding key its context is.
pub fn blind_wrap(bytes: &[u8]) -> bool {
    let blinding = Blinding::new(&BlindingKey::from_bytes(&[7; 32]));
    let found = generation_of(&blinding, bytes);
    assert_eq!(found.is_some(), bytes.starts_with(&blind_wrap_sample()[..11]), "it names the key in full");
    found.is_some()
}

/// Something that [`blind_wrap`] accepts.
#[must_use]
pub fn blind_wrap_sample() -> Vec<u8> {
    [b"SK1", &key().id().as_bytes()[..], b"w"].concat()
}
