//! Further wraps of one document key: any of several master keys opens the same value.

use std::sync::Arc;

use minicbor::{Decoder, Encoder};

use super::protected::attribute::{MASTER_KEY_ID, PROTECTED_DOCUMENT_KEY, WRAPS};
use crate::error::{Error, Result};
use crate::id::MasterKeyId;
use crate::key::WrappedKey;
use crate::record::{Record, Value};

/// How many further wraps a record has at most.
pub(crate) const MAX_FURTHER_WRAPS: usize = 8;
/// The largest encoding, in bytes: room for as many of the largest wraps a KMS makes.
const MAX_BYTES: usize = 64 * 1024;

/// At least one further wrap, by ascending master key id, none of which is the first wrap's.
///
/// Stored as a CBOR array (RFC 8949) of `[id text, wrapped bytes]`, in deterministic encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wraps {
    keys: Vec<WrappedKey>,
    encoded: Arc<[u8]>,
}

impl Wraps {
    /// What providers made, in any order; `None` when there is nothing.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for two wraps under one master key,
    /// [`TooLarge`](crate::ErrorKind::TooLarge) for too many or too large ones.
    pub(crate) fn new(first: &MasterKeyId, mut keys: Vec<WrappedKey>) -> Result<Option<Arc<Self>>> {
        if keys.is_empty() {
            return Ok(None);
        }
        keys.sort_by(|a, b| a.master_key_id().cmp(b.master_key_id()));
        if let Some(twice) = repeated(first, &keys) {
            return Err(Error::invalid_input(format!(
                "two of the configured master keys are {twice} by different names: name each key once"
            )));
        }
        if keys.len() > MAX_FURTHER_WRAPS {
            let (limit, actual) = (MAX_FURTHER_WRAPS as u64, keys.len() as u64);
            return Err(Error::too_large("number of further wraps", limit, actual));
        }
        let encoded = encode(&keys);
        if encoded.len() > MAX_BYTES {
            return Err(Error::too_large("further wraps", MAX_BYTES as u64, encoded.len() as u64));
        }
        Ok(Some(Arc::new(Self { keys, encoded: encoded.into() })))
    }

    /// Parses exactly what [`new`](Self::new) wrote.
    ///
    /// # Errors
    ///
    /// [`Integrity`](crate::ErrorKind::Integrity) for anything else.
    pub(crate) fn parse(first: &MasterKeyId, encoded: Arc<[u8]>) -> Result<Arc<Self>> {
        let keys = decode(&encoded).map_err(|_| Error::integrity())?;
        // One form for each list: comparing refuses every other.
        if keys.is_empty() || repeated(first, &keys).is_some() || encode(&keys) != *encoded {
            return Err(Error::integrity());
        }
        Ok(Arc::new(Self { keys, encoded }))
    }

    pub(crate) fn keys(&self) -> &[WrappedKey] {
        &self.keys
    }

    /// The stored form.
    pub(crate) fn encoded(&self) -> &Arc<[u8]> {
        &self.encoded
    }
}

/// A master key that stands twice, or out of its order, among all wraps of a record.
fn repeated<'a>(first: &MasterKeyId, keys: &'a [WrappedKey]) -> Option<&'a MasterKeyId> {
    let mut ids = keys.iter().map(WrappedKey::master_key_id);
    let is_first = ids.clone().find(|id| *id == first);
    let mut last = None;
    is_first.or_else(|| ids.find(|id| last.replace(*id).is_some_and(|last| last >= *id)))
}

fn encode(keys: &[WrappedKey]) -> Vec<u8> {
    // Of the array; of each pair, its id and its bytes.
    const HEAD_BYTES: usize = 9;
    let of_pair = |key: &WrappedKey| 3 * HEAD_BYTES + key.master_key_id().as_str().len() + key.as_bytes().len();
    let mut out = Vec::with_capacity(HEAD_BYTES + keys.iter().map(of_pair).sum::<usize>());
    let mut encoder = Encoder::new(&mut out);
    let mut write = || -> std::result::Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        encoder.array(keys.len() as u64)?;
        for key in keys {
            encoder.array(2)?.str(key.master_key_id().as_str())?.bytes(key.as_bytes())?;
        }
        Ok(())
    };
    write().expect("a Vec takes every byte");
    out
}

