//! Bytes for serde: base64url where people read, bytes elsewhere.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.collect_str(&base64::display::Base64Display::new(bytes, &URL_SAFE_NO_PAD))
    } else {
        serializer.serialize_bytes(bytes)
    }
}

/// At most `limit` bytes; of more, nothing is allocated here.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D, limit: usize) -> Result<Vec<u8>, D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_str(Base64Url(limit))
    } else {
        deserializer.deserialize_bytes(Bytes(limit))
    }
}

struct Base64Url(usize);

impl Visitor<'_> for Base64Url {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "base64url without padding of at most {} bytes", self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        if text.len() > self.0.div_ceil(3) * 4 {
            return Err(E::custom(format_args!("the message is longer than {} bytes", self.0)));
        }
        // The reason would quote the text.
        URL_SAFE_NO_PAD.decode(text).map_err(|_| E::custom("the message is not base64url without padding"))
    }
}

struct Bytes(usize);

impl Visitor<'_> for Bytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} bytes", self.0)
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        if bytes.len() > self.0 {
            return Err(E::custom(format_args!("the message is longer than {} bytes", self.0)));
        }
        Ok(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Refusal = serde::de::value::Error;

    #[test]
    fn what_is_too_long_is_refused_before_it_is_copied() {
        assert_eq!(Bytes(4).visit_bytes::<Refusal>(&[7; 4]).expect("fits"), [7; 4]);
        let refusal = Bytes(4).visit_bytes::<Refusal>(&[7; 5]).expect_err("too long");
        assert!(refusal.to_string().contains("longer than 4 bytes"), "{refusal}");
        assert_eq!(Base64Url(3).visit_str::<Refusal>("AQID").expect("fits"), [1, 2, 3]);
        // Not base64url either: it was not looked at.
        let refusal = Base64Url(3).visit_str::<Refusal>("!!!!!").expect_err("too long");
        assert!(refusal.to_string().contains("longer than 3 bytes"), "{refusal}");
    }
}
