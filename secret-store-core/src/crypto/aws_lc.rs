//! AES-256-GCM by aws-lc-rs. Freeing its context cleanses it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{Aead, KEY_BYTES, NONCE_BYTES, TAG_BYTES};
use crate::error::{Error, Result};

pub(crate) struct AwsLc(LessSafeKey);

impl Aead for AwsLc {
    #[inline]
    fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has the algorithm's size")))
    }

    #[inline]
    fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buffer: &mut [u8]) -> Result<[u8; TAG_BYTES]> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), buffer).map_err(|_| Error::integrity())?;
        tag.as_ref().try_into().map_err(|_| Error::integrity())
    }

    #[inline]
    fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_BYTES],
        plaintext: &mut [u8],
    ) -> Result<()> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, plaintext).map_err(|_| Error::integrity())
    }
}
