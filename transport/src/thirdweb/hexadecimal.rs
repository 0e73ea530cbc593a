//! Hexadecimal text for serde, measured before anything is allocated.

use std::fmt;

use serde::de::{Error, Visitor};

/// Of exactly `N` bytes.
pub(super) mod fixed {
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<const N: usize, S: Serializer>(bytes: &[u8; N], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(crate) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; N], D::Error> {
        deserializer.deserialize_str(super::Fixed::<N>)
    }
}

/// Of at most as many bytes as a ciphertext has.
pub(super) mod bounded {
    use serde::{Deserializer, Serializer};

    use crate::thirdweb::sealed::{Ciphertext, MAX_CIPHERTEXT_BYTES};

    pub(crate) fn serialize<S: Serializer>(bytes: &Ciphertext, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ciphertext, D::Error> {
        deserializer.deserialize_str(super::Bounded(MAX_CIPHERTEXT_BYTES))
    }
}

struct Fixed<const N: usize>;

impl<const N: usize> Visitor<'_> for Fixed<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hexadecimal digits", 2 * N)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<[u8; N], E> {
        let mut bytes = [0; N];
        // The reason would quote the text.
        let wrong = |_| E::custom(format_args!("not {} hexadecimal digits", 2 * N));
        hex::decode_to_slice(text, &mut bytes).map_err(wrong)?;
        Ok(bytes)
    }
}

struct Bounded(usize);

impl Visitor<'_> for Bounded {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hexadecimal digits of at most {} bytes", self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        if text.len() > 2 * self.0 {
            return Err(E::custom(format_args!("the ciphertext is longer than {} bytes", self.0)));
        }
        hex::decode(text).map_err(|_| E::custom("the ciphertext is not hexadecimal"))
    }
}
