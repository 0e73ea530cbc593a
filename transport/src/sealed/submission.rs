//! The message that carries a sealed secret.

use std::time::Duration;

use secret_store_core::{Clock, Error, MAX_ID_BYTES, MAX_NAME_BYTES, Result, SecretValue, SecretVersion};

use super::MAX_SECRET_BYTES;
use crate::expiry::Expiry;
use crate::once::Nonce;
use crate::place::{MAX_ENVIRONMENT_BYTES, Target};
use crate::suite::Suite;
use crate::wire::{Kind, Message, Reader, Writer, message, transcript};

/// The OAEP block of 4,096 bits, the nonce, the commitment and the tag: more than HPKE's.
const MAX_OVERHEAD_BYTES: usize = 512 + 60;
/// Header, names, version, freshness, lengths.
const MAX_HEAD_BYTES: usize = 2048;
const NONCE: u8 = 1;
const EXPECTED_VERSION: u8 = 2;

message! {
    /// A secret sealed to an organisation: for one target, once. Opaque but for names, the key's version and the freshness.
    SealedSecret, MAX_SECRET_BYTES + MAX_OVERHEAD_BYTES + MAX_HEAD_BYTES, |bytes| Submission::parse(bytes).map(drop)
}

/// Why a sealed secret is stored once, however often it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Freshness {
    /// The server issued this nonce for it ([`SealedIntake::issue_nonce`](super::SealedIntake::issue_nonce)). A message that is kept back
    /// on its way is taken until the nonce expires, also after a later one: it then is the current version.
    Nonce(Nonce),
    /// It takes the place of this version, 1 or more, and of no other; and it expires, at most an hour after it was sealed. Needs no
    /// round trip, but an existing secret: versions never repeat, while a name may be free twice.
    ExpectedVersion {
        /// The version that is current.
        version: SecretVersion,
        /// Until when.
        expiry: Expiry,
    },
}

impl Freshness {
    /// The longest lifetime of a secret that is sealed for an expected version: an hour.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);

    /// In the place of this version, within this time.
    #[must_use]
    pub fn expected(version: SecretVersion, clock: &dyn Clock, lifetime: Duration) -> Self {
        Self::ExpectedVersion { version, expiry: Expiry::after(clock, lifetime) }
    }

    /// Refuses what cannot be fresh.
    pub(super) fn check(&self, clock: &dyn Clock) -> Result<()> {
        match self {
            Self::Nonce(nonce) => nonce.expiry().check(clock),
            Self::ExpectedVersion { version, .. } if version.get() == 0 => {
                Err(Error::invalid_input("an expected version is 1 or more: use a nonce for what has none"))
            }
            Self::ExpectedVersion { expiry, .. } => expiry.check_within(clock, Self::MAX_LIFETIME),
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Nonce(nonce) => [&[NONCE][..], nonce.as_bytes()].concat(),
            Self::ExpectedVersion { version, expiry } => {
                [&[EXPECTED_VERSION][..], &version.get().to_be_bytes(), &expiry.as_millis().to_be_bytes()].concat()
            }
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [NONCE, nonce @ ..] => Some(Self::Nonce(Nonce::from_bytes(nonce.try_into().ok()?))),
            [EXPECTED_VERSION, rest @ ..] => {
                let (version, expiry) = rest.split_first_chunk()?;
                let version = SecretVersion::new(u64::from_be_bytes(*version)).ok()?;
                let expiry = Expiry::from_millis(u64::from_be_bytes(expiry.try_into().ok()?));
                Some(Self::ExpectedVersion { version, expiry })
            }
            _ => None,
        }
    }
}

/// The parts of a sealed secret, borrowed.
pub(super) struct Submission<'a> {
    pub(super) suite: Suite,
    pub(super) organisation: &'a str,
    pub(super) environment: &'a str,
    pub(super) name: &'a str,
    pub(super) key_version: u32,
    pub(super) freshness: Freshness,
    pub(super) sealed: &'a [u8],
}

impl<'a> Submission<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, Kind::Submission, SealedSecret::MAX_BYTES)?;
        let submission = Self {
            suite: Suite::from_code(reader.suite())?,
            organisation: reader.text(MAX_ID_BYTES)?,
            environment: reader.text(MAX_ENVIRONMENT_BYTES)?,
            name: reader.text(MAX_NAME_BYTES)?,
            key_version: reader.u32()?,
            freshness: Freshness::decode(reader.bytes(64)?).ok_or_else(Error::integrity)?,
            sealed: reader.bytes(MAX_SECRET_BYTES + MAX_OVERHEAD_BYTES)?,
        };
        reader.end().map(|()| submission)
    }

    /// The bytes of what was parsed.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn encode_again(&self) -> Vec<u8> {
        Writer::new(Kind::Submission, self.suite.code())
            .field(self.organisation.as_bytes())
            .field(self.environment.as_bytes())
            .field(self.name.as_bytes())
            .field(&self.key_version.to_be_bytes())
            .field(&self.freshness.encode())
            .field(self.sealed)
            .finish()
    }

    /// Whether it says that it is for this target. What it was sealed for, opening it finds out.
    pub(super) fn is_for(&self, target: &Target) -> bool {
        let place = &target.place;
        (self.organisation, self.environment, self.name)
            == (place.organisation.as_str(), place.environment.as_str(), target.name.as_str())
    }
}

/// What is larger is neither sealed nor stored.
pub(super) fn check_size(value: &SecretValue) -> Result<()> {
    match value.len() {
        ..=MAX_SECRET_BYTES => Ok(()),
        larger => Err(Error::too_large("the secret", MAX_SECRET_BYTES as u64, larger as u64)),
    }
}

/// What a seal is bound to.
pub(super) struct Binding<'a> {
    pub(super) suite: Suite,
    pub(super) target: &'a Target,
    pub(super) key_version: u32,
    pub(super) freshness: &'a Freshness,
}

impl Binding<'_> {
    fn fields(&self) -> [Vec<u8>; 5] {
        let place = &self.target.place;
        [
            place.organisation.as_str().into(),
            place.environment.as_str().into(),
            self.target.name.as_str().into(),
            self.key_version.to_be_bytes().into(),
            self.freshness.encode(),
        ]
    }

    fn transcript(&self, label: &'static str) -> Vec<u8> {
        let fields = self.fields();
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        transcript(Kind::Submission, self.suite.code(), label, &fields)
    }

    /// What the key is agreed on for.
    pub(super) fn info(&self) -> Vec<u8> {
        self.transcript("submission key")
    }

    /// What the secret is.
    pub(super) fn aad(&self) -> Vec<u8> {
        self.transcript("submission")
    }

    pub(super) fn message(&self, sealed: &[u8]) -> Result<SealedSecret> {
        let frame = Writer::with_capacity(Kind::Submission, self.suite.code(), sealed.len() + MAX_HEAD_BYTES);
        let frame = self.fields().iter().fold(frame, |frame, field| frame.field(field));
        SealedSecret::from_bytes(frame.field(sealed).finish())
    }
}
