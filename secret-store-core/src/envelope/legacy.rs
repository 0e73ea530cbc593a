//! Format 0, the original Secret Store's: AES-CBC-PKCS#7 of the value under a 16-byte IV, and nothing else.
//!
//! No integrity: a flipped IV bit flips a bit of the first block, and records can be swapped. No confidentiality either against a
//! database writer who sees which reads fail (a padding oracle). Read only where the application is configured so.

use crate::context::EncryptionContext;
use crate::crypto::cbc;
use crate::error::{Error, Result};
use crate::key::DocumentKey;
use crate::secret::SecretValue;

pub(crate) use crate::crypto::cbc::IV_BYTES;

const BLOCK_BYTES: usize = 16;

/// Seals one value and uses the key up. Answers the stored value and its IV.
#[expect(clippy::needless_pass_by_value, reason = "by value so that no key seals twice")]
pub(crate) fn seal(key: DocumentKey, value: &[u8]) -> Result<(Vec<u8>, [u8; IV_BYTES])> {
    EncryptionContext::legacy().check_key_bytes(key.expose_secret().len())?;
    let iv = key.nonce()?;
    Ok((cbc::encrypt(key.expose_secret(), &iv, value)?, iv))
}

/// A format-0 value whose size was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed<'a> {
    iv: &'a [u8; IV_BYTES],
    ciphertext: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Checks everything that needs no key.
    pub(crate) fn parse(iv: &'a [u8; IV_BYTES], ciphertext: &'a [u8]) -> Result<Self> {
        if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK_BYTES) {
            return Err(Error::integrity());
        }
        Ok(Self { iv, ciphertext })
    }

    pub(crate) fn open(&self, key: &[u8]) -> Result<SecretValue> {
        cbc::decrypt(key, self.iv, self.ciphertext)
    }
}
