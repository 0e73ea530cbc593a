//! Who says whose a key is.

use std::fmt;

use async_trait::async_trait;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use secret_store_core::{Error, Result, SecretValue};
use zeroize::Zeroizing;

use super::claims::{ed25519, verify_ed25519};
use crate::random::random;
use crate::suite::KeyAlgorithm;
use crate::wire::{Kind, Reader, Writer};

pub(crate) const SIGNATURE_BYTES: usize = 64;
/// What a stored key is: see the registry in `recipient`.
const PURPOSE: u8 = 2;
const MAX_STORED_BYTES: usize = 64;

/// Signs key records with Ed25519 (RFC 8032). [`AuthorityKey`] does so in this process; a security module can too.
///
/// # Obligations
///
/// The signature of one message is always the same (as RFC 8032 has it): then the fingerprint of a record that is issued again
/// with the same content stays. The message is signed as it is, without a hash before.
#[async_trait]
pub trait Authority: fmt::Debug + Send + Sync {
    /// The key that verifies what it signs.
    fn public_key(&self) -> AuthorityPublicKey;

    /// Signs.
    ///
    /// # Errors
    ///
    /// [`KeyUnavailable`](secret_store_core::ErrorKind::KeyUnavailable), [`PermissionDenied`](secret_store_core::ErrorKind::PermissionDenied),
    /// [`Unavailable`](secret_store_core::ErrorKind::Unavailable).
    async fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES]>;
}

/// An authority's private key, in this process. Wiped on drop; no `Clone`, nothing in `Debug`.
pub struct AuthorityKey(SigningKey);

impl AuthorityKey {
    /// A new key.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](secret_store_core::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn generate() -> Result<Self> {
        Ok(Self::from_seed(&*random()?))
    }

    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The key, to be kept as a secret is kept: a frame of [`Kind::StoredKey`].
    #[must_use]
    pub fn to_stored(&self) -> SecretValue {
        let seed = Zeroizing::new(self.0.to_bytes());
        let writer = Writer::with_capacity(Kind::StoredKey, KeyAlgorithm::Ed25519 as u8, 4 + 1 + 4 + seed.len());
        SecretValue::new(writer.field(&[PURPOSE]).field(&*seed).finish())
    }

    /// The key of what [`to_stored`](Self::to_stored) gave.
    ///
    /// # Errors
    ///
    /// [`Integrity`](secret_store_core::ErrorKind::Integrity) or [`NotSealed`](secret_store_core::ErrorKind::NotSealed) for anything
    /// else.
    pub fn from_stored(stored: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(stored, Kind::StoredKey, MAX_STORED_BYTES)?;
        let ([PURPOSE], seed) = (reader.array()?, reader.array()?) else { return Err(Error::integrity()) };
        if reader.suite() != KeyAlgorithm::Ed25519 as u8 {
            return Err(Error::integrity());
        }
        reader.end()?;
        Ok(Self::from_seed(seed))
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn public_key(&self) -> AuthorityPublicKey {
        AuthorityPublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign_now(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(message).to_bytes()
    }
}

#[async_trait]
impl Authority for AuthorityKey {
    fn public_key(&self) -> AuthorityPublicKey {
        self.public_key()
    }

    async fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES]> {
        Ok(self.sign_now(message))
    }
}

impl fmt::Debug for AuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorityKey({:?})", self.public_key())
    }
}

/// The key that verifies what an authority signs: 32 bytes, from a place that the client trusts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuthorityPublicKey(VerifyingKey);

impl AuthorityPublicKey {
    /// Parses and checks a key.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for anything but a point of large order in its one form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        ed25519(bytes).map(Self)
    }

    /// The key.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<()> {
        verify_ed25519(&self.0, message, signature)
    }
}

impl fmt::Debug for AuthorityPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorityPublicKey(")?;
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}
