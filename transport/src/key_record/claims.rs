//! What a key record says of a key.

use std::time::{Duration, SystemTime};

use ed25519_dalek::{Signature, VerifyingKey};
use secret_store_core::{Error, ErrorKind, Result, TenantId};

use super::SIGNATURE_BYTES;
use crate::recipient::{MAX_PUBLIC_KEY_BYTES, RecipientPublicKey};
use crate::suite::{KeyAlgorithm, Suite};
use crate::time::{from_millis, to_millis};
use crate::wire::{Kind, Reader, Writer, transcript};

/// The longest time that a record is valid: about three years.
const MAX_LIFETIME: Duration = Duration::from_secs(3 * 366 * 86_400);

/// What a key is for. A key of one role never does for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum KeyRole {
    /// Secrets are sealed to it; the subject is an organisation. X25519 or RSA.
    OrganisationSealing = 1,
    /// A user's credentials are verified with it; the subject is the tenant. Ed25519.
    CredentialVerify = 2,
    /// The static key of a channel's server; the subject is the server. X25519.
    ChannelServer = 3,
    /// What an organisation's server answers is verified with it; the subject is the organisation. Ed25519.
    AnswerVerify = 4,
}

impl KeyRole {
    fn from_code(code: u8) -> Result<Self> {
        match code {
            1 => Ok(Self::OrganisationSealing),
            2 => Ok(Self::CredentialVerify),
            3 => Ok(Self::ChannelServer),
            4 => Ok(Self::AnswerVerify),
            _ => Err(Error::new(ErrorKind::Unsupported, format!("key role {code} is unknown: upgrade the library"))),
        }
    }

    fn takes(self, algorithm: KeyAlgorithm) -> bool {
        match self {
            Self::OrganisationSealing => matches!(algorithm, KeyAlgorithm::X25519 | KeyAlgorithm::Rsa),
            Self::CredentialVerify | Self::AnswerVerify => algorithm == KeyAlgorithm::Ed25519,
            Self::ChannelServer => algorithm == KeyAlgorithm::X25519,
        }
    }
}

/// What is claimed of a public key: whose it is, for what, and when. Every part of it was checked; nothing of it is authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyClaims {
    role: KeyRole,
    subject: TenantId,
    version: u32,
    algorithm: KeyAlgorithm,
    public_key: Vec<u8>,
    /// In milliseconds, as it stands in the record.
    not_before: u64,
    expires: u64,
}

impl KeyClaims {
    /// A key for a role.
    ///
    /// `subject` has 1–255 bytes of UTF-8, by the rules of [`TenantId`]; `version` is 1 or more; `lifetime` is at most 1,098 days.
    /// Times are kept to the millisecond.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput), naming the rule that is broken, also by the public key.
    pub fn new(
        role: KeyRole,
        subject: &str,
        version: u32,
        (algorithm, public_key): (KeyAlgorithm, &[u8]),
        not_before: SystemTime,
        lifetime: Duration,
    ) -> Result<Self> {
        let expires = not_before.checked_add(lifetime);
        let expires = to_millis(expires.ok_or_else(|| Error::invalid_input("the lifetime is too long"))?)?;
        let claims = Self {
            role,
            subject: TenantId::new(subject)?,
            version,
            algorithm,
            public_key: public_key.to_vec(),
            not_before: to_millis(not_before)?,
            expires,
        };
        claims.check().map(|()| claims)
    }

