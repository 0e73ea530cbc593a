//! One entry: what happened, and its place in the chain of its writer.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::codec;
use super::codes::{Action, Outcome, Phase};
use super::key::{AuditKey, AuditKeyId, Domain, HASH_BYTES, Hash, hash};
use super::label::Label;
use super::timestamp::Timestamp;
use super::writer::{Hex, WriterId};
use crate::error::{Error, Result};
use crate::id::{ApplicationName, SecretName, SecretVersion};

/// The largest size of an entry, in bytes. What names more secrets than fit becomes several entries.
pub const MAX_ENTRY_BYTES: usize = 16 * 1024;

/// A secret that an entry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedSecret {
    /// Its name within the entry's application.
    pub name: SecretName,
    /// The version that was released or made; of what failed, the one that was asked for, if any.
    pub version: Option<SecretVersion>,
}

/// Usually one.
pub(super) type Secrets = SmallVec<[AuditedSecret; 1]>;

/// What happened, without a place in any chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) time: Timestamp,
    /// The number of the first entry of the same operation; `None` for that entry itself.
    pub(super) operation: Option<u64>,
    pub(super) action: Action,
    pub(super) phase: Phase,
    /// None of an intent.
    pub(super) outcome: Option<Outcome>,
    pub(super) environment: Label,
    pub(super) actor: Label,
    pub(super) request: Option<Label>,
    pub(super) application: ApplicationName,
    pub(super) count: u32,
    pub(super) secrets: Secrets,
}

/// The place of an entry in the chain of its writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) writer: WriterId,
    /// From 1, without a gap.
    pub(super) sequence: u64,
    /// The hash of the entry before; zeros before the first.
    pub(super) previous: Hash,
}

/// What stands before the first entry of every writer.
pub(super) const NO_HASH: Hash = [0; HASH_BYTES];

/// One entry of an audit log: immutable, with its bytes. Cheap to clone.
///
/// Everything in it is a name, a number or a time; values never are. Names come from outside: `Display` and `Debug` escape
/// them, and so must whoever prints what an accessor returned.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditEntry(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    event: Event,
    link: Link,
    hash: Hash,
    mac: Option<(AuditKeyId, Hash)>,
    bytes: Arc<[u8]>,
}

impl AuditEntry {
    /// Puts an event into its place in a chain.
    pub(super) fn seal(event: Event, link: Link, key: Option<&AuditKey>) -> Self {
        let mut bytes = codec::encode(&event, &link, key.map(AuditKey::id));
        let hash = hash(Domain::EntryHash, &bytes);
        bytes.extend_from_slice(&hash);
        let mac = key.map(|key| (key.id(), key.authenticate(Domain::EntryMac, &hash)));
        if let Some((_, mac)) = &mac {
            bytes.extend_from_slice(mac);
        }
        debug_assert!(bytes.len() <= MAX_ENTRY_BYTES);
        Self(Arc::new(Inner { event, link, hash, mac, bytes: Arc::from(&bytes[..]) }))
    }

