//! One wrap for every provider that holds its keys itself.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::context::EncryptionContext;
use crate::crypto::{Aead, Aes256Gcm, KEY_BYTES, NONCE_BYTES, Sealing, TAG_BYTES};
use crate::error::{Error, Result};
use crate::key::{DocumentKey, random_bytes};

/// A local master key with its cipher ready: wraps document keys with AES-256-GCM.
///
/// A wrap is `nonce 12 | ciphertext | tag 16` with the context's [`aead_bytes`](EncryptionContext::aead_bytes) as associated data;
/// a provider puts its own header in front. Nonces are random, so use one key for far fewer than 2³² wraps
/// (NIST SP 800-38D, section 8.3). Wiped on drop; the key cannot be read back: a provider that stores it keeps its own copy.
pub struct KeyEncryptionKey(Aes256Gcm);

impl KeyEncryptionKey {
    /// The number of bytes a wrap has beyond its document key.
    pub const OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;

    /// A new random key that lives only in this process.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn generate() -> Result<Self> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        random_bytes(&mut *key)?;
        Ok(Self::from_bytes(&key))
    }

    /// A key of the provider's own keeping. The caller wipes its copy.
    #[must_use]
    pub fn from_bytes(key: &[u8; KEY_BYTES]) -> Self {
        Self(Aes256Gcm::new(key))
    }

    /// A new document key of the size the context asks for, and its wrap: one draw of the operating system's generator.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn generate_key(&self, context: &EncryptionContext) -> Result<(DocumentKey, Vec<u8>)> {
        self.generate_key_behind(&[], context).map(|(key, wrapped)| (key, wrapped.to_vec()))
    }

    /// As [`generate_key`](Self::generate_key), with the provider's own header in front of the wrap, in one allocation. The header is
    /// not authenticated.
    ///
    /// # Errors
    ///
    /// As [`generate_key`](Self::generate_key).
    pub fn generate_key_behind(&self, header: &[u8], context: &EncryptionContext) -> Result<(DocumentKey, Arc<[u8]>)> {
        let (key, nonce) = DocumentKey::generate_with::<NONCE_BYTES>(context)?;
        let wrapped = self.wrap_with(header, &nonce, &key, context)?;
        Ok((key, wrapped))
    }

    /// Wraps a document key.
    ///
    /// # Errors
    ///
    /// [`Integrity`](crate::ErrorKind::Integrity) when its size does not belong to the context;
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn wrap(&self, key: &DocumentKey, context: &EncryptionContext) -> Result<Vec<u8>> {
        self.wrap_behind(&[], key, context).map(|wrapped| wrapped.to_vec())
    }

    /// As [`wrap`](Self::wrap), with the provider's own header in front of the wrap, in one allocation. The header is not
    /// authenticated.
    ///
    /// # Errors
    ///
    /// As [`wrap`](Self::wrap).
    pub fn wrap_behind(&self, header: &[u8], key: &DocumentKey, context: &EncryptionContext) -> Result<Arc<[u8]>> {
        let mut nonce = [0; NONCE_BYTES];
        random_bytes(&mut nonce)?;
        self.wrap_with(header, &nonce, key, context)
    }

    /// The deterministic part.
    pub(crate) fn wrap_with(
        &self,
        header: &[u8],
        nonce: &[u8; NONCE_BYTES],
        key: &DocumentKey,
        context: &EncryptionContext,
    ) -> Result<Arc<[u8]>> {
        let key = key.expose_secret();
        context.check_key_bytes(key.len())?;
        let mut sealing = Sealing::new(header.len() + NONCE_BYTES + key.len() + TAG_BYTES);
        let (front, rest) = sealing.bytes().split_at_mut(header.len() + NONCE_BYTES);
        front[..header.len()].copy_from_slice(header);
        front[header.len()..].copy_from_slice(nonce);
        let (body, tag) = rest.split_at_mut(key.len());
        body.copy_from_slice(key);
        tag.copy_from_slice(&self.0.seal(nonce, context.aead_bytes(), body)?);
        Ok(sealing.done())
    }

    /// Opens a wrap made under this key and this context.
    ///
    /// # Errors
    ///
    /// [`Integrity`](crate::ErrorKind::Integrity), without a cause, for everything else.
    pub fn unwrap(&self, wrapped: &[u8], context: &EncryptionContext) -> Result<DocumentKey> {
        let (nonce, rest) = wrapped.split_first_chunk().ok_or_else(Error::integrity)?;
        let (ciphertext, tag) = rest.split_last_chunk().ok_or_else(Error::integrity)?;
        context.check_key_bytes(ciphertext.len())?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let key = &mut key[..ciphertext.len()];
        self.0.open(nonce, context.aead_bytes(), ciphertext, tag, key)?;
        DocumentKey::from_bytes(key)
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyEncryptionKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, SecretId, SecretVersion, StoreId};

    fn context(version: u64) -> EncryptionContext {
        let store = StoreId::new("prod").expect("valid");
        let id = SecretId::parse("App", "Db").expect("valid");
        EncryptionContext::document_key(&store, &id, SecretVersion::new(version).expect("not zero"))
    }

    #[test]
    fn opens_under_its_context_only() {
        let kek = KeyEncryptionKey::generate().expect("random");
        for right in [context(1), EncryptionContext::legacy()] {
            let (key, wrapped) = kek.generate_key(&right).expect("generates");
            assert_eq!(wrapped.len(), right.key_bytes() + KeyEncryptionKey::OVERHEAD_BYTES);
            assert_eq!(kek.unwrap(&wrapped, &right).expect("opens").expose_secret(), key.expose_secret());
            for wrong in [context(2), context(1), EncryptionContext::legacy()] {
                assert_eq!(kek.unwrap(&wrapped, &wrong).is_ok(), wrong == right);
            }
            assert!(KeyEncryptionKey::generate().expect("random").unwrap(&wrapped, &right).is_err());
        }
    }

    #[test]
    fn every_flipped_bit_truncation_and_extension_is_refused() {
        let kek = KeyEncryptionKey::from_bytes(&[7; 32]);
        let (_, wrapped) = kek.generate_key(&context(1)).expect("generates");
        for bit in 0..wrapped.len() * 8 {
            let mut flipped = wrapped.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(kek.unwrap(&flipped, &context(1)).expect_err("flipped").kind(), ErrorKind::Integrity);
        }
        for length in 0..wrapped.len() {
            assert!(kek.unwrap(&wrapped[..length], &context(1)).is_err());
        }
        assert!(kek.unwrap(&[&wrapped[..], &[0]].concat(), &context(1)).is_err());
    }

    #[test]
    fn a_key_of_the_wrong_size_is_not_wrapped() {
        let kek = KeyEncryptionKey::from_bytes(&[7; 32]);
        let short = DocumentKey::from_bytes(&[1; 16]).expect("16 bytes");
        assert!(kek.wrap(&short, &context(1)).is_err());
        assert!(kek.wrap(&short, &EncryptionContext::legacy()).is_ok());
    }

    #[test]
    fn two_wraps_of_one_key_differ() {
        let kek = KeyEncryptionKey::from_bytes(&[7; 32]);
        let key = DocumentKey::from_bytes(&[1; 32]).expect("32 bytes");
        assert_ne!(kek.wrap(&key, &context(1)).expect("wraps"), kek.wrap(&key, &context(1)).expect("wraps"));
    }
}
