//! The messages as JSON has them.

use std::fmt;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use secret_store_core::{Error, Result, SecretValue};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::hexadecimal;
use crate::channel::{MAX_PAYLOAD_BYTES, ServerPublicKey};

pub(super) const KEY_BYTES: usize = 32;
pub(super) const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const INFO: &[u8] = b"encryption";

/// What `GET /api/v1/enclave` answers: `{"publicKey": hex}`. Not yet trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enclave {
    #[serde(with = "hexadecimal::fixed")]
    public_key: [u8; KEY_BYTES],
}

impl Enclave {
    /// The answer that names this key.
    #[must_use]
    pub const fn new(key: ServerPublicKey) -> Self {
        Self { public_key: *key.as_bytes() }
    }

    /// The key, checked.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for one that is no key.
    pub fn public_key(&self) -> Result<ServerPublicKey> {
        ServerPublicKey::from_bytes(&self.public_key)
    }
}

/// A request or a response, in JSON `{"ciphertext", "ephemeralPublicKey", "nonce"}`, each hexadecimal without `0x` (written in lower case, read in
/// either).
///
/// A ciphertext is at most 1 MiB and 16 bytes; the nonce has 24 bytes, the key 32. Other fields are ignored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sealed {
    #[serde(with = "hexadecimal::bounded")]
    ciphertext: Ciphertext,
    #[serde(with = "hexadecimal::fixed")]
    ephemeral_public_key: [u8; KEY_BYTES],
    #[serde(with = "hexadecimal::fixed")]
    nonce: [u8; NONCE_BYTES],
}

pub(super) type Ciphertext = Vec<u8>;
pub(super) const MAX_CIPHERTEXT_BYTES: usize = MAX_PAYLOAD_BYTES + TAG_BYTES;

impl Sealed {
    pub(super) fn seal(
        ephemeral: &StaticSecret,
        receiver: &PublicKey,
        nonce: [u8; NONCE_BYTES],
        payload: &[u8],
    ) -> Result<Self> {
        // Sized once: growing would leave plaintext behind. Until it is encrypted the buffer is wiped on every exit.
        let mut ciphertext = Zeroizing::new(Vec::with_capacity(payload.len() + TAG_BYTES));
        ciphertext.extend_from_slice(payload);
        let cipher = cipher(ephemeral, receiver)?;
        let tag = cipher.encrypt_inout_detached(&nonce.into(), &[], ciphertext.as_mut_slice().into());
        ciphertext.extend_from_slice(&tag.map_err(|_| Error::integrity())?);
        let ephemeral_public_key = PublicKey::from(ephemeral).to_bytes();
        Ok(Self { ciphertext: std::mem::take(&mut *ciphertext), ephemeral_public_key, nonce })
    }

    pub(super) fn open(&self, private: &StaticSecret) -> Result<SecretValue> {
        let (ciphertext, tag) = self.ciphertext.split_last_chunk::<TAG_BYTES>().ok_or_else(Error::integrity)?;
        let cipher = cipher(private, &self.ephemeral())?;
        let mut payload = Zeroizing::new(ciphertext.to_vec());
        let opened = cipher.decrypt_inout_detached(&self.nonce.into(), &[], payload.as_mut_slice().into(), tag.into());
        opened.map_err(|_| Error::integrity())?;
        Ok(SecretValue::new(std::mem::take(&mut *payload)))
    }

    pub(super) fn ephemeral(&self) -> PublicKey {
        PublicKey::from(self.ephemeral_public_key)
    }
}

/// Refuses points of low order, as the original's library does.
fn cipher(private: &StaticSecret, public: &PublicKey) -> Result<XChaCha20Poly1305> {
    let shared = private.diffie_hellman(public);
    if !shared.was_contributory() {
        return Err(Error::integrity());
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Hkdf::<Sha256>::new(None, shared.as_bytes()).expand(INFO, &mut *key).expect("one block");
    Ok(XChaCha20Poly1305::new((&*key).into()))
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed([{} bytes])", self.ciphertext.len())
    }
}
