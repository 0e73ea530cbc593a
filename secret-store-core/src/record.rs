//! What a persistence stores: a small sorted map of named values, and its one byte format.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use crate::error::{Error, Result};

/// The largest number of attributes in a record; ours have at most a dozen.
pub const MAX_ATTRIBUTES: usize = 64;

/// A record: attributes in the order of their names, each name once.
///
/// DynamoDB maps it to an item (S, B, N), the file backend to JSON; [`Record::to_bytes`] serves a backend with one
/// column of bytes. It holds ciphertext and names only, so its `Debug` is harmless, but it shows bytes by length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    attributes: Vec<(Cow<'static, str>, Value)>,
}

/// The value of one attribute.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A whole number.
    Number(u64),
}

impl Value {
    /// As [`Record::size`] counts it.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Number(_) => 21,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => write!(f, "[{} bytes]", bytes.len()),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl Record {
    /// An empty record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty record with room for this many attributes.
    #[must_use]
    pub fn with_capacity(attributes: usize) -> Self {
        Self { attributes: Vec::with_capacity(attributes) }
    }

    /// Sets an attribute, replacing one of the same name.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: Value) -> Self {
        self.set(name, value);
        self
    }

    /// Sets an attribute, replacing one of the same name.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        let name = name.into();
        // Whoever builds a record in order appends.
        if self.attributes.last().is_none_or(|(last, _)| *last < name) {
            return self.attributes.push((name, value));
        }
        match self.position(&name) {
            Ok(at) => self.attributes[at].1 = value,
            Err(at) => self.attributes.insert(at, (name, value)),
        }
    }

    /// Removes an attribute.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.position(name).ok().map(|at| self.attributes.remove(at).1)
    }

    fn position(&self, name: &str) -> std::result::Result<usize, usize> {
        self.attributes.binary_search_by(|(existing, _)| existing.as_ref().cmp(name))
    }

    /// An attribute's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.position(name).ok().map(|at| &self.attributes[at].1)
    }

    /// An attribute that is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&Arc<str>> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// An attribute that is bytes.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&Arc<[u8]>> {
        match self.get(name) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// An attribute that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.get(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// All attributes, sorted by name (as bytes).
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.attributes.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// The number of attributes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.attributes.len()
    }

    /// Whether the record has no attribute.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// The size in bytes: names in UTF-8 plus texts in UTF-8 plus bytes plus 21 for each number, which is how DynamoDB
    /// counts an item, at its upper bound.
    #[must_use]
    pub fn size(&self) -> usize {
        self.attributes.iter().map(|(name, value)| name.len() + value.size()).sum()
    }

    /// Refuses a record above a limit.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](crate::ErrorKind::TooLarge).
    pub fn check_size(&self, limit: usize) -> Result<()> {
        let size = self.size();
        if size > limit {
            return Err(Error::too_large("record", limit as u64, size as u64));
        }
        Ok(())
    }

    /// The record as bytes: a CBOR map (RFC 8949) in the deterministic encoding of its section 4.2.1, except that
    /// the keys, all text, are sorted by their own bytes rather than by their encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size() + 8 * (self.len() + 1));
        let mut encoder = Encoder::new(&mut out);
        self.encode(&mut encoder).expect("a Vec takes every byte");
        out
    }

    fn encode(
        &self,
        encoder: &mut Encoder<&mut Vec<u8>>,
    ) -> std::result::Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        encoder.map(self.len() as u64)?;
        for (name, value) in self.iter() {
            encoder.str(name)?;
            match value {
                Value::Text(text) => encoder.str(text)?,
                Value::Bytes(bytes) => encoder.bytes(bytes)?,
                Value::Number(number) => encoder.u64(*number)?,
            };
        }
        Ok(())
    }

    /// Parses what [`Record::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// [`Integrity`](crate::ErrorKind::Integrity) for anything else: truncated or trailing bytes, unsorted or duplicate
    /// names, another type, another encoding of the same record, more than [`MAX_ATTRIBUTES`] attributes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let record = Self::decode(bytes).map_err(|_| Error::integrity())?;
        // Deterministic encoding has one form for each record; comparing refuses every other form at once.
        if record.to_bytes() != bytes {
            return Err(Error::integrity());
        }
        Ok(record)
    }

    fn decode(bytes: &[u8]) -> std::result::Result<Self, minicbor::decode::Error> {
        let refuse = minicbor::decode::Error::message;
        let mut decoder = Decoder::new(bytes);
        let count = decoder.map()?.ok_or_else(|| refuse("indefinite map"))?;
        let count = usize::try_from(count).ok().filter(|count| *count <= MAX_ATTRIBUTES);
        let count = count.ok_or_else(|| refuse("too many attributes"))?;
        let mut attributes: Vec<(Cow<'static, str>, Value)> = Vec::with_capacity(count);
        for _ in 0..count {
            let name = decoder.str()?;
            if attributes.last().is_some_and(|(last, _)| last.as_ref() >= name) {
                return Err(refuse("unsorted"));
            }
            let value = match decoder.datatype()? {
                Type::String => Value::Text(decoder.str()?.into()),
                Type::Bytes => Value::Bytes(decoder.bytes()?.into()),
                Type::U8 | Type::U16 | Type::U32 | Type::U64 => Value::Number(decoder.u64()?),
                _ => return Err(refuse("type")),
            };
            attributes.push((Cow::Owned(name.to_owned()), value));
        }
        if decoder.position() != bytes.len() {
            return Err(refuse("trailing bytes"));
        }
        Ok(Self { attributes })
    }
}

