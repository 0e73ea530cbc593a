//! The message: one field of a credential, encrypted and signed by its user's client.

use std::time::SystemTime;

use secret_store_core::{ContentKey, Error, ErrorKind, Result, TenantId};

use super::domain::Domain;
use super::place::{Alias, CredentialKeyVersion, CredentialPlace, MAX_TEXT_BYTES};
use crate::time::from_millis;
use crate::wire::{Kind, Message, Reader, Writer, message, transcript};

/// HKDF-SHA256, AES-256-GCM, Ed25519.
pub(super) const SUITE: u8 = 1;
/// The largest value, in bytes.
pub const MAX_CREDENTIAL_BYTES: usize = 64 * 1024;
pub(super) const SALT_BYTES: usize = 32;
pub(super) const SIGNATURE_BYTES: usize = 64;
const MAX_SEALED_BYTES: usize = MAX_CREDENTIAL_BYTES + ContentKey::OVERHEAD_BYTES;
/// Fields before the sealed value.
const HEADER_FIELDS: usize = 9;
const NUMBERS_BYTES: usize = 4 + 8 + 8;
const MAX_MESSAGE_BYTES: usize = 5
    + 4 * (HEADER_FIELDS + 2)
    + 4 * MAX_TEXT_BYTES
    + Domain::MAX_BYTES
    + NUMBERS_BYTES
    + SALT_BYTES
    + MAX_SEALED_BYTES
    + SIGNATURE_BYTES;

message! {
    /// One field of a credential, encrypted and signed by its user's client; at most 64 KiB of value.
    ///
    /// What its header says ([`info`](Credential::info)) can be read by everybody and is authentic only to whoever has verified the
    /// signature. Frame: `docs/format.md`, section 17.
    Credential, MAX_MESSAGE_BYTES, |bytes| Parts::parse(bytes).map(drop)
}

impl Credential {
    /// What the header claims. **Not authentic** until a [`CredentialVerifyKey`](super::CredentialVerifyKey) or the credential key
    /// has verified it.
    #[must_use]
    pub fn info(&self) -> CredentialInfo {
        self.parts().info
    }

    pub(super) fn parts(&self) -> Parts<'_> {
        Parts::parse(self.as_bytes()).expect("its form was checked when it was made")
    }
}

/// What is known about a credential: in clear, and authenticated with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialInfo {
    /// Whose it is.
    pub tenant: TenantId,
    /// Under which version of the user's credential key it is.
    pub key_version: CredentialKeyVersion,
    /// Which credential, which field.
    pub place: CredentialPlace,
    /// Where it may be used.
    pub domain: Domain,
    /// What people call it.
    pub alias: Option<Alias>,
    /// The number of this value of the field: 1 or more, growing.
    pub revision: u64,
    /// From when on it is not to be used.
    pub expires: Option<SystemTime>,
}

/// The header's fields as they stand in the frame and in every transcript.
pub(super) type Header<'a> = [&'a [u8]; HEADER_FIELDS];

/// A message, parsed. Borrows.
pub(super) struct Parts<'a> {
    pub(super) info: CredentialInfo,
    pub(super) header: Header<'a>,
    pub(super) salt: &'a [u8; SALT_BYTES],
    pub(super) sealed: &'a [u8],
    pub(super) signature: &'a [u8; SIGNATURE_BYTES],
}

impl<'a> Parts<'a> {
    /// Checks the whole form; every text in its one spelling, so that a message has one form.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, Kind::Credential, MAX_MESSAGE_BYTES)?;
        if reader.suite() != SUITE {
            return Err(Error::new(ErrorKind::Unsupported, "the credential has an unknown suite: upgrade the library"));
        }
        let claimed = Claimed::read(&mut reader)?;
        let salt = reader.array()?;
        let (sealed, signature) = (reader.bytes(MAX_SEALED_BYTES)?, reader.array()?);
        reader.end()?;
        if sealed.len() < ContentKey::OVERHEAD_BYTES {
            return Err(Error::integrity());
        }
        Ok(Self { info: claimed.info()?, header: claimed.header(salt), salt, sealed, signature })
    }
}

