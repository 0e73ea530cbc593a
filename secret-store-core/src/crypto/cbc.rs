//! AES-CBC with PKCS#7 padding (NIST SP 800-38A, RFC 5652 section 6.3), for format 0 alone. No authentication.

use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

use crate::error::{Error, Result};
use crate::secret::SecretValue;

pub(crate) const IV_BYTES: usize = 16;
const BLOCK_BYTES: usize = 16;

/// Encrypts with a key of 16, 24 or 32 bytes.
pub(crate) fn encrypt(key: &[u8], iv: &[u8; IV_BYTES], plaintext: &[u8]) -> Result<Vec<u8>> {
    let mut buffer = vec![0; (plaintext.len() / BLOCK_BYTES + 1) * BLOCK_BYTES];
    match key.len() {
        16 => encrypt_with::<cbc::Encryptor<Aes128>>(key, iv, plaintext, &mut buffer)?,
        24 => encrypt_with::<cbc::Encryptor<Aes192>>(key, iv, plaintext, &mut buffer)?,
        32 => encrypt_with::<cbc::Encryptor<Aes256>>(key, iv, plaintext, &mut buffer)?,
        _ => return Err(Error::integrity()),
    }
    Ok(buffer)
}

fn encrypt_with<C: KeyIvInit + BlockModeEncrypt>(
    key: &[u8],
    iv: &[u8],
    plaintext: &[u8],
    out: &mut [u8],
) -> Result<()> {
    let cipher = C::new_from_slices(key, iv).map_err(|_| Error::integrity())?;
    cipher.encrypt_padded_b2b::<Pkcs7>(plaintext, out).map(drop).map_err(|_| Error::integrity())
}

/// Decrypts with a key of 16, 24 or 32 bytes. Every failure is [`Integrity`](crate::ErrorKind::Integrity); that a
/// failure shows at all is the weakness of this format.
pub(crate) fn decrypt(key: &[u8], iv: &[u8; IV_BYTES], ciphertext: &[u8]) -> Result<SecretValue> {
    if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK_BYTES) {
        return Err(Error::integrity());
    }
    // The value owns the buffer from the start, so that every early return wipes it.
    let mut value = SecretValue::new(vec![0; ciphertext.len()]);
    let buffer = value.buffer_mut();
    let length = match key.len() {
        16 => decrypt_with::<cbc::Decryptor<Aes128>>(key, iv, ciphertext, buffer)?,
        24 => decrypt_with::<cbc::Decryptor<Aes192>>(key, iv, ciphertext, buffer)?,
        32 => decrypt_with::<cbc::Decryptor<Aes256>>(key, iv, ciphertext, buffer)?,
        _ => return Err(Error::integrity()),
    };
    buffer.truncate(length);
    Ok(value)
}

fn decrypt_with<C: KeyIvInit + BlockModeDecrypt>(
    key: &[u8],
    iv: &[u8],
    ciphertext: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    let cipher = C::new_from_slices(key, iv).map_err(|_| Error::integrity())?;
    cipher.decrypt_padded_b2b::<Pkcs7>(ciphertext, out).map(<[u8]>::len).map_err(|_| Error::integrity())
}