fn decode(bytes: &[u8]) -> std::result::Result<Vec<WrappedKey>, minicbor::decode::Error> {
    let refuse = minicbor::decode::Error::message;
    if bytes.len() > MAX_BYTES {
        return Err(refuse("too large"));
    }
    let mut decoder = Decoder::new(bytes);
    let count = decoder.array()?.and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| *count <= MAX_FURTHER_WRAPS).ok_or_else(|| refuse("count"))?;
    let mut keys = Vec::with_capacity(count);
    for _ in 0..count {
        if decoder.array()? != Some(2) {
            return Err(refuse("no pair"));
        }
        let id = MasterKeyId::from_stored(decoder.str()?.into()).map_err(|_| refuse("no master key id"))?;
        keys.push(WrappedKey::new(id, decoder.bytes()?));
    }
    Ok(keys)
}

/// Whether two records are one version of one secret: equal but for the wraps of its document key, which a rotation replaces.
pub(crate) fn is_same_version(one: &Record, other: &Record) -> bool {
    fn without_wraps(record: &Record) -> impl Iterator<Item = (&str, &Value)> {
        record.iter().filter(|(name, _)| ![MASTER_KEY_ID, PROTECTED_DOCUMENT_KEY, WRAPS].contains(name))
    }
    without_wraps(one).eq(without_wraps(other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ErrorKind;

    fn id(text: &str) -> MasterKeyId {
        MasterKeyId::new(text).expect("valid")
    }

    fn wrap(key: &str, bytes: &[u8]) -> WrappedKey {
        WrappedKey::new(id(key), bytes)
    }

    fn parse(bytes: Vec<u8>) -> Result<Arc<Wraps>> {
        Wraps::parse(&id("main"), bytes.into())
    }

    fn sample() -> Arc<Wraps> {
        let keys = vec![wrap("eu-west-1", &[1, 2, 3]), wrap("eu", &[4])];
        Wraps::new(&id("main"), keys).expect("valid").expect("two")
    }

    #[test]
    fn frozen_bytes() {
        let wraps = sample();
        assert_eq!(hex::encode(wraps.encoded()), "8282626575410482696575 2d776573742d3143010203".replace(' ', ""));
        assert_eq!(wraps.keys(), [wrap("eu", &[4]), wrap("eu-west-1", &[1, 2, 3])]);
        assert_eq!(parse(wraps.encoded().to_vec()).expect("its own bytes"), wraps);
        assert!(Wraps::new(&id("main"), Vec::new()).expect("valid").is_none());
    }

    #[test]
    fn every_truncation_extension_and_other_form_is_refused() {
        let bytes = sample().encoded().to_vec();
        for length in 0..bytes.len() {
            assert!(parse(bytes[..length].to_vec()).is_err(), "truncated to {length}");
        }
        assert!(parse([&bytes[..], &[0]].concat()).is_err());
        for (what, refused) in [
            ("nothing", "80"),
            ("unsorted", "82 8261624101 8261614102"),
            ("duplicate", "82 8261614101 8261614102"),
            ("the first wrap's key", "81 82646d61696e4101"),
            ("a pair of one", "81 816161"),
            ("a pair of three", "81 836161410101"),
            ("bytes for an id", "81 8241614101"),
            ("text for a wrap", "81 8261616162"),
            ("an empty id", "81 82604101"),
            ("a reserved id", "81 82627e784101"),
            ("an id with a control character", "81 82610a4101"),
            ("an id that is not UTF-8", "81 8261ff4101"),
            ("indefinite array", "9f 8261614101 ff"),
            ("indefinite pair", "81 9f61614101ff"),
            ("indefinite text", "81 827f6161ff4101"),
            ("indefinite bytes", "81 8261615f4101ff"),
            ("count in a longer form", "9801 8261614101"),
            ("length in a longer form", "81 827801614101"),
            ("a map", "a1 61614101"),
            ("a tag", "c1 81 8261614101"),
            ("count beyond the bytes", "88 8261614101"),
            ("absurd count", "9bffffffffffffffff"),
        ] {
            let bytes = hex::decode(refused.replace(' ', "")).expect("hex");
            assert_eq!(parse(bytes).expect_err(what).kind(), ErrorKind::Integrity, "{what}");
        }
    }

    #[test]
    fn numbers_and_sizes_are_bounded() {
        let keys = |count: usize, bytes: usize| (0..count).map(|n| wrap(&format!("{n}"), &vec![7; bytes])).collect();
        let new = |count, bytes| Wraps::new(&id("main"), keys(count, bytes));
        assert!(new(MAX_FURTHER_WRAPS, 6144).is_ok());
        let refused = ErrorKind::TooLarge { limit: 8, actual: 9 };
        assert_eq!(new(MAX_FURTHER_WRAPS + 1, 1).expect_err("too many").kind(), refused);
        assert!(matches!(new(2, MAX_BYTES / 2).expect_err("large").kind(), ErrorKind::TooLarge { limit: 65536, .. }));
        // A reader that is not asked first.
        assert!(parse(encode(&keys(MAX_FURTHER_WRAPS, 6144))).is_ok());
        assert!(parse(encode(&keys(MAX_FURTHER_WRAPS + 1, 1))).is_err());
        assert!(parse(encode(&keys(2, MAX_BYTES / 2))).is_err());
        assert!(parse(encode(&keys(1, MAX_BYTES - 8))).is_ok());
    }

    #[test]
    fn one_master_key_by_two_names_is_a_mistake_that_is_named() {
        for keys in [vec![wrap("main", &[1])], vec![wrap("b", &[1]), wrap("a", &[2]), wrap("b", &[3])]] {
            let error = Wraps::new(&id("main"), keys).expect_err("twice");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("name each key once"), "{error}");
        }
    }

    #[test]
    fn a_version_is_its_record_without_its_wraps() {
        let record = Record::new()
            .with("InitialisationVector", Value::from(&[1u8][..]))
            .with("MasterKeyId", Value::from("main"))
            .with("ProtectedDocumentKey", Value::from(&[2u8][..]))
            .with("Version", Value::from(3));
        let wrapped = |record: &Record| record.clone().with("Wraps", Value::from(&[4u8][..]));
        let moved = wrapped(&record).with("MasterKeyId", Value::from("b")).with("ProtectedDocumentKey", 1.into());
        assert!(is_same_version(&record, &record) && is_same_version(&record, &moved));
        assert!(is_same_version(&wrapped(&record), &record));
        let mut shorter = record.clone();
        shorter.remove("Version");
        for other in [
            shorter,
            record.clone().with("Version", 4.into()),
            record.clone().with("Version", Value::from("3")),
            record.clone().with("Unknown", 1.into()),
            record.clone().with("InitialisationVector", Value::from(&[2u8][..])),
            Record::new(),
        ] {
            assert!(!is_same_version(&record, &other) && !is_same_version(&other, &moved), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read(
            keys in proptest::collection::btree_map("[a-z]{1,9}", proptest::collection::vec(any::<u8>(), 0..40), 1..8),
        ) {
            let keys: Vec<_> = keys.iter().map(|(key, bytes)| wrap(key, bytes)).collect();
            let shuffled = keys.iter().rev().cloned().collect();
            let wraps = Wraps::new(&id("MAIN"), shuffled).expect("valid").expect("not empty");
            prop_assert_eq!(wraps.keys(), &keys[..]);
            prop_assert_eq!(Wraps::parse(&id("MAIN"), Arc::clone(wraps.encoded())).expect("its own bytes"), wraps);
        }

        #[test]
        fn whatever_parses_is_the_only_form(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(wraps) = parse(bytes.clone()) {
                prop_assert_eq!(encode(wraps.keys()), bytes);
            }
        }
    }
}