/// What the header says, before it is looked at.
struct Claimed<'a> {
    tenant: &'a str,
    version: &'a [u8; 4],
    id: &'a str,
    field: &'a str,
    domain: &'a str,
    alias: &'a str,
    revision: &'a [u8; 8],
    expires: &'a [u8; 8],
}

impl<'a> Claimed<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        Ok(Self {
            tenant: reader.text(MAX_TEXT_BYTES)?,
            version: reader.array()?,
            id: reader.text(MAX_TEXT_BYTES)?,
            field: reader.text(MAX_TEXT_BYTES)?,
            domain: reader.text(Domain::MAX_BYTES)?,
            alias: reader.text(MAX_TEXT_BYTES)?,
            revision: reader.array()?,
            expires: reader.array()?,
        })
    }

    fn header(&self, salt: &'a [u8; SALT_BYTES]) -> Header<'a> {
        let Self { tenant, version, id, field, domain, alias, revision, expires } = *self;
        let (tenant, id, field) = (tenant.as_bytes(), id.as_bytes(), field.as_bytes());
        [tenant, version, id, field, domain.as_bytes(), alias.as_bytes(), revision, expires, salt]
    }

    fn info(&self) -> Result<CredentialInfo> {
        let domain = Domain::new(self.domain).ok().filter(|domain| domain.as_str() == self.domain);
        let revision = Some(u64::from_be_bytes(*self.revision)).filter(|revision| *revision > 0);
        Ok(CredentialInfo {
            tenant: TenantId::new(self.tenant).map_err(malformed)?,
            key_version: CredentialKeyVersion::new(u32::from_be_bytes(*self.version)).map_err(malformed)?,
            place: CredentialPlace::parse(self.id, self.field).map_err(malformed)?,
            domain: domain.ok_or_else(Error::integrity)?,
            alias: if self.alias.is_empty() { None } else { Some(Alias::new(self.alias).map_err(malformed)?) },
            revision: revision.ok_or_else(Error::integrity)?,
            expires: expiry(u64::from_be_bytes(*self.expires))?,
        })
    }
}

fn malformed(_: Error) -> Error {
    Error::integrity()
}

/// 0 is never.
fn expiry(millis: u64) -> Result<Option<SystemTime>> {
    if millis == 0 { Ok(None) } else { from_millis(millis).map(Some).ok_or_else(Error::integrity) }
}

/// What the value is sealed under as associated data: everything in front of it.
pub(super) fn associated_data(header: &Header<'_>) -> Vec<u8> {
    transcript(Kind::Credential, SUITE, "seal", header)
}

/// What is signed: everything in front of the signature.
pub(super) fn signed(header: &Header<'_>, sealed: &[u8]) -> Vec<u8> {
    let fields: Vec<&[u8]> = header.iter().copied().chain([sealed]).collect();
    transcript(Kind::Credential, SUITE, "signature", &fields)
}

/// What a key is derived for: a user, and a version of the user's key.
pub(super) fn derivation(label: &'static str, tenant: &TenantId, version: CredentialKeyVersion) -> Vec<u8> {
    transcript(Kind::Credential, SUITE, label, &[tenant.as_str().as_bytes(), &version.get().to_be_bytes()])
}

/// The whole message. Nothing in it is secret any more.
pub(super) fn assemble(header: &Header<'_>, sealed: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<Credential> {
    let bytes: usize = header.iter().map(|field| 4 + field.len()).sum();
    let mut frame = Writer::with_capacity(Kind::Credential, SUITE, bytes + 8 + sealed.len() + SIGNATURE_BYTES);
    for field in header {
        frame = frame.field(field);
    }
    Credential::from_bytes(frame.field(sealed).field(signature).finish())
}
