//! The key of a user's credentials, and the public half that verifies them.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use secret_store_core::{ContentKey, Error, ErrorKind, Result, SecretValue, TenantId};
use zeroize::Zeroizing;

use super::derive::hkdf;
use super::message::{Credential, CredentialInfo, Parts, SALT_BYTES, SIGNATURE_BYTES, SUITE, derivation, signed};
use super::place::{CredentialKeyVersion, MAX_TEXT_BYTES};
use crate::key_record::{ed25519, verify_ed25519};
use crate::random::fill;
use crate::wire::{Kind, Reader, Writer};

/// What a stored key is: see the registry in `recipient`.
const PURPOSE: u8 = 3;
const KEY_BYTES: usize = 32;
const MAX_STORED_BYTES: usize = 5 + 4 * 4 + 1 + MAX_TEXT_BYTES + 4 + KEY_BYTES;

/// A user's credential key (the *data key* of the original): 32 random bytes, of one version, that only derive.
///
/// Whoever has it can seal, open and sign the user's credentials. The user's client has it, and the server keeps it as a secret of
/// the user's application. Boxed and wiped on drop; no `Clone`, nothing in `Debug`.
pub struct CredentialKey {
    verify: CredentialVerifyKey,
    /// In a box, so that moving the key copies no byte of it.
    key: Box<Zeroizing<[u8; KEY_BYTES]>>,
}

impl CredentialKey {
    /// A new random key.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn generate(tenant: TenantId, version: CredentialKeyVersion) -> Result<Self> {
        let mut key = Box::new(Zeroizing::new([0; KEY_BYTES]));
        fill(&mut **key)?;
        Ok(Self::new(tenant, version, key))
    }

    /// A key from its bytes, which must be uniformly random: those of the original's data key, for one. The caller wipes its copy.
    #[must_use]
    pub fn from_bytes(tenant: TenantId, version: CredentialKeyVersion, bytes: &[u8; KEY_BYTES]) -> Self {
        let mut key = Box::new(Zeroizing::new([0; KEY_BYTES]));
        key.copy_from_slice(bytes);
        Self::new(tenant, version, key)
    }

    fn new(tenant: TenantId, version: CredentialKeyVersion, key: Box<Zeroizing<[u8; KEY_BYTES]>>) -> Self {
        let verifying = with_signing_key(&key, &tenant, version, SigningKey::verifying_key);
        Self { verify: CredentialVerifyKey { tenant, version, key: verifying }, key }
    }

    /// The key as it is handed to the user's client, and as it is stored: a frame of kind 10 (`docs/format.md`, section 17).
    #[must_use]
    pub fn to_stored(&self) -> SecretValue {
        let tenant = self.tenant().as_str().as_bytes();
        let frame = Writer::with_capacity(Kind::StoredKey, SUITE, 4 * 4 + 1 + tenant.len() + 4 + KEY_BYTES);
        let frame =
            frame.field(&[PURPOSE]).field(tenant).field(&self.version().get().to_be_bytes()).field(&self.key[..]);
        SecretValue::new(frame.finish())
    }

    /// The key out of what [`to_stored`](Self::to_stored) gave.
    ///
    /// # Errors
    ///
    /// [`NotSealed`](ErrorKind::NotSealed), [`Unsupported`](ErrorKind::Unsupported), [`TooLarge`](ErrorKind::TooLarge) or
    /// [`Integrity`](ErrorKind::Integrity) for anything else.
    pub fn from_stored(stored: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(stored, Kind::StoredKey, MAX_STORED_BYTES)?;
        let [PURPOSE] = reader.array()? else { return Err(Error::integrity()) };
        if reader.suite() != SUITE {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the credential key has an unknown suite: upgrade the library",
            ));
        }
        let tenant = TenantId::new(reader.text(MAX_TEXT_BYTES)?).map_err(|_| Error::integrity())?;
        let version = CredentialKeyVersion::new(reader.u32()?).map_err(|_| Error::integrity())?;
        let key = reader.array()?;
        reader.end()?;
        Ok(Self::from_bytes(tenant, version, key))
    }

    /// Whose key it is.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.verify.tenant
    }

    /// Which version it is.
    #[must_use]
    pub fn version(&self) -> CredentialKeyVersion {
        self.verify.version
    }

    /// The public half: it verifies what this key signs, and can neither open nor sign.
    #[must_use]
    pub fn verify_key(&self) -> &CredentialVerifyKey {
        &self.verify
    }

    /// The key for one message, from its salt.
    pub(super) fn content_key(&self, salt: &[u8; SALT_BYTES]) -> ContentKey {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        hkdf(&self.key[..], salt, &derivation("seal key", self.tenant(), self.version()), &mut key);
        ContentKey::from_bytes(&key)
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        with_signing_key(&self.key, self.tenant(), self.version(), |key| key.sign(message)).to_bytes()
    }
}

/// The signing key lives for a moment each time, where it is made: a stored one would be moved, and leave copies.
fn with_signing_key<T>(
    key: &[u8; KEY_BYTES],
    tenant: &TenantId,
    version: CredentialKeyVersion,
    sign: impl FnOnce(&SigningKey) -> T,
) -> T {
    let mut seed = Zeroizing::new([0; KEY_BYTES]);
    hkdf(key, &[0; SALT_BYTES], &derivation("sign", tenant, version), &mut seed);
    sign(&SigningKey::from_bytes(&seed))
}

