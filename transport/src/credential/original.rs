//! Credentials of the original vault, for import.
//!
//! Each field is by itself: lower-case hexadecimal of `iv 12 | ciphertext | tag 16`, AES-256-GCM under the user's data key without
//! associated data, of the JSON encoding of the field (a string).
//!
//! **What that admits**: nothing says whose field it is, or which. Who can write to the original's database can have exchanged the
//! fields and credentials of one user for each other, and no import can tell. Have the user look at what was imported.

pub(crate) mod json;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Key};
use secret_store_core::{Error, ErrorKind, Result, SecretValue};
use zeroize::Zeroizing;

use super::message::MAX_CREDENTIAL_BYTES;

const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// JSON may write each byte as six.
const MAX_SEALED_BYTES: usize = IV_BYTES + 6 * MAX_CREDENTIAL_BYTES + 2 + TAG_BYTES;

/// Opens one field of a credential of the original vault, with the user's data key of that vault. Encrypt it then by
/// [`encrypt_credential`](super::encrypt_credential), under another key: one key never serves two formats.
///
/// # Errors
///
/// [`InvalidInput`](ErrorKind::InvalidInput) for what is no lower-case hexadecimal of that layout,
/// [`TooLarge`](ErrorKind::TooLarge) for more than a credential can hold, [`Integrity`](ErrorKind::Integrity) where it does not
/// open under this key or does not hold one JSON string.
pub fn import_original(data_key: &[u8; 32], field: &str) -> Result<SecretValue> {
    let mut buffer = decode(field)?;
    let (iv, rest) = buffer.split_at_mut(IV_BYTES);
    let (plaintext, tag) = rest.split_at_mut(rest.len() - TAG_BYTES);
    let iv: &[u8; IV_BYTES] = (&*iv).try_into().map_err(|_| Error::integrity())?;
    let tag: &[u8; TAG_BYTES] = (&*tag).try_into().map_err(|_| Error::integrity())?;
    Aes256Gcm::new(<&Key<Aes256Gcm>>::from(data_key))
        .decrypt_inout_detached(iv.into(), b"", (&mut *plaintext).into(), tag.into())
        .map_err(|_| Error::integrity())?;
    let value = json::string(plaintext)?;
    if value.len() > MAX_CREDENTIAL_BYTES {
        return Err(Error::too_large("the value of a credential", MAX_CREDENTIAL_BYTES as u64, value.len() as u64));
    }
    Ok(value)
}

/// At least an initialisation vector and a tag. The buffer is to hold the plaintext: it is wiped.
fn decode(field: &str) -> Result<Zeroizing<Vec<u8>>> {
    let refused = || {
        Error::new(
            ErrorKind::InvalidInput,
            "this is no field of the original: it has lower-case hexadecimal digits of 28 bytes or more",
        )
    };
    if field.len() / 2 > MAX_SEALED_BYTES {
        return Err(Error::too_large("the field", MAX_SEALED_BYTES as u64, (field.len() / 2) as u64));
    }
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(refused()),
    };
    if !field.len().is_multiple_of(2) || field.len() / 2 < IV_BYTES + TAG_BYTES {
        return Err(refused());
    }
    let mut out = Zeroizing::new(Vec::with_capacity(field.len() / 2));
    for pair in field.as_bytes().chunks_exact(2) {
        out.push(digit(pair[0])? << 4 | digit(pair[1])?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
