//! The private AEAD seam: AES-256-GCM (NIST SP 800-38D) by one of two libraries, byte for byte the same.
//!
//! A type alias picks one at compile time; both are compiled for tests, so that one run covers both.

#[cfg(any(test, feature = "aws-lc"))]
pub(crate) mod aws_lc;
pub(crate) mod cbc;
#[cfg(any(test, not(feature = "aws-lc")))]
pub(crate) mod rust_crypto;
mod sealing;

use crate::error::Result;
pub(crate) use sealing::Sealing;

#[cfg(feature = "aws-lc")]
pub(crate) type Aes256Gcm = aws_lc::AwsLc;
#[cfg(not(feature = "aws-lc"))]
pub(crate) type Aes256Gcm = rust_crypto::RustCrypto;

pub(crate) const KEY_BYTES: usize = 32;
pub(crate) const NONCE_BYTES: usize = 12;
pub(crate) const TAG_BYTES: usize = 16;

/// AES-256-GCM with its key schedule ready. Dropping it wipes the schedule.
pub(crate) trait Aead: Send + Sync + Sized + 'static {
    fn new(key: &[u8; KEY_BYTES]) -> Self;

    /// Encrypts in place and answers the tag. On failure the buffer's content is undefined: the caller wipes it.
    fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buffer: &mut [u8]) -> Result<[u8; TAG_BYTES]>;

    /// Decrypts into `plaintext`, which is as long as `ciphertext`. On failure its content is undefined: the caller wipes it.
    fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_BYTES],
        plaintext: &mut [u8],
    ) -> Result<()>;
}

#[cfg(test)]
mod wycheproof_tests;
