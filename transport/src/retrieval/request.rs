//! The message that asks.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use secret_store_core::{Error, MAX_ID_BYTES, MAX_NAME_BYTES, Result, SecretName, TenantId};
use sha2::{Digest, Sha256};
use zeroize::Zeroize as _;

use crate::expiry::Expiry;
use crate::place::{Environment, MAX_ENVIRONMENT_BYTES, Place};
use crate::recipient::{MAX_PUBLIC_KEY_BYTES, RecipientPublicKey};
use crate::suite::Suite;
use crate::wire::{Kind, Message, Reader, Writer, carried};

/// The largest number of secrets in one request.
pub const MAX_NAMES: usize = 100;

pub(super) const REQUEST_ID_BYTES: usize = 16;
const MAX_NAMES_BYTES: usize = MAX_NAMES * (2 + MAX_NAME_BYTES);

/// A request for secrets, with the key to seal them to. Nothing in it is secret, and nothing authenticates it: who asks, the
/// server finds out otherwise. Parsed once: clones share what was found.
#[derive(Clone)]
pub struct RetrievalRequest {
    bytes: Vec<u8>,
    asked: Arc<Asked>,
}

impl Message for RetrievalRequest {
    const MAX_BYTES: usize = MAX_NAMES_BYTES + 2048;

    fn from_bytes(mut bytes: Vec<u8>) -> Result<Self> {
        match Asked::parse(&bytes) {
            Ok(asked) => Ok(Self { bytes, asked: Arc::new(asked) }),
            Err(refusal) => {
                bytes.zeroize();
                Err(refusal)
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

carried!(RetrievalRequest);

/// What was parsed follows from the bytes.
impl PartialEq for RetrievalRequest {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for RetrievalRequest {}

impl RetrievalRequest {
    /// The longest time within which a request is answered: five minutes.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(5 * 60);

    /// Whose secrets are asked for: for the server, to decide whether the caller may have them.
    #[must_use]
    pub fn place(&self) -> Place {
        self.asked.place.clone()
    }

    /// Which secrets are asked for, in this order.
    #[must_use]
    pub fn names(&self) -> Vec<SecretName> {
        self.asked.names.clone()
    }

    pub(super) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// What its bundle is bound to: every byte of it.
    pub(super) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.as_bytes()).into()
    }
}

/// The parts of a request.
pub(super) struct Asked {
    pub(super) id: [u8; REQUEST_ID_BYTES],
    pub(super) place: Place,
    pub(super) names: Vec<SecretName>,
    pub(super) answer_key_version: u32,
    pub(super) expiry: Expiry,
    pub(super) key: RecipientPublicKey,
}

impl Asked {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, Kind::RetrievalRequest, RetrievalRequest::MAX_BYTES)?;
        let suite = Suite::from_code(reader.suite())?;
        let id = *reader.array()?;
        let organisation = TenantId::new(reader.text(MAX_ID_BYTES)?).map_err(|_| Error::integrity())?;
        let environment = Environment::new(reader.text(MAX_ENVIRONMENT_BYTES)?).map_err(|_| Error::integrity())?;
        let names = parse_names(reader.bytes(MAX_NAMES_BYTES)?).ok_or_else(Error::integrity)?;
        let (answer_key_version, expiry) = (reader.u32()?, Expiry::from_millis(reader.u64()?));
        let key = reader.bytes(MAX_PUBLIC_KEY_BYTES)?;
        reader.end()?;
        let key = RecipientPublicKey::from_bytes(suite, key).map_err(|error| match error.kind() {
            secret_store_core::ErrorKind::Unsupported => error,
            _ => Error::integrity(),
        })?;
        Ok(Self { id, place: Place::new(organisation, environment), names, answer_key_version, expiry, key })
    }

    pub(super) fn message(&self) -> Result<RetrievalRequest> {
        check_names(&self.names)?;
        let mut names = Vec::new();
        for name in &self.names {
            let length = u16::try_from(name.as_str().len()).expect("at most 900 bytes");
            names.extend_from_slice(&length.to_be_bytes());
            names.extend_from_slice(name.as_str().as_bytes());
        }
        let frame = Writer::new(Kind::RetrievalRequest, self.key.suite().code())
            .field(&self.id)
            .field(self.place.organisation.as_str().as_bytes())
            .field(self.place.environment.as_str().as_bytes())
            .field(&names)
            .field(&self.answer_key_version.to_be_bytes())
            .field(&self.expiry.as_millis().to_be_bytes())
            .field(self.key.as_bytes());
        RetrievalRequest::from_bytes(frame.finish())
    }
}

fn check_names(names: &[SecretName]) -> Result<()> {
    let distinct: HashSet<_> = names.iter().collect();
    if names.is_empty() || names.len() > MAX_NAMES || distinct.len() < names.len() {
        return Err(Error::invalid_input("a request names 1 to 100 secrets, each once"));
    }
    Ok(())
}

fn parse_names(mut bytes: &[u8]) -> Option<Vec<SecretName>> {
    let mut names = Vec::new();
    while !bytes.is_empty() && names.len() < MAX_NAMES {
        let (length, rest) = bytes.split_first_chunk()?;
        let (name, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        names.push(SecretName::new(std::str::from_utf8(name).ok()?).ok()?);
        bytes = rest;
    }
    (bytes.is_empty() && check_names(&names).is_ok()).then_some(names)
}