    /// A key that an organisation's secrets are sealed to.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn sealing(
        organisation: &str,
        version: u32,
        key: &RecipientPublicKey,
        not_before: SystemTime,
        lifetime: Duration,
    ) -> Result<Self> {
        let key = (key.suite().into(), key.as_bytes());
        Self::new(KeyRole::OrganisationSealing, organisation, version, key, not_before, lifetime)
    }

    /// What the key is for.
    #[must_use]
    pub fn role(&self) -> KeyRole {
        self.role
    }

    /// Whose it is.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.subject.as_str()
    }

    /// Which of the subject's keys for this role it is.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// What it is a key of.
    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The key, in its one form.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// From when on it is valid.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        from_millis(self.not_before).expect("checked when it was made")
    }

    /// From when on it is not valid any more.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        from_millis(self.expires).expect("checked when it was made")
    }

    fn check(&self) -> Result<()> {
        let refused = |why: &'static str| Err(Error::invalid_input(why));
        if self.version == 0 {
            return refused("the version of a key is 1 or more");
        }
        if !self.role.takes(self.algorithm) {
            return refused("a key of this algorithm cannot have this role");
        }
        let longest = u64::try_from(MAX_LIFETIME.as_millis()).expect("three years");
        match self.expires.checked_sub(self.not_before) {
            Some(lifetime) if lifetime > 0 && lifetime <= longest => {}
            _ => return refused("a key is valid for at least a millisecond and at most 1,098 days"),
        }
        if from_millis(self.expires).is_none() {
            return refused("the time lies too far ahead");
        }
        match self.algorithm {
            KeyAlgorithm::X25519 => RecipientPublicKey::from_bytes(Suite::HpkeX25519, &self.public_key).map(drop),
            KeyAlgorithm::Rsa => RecipientPublicKey::from_bytes(Suite::RsaOaep, &self.public_key).map(drop),
            KeyAlgorithm::Ed25519 => ed25519(&self.public_key).map(drop),
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let algorithm = KeyAlgorithm::from_code(reader.suite())?;
        let [role] = *reader.array()?;
        let claims = Self {
            role: KeyRole::from_code(role)?,
            subject: TenantId::new(reader.text(secret_store_core::MAX_ID_BYTES)?).map_err(|_| Error::integrity())?,
            version: reader.u32()?,
            algorithm,
            public_key: reader.bytes(MAX_PUBLIC_KEY_BYTES)?.to_vec(),
            not_before: reader.u64()?,
            expires: reader.u64()?,
        };
        match claims.check() {
            Ok(()) => Ok(claims),
            Err(error) if error.kind() == ErrorKind::Unsupported => Err(error),
            Err(_) => Err(Error::integrity()),
        }
    }

    pub(super) fn write(&self, frame: Writer) -> Writer {
        self.fields().iter().fold(frame, |frame, field| frame.field(field))
    }

    /// The bytes that an authority signs.
    pub(super) fn transcript(&self) -> Vec<u8> {
        let fields = self.fields();
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        transcript(Kind::KeyRecord, self.algorithm as u8, "key record", &fields)
    }

    fn fields(&self) -> [Vec<u8>; 6] {
        [
            vec![self.role as u8],
            self.subject.as_str().into(),
            self.version.to_be_bytes().into(),
            self.public_key.clone(),
            self.not_before.to_be_bytes().into(),
            self.expires.to_be_bytes().into(),
        ]
    }
}

/// A key that verifies: a point in its one form, and not of small order (RFC 8032, section 5.1.3; verification is strict besides).
pub(crate) fn ed25519(bytes: &[u8]) -> Result<VerifyingKey> {
    let refused =
        || Error::invalid_input("an Ed25519 public key is 32 bytes of a point of large order, in its one form");
    let bytes: &[u8; 32] = bytes.try_into().map_err(|_| refused())?;
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| refused())?;
    // What does not come out of the curve as it went in was no canonical encoding.
    let canonical = key.to_edwards().compress().to_bytes() == *bytes;
    if key.is_weak() || !canonical { Err(refused()) } else { Ok(key) }
}

/// Strict where RFC 8032 leaves it open: no signature whose first half is of small order either (Chalkias, Garillot, Nikolaenko,
/// *Taming the Many EdDSAs*, 2020, section 4).
pub(crate) fn verify_ed25519(key: &VerifyingKey, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<()> {
    key.verify_strict(message, &Signature::from_bytes(signature)).map_err(|_| Error::integrity())
}
