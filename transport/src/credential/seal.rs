//! What the client does: encrypt and sign, verify and open. No store is needed.

use std::time::SystemTime;

use secret_store_core::{Error, Result, SecretValue};

use super::domain::Domain;
use super::key::CredentialKey;
use super::message::{
    Credential, CredentialInfo, Header, MAX_CREDENTIAL_BYTES, Parts, SALT_BYTES, assemble, associated_data, signed,
};
use super::place::{Alias, CredentialPlace};
use crate::random::random;
use crate::time::to_millis;

/// What a credential is to say of itself: in clear, and authenticated with the value.
#[derive(Clone, Debug)]
#[must_use = "nothing is encrypted yet"]
pub struct NewCredential {
    place: CredentialPlace,
    domain: Domain,
    revision: u64,
    alias: Option<Alias>,
    expires: Option<SystemTime>,
}

impl NewCredential {
    /// A value for this field, for use at this domain: the field's revision number `revision`, from 1. An update takes a number above
    /// that of the value it replaces.
    pub fn new(place: CredentialPlace, domain: Domain, revision: u64) -> Self {
        Self { place, domain, revision, alias: None, expires: None }
    }

    /// What people call it.
    pub fn with_alias(mut self, alias: Alias) -> Self {
        self.alias = Some(alias);
        self
    }

    /// From when on it is refused, to the millisecond.
    pub fn with_expiry(mut self, expires: SystemTime) -> Self {
        self.expires = Some(expires);
        self
    }

    /// The same as a credential that is there, for encrypting it anew.
    pub(super) fn like(info: &CredentialInfo) -> Self {
        let CredentialInfo { place, domain, revision, alias, expires, .. } = info.clone();
        Self { place, domain, revision, alias, expires }
    }
}

/// Encrypts one field of a credential under the user's key and signs it.
///
/// The value is sealed with AES-256-GCM under a key of its own, HKDF-SHA256 (RFC 5869) of the credential key and 32 random bytes,
/// with everything in clear as associated data; Ed25519 (RFC 8032) signs all of it.
///
/// # Errors
///
/// [`TooLarge`](secret_store_core::ErrorKind::TooLarge) for more than 64 KiB;
/// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for revision 0 or an expiry before 1970;
/// [`Unavailable`](secret_store_core::ErrorKind::Unavailable) when the operating system gives no random bytes.
pub fn encrypt_credential(key: &CredentialKey, credential: &NewCredential, value: &SecretValue) -> Result<Credential> {
    let length = value.len();
    if length > MAX_CREDENTIAL_BYTES {
        return Err(Error::too_large("the value of a credential", MAX_CREDENTIAL_BYTES as u64, length as u64));
    }
    if credential.revision == 0 {
        return Err(Error::invalid_input("the revision of a credential is 1 or more"));
    }
    let salt = random::<SALT_BYTES>()?;
    let numbers = Numbers::of(key, credential)?;
    let header = numbers.header(key, credential, &salt);
    let sealed = key.content_key(&salt).seal(&associated_data(&header), value.expose_secret())?;
    let signature = key.sign(&signed(&header, &sealed));
    assemble(&header, &sealed, &signature)
}

/// The header's numbers, encoded.
struct Numbers {
    version: [u8; 4],
    revision: [u8; 8],
    expires: [u8; 8],
}

impl Numbers {
    fn of(key: &CredentialKey, credential: &NewCredential) -> Result<Self> {
        let expires = credential.expires.map_or(Ok(0), to_millis)?;
        if credential.expires.is_some() && expires == 0 {
            return Err(Error::invalid_input("the expiry lies at the beginning of 1970: leave it out for none"));
        }
        Ok(Self {
            version: key.version().get().to_be_bytes(),
            revision: credential.revision.to_be_bytes(),
            expires: expires.to_be_bytes(),
        })
    }

    fn header<'a>(
        &'a self,
        key: &'a CredentialKey,
        credential: &'a NewCredential,
        salt: &'a [u8; SALT_BYTES],
    ) -> Header<'a> {
        [
            key.tenant().as_str().as_bytes(),
            &self.version,
            credential.place.id().as_str().as_bytes(),
            credential.place.field().as_str().as_bytes(),
            credential.domain.as_str().as_bytes(),
            credential.alias.as_ref().map_or(&[], |alias| alias.as_str().as_bytes()),
            &self.revision,
            &self.expires,
            salt,
        ]
    }
}

/// Verifies the signature of a credential and opens it: for the user's own client. Looks at no domain, expiry or revision; a
/// server uses [`CredentialVault`](super::CredentialVault).
///
/// # Errors
///
/// [`Integrity`](secret_store_core::ErrorKind::Integrity) for what this key did not sign and seal.
pub fn decrypt_credential(key: &CredentialKey, credential: &Credential) -> Result<(CredentialInfo, SecretValue)> {
    let parts = credential.parts();
    key.verify_key().verify_parts(&parts)?;
    let value = open(key, &parts)?;
    Ok((parts.info, value))
}

/// Opens what was verified.
pub(super) fn open(key: &CredentialKey, parts: &Parts<'_>) -> Result<SecretValue> {
    key.content_key(parts.salt).open(&associated_data(&parts.header), parts.sealed)
}

#[cfg(test)]
mod tests {
    use secret_store_core::{ErrorKind, TenantId};

    use super::super::message::SIGNATURE_BYTES;
    use super::super::place::CredentialKeyVersion;
    use super::*;

    fn key(tenant: &str, version: u32) -> CredentialKey {
        let tenant = TenantId::new(tenant).expect("valid");
        CredentialKey::from_bytes(tenant, CredentialKeyVersion::new(version).expect("valid"), &[7; 32])
    }

    /// A header that names `claimed`, sealed and signed by `by`: what a client that has one key makes in the name of another.
    fn signed_by(by: &CredentialKey, claimed: &CredentialKey) -> Credential {
        let place = CredentialPlace::parse("github", "password").expect("valid");
        let new = NewCredential::new(place, Domain::new("example.com").expect("valid"), 1);
        let (numbers, salt) = (Numbers::of(claimed, &new).expect("valid"), [1; SALT_BYTES]);
        let header = numbers.header(claimed, &new, &salt);
        let sealed = by.content_key(&salt).seal(&associated_data(&header), b"hunter2").expect("seals");
        let signature: [u8; SIGNATURE_BYTES] = by.sign(&signed(&header, &sealed));
        assemble(&header, &sealed, &signature).expect("a credential's form")
    }

    #[test]
    fn a_key_vouches_for_its_own_user_and_version_alone() {
        let own = key("alice", 1);
        own.verify_key().verify(&signed_by(&own, &own)).expect("authentic");
        for claimed in [key("bob", 1), key("alice", 2)] {
            let other = signed_by(&own, &claimed);
            let refusals = [
                own.verify_key().verify(&other).expect_err("of another user or version"),
                claimed.verify_key().verify(&other).expect_err("signed by another key"),
                decrypt_credential(&own, &other).expect_err("of another user or version"),
            ];
            assert!(refusals.iter().all(|refusal| refusal.kind() == ErrorKind::Integrity));
        }
    }
}
