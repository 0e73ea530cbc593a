//! AES-256-GCM under one key for messages, for the crates around this one.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::crypto::{Aead, Aes256Gcm, KEY_BYTES, NONCE_BYTES, TAG_BYTES};
use crate::error::{Error, Result};
use crate::key::random_bytes;
use crate::secret::SecretValue;

const COMMITMENT_BYTES: usize = 32;

/// A content encryption key: seals and opens messages of any kind under associated data, by the implementation of AES-256-GCM
/// that this build uses.
///
/// For protocols around the store that agree on keys of their own. A sealed message is
/// `nonce 12 | AES-256-GCM(0³² ‖ message) | tag 16`; the zero bytes commit it to its key (the padding fix of Albertini, Duong,
/// Gueron, Kölbl, Luykx, Schmieg, 2022). Nonces are random: use one key for far fewer than 2³² messages (NIST SP 800-38D, section
/// 8.3). The associated data should name the protocol, the purpose and the place of the message, in an unambiguous encoding.
/// Wiped on drop.
pub struct ContentKey(Aes256Gcm);

impl ContentKey {
    /// The number of bytes of a key.
    pub const BYTES: usize = KEY_BYTES;

    /// The number of bytes that a sealed message has beyond the message.
    pub const OVERHEAD_BYTES: usize = NONCE_BYTES + COMMITMENT_BYTES + TAG_BYTES;

    /// A key that a protocol agreed on: uniformly random, or derived for this one purpose. The caller wipes its copy.
    #[must_use]
    pub fn from_bytes(key: &[u8; KEY_BYTES]) -> Self {
        Self(Aes256Gcm::new(key))
    }

    /// A new random key, ready and in clear, for a protocol that hands it over.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn generate() -> Result<(Self, Zeroizing<[u8; KEY_BYTES]>)> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        random_bytes(&mut *key)?;
        Ok((Self::from_bytes(&key), key))
    }

    /// Seals a message with a fresh nonce.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn seal(&self, aad: &[u8], message: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        random_bytes(&mut nonce)?;
        self.seal_with(&nonce, aad, message)
    }

    /// The deterministic part.
    fn seal_with(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], message: &[u8]) -> Result<Vec<u8>> {
        // Sized once: growing would leave plaintext behind. Until it is encrypted the buffer is wiped on every exit.
        let mut sealed = Zeroizing::new(Vec::with_capacity(message.len() + Self::OVERHEAD_BYTES));
        sealed.extend_from_slice(nonce);
        sealed.resize(NONCE_BYTES + COMMITMENT_BYTES, 0);
        sealed.extend_from_slice(message);
        let tag = self.0.seal(nonce, aad, &mut sealed[NONCE_BYTES..])?;
        sealed.extend_from_slice(&tag);
        Ok(std::mem::take(&mut *sealed))
    }

    /// Opens a message that was sealed under this key and this associated data.
    ///
    /// # Errors
    ///
    /// [`Integrity`](crate::ErrorKind::Integrity), without a cause, for everything else.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretValue> {
        let (nonce, rest) = sealed.split_first_chunk().ok_or_else(Error::integrity)?;
        let (ciphertext, tag) = rest.split_last_chunk().ok_or_else(Error::integrity)?;
        if ciphertext.len() < COMMITMENT_BYTES {
            return Err(Error::integrity());
        }
        // The value owns the buffer from the start, so that every early return wipes it.
        let mut message = SecretValue::to_decrypt(ciphertext.len(), COMMITMENT_BYTES);
        let buffer = message.buffer_mut();
        self.0.open(nonce, aad, ciphertext, tag, buffer)?;
        let committed: bool = buffer[..COMMITMENT_BYTES].ct_eq(&[0; COMMITMENT_BYTES]).into();
        if committed { Ok(message) } else { Err(Error::integrity()) }
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn opens_under_its_key_and_associated_data_only() {
        let (key, bytes) = ContentKey::generate().expect("random");
        for message in [&b""[..], b"m", &[0x5A; 5000]] {
            let sealed = key.seal(b"place", message).expect("seals");
            assert_eq!(sealed.len(), message.len() + ContentKey::OVERHEAD_BYTES);
            let again = ContentKey::from_bytes(&bytes);
            assert_eq!(again.open(b"place", &sealed).expect("opens").expose_secret(), message);
            assert!(again.open(b"other", &sealed).is_err());
            assert!(ContentKey::generate().expect("random").0.open(b"place", &sealed).is_err());
        }
    }

    #[test]
    fn every_flipped_bit_truncation_and_extension_is_refused() {
        let key = ContentKey::from_bytes(&[7; 32]);
        let sealed = key.seal(b"place", b"message").expect("seals");
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(b"place", &flipped).expect_err("flipped").kind(), ErrorKind::Integrity);
        }
        for length in 0..sealed.len() {
            assert_eq!(key.open(b"place", &sealed[..length]).expect_err("cut").kind(), ErrorKind::Integrity);
        }
        assert!(key.open(b"place", &[&sealed[..], &[0]].concat()).is_err());
    }

    /// Authentic under the key, but without the zero bytes that commit to it.
    #[test]
    fn a_message_without_its_commitment_is_refused() {
        let (nonce, mut buffer) = ([9; NONCE_BYTES], [1; 40]);
        let cipher = Aes256Gcm::new(&[7; 32]);
        let tag = cipher.seal(&nonce, b"place", &mut buffer).expect("seals");
        let forged = [&nonce[..], &buffer, &tag].concat();
        let refusal = ContentKey::from_bytes(&[7; 32]).open(b"place", &forged).expect_err("not committed");
        assert_eq!(refusal.kind(), ErrorKind::Integrity);
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", ContentKey::from_bytes(&[0x41; 32])), "ContentKey([redacted])");
    }
}
