//! What a forger does to one record.

use std::borrow::Cow;
use std::sync::Arc;

use secret_store_core::{Record, Value};

/// One change to one record. Attributes that are not there are left alone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Forgery {
    /// Another record stands there, an older one of the same key for instance.
    Replace(Arc<Record>),
    /// Inverts one bit of an attribute of bytes, numbered from the lowest bit of the first byte, or of a number.
    Flip {
        /// The attribute.
        attribute: String,
        /// The bit.
        bit: usize,
    },
    /// Cuts bytes or text (in bytes of UTF-8, down to a whole character) to this length.
    Truncate {
        /// The attribute.
        attribute: String,
        /// The length left.
        length: usize,
    },
    /// Appends a zero byte, or a space to a text.
    Extend {
        /// The attribute.
        attribute: String,
    },
    /// Removes an attribute.
    Remove {
        /// The attribute.
        attribute: String,
    },
    /// Gives an attribute another value, also of another kind.
    Set {
        /// The attribute.
        attribute: String,
        /// The value.
        value: Value,
    },
}

impl Forgery {
    /// The record after the change.
    #[must_use]
    pub fn of(&self, record: &Record) -> Record {
        let mut forged = record.clone();
        match self {
            Self::Replace(other) => return Record::clone(other),
            Self::Remove { attribute } => drop(forged.remove(attribute)),
            Self::Set { attribute, value } => forged.set(Cow::Owned(attribute.clone()), value.clone()),
            Self::Flip { attribute, bit } => change(&mut forged, attribute, |value| flipped(value, *bit)),
            Self::Truncate { attribute, length } => change(&mut forged, attribute, |value| truncated(value, *length)),
            Self::Extend { attribute } => change(&mut forged, attribute, extended),
        }
        forged
    }

    /// Every single-attribute change of a record: each bit of its bytes and numbers flipped, each truncation, one byte
    /// appended, the attribute removed, the attribute of another kind.
    #[must_use]
    pub fn every(record: &Record) -> Vec<Self> {
        record.iter().flat_map(|(attribute, value)| Self::every_of(attribute, value)).collect()
    }

    fn every_of(attribute: &str, value: &Value) -> Vec<Self> {
        let name = || attribute.to_owned();
        let flip = |bit| Self::Flip { attribute: name(), bit };
        let truncate = |length| Self::Truncate { attribute: name(), length };
        let (mut all, other): (Vec<_>, Value) = match value {
            Value::Bytes(bytes) => {
                let flips = (0..bytes.len() * 8).map(flip);
                (flips.chain((0..bytes.len()).map(truncate)).collect(), Value::from("text"))
            }
            Value::Text(text) => ((0..text.len()).map(truncate).collect(), Value::from(text.as_bytes())),
            Value::Number(number) => ((0..64).map(flip).collect(), Value::from(number.to_string().as_str())),
        };
        all.push(Self::Extend { attribute: name() });
        all.push(Self::Remove { attribute: name() });
        all.push(Self::Set { attribute: name(), value: other });
        all
    }
}

fn change(record: &mut Record, attribute: &str, work: impl FnOnce(&Value) -> Option<Value>) {
    if let Some(value) = record.get(attribute).and_then(work) {
        record.set(Cow::Owned(attribute.to_owned()), value);
    }
}

fn flipped(value: &Value, bit: usize) -> Option<Value> {
    match value {
        Value::Bytes(bytes) => {
            let mut bytes = bytes.to_vec();
            *bytes.get_mut(bit / 8)? ^= 1 << (bit % 8);
            Some(Value::from(bytes))
        }
        Value::Number(number) => Some(Value::from(number ^ 1u64.checked_shl(u32::try_from(bit).ok()?)?)),
        Value::Text(_) => None,
    }
}

fn truncated(value: &Value, length: usize) -> Option<Value> {
    match value {
        Value::Bytes(bytes) => bytes.get(..length).map(Value::from),
        Value::Text(text) if length < text.len() => {
            (0..=length).rev().find_map(|whole| text.get(..whole)).map(Value::from)
        }
        Value::Text(_) => None,
        Value::Number(_) => None,
    }
}

fn extended(value: &Value) -> Option<Value> {
    match value {
        Value::Bytes(bytes) => Some(Value::from([bytes, &[0][..]].concat())),
        Value::Text(text) => Some(Value::from(format!("{text} ").as_str())),
        Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_forgery_changes_something_or_extends_a_number() {
        let record = Record::new()
            .with("Bytes", Value::from(&[1u8, 2][..]))
            .with("Number", Value::from(7))
            .with("Text", Value::from("é"));
        let all = Forgery::every(&record);
        // Bytes: 16 flips, 2 truncations; number: 64 flips; text: 2 truncations; each: extended, removed, another kind.
        assert_eq!(all.len(), 16 + 2 + 64 + 2 + 3 * 3);
        for forgery in &all {
            let unchanged = forgery.of(&record) == record;
            let of_number = matches!(forgery, Forgery::Extend { attribute } if attribute == "Number");
            assert_eq!(unchanged, of_number, "{forgery:?}");
        }
    }
}
