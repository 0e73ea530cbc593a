//! A record as a file: JSON that a person can read, and only one form of it.
//!
//! The file names its own partition and sort key, so that a file moved to another record's place is refused.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secret_store_core::{Error, MAX_ATTRIBUTES, Record, RecordKey, Result, Revision, Stored, Value};
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest record file that is read, in bytes: JSON needs at most six bytes for one of the 1 MiB that a record
/// holds, and the rest is for the key and the punctuation.
pub(crate) const MAX_FILE_BYTES: usize = 8 * 1024 * 1024;

/// A record with its key and its revision: what one file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordFile {
    pub(crate) partition: Arc<str>,
    pub(crate) sort: Arc<str>,
    pub(crate) revision: Arc<str>,
    attributes: Attributes,
}

#[derive(Clone, Debug, PartialEq)]
struct Attributes(Arc<Record>);

/// `{"text": "…"}`, `{"bytes": "base64"}` or `{"number": "decimal"}`: the number as text, because JSON readers round
/// numbers above 2^53.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Attribute<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Bytes(#[serde(borrow)] Cow<'a, str>),
    Number(#[serde(borrow)] Cow<'a, str>),
}

impl RecordFile {
    pub(crate) fn new(key: &RecordKey, revision: &Arc<str>, record: Arc<Record>) -> Self {
        Self {
            partition: Arc::clone(key.partition()),
            sort: Arc::clone(key.sort()),
            revision: Arc::clone(revision),
            attributes: Attributes(record),
        }
    }

    pub(crate) fn key(&self) -> RecordKey {
        RecordKey::new(Arc::clone(&self.partition), Arc::clone(&self.sort))
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        to_json(self)
    }

    /// Parses a file.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        from_json(bytes)
    }

    /// Parses the file that stands in the place of `key`.
    pub(crate) fn stored_at(bytes: &[u8], partition: &str, sort: &str) -> Result<Stored> {
        let file = Self::from_bytes(bytes)?;
        if *file.partition != *partition || *file.sort != *sort {
            return Err(Error::integrity());
        }
        Ok(Stored { record: file.attributes.0, revision: Revision::new(file.revision) })
    }
}

/// Indented JSON with a line feed at its end.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("texts and maps of texts always serialise");
    bytes.push(b'\n');
    bytes
}