impl fmt::Debug for CredentialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialKey({}, version {}, [redacted])", self.tenant(), self.version())
    }
}

/// The public half of a user's credential key: tells what that user's client signed from everything else.
///
/// It can neither open a credential nor sign one: it is an Ed25519 public key (RFC 8032), and there is no way from it to the key.
///
/// ```compile_fail
/// # use secret_store_transport::credential::{Credential, CredentialVerifyKey, decrypt_credential};
/// fn open(key: &CredentialVerifyKey, credential: &Credential) {
///     let _ = decrypt_credential(key, credential);
/// }
/// ```
///
/// ```compile_fail
/// # use secret_store_core::SecretValue;
/// # use secret_store_transport::credential::{CredentialVerifyKey, NewCredential, encrypt_credential};
/// fn forge(key: &CredentialVerifyKey, credential: &NewCredential, value: &SecretValue) {
///     let _ = encrypt_credential(key, credential, value);
/// }
/// ```
///
/// (With the key itself both compile.)
///
/// ```
/// # use secret_store_core::SecretValue;
/// # use secret_store_transport::credential::{Credential, CredentialKey, NewCredential, decrypt_credential, encrypt_credential};
/// fn both(key: &CredentialKey, credential: &Credential, new: &NewCredential, value: &SecretValue) {
///     let _ = decrypt_credential(key, credential);
///     let _ = encrypt_credential(key, new, value);
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialVerifyKey {
    tenant: TenantId,
    version: CredentialKeyVersion,
    key: VerifyingKey,
}

impl CredentialVerifyKey {
    /// A verify key of 32 bytes as a key record has it.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) for what is no point of the curve in its one form, or one of small order.
    pub fn from_bytes(tenant: TenantId, version: CredentialKeyVersion, bytes: &[u8; KEY_BYTES]) -> Result<Self> {
        let key = ed25519(bytes).map_err(|_| Error::integrity())?;
        Ok(Self { tenant, version, key })
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        self.key.as_bytes()
    }

    /// Whose credentials it verifies.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Which version of the key it belongs to.
    #[must_use]
    pub fn version(&self) -> CredentialKeyVersion {
        self.version
    }

    /// Verifies that the user's client made this credential, all of it, and answers what it says of itself.
    ///
    /// By RFC 8032's stricter rules (no mixed-order points, no second form of a signature). It says who sealed, not that the content
    /// opens: a client may sign what nobody can open.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) for everything else, another user's or another version's credential included.
    pub fn verify(&self, credential: &Credential) -> Result<CredentialInfo> {
        let parts = credential.parts();
        self.verify_parts(&parts)?;
        Ok(parts.info)
    }

    pub(super) fn verify_parts(&self, parts: &Parts<'_>) -> Result<()> {
        if parts.info.tenant != self.tenant || parts.info.key_version != self.version {
            return Err(Error::integrity());
        }
        verify_ed25519(&self.key, &signed(&parts.header, parts.sealed), parts.signature)
    }
}

impl fmt::Debug for CredentialVerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialVerifyKey({}, version {})", self.tenant, self.version)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signature, Verifier as _};
    use sha2::{Digest as _, Sha512};

    use super::super::domain::Domain;
    use super::super::place::CredentialPlace;
    use super::super::seal::{NewCredential, encrypt_credential};
    use super::*;
    use crate::wire::Message as _;

    /// The signature of a message whose first half is the point of order one: whoever has the key can make it.
    fn of_small_order(key: &SigningKey, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        /// The type of their scalars, which they do not name.
        fn scalar<S: From<u64>>(_like: &S, number: u64) -> S {
            number.into()
        }
        let (mut signature, mut one) = ([0; SIGNATURE_BYTES], [0; 32]);
        one[0] = 1;
        let hash = Sha512::new().chain_update(one).chain_update(key.verifying_key()).chain_update(message).finalize();
        let private = key.to_scalar();
        let place = scalar(&private, 256);
        let step = |sum, byte: &u8| sum * place + scalar(&private, u64::from(*byte));
        let challenge = hash.iter().rev().fold(scalar(&private, 0), step);
        signature[..32].copy_from_slice(&one);
        signature[32..].copy_from_slice(&(challenge * private).to_bytes());
        signature
    }

    #[test]
    fn a_second_signature_of_small_order_is_refused() {
        let key =
            CredentialKey::from_bytes(TenantId::new("alice").expect("valid"), CredentialKeyVersion::FIRST, &[7; 32]);
        let place = CredentialPlace::parse("github", "password").expect("valid");
        let new = NewCredential::new(place, Domain::new("example.com").expect("valid"), 1);
        let credential = encrypt_credential(&key, &new, &"hunter2".into()).expect("encrypts");
        let message = signed(&credential.parts().header, credential.parts().sealed);
        let sign = |signing: &SigningKey| of_small_order(signing, &message);
        let signature = with_signing_key(&key.key, key.tenant(), key.version(), sign);
        let lenient = key.verify_key().key.verify(&message, &Signature::from_bytes(&signature));
        lenient.expect("their verifier takes it unless it is told to be strict");
        let body = &credential.as_bytes()[..credential.as_bytes().len() - SIGNATURE_BYTES];
        let second = Credential::from_bytes([body, &signature].concat()).expect("a credential's form");
        assert_eq!(key.verify_key().verify(&second).expect_err("refused").kind(), ErrorKind::Integrity);
        key.verify_key().verify(&credential).expect("its own");
    }
}
