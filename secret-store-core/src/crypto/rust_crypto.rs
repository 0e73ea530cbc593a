//! AES-256-GCM by the RustCrypto crates, with their `zeroize` features.

use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{Aes256Gcm, KeyInit};

use super::{Aead, KEY_BYTES, NONCE_BYTES, TAG_BYTES};
use crate::error::{Error, Result};

/// Boxed, so that moving it leaves no copy of the key schedule behind.
pub(crate) struct RustCrypto(Box<Aes256Gcm>);

impl Aead for RustCrypto {
    fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(Box::new(Aes256Gcm::new(key.into())))
    }

    fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buffer: &mut [u8]) -> Result<[u8; TAG_BYTES]> {
        self.0.encrypt_inout_detached(nonce.into(), aad, buffer.into()).map(Into::into).map_err(|_| Error::integrity())
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_BYTES],
        plaintext: &mut [u8],
    ) -> Result<()> {
        let buffer = InOutBuf::new(ciphertext, plaintext).map_err(|_| Error::integrity())?;
        self.0.decrypt_inout_detached(nonce.into(), aad, buffer, tag.into()).map_err(|_| Error::integrity())
    }
}