impl<N: Into<Cow<'static, str>>> FromIterator<(N, Value)> for Record {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(attributes: I) -> Self {
        let mut record = Self::new();
        for (name, value) in attributes {
            record.set(name, value);
        }
        record
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Record {
        Record::new()
            .with("b", Value::from(&[1u8, 2, 3][..]))
            .with("a", Value::from("text"))
            .with("c", Value::from(300))
    }

    #[test]
    fn frozen_bytes() {
        assert_eq!(hex::encode(sample().to_bytes()), "a361616474657874616243010203616319012c");
    }

    #[test]
    fn every_truncation_extension_and_reordering_is_refused() {
        let bytes = sample().to_bytes();
        assert_eq!(Record::from_bytes(&bytes).expect("valid"), sample());
        for length in 0..bytes.len() {
            assert!(Record::from_bytes(&bytes[..length]).is_err(), "truncated to {length}");
        }
        let mut extended = bytes;
        extended.push(0);
        assert!(Record::from_bytes(&extended).is_err());
        for (what, refused) in [
            ("unsorted", "a2616201616102"),
            ("duplicate", "a2616101616102"),
            ("number in a longer form", "a161611801"),
            ("length in a longer form", "a1780161 6101".replace(' ', "").as_str()),
            ("indefinite map", "bf616101ff"),
            ("indefinite text", "a161617f6162ff"),
            ("negative number", "a1616120"),
            ("null", "a16161f6"),
            ("count beyond the bytes", "bb00000000ffffffff"),
            ("bytes as name", "a1416101"),
            ("text that is not UTF-8", "a1616161ff"),
        ] {
            let error = Record::from_bytes(&hex::decode(refused).expect("hex")).expect_err(what);
            assert_eq!(error.kind(), crate::ErrorKind::Integrity, "{what}");
        }
    }

    #[test]
    fn the_number_of_attributes_is_bounded() {
        let record = |count: usize| -> Record { (0..count).map(|n| (format!("{n:03}"), Value::from(1))).collect() };
        assert!(Record::from_bytes(&record(MAX_ATTRIBUTES).to_bytes()).is_ok());
        assert!(Record::from_bytes(&record(MAX_ATTRIBUTES + 1).to_bytes()).is_err());
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            ".*".prop_map(|text: String| Value::from(text.as_str())),
            proptest::collection::vec(any::<u8>(), 0..64).prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn bytes_round_trip(attributes in proptest::collection::vec((".{0,12}", any_value()), 0..12)) {
            let record: Record = attributes.into_iter().collect();
            prop_assert_eq!(Record::from_bytes(&record.to_bytes()).expect("own bytes"), record);
        }

        #[test]
        fn whatever_parses_is_the_only_form(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(record) = Record::from_bytes(&bytes) {
                prop_assert_eq!(record.to_bytes(), bytes);
            }
        }
    }
}