/// Parses what [`to_json`] wrote and nothing else: another order, spacing, escape or number form of the same content,
/// unknown and duplicate fields and trailing bytes are refused.
pub(crate) fn from_json<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let value = serde_json::from_slice(bytes).map_err(|_| Error::integrity())?;
    // One value has one form; comparing refuses every other at once.
    if to_json(&value) != bytes {
        return Err(Error::integrity());
    }
    Ok(value)
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0.iter() {
            let attribute = match value {
                Value::Text(text) => Attribute::Text(Cow::Borrowed(text)),
                Value::Bytes(bytes) => Attribute::Bytes(STANDARD.encode(bytes).into()),
                Value::Number(number) => Attribute::Number(number.to_string().into()),
            };
            map.serialize_entry(name, &attribute)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Attributes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "at most {MAX_ATTRIBUTES} attributes")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Attributes, M::Error> {
                let mut record = Record::new();
                while let Some(name) = map.next_key::<String>()? {
                    if record.len() == MAX_ATTRIBUTES {
                        return Err(M::Error::custom("too many attributes"));
                    }
                    record.set(name, value_of(&map.next_value()?).map_err(M::Error::custom)?);
                }
                Ok(Attributes(Arc::new(record)))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

fn value_of(attribute: &Attribute<'_>) -> Result<Value, &'static str> {
    Ok(match attribute {
        Attribute::Text(text) => Value::Text(text.as_ref().into()),
        Attribute::Bytes(text) => Value::Bytes(STANDARD.decode(text.as_bytes()).map_err(|_| "not base64")?.into()),
        Attribute::Number(text) => Value::Number(text.parse().map_err(|_| "not a number")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secret_store_core::ErrorKind;

    const FROZEN: &str = r#"{
  "partition": "App",
  "sort": "a\u0000b",
  "revision": "0123",
  "attributes": {
    "Count": {
      "number": "18446744073709551615"
    },
    "Empty": {
      "bytes": ""
    },
    "Name": {
      "text": "é\n"
    },
    "Value": {
      "bytes": "AP+A"
    }
  }
}
"#;

    fn sample() -> RecordFile {
        let record = Record::new()
            .with("Name", Value::from("é\n"))
            .with("Value", Value::from(vec![0, 255, 128]))
            .with("Empty", Value::from(vec![]))
            .with("Count", Value::from(u64::MAX));
        RecordFile::new(&RecordKey::new("App", "a\0b"), &"0123".into(), Arc::new(record))
    }

    #[test]
    fn frozen_form() {
        assert_eq!(String::from_utf8(sample().to_bytes()).expect("JSON is text"), FROZEN);
        assert_eq!(RecordFile::from_bytes(FROZEN.as_bytes()).expect("own form"), sample());
    }

    #[test]
    fn every_truncation_and_appended_byte_is_refused() {
        for length in 0..FROZEN.len() {
            let error = RecordFile::from_bytes(&FROZEN.as_bytes()[..length]).expect_err("truncated");
            assert_eq!(error.kind(), ErrorKind::Integrity, "{length}");
        }
        for byte in 0..=255 {
            let mut extended = FROZEN.as_bytes().to_vec();
            extended.push(byte);
            assert!(RecordFile::from_bytes(&extended).is_err(), "{byte}");
        }
    }

    #[test]
    fn every_flipped_bit_is_refused_or_another_record() {
        for index in 0..FROZEN.len() * 8 {
            let mut bytes = FROZEN.as_bytes().to_vec();
            bytes[index / 8] ^= 1 << (index % 8);
            match RecordFile::from_bytes(&bytes) {
                Ok(file) => assert_ne!(file, sample(), "bit {index}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Integrity, "bit {index}"),
            }
        }
    }

    #[test]
    fn another_form_of_the_same_content_is_refused() {
        for (what, from, to) in [
            ("an unknown field", "\"revision\"", "\"extra\": \"\",\n  \"revision\""),
            ("a duplicate field", "  \"sort\"", "  \"sort\": \"a\\u0000b\",\n  \"sort\""),
            ("a missing field", "  \"revision\": \"0123\",\n", ""),
            (
                "a duplicate attribute",
                "    \"Empty\"",
                "    \"Empty\": {\n      \"bytes\": \"\"\n    },\n    \"Empty\"",
            ),
            ("a second value", "\"bytes\": \"\"", "\"bytes\": \"\",\n      \"text\": \"\""),
            ("an unknown type", "\"number\"", "\"float\""),
            ("a number that JSON rounds", "\"18446744073709551615\"", "18446744073709551615"),
            ("a number too large", "18446744073709551615", "18446744073709551616"),
            ("a negative number", "18446744073709551615", "-1"),
            ("a number in a longer form", "18446744073709551615", "018446744073709551615"),
            ("base64 with loose bits", "AP+A", "AP+B=="),
            ("base64 for URLs", "AP+A", "AP-A"),
            ("base64 without padding", "AP+A", "AP+"),
            ("an escape where none is needed", "App", "\\u0041pp"),
            ("other spacing", "  \"sort\"", "   \"sort\""),
            ("null", "\"0123\"", "null"),
        ] {
            let changed = FROZEN.replacen(from, to, 1);
            assert_ne!(changed, FROZEN, "{what}");
            let error = RecordFile::from_bytes(changed.as_bytes()).expect_err(what);
            assert_eq!(error.kind(), ErrorKind::Integrity, "{what}");
        }
        assert!(RecordFile::from_bytes(br#"["App","a","1",{}]"#).is_err(), "fields without names");
        assert!(RecordFile::from_bytes("[".repeat(100_000).as_bytes()).is_err(), "deep nesting");
    }

    #[test]
    fn the_number_of_attributes_is_bounded() {
        let file = |count: usize| {
            let record: Record = (0..count).map(|n| (format!("{n:03}"), Value::from(1))).collect();
            RecordFile::new(&RecordKey::new("p", "s"), &"1".into(), Arc::new(record)).to_bytes()
        };
        assert!(RecordFile::from_bytes(&file(MAX_ATTRIBUTES)).is_ok());
        assert!(RecordFile::from_bytes(&file(MAX_ATTRIBUTES + 1)).is_err());
    }

    #[test]
    fn a_file_in_another_place_is_refused() {
        let bytes = sample().to_bytes();
        assert!(RecordFile::stored_at(&bytes, "App", "a\0b").is_ok());
        for (partition, sort) in [("App", "a"), ("app", "a\0b"), ("", "a\0b")] {
            assert!(RecordFile::stored_at(&bytes, partition, sort).is_err());
        }
    }

    proptest! {
        #[test]
        fn files_round_trip(
            partition in any::<String>(), sort in any::<String>(), text in any::<String>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..64), number in any::<u64>(), name in any::<String>(),
        ) {
            let record = Record::new()
                .with("text", Value::from(text.as_str()))
                .with("bytes", Value::from(bytes))
                .with(name, Value::from(number));
            let file = RecordFile::new(&RecordKey::new(partition, sort), &"r".into(), Arc::new(record));
            prop_assert_eq!(RecordFile::from_bytes(&file.to_bytes()).expect("own bytes"), file);
        }
    }
}
