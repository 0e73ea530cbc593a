//! What comes over the wire.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secret_store_core::{Error, ErrorKind, Result};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};
use zeroize::Zeroizing;

use super::submission::{SealedSecret, Submission};
use crate::wire::Message;

/// The body of a request that stores a sealed secret: `{"sealed": true, "value": "<base64url of a sealed secret>"}`, in JSON or
/// another self-describing format.
///
/// It holds a seal, or the reason why there is none: plaintext that a client sends is not kept, so that no server stores it by mistake.
/// Whatever is of the format deserialises; [`put_sealed`](super::SealedIntake::put_sealed) refuses, and records, what is not sealed:
/// `sealed` is `false` or missing, `value` is no seal or missing, or there are other or repeated fields.
#[derive(Debug)]
pub struct SealedRequest(Result<SealedSecret>);

impl SealedRequest {
    /// The request for a sealed secret.
    #[must_use]
    pub fn new(sealed: SealedSecret) -> Self {
        Self(Ok(sealed))
    }

    /// A request with fields that came in another way than through serde. The value is the sealed secret's bytes; they are wiped.
    #[must_use]
    pub fn from_parts(sealed: bool, value: Vec<u8>) -> Self {
        let mut value = Zeroizing::new(value);
        if sealed { Self(take(&mut value)) } else { Self(Err(not_sealed())) }
    }

    pub(super) fn into_sealed(self) -> Result<SealedSecret> {
        self.0
    }
}

fn not_sealed() -> Error {
    Error::new(
        ErrorKind::NotSealed,
        "the secret is not sealed and nothing was stored: seal it to the organisation's key",
    )
}

/// Takes the bytes if they are a seal; otherwise they are wiped by whoever holds them.
fn take(value: &mut Zeroizing<Vec<u8>>) -> Result<SealedSecret> {
    Submission::parse(value)?;
    SealedSecret::from_bytes(std::mem::take(&mut **value))
}

impl Serialize for SealedRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sealed = self.0.as_ref().map_err(|_| serde::ser::Error::custom("there is no seal to send"))?;
        let mut fields = serializer.serialize_struct("SealedRequest", 2)?;
        fields.serialize_field("sealed", &true)?;
        fields.serialize_field("value", sealed)?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for SealedRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Fields)
    }
}

struct Fields;

/// What is no map is no seal either; the error of serde would quote it.
impl<'de> Visitor<'de> for Fields {
    type Value = SealedRequest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with `sealed` and `value`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SealedRequest, A::Error> {
        let (mut sealed, mut value, mut is_clean) = (None, None, true);
        while let Some(key) = map.next_key()? {
            match key {
                Key::Sealed if sealed.is_none() => sealed = Some(map.next_value::<Flag>()?.0),
                Key::Value if value.is_none() => value = Some(map.next_value::<Field>()?.0),
                Key::Sealed | Key::Value | Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                    is_clean = false;
                }
            }
        }
        let found = if is_clean && sealed == Some(true) { value } else { None };
        Ok(SealedRequest(found.unwrap_or_else(|| Err(not_sealed()))))
    }

    fn visit_str<E>(self, _: &str) -> Result<SealedRequest, E> {
        Ok(SealedRequest(Err(not_sealed())))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<SealedRequest, E> {
        Ok(SealedRequest(Err(not_sealed())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<SealedRequest, E> {
        Ok(SealedRequest(Err(not_sealed())))
    }

    fn visit_i64<E>(self, _: i64) -> Result<SealedRequest, E> {
        Ok(SealedRequest(Err(not_sealed())))
    }

    fn visit_u64<E>(self, _: u64) -> Result<SealedRequest, E> {
        Ok(SealedRequest(Err(not_sealed())))
    }

    fn visit_f64<E>(self, _: f64) -> Result<SealedRequest, E> {
        Ok(SealedRequest(Err(not_sealed())))
    }

    fn visit_unit<E>(self) -> Result<SealedRequest, E> {
        Ok(SealedRequest(Err(not_sealed())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<SealedRequest, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(SealedRequest(Err(not_sealed())))
    }
}

enum Key {
    Sealed,
    Value,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }
            fn visit_str<E>(self, name: &str) -> Result<Key, E> {
                Ok(match name {
                    "sealed" => Key::Sealed,
                    "value" => Key::Value,
                    _ => Key::Other,
                })
            }
        }
        deserializer.deserialize_identifier(Name)
    }
}

/// Whether it is `true`; anything else is not.
struct Flag(bool);

/// A seal, or why not; nothing of what it was otherwise.
struct Field(Result<SealedSecret>);

/// Takes a value of any type, and keeps what only one type gives.
macro_rules! any_value {
    ($type:ident, $other:expr, { $($method:item)* }) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Any;
                impl<'de> Visitor<'de> for Any {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("anything")
                    }
                    fn visit_i64<E>(self, _: i64) -> Result<$type, E> {
                        Ok($other)
                    }
                    fn visit_u64<E>(self, _: u64) -> Result<$type, E> {
                        Ok($other)
                    }
                    fn visit_f64<E>(self, _: f64) -> Result<$type, E> {
                        Ok($other)
                    }
                    fn visit_unit<E>(self) -> Result<$type, E> {
                        Ok($other)
                    }
                    fn visit_none<E>(self) -> Result<$type, E> {
                        Ok($other)
                    }
                    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<$type, A::Error> {
                        while seq.next_element::<IgnoredAny>()?.is_some() {}
                        Ok($other)
                    }
                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$type, A::Error> {
                        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                        Ok($other)
                    }
                    $($method)*
                }
                deserializer.deserialize_any(Any)
            }
        }
    };
}

any_value!(Flag, Flag(false), {
    fn visit_bool<E>(self, flag: bool) -> Result<Flag, E> {
        Ok(Flag(flag))
    }
    fn visit_str<E>(self, _: &str) -> Result<Flag, E> {
        Ok(Flag(false))
    }
    fn visit_bytes<E>(self, _: &[u8]) -> Result<Flag, E> {
        Ok(Flag(false))
    }
});

any_value!(Field, Field(Err(not_sealed())), {
    fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
        Ok(Field(Err(not_sealed())))
    }
    fn visit_str<E>(self, text: &str) -> Result<Field, E> {
        let limit = SealedSecret::MAX_BYTES;
        if text.len() > limit.div_ceil(3) * 4 {
            return Ok(Field(Err(Error::too_large("the sealed secret", limit as u64, (text.len() / 4 * 3) as u64))));
        }
        // What does not decode may be plaintext: the buffer is wiped, and the reason, which would quote it, dropped.
        let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
        let Ok(length) = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) else {
            return Ok(Field(Err(not_sealed())));
        };
        bytes.truncate(length);
        Ok(Field(take(&mut bytes)))
    }
    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Field, E> {
        let seal = Submission::parse(bytes).and_then(|_| SealedSecret::from_bytes(bytes.to_vec()));
        Ok(Field(seal))
    }
});
