//! The message that answers.

use secret_store_core::{Error, MAX_NAME_BYTES, Result, Secret, SecretName, SecretValue, SecretVersion};
use sha2::{Digest, Sha256};

use super::request::{REQUEST_ID_BYTES, RetrievalRequest};
use crate::key_record::SIGNATURE_BYTES;
use crate::suite::Suite;
use crate::wire::{Kind, Message, Reader, Writer, message, transcript};

/// The largest size of all values and names of one bundle together, in bytes: 4 MiB.
pub const MAX_BUNDLE_BYTES: usize = 4 * 1024 * 1024;

/// The OAEP block of 4,096 bits, the nonce, the commitment and the tag: more than HPKE's.
const MAX_OVERHEAD_BYTES: usize = 512 + 60;
const HEADER_BYTES: usize = 5;
const LENGTH_BYTES: usize = 4;

message! {
    /// Secrets sealed to the key of one request, signed by the server's answer key.
    Bundle, MAX_BUNDLE_BYTES + MAX_OVERHEAD_BYTES + 256, |bytes| Answer::parse(bytes).map(drop)
}

/// A secret as it was retrieved.
#[derive(Debug)]
#[non_exhaustive]
pub struct RetrievedSecret {
    /// Its name.
    pub name: SecretName,
    /// The version that was current.
    pub version: SecretVersion,
    /// Its value.
    pub value: SecretValue,
}

/// The parts of a bundle, borrowed.
pub(super) struct Answer<'a> {
    pub(super) suite: Suite,
    pub(super) request_id: &'a [u8; REQUEST_ID_BYTES],
    pub(super) sealed: &'a [u8],
    pub(super) signature: &'a [u8; SIGNATURE_BYTES],
}

impl<'a> Answer<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, Kind::Bundle, Bundle::MAX_BYTES)?;
        let answer = Self {
            suite: Suite::from_code(reader.suite())?,
            request_id: reader.array()?,
            sealed: reader.bytes(MAX_BUNDLE_BYTES + MAX_OVERHEAD_BYTES)?,
            signature: reader.array()?,
        };
        reader.end().map(|()| answer)
    }

    pub(super) fn message(&self) -> Result<Bundle> {
        let frame = Writer::with_capacity(Kind::Bundle, self.suite.code(), self.sealed.len() + 256);
        Bundle::from_bytes(frame.field(self.request_id).field(self.sealed).field(self.signature).finish())
    }
}

/// What a bundle is bound to: the request, by its hash.
pub(super) struct Binding {
    suite: Suite,
    request: [u8; 32],
}

impl Binding {
    pub(super) fn new(suite: Suite, request: &RetrievalRequest) -> Self {
        Self { suite, request: request.hash() }
    }

    /// What the key is agreed on for.
    pub(super) fn info(&self) -> Vec<u8> {
        transcript(Kind::Bundle, self.suite.code(), "bundle key", &[&self.request])
    }

    /// What the bundle is.
    pub(super) fn aad(&self) -> Vec<u8> {
        transcript(Kind::Bundle, self.suite.code(), "bundle", &[&self.request])
    }

    /// What the server signs.
    pub(super) fn signed(&self, sealed: &[u8]) -> Vec<u8> {
        transcript(Kind::Bundle, self.suite.code(), "answer", &[&self.request, &Sha256::digest(sealed)])
    }
}

/// How much of a bundle is taken up.
pub(super) struct BundleSize(usize);

impl BundleSize {
    pub(super) fn of_none() -> Self {
        Self(HEADER_BYTES)
    }

    /// With one secret more, unless that is too much.
    pub(super) fn add(&mut self, secret: &Secret) -> Result<()> {
        self.0 += 3 * LENGTH_BYTES + secret.id().name().as_str().len() + 8 + secret.expose_secret().len();
        if self.0 > MAX_BUNDLE_BYTES {
            return Err(Error::too_large("the secrets of one request", MAX_BUNDLE_BYTES as u64, self.0 as u64));
        }
        Ok(())
    }

    pub(super) fn left(&self) -> usize {
        MAX_BUNDLE_BYTES - self.0
    }
}

/// The secrets as one message, sized once.
pub(super) fn encode(suite: Suite, secrets: &[Secret]) -> Result<SecretValue> {
    let mut size = BundleSize::of_none();
    secrets.iter().try_for_each(|secret| size.add(secret))?;
    let field_bytes = size.0 - HEADER_BYTES;
    let mut frame = Writer::with_capacity(Kind::Bundle, suite.code(), field_bytes);
    for secret in secrets {
        frame = frame
            .field(secret.id().name().as_str().as_bytes())
            .field(&secret.info().version.get().to_be_bytes())
            .field(secret.expose_secret());
    }
    Ok(SecretValue::new(frame.finish()))
}

/// The secrets of these names, in this order, and nothing else.
pub(super) fn decode(suite: Suite, names: &[SecretName], bundle: &SecretValue) -> Result<Vec<RetrievedSecret>> {
    let mut reader = Reader::new(bundle.expose_secret(), Kind::Bundle, MAX_BUNDLE_BYTES)?;
    if reader.suite() != suite.code() {
        return Err(Error::integrity());
    }
    let mut secrets = Vec::with_capacity(names.len());
    for name in names {
        if reader.text(MAX_NAME_BYTES)? != name.as_str() {
            return Err(Error::integrity());
        }
        let version = match reader.u64()? {
            0 => SecretVersion::UNVERSIONED,
            number => SecretVersion::new(number)?,
        };
        let value = reader.bytes(MAX_BUNDLE_BYTES)?.into();
        secrets.push(RetrievedSecret { name: name.clone(), version, value });
    }
    reader.end().map(|()| secrets)
}
