//! What key providers and the envelope exchange.

use std::fmt;
use std::sync::Arc;

use crate::context::EncryptionContext;
use crate::error::{Error, ErrorKind, Result};
use crate::id::MasterKeyId;
use crate::secret::wipe_bytes;

const MAX_KEY_BYTES: usize = 32;
const MAX_NONCE_BYTES: usize = 16;
const MAX_EXTRA_BYTES: usize = 48;

/// A document key in clear: 32 bytes, or 16, 24 or 32 in format 0.
///
/// Boxed, so that moving it copies no key byte; zeroized on drop; no `Clone`, no `PartialEq`, nothing in `Debug`. It
/// protects one value and is consumed by sealing it. A generated key may carry the nonce of that one value, drawn from the
/// operating system together with it.
pub struct DocumentKey(Box<Material>);

/// Where a key is drawn, so that there is no other copy of it: the key, the nonce, what the provider asked for besides.
struct Material {
    bytes: [u8; MAX_KEY_BYTES + MAX_NONCE_BYTES + MAX_EXTRA_BYTES],
    key_bytes: usize,
    nonce_bytes: usize,
}

impl Drop for Material {
    fn drop(&mut self) {
        wipe_bytes(&mut self.bytes);
    }
}

impl DocumentKey {
    /// A new random key of the size the context asks for.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn generate(context: &EncryptionContext) -> Result<Self> {
        Ok(Self::generate_with::<0>(context)?.0)
    }

    /// A new random key, and `N` (at most 48) further random bytes for the provider's own use (its nonce) from the same
    /// draw of the operating system's generator.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn generate_with<const N: usize>(context: &EncryptionContext) -> Result<(Self, [u8; N])> {
        const { assert!(N <= MAX_EXTRA_BYTES) };
        let key_bytes = context.key_bytes();
        let nonce_bytes = if context.is_legacy() { 16 } else { 12 };
        let mut key = Self(Box::new(Material { bytes: [0; _], key_bytes, nonce_bytes }));
        let drawn = &mut key.0.bytes[..key_bytes + nonce_bytes + N];
        random_bytes(drawn)?;
        let mut extra = [0; N];
        extra.copy_from_slice(&drawn[key_bytes + nonce_bytes..]);
        Ok((key, extra))
    }

    /// A key that a provider unwrapped or generated elsewhere. The caller wipes its own copy.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) unless it has 16, 24 or 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if !matches!(bytes.len(), 16 | 24 | 32) {
            return Err(Error::integrity());
        }
        let mut key = Self(Box::new(Material { bytes: [0; _], key_bytes: bytes.len(), nonce_bytes: 0 }));
        key.0.bytes[..bytes.len()].copy_from_slice(bytes);
        Ok(key)
    }

    /// The key bytes.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        &self.0.bytes[..self.0.key_bytes]
    }

    /// The nonce drawn with the key, or a fresh one. By value: the key is used up.
    pub(crate) fn nonce<const N: usize>(&self) -> Result<[u8; N]> {
        let drawn = &self.0.bytes[self.0.key_bytes..][..self.0.nonce_bytes];
        if let Ok(nonce) = drawn.try_into() {
            return Ok(nonce);
        }
        let mut nonce = [0; N];
        random_bytes(&mut nonce)?;
        Ok(nonce)
    }
}

impl fmt::Debug for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DocumentKey([redacted])")
    }
}

/// A document key as it is stored: wrapped under a master key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WrappedKey {
    master_key_id: MasterKeyId,
    bytes: Arc<[u8]>,
}

impl WrappedKey {
    /// Wrapped bytes and the master key under which they were wrapped.
    #[must_use]
    pub fn new(master_key_id: MasterKeyId, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { master_key_id, bytes: bytes.into() }
    }

    /// The master key the wrap names. From a database this is a hint, nothing more.
    #[must_use]
    pub fn master_key_id(&self) -> &MasterKeyId {
        &self.master_key_id
    }

    /// The wrapped bytes, in the provider's own format.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The wrapped bytes, shared.
    #[must_use]
    pub fn as_shared(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedKey")
            .field("master_key_id", &self.master_key_id)
            .field("bytes", &format_args!("[{} bytes]", self.bytes.len()))
            .finish()
    }
}

/// A new document key, in clear and wrapped.
#[derive(Debug)]
pub struct GeneratedKey {
    /// In clear, to seal one value with.
    pub document_key: DocumentKey,
    /// Wrapped, to store beside the value.
    pub wrapped: WrappedKey,
}

/// Fills a buffer from the operating system's generator.
pub(crate) fn random_bytes(buffer: &mut [u8]) -> Result<()> {
    #[cfg(feature = "bench")]
    crate::bench::count_draw();
    getrandom::fill(buffer).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the operating system gives no random bytes").with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let key = DocumentKey::from_bytes(&[0x41; 32]).expect("32 bytes");
        assert_eq!(format!("{key:?}"), "DocumentKey([redacted])");
    }

    #[test]
    fn sizes_are_checked() {
        for size in 0..=64 {
            assert_eq!(DocumentKey::from_bytes(&vec![0; size]).is_ok(), [16, 24, 32].contains(&size), "{size}");
        }
    }

    #[test]
    fn one_draw_gives_unrelated_parts() {
        let (key, extra) = DocumentKey::generate_with::<12>(&EncryptionContext::legacy()).expect("random");
        assert_eq!(key.expose_secret().len(), 16);
        let nonce = key.nonce::<16>().expect("drawn with the key");
        assert_eq!(nonce, key.nonce::<16>().expect("the same"));
        assert_ne!(key.expose_secret(), nonce);
        assert_ne!(nonce[..12], extra);
        // Another size is not cut out of the drawn nonce.
        assert_ne!(key.nonce::<12>().expect("fresh"), key.nonce::<12>().expect("fresh again"));
    }
}
