//! Nonces as clients hold them.

use std::fmt;

use secret_store_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::expiry::Expiry;
use crate::wire::serde_bytes;

const EXPIRY_BYTES: usize = 8;

/// A number that a server issued for one use: its expiry (u64 BE, milliseconds) and 24 random bytes.
///
/// Not secret: it only says *once* and *until then*. What it is for stands with the server that issued it. With serde it is a string of
/// base64url without padding in formats for people, bytes in others.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce([u8; Self::BYTES]);

impl Nonce {
    /// The number of bytes of a nonce.
    pub const BYTES: usize = 32;

    pub(super) fn generate(expiry: Expiry) -> Result<Self> {
        let mut bytes = [0; Self::BYTES];
        getrandom::fill(&mut bytes[EXPIRY_BYTES..]).map_err(no_randomness)?;
        bytes[..EXPIRY_BYTES].copy_from_slice(&expiry.as_millis().to_be_bytes());
        Ok(Self(bytes))
    }

    /// A nonce that came in; whether it was issued, [`Once::consume`](crate::Once::consume) finds out.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes to hand on.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Until when it is valid.
    #[must_use]
    pub fn expiry(&self) -> Expiry {
        let (expiry, _) = self.0.split_first_chunk().expect("a nonce has 32 bytes");
        Expiry::from_millis(u64::from_be_bytes(*expiry))
    }
}

pub(super) fn no_randomness(error: getrandom::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "the operating system gives no random bytes").with_source(error)
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce(until {} ms)", self.expiry().as_millis())
    }
}

impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_bytes::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = serde_bytes::deserialize(deserializer, Self::BYTES)?;
        let wrong = |_| serde::de::Error::custom("a nonce has 32 bytes");
        bytes.try_into().map(Self).map_err(wrong)
    }
}
