//! Format 1: `"SS1" | u8 suite | u16 flags | AEAD(document key, nonce, 0³² ‖ value, AAD)`.
//!
//! The document key is uniformly random and seals one value. The 32 zero bytes in front of the value commit the ciphertext to
//! its key (the padding fix of Albertini, Duong, Gueron, Kölbl, Luykx, Schmieg: *How to Abuse and Fix Authenticated Encryption
//! Without Key Commitment*, 2022): without them one GCM ciphertext can open under two keys to two values.

use std::sync::Arc;

use subtle::ConstantTimeEq;

use crate::context::{Suite, ValueAad};
use crate::crypto::{Aead, KEY_BYTES, Sealing, TAG_BYTES};
use crate::error::{Error, ErrorKind, Result};
use crate::key::DocumentKey;
use crate::secret::SecretValue;

pub(crate) use crate::crypto::NONCE_BYTES;

const MAGIC: &[u8; 3] = b"SS1";
const HEADER_BYTES: usize = MAGIC.len() + 1 + 2;
const COMMITMENT_BYTES: usize = 32;

/// What a sealed value has beyond the value itself.
pub(crate) const OVERHEAD_BYTES: usize = HEADER_BYTES + COMMITMENT_BYTES + TAG_BYTES;

/// Seals one value and uses the key up. Answers the stored value and its nonce.
pub(crate) fn seal<A: Aead>(key: DocumentKey, aad: &ValueAad, value: &[u8]) -> Result<(Arc<[u8]>, [u8; NONCE_BYTES])> {
    let nonce = key.nonce()?;
    let cipher = A::new(key_bytes(&key)?);
    drop(key);
    Ok((seal_with(&cipher, &nonce, aad, value)?, nonce))
}

fn key_bytes(key: &DocumentKey) -> Result<&[u8; KEY_BYTES]> {
    key.expose_secret().try_into().map_err(|_| Error::integrity())
}

/// The deterministic part, apart so that known answers can be checked.
pub(crate) fn seal_with<A: Aead>(
    cipher: &A,
    nonce: &[u8; NONCE_BYTES],
    aad: &ValueAad,
    value: &[u8],
) -> Result<Arc<[u8]>> {
    let mut sealing = Sealing::new(value.len() + OVERHEAD_BYTES);
    let (header, rest) = sealing.bytes().split_at_mut(HEADER_BYTES);
    header[..MAGIC.len()].copy_from_slice(MAGIC);
    header[MAGIC.len()] = Suite::Aes256Gcm as u8;
    let (body, tag) = rest.split_at_mut(COMMITMENT_BYTES + value.len());
    body[COMMITMENT_BYTES..].copy_from_slice(value);
    tag.copy_from_slice(&cipher.seal(nonce, aad.as_bytes(), body)?);
    Ok(sealing.done())
}

/// A format-1 value whose header was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed<'a> {
    nonce: &'a [u8; NONCE_BYTES],
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG_BYTES],
}

impl<'a> Sealed<'a> {
    /// Checks everything that needs no key.
    #[inline]
    pub(crate) fn parse(nonce: &'a [u8; NONCE_BYTES], value: &'a [u8]) -> Result<Self> {
        let (header, body) = value.split_first_chunk::<HEADER_BYTES>().ok_or_else(Error::integrity)?;
        let [magic @ .., suite, flags_high, flags_low] = header;
        if magic != MAGIC {
            return Err(unknown_magic(magic));
        }
        if *suite != Suite::Aes256Gcm as u8 {
            return Err(Error::new(ErrorKind::Unsupported, format!("suite {suite} is unknown: upgrade the library")));
        }
        if [*flags_high, *flags_low] != [0, 0] {
            return Err(Error::new(ErrorKind::Unsupported, "unknown flags are set: upgrade the library"));
        }
        let (ciphertext, tag) = body.split_last_chunk().ok_or_else(Error::integrity)?;
        if ciphertext.len() < COMMITMENT_BYTES {
            return Err(Error::integrity());
        }
        Ok(Self { nonce, ciphertext, tag })
    }

    /// Opens the value into a buffer of its own, where it stays behind its commitment bytes.
    #[inline]
    pub(crate) fn open<A: Aead, B: AsRef<[u8]>>(&self, cipher: &A, aad: &ValueAad<B>) -> Result<SecretValue> {
        // The value owns the buffer from the start, so that every early return wipes it.
        let mut value = SecretValue::to_decrypt(self.ciphertext.len(), COMMITMENT_BYTES);
        let buffer = value.buffer_mut();
        cipher.open(self.nonce, aad.as_bytes(), self.ciphertext, self.tag, buffer)?;
        if is_zero(&buffer[..COMMITMENT_BYTES]) { Ok(value) } else { Err(Error::integrity()) }
    }
}

/// In constant time: all words are joined before one of them is looked at. `subtle` compares byte by byte.
#[inline]
fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks();
    let joined = words.iter().fold(0, |joined, word| joined | u64::from_ne_bytes(*word));
    let rest = rest.iter().fold(0, |joined, byte| joined | *byte);
    (joined | u64::from(rest)).ct_eq(&0).into()
}

/// A later release would call its format `SS2`: say so instead of calling it damaged.
fn unknown_magic(magic: &[u8]) -> Error {
    match magic {
        [b'S', b'S', digit @ b'2'..=b'9'] => {
            Error::new(ErrorKind::Unsupported, format!("format {} is unknown: upgrade the library", char::from(*digit)))
        }
        _ => Error::integrity(),
    }
}
