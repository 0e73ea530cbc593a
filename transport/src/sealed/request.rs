//! What comes over the wire.

mod anything;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secret_store_core::{Error, ErrorKind, Result};
use serde::de::{Deserialize, Deserializer, MapAccess};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};
use zeroize::Zeroizing;

use super::submission::{SealedSecret, Submission};
use crate::wire::Message;
use anything::{Any, Anything, Ignored};

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

/// What is no map is no seal either; the error of serde would quote it.
impl Anything for SealedRequest {
    fn other() -> Self {
        Self(Err(not_sealed()))
    }

    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let (mut sealed, mut value, mut is_clean) = (None, None, true);
        while let Some(Any(key)) = map.next_key()? {
            match key {
                Key::Sealed if sealed.is_none() => sealed = Some(map.next_value::<Any<Flag>>()?.0.0),
                Key::Value if value.is_none() => value = Some(map.next_value::<Any<Field>>()?.0.0),
                Key::Sealed | Key::Value | Key::Other => {
                    map.next_value::<Any<Ignored>>()?;
                    is_clean = false;
                }
            }
        }
        let found = if is_clean && sealed == Some(true) { value } else { None };
        Ok(Self(found.unwrap_or_else(|| Err(not_sealed()))))
    }
}

impl<'de> Deserialize<'de> for SealedRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Any::deserialize(deserializer).map(|Any(request)| request)
    }
}

enum Key {
    Sealed,
    Value,
    Other,
}

impl Anything for Key {
    fn other() -> Self {
        Self::Other
    }

    fn text(name: &str) -> Self {
        match name {
            "sealed" => Self::Sealed,
            "value" => Self::Value,
            _ => Self::Other,
        }
    }
}

/// Whether it is `true`; anything else is not.
struct Flag(bool);

impl Anything for Flag {
    fn other() -> Self {
        Self(false)
    }

    fn boolean(flag: bool) -> Self {
        Self(flag)
    }
}

/// A seal, or why not; nothing of what it was otherwise.
struct Field(Result<SealedSecret>);

impl Anything for Field {
    fn other() -> Self {
        Self(Err(not_sealed()))
    }

    fn text(text: &str) -> Self {
        let limit = SealedSecret::MAX_BYTES;
        if text.len() > limit.div_ceil(3) * 4 {
            return Self(Err(Error::too_large("the sealed secret", limit as u64, (text.len() / 4 * 3) as u64)));
        }
        // What does not decode may be plaintext: the buffer is wiped, and the reason, which would quote it, dropped.
        let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
        let Ok(length) = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) else {
            return Self::other();
        };
        bytes.truncate(length);
        Self(take(&mut bytes))
    }

    fn bytes(bytes: &[u8]) -> Self {
        Self(Submission::parse(bytes).and_then(|_| SealedSecret::from_bytes(bytes.to_vec())))
    }
}