    /// Parses an entry and checks that its hash is that of its content. Whether its MAC is authentic, and whether it stands
    /// where it should, is for a [`Verifier`](super::Verifier) to say.
    ///
    /// # Errors
    ///
    /// [`Integrity`](crate::ErrorKind::Integrity) for anything but an entry, in its one form, with its own hash;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for an entry of a later release.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (entry, is_own_hash) = Self::parse(bytes)?;
        if is_own_hash { Ok(entry) } else { Err(Error::integrity()) }
    }

    /// Also what was altered, with whether it was not.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, bool)> {
        let parsed = codec::decode(bytes)?;
        let is_own_hash = hash(Domain::EntryHash, parsed.body) == parsed.hash;
        let codec::Parsed { event, link, hash, mac, .. } = parsed;
        Ok((Self(Arc::new(Inner { event, link, hash, mac, bytes: bytes.into() })), is_own_hash))
    }

    pub(super) fn event(&self) -> &Event {
        &self.0.event
    }

    /// The bytes of what was parsed.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn encoded_again(&self) -> Vec<u8> {
        let Inner { event, link, hash, mac, .. } = &*self.0;
        let mut bytes = codec::encode(event, link, mac.as_ref().map(|(id, _)| *id)).to_vec();
        bytes.extend_from_slice(hash);
        bytes.extend(mac.iter().flat_map(|(_, mac)| mac));
        bytes
    }

    /// The entry in its one form; `docs/format.md` has every byte.
    #[must_use]
    pub fn as_bytes(&self) -> &Arc<[u8]> {
        &self.0.bytes
    }

    /// Who wrote it: the chain it belongs to.
    #[must_use]
    pub fn writer(&self) -> WriterId {
        self.0.link.writer
    }

    /// Its number in the chain, from 1, without a gap.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.0.link.sequence
    }

    /// The hash of the entry before it in the chain; zeros for the first.
    #[must_use]
    pub fn previous(&self) -> &[u8; 32] {
        &self.0.link.previous
    }

    /// Its own hash: SHA-256 over everything in it, the hash of the entry before included.
    #[must_use]
    pub fn hash(&self) -> &[u8; 32] {
        &self.0.hash
    }

    /// The key that authenticates it, if any.
    #[must_use]
    pub fn key_id(&self) -> Option<AuditKeyId> {
        self.0.mac.map(|(id, _)| id)
    }

    /// Whether this key authenticates it.
    #[must_use]
    pub fn is_authentic(&self, key: &AuditKey) -> bool {
        let Some((id, mac)) = &self.0.mac else { return false };
        *id == key.id() && key.is_authentic(Domain::EntryMac, &self.0.hash, mac)
    }

    /// When it was written, by the writer's clock; never earlier than the entry before it.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.0.event.time
    }

    /// The number, in the same chain, of the first entry of the same operation: an intent and its outcome share it, and so do
    /// the entries of one read that names more secrets than fit into one. With the writer it is the operation's id.
    #[must_use]
    pub fn operation(&self) -> u64 {
        self.0.event.operation.unwrap_or(self.0.link.sequence)
    }

    /// What was asked of the store.
    #[must_use]
    pub fn action(&self) -> Action {
        self.0.event.action
    }

    /// When in the operation it was written.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.event.phase
    }

    /// How the operation ended; `None` of an intent.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.0.event.outcome
    }

    /// Where: the deployment whose store it was (`production`).
    #[must_use]
    pub fn environment(&self) -> &str {
        self.0.event.environment.as_str()
    }

    /// On whose behalf.
    #[must_use]
    pub fn actor(&self) -> &str {
        self.0.event.actor.as_str()
    }

    /// In which request of the caller's, if it said.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.event.request.as_ref().map(Label::as_str)
    }

    /// Whose secrets.
    #[must_use]
    pub fn application(&self) -> &ApplicationName {
        &self.0.event.application
    }

    /// How many items the whole operation answered: secrets of a read, infos of a listing. 0 of what failed.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.event.count
    }

    /// The secrets it names. See [the table](super#what-is-recorded) for which.
    #[must_use]
    pub fn secrets(&self) -> &[AuditedSecret] {
        &self.0.event.secrets
    }
}

/// One line for people, every name escaped; not a format to parse.
impl fmt::Display for AuditEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = &self.0.event;
        write!(
            f,
            "{} {} {}",
            event.time,
            event.environment.as_str().escape_debug(),
            event.actor.as_str().escape_debug()
        )?;
        if let Some(request) = &event.request {
            write!(f, " ({})", request.as_str().escape_debug())?;
        }
        write!(f, " {} {}", event.action, event.application)?;
        for (n, AuditedSecret { name, version }) in event.secrets.iter().enumerate() {
            write!(f, "{}{name}", if n == 0 { "/" } else { ", " })?;
            version.map_or(Ok(()), |version| write!(f, " v{version}"))?;
        }
        match event.outcome {
            None => write!(f, ": {}", event.phase),
            Some(outcome) => write!(f, ": {outcome}"),
        }
    }
}

impl fmt::Debug for AuditEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { event, link, hash, mac, .. } = &*self.0;
        f.debug_struct("AuditEntry")
            .field("writer", &link.writer)
            .field("sequence", &link.sequence)
            .field("event", event)
            .field("hash", &format_args!("{}", Hex(hash)))
            .field("key", &mac.map(|(id, _)| id))
            .finish()
    }
}
