//! Bytes for serde: base64url where people read, bytes elsewhere.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Error, Expected, Visitor};
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

/// The visitor's own refusals would quote the value, and it may be plaintext.
macro_rules! refused {
    ($($method:ident($type:ty)),*) => {
        $(fn $method<E: Error>(self, _: $type) -> Result<Vec<u8>, E> {
            Err(E::custom(format_args!("the message is of another type: expected {}", &self as &dyn Expected)))
        })*
    };
}

struct Base64Url(usize);

impl Visitor<'_> for Base64Url {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "base64url without padding of at most {} bytes", self.0)
    }

    refused!(visit_bool(bool), visit_i64(i64), visit_i128(i128), visit_u64(u64), visit_u128(u128), visit_f64(f64));
    refused!(visit_bytes(&[u8]));

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

    refused!(visit_bool(bool), visit_i64(i64), visit_i128(i128), visit_u64(u64), visit_u128(u128), visit_f64(f64));
    refused!(visit_str(&str));

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

    /// Whatever stands where a message should: it may be the secret that somebody forgot to seal.
    #[test]
    fn no_refusal_quotes_what_it_refuses() {
        let refusals = [
            Bytes(40).visit_str::<Refusal>("hunter2").expect_err("a text"),
            Bytes(40).visit_string::<Refusal>("hunter2".into()).expect_err("a text"),
            Base64Url(40).visit_str::<Refusal>("hunter 2").expect_err("no base64url"),
            Base64Url(40).visit_bytes::<Refusal>(b"hunter2").expect_err("bytes"),
            Base64Url(40).visit_u64::<Refusal>(4_815_162_342).expect_err("a number"),
            Base64Url(40).visit_f64::<Refusal>(481.516).expect_err("a number"),
            Bytes(40).visit_i64::<Refusal>(-4_815_162_342).expect_err("a number"),
            Bytes(40).visit_i128::<Refusal>(4_815_162_342).expect_err("a number"),
            Base64Url(40).visit_u128::<Refusal>(4_815_162_342).expect_err("a number"),
            Bytes(40).visit_bool::<Refusal>(true).expect_err("a flag"),
        ];
        for refusal in refusals.map(|refusal| refusal.to_string()) {
            assert!(refusal.starts_with("the message is"), "{refusal}");
            assert!(!["hunter", "4815", "481", "true"].iter().any(|secret| refusal.contains(secret)), "{refusal}");
        }
        let refusal = Bytes(40).visit_str::<Refusal>("hunter2").expect_err("a text").to_string();
        assert_eq!(refusal, "the message is of another type: expected at most 40 bytes");
    }
}
