//! What the project's own benchmarks need beyond the public API: the envelope without a store around it, and the number of
//! random draws. No part of the API; it changes without notice.

use std::cell::Cell;
use std::sync::Arc;

use crate::context::ValueAad;
use crate::crypto::{Aead, Aes256Gcm};
use crate::envelope::format::{NONCE_BYTES, Sealed, seal_with};
use crate::error::Result;
use crate::id::{SecretId, SecretVersion, StoreId};
use crate::secret::SecretValue;

thread_local!(static OS_DRAWS: Cell<u64> = const { Cell::new(0) });

/// Format 1 with its key ready.
#[expect(missing_debug_implementations, reason = "it holds a key and is no part of the API")]
pub struct ReadyEnvelope {
    cipher: Aes256Gcm,
    aad: ValueAad,
}

impl ReadyEnvelope {
    /// A ready key for one version of one secret.
    #[must_use]
    pub fn new(key: &[u8; 32], store: &StoreId, id: &SecretId, version: SecretVersion) -> Self {
        Self { cipher: Aes256Gcm::new(key), aad: ValueAad::new(store, id, version, None) }
    }

    /// The associated data, for the bare cipher to authenticate the same.
    #[must_use]
    pub fn aad(&self) -> &[u8] {
        self.aad.as_bytes()
    }

    /// Seals a value: the same nonce every time, which only a measurement may do.
    ///
    /// # Errors
    ///
    /// As the cipher.
    pub fn seal(&self, nonce: &[u8; NONCE_BYTES], value: &[u8]) -> Result<Arc<[u8]>> {
        seal_with(&self.cipher, nonce, &self.aad, value)
    }

    /// Parses and opens a sealed value.
    ///
    /// # Errors
    ///
    /// As every read.
    pub fn open(&self, nonce: &[u8; NONCE_BYTES], sealed: &[u8]) -> Result<SecretValue> {
        Sealed::parse(nonce, sealed)?.open(&self.cipher, &self.aad)
    }
}

/// How often this thread has asked the operating system for random bytes.
#[must_use]
pub fn os_draws() -> u64 {
    OS_DRAWS.get()
}

pub(crate) fn count_draw() {
    OS_DRAWS.set(OS_DRAWS.get() + 1);
}
