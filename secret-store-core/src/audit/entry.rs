//! One entry: what happened, and its place in the chain of its writer.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::codec;
use super::key::{AuditKey, AuditKeyId, Domain, HASH_BYTES, Hash, hash};
use super::timestamp::Timestamp;
use super::writer::{Hex, WriterId};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, SecretName, SecretVersion};

/// The largest size of an entry, in bytes. What names more secrets than fit becomes several entries.
pub const MAX_ENTRY_BYTES: usize = 16 * 1024;
/// The largest size of an environment, an actor or a request id, in bytes of UTF-8.
pub const MAX_LABEL_BYTES: usize = 255;

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $code,)*
        }

        impl $name {
            pub(super) fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Its name in logs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

coded! {
    /// What was asked: a method of [`SecretStore`](crate::SecretStore), or what a service around a store did
    /// ([`AuditRecorder`](super::AuditRecorder)).
    Action {
        /// `get_with`.
        Get = 1 "get",
        /// `get_many_with`.
        GetMany = 2 "get many",
        /// `get_all_with`.
        GetAll = 3 "get all",
        /// `list_with`.
        List = 4 "list",
        /// `history_with`.
        History = 5 "history",
        /// `put_with`.
        Put = 6 "put",
        /// `delete_with`.
        Delete = 7 "delete",
        /// A credential that its user's client encrypted was submitted.
        Ingest = 8 "ingest",
        /// Such a credential was opened and used.
        Use = 9 "use",
        /// A secret that its client sealed was submitted.
        PutSealed = 10 "put sealed",
        /// Secrets were requested, and sealed to the key of the request.
        Retrieve = 11 "retrieve",
    }
}

impl Action {
    /// Whether it changes the store, and therefore leaves an intent and an outcome.
    #[must_use]
    pub fn is_mutation(self) -> bool {
        matches!(self, Self::Put | Self::Delete | Self::Ingest | Self::PutSealed)
    }
}

coded! {
    /// When in an operation an entry was written.
    Phase {
        /// A read, after it was made and before anything of it was released.
        Read = 1 "read",
        /// A mutation, before it was begun. Without an outcome after it, it is unknown whether the mutation happened.
        Intent = 2 "intent",
        /// A mutation, after it ended.
        Outcome = 3 "outcome",
    }
}

coded! {
    /// How an operation ended: well, or by an error of a [kind](ErrorKind).
    Outcome {
        /// It succeeded.
        Success = 1 "success",
        /// [`ErrorKind::NotFound`].
        NotFound = 2 "not found",
        /// [`ErrorKind::AlreadyExists`].
        AlreadyExists = 3 "already exists",
        /// [`ErrorKind::Conflict`].
        Conflict = 4 "conflict",
        /// [`ErrorKind::Contention`].
        Contention = 5 "contention",
        /// [`ErrorKind::Integrity`].
        Integrity = 6 "integrity",
        /// [`ErrorKind::RollbackDetected`].
        RollbackDetected = 7 "rollback detected",
        /// [`ErrorKind::KeyNotAllowed`].
        KeyNotAllowed = 8 "key not allowed",
        /// [`ErrorKind::KeyUnavailable`].
        KeyUnavailable = 9 "key unavailable",
        /// [`ErrorKind::PermissionDenied`].
        PermissionDenied = 10 "permission denied",
        /// [`ErrorKind::InvalidInput`].
        InvalidInput = 11 "invalid input",
        /// [`ErrorKind::TooLarge`].
        TooLarge = 12 "too large",
        /// [`ErrorKind::Unsupported`].
        Unsupported = 13 "unsupported",
        /// [`ErrorKind::Throttled`].
        Throttled = 14 "throttled",
        /// [`ErrorKind::Unavailable`]: a mutation may have landed.
        Unavailable = 15 "unavailable",
        /// [`ErrorKind::KeyDestroyed`].
        KeyDestroyed = 16 "key destroyed",
        /// [`ErrorKind::NotSealed`].
        NotSealed = 17 "not sealed",
        /// [`ErrorKind::KeyRetired`].
        KeyRetired = 18 "key retired",
        /// [`ErrorKind::Expired`].
        Expired = 19 "expired",
        /// [`ErrorKind::Replayed`].
        Replayed = 20 "replayed",
    }
}

impl From<ErrorKind> for Outcome {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::AlreadyExists => Self::AlreadyExists,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Contention => Self::Contention,
            ErrorKind::Integrity => Self::Integrity,
            ErrorKind::RollbackDetected => Self::RollbackDetected,
            ErrorKind::KeyNotAllowed => Self::KeyNotAllowed,
            ErrorKind::KeyUnavailable => Self::KeyUnavailable,
            ErrorKind::KeyDestroyed => Self::KeyDestroyed,
            ErrorKind::PermissionDenied => Self::PermissionDenied,
            ErrorKind::InvalidInput => Self::InvalidInput,
            ErrorKind::TooLarge { .. } => Self::TooLarge,
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::Throttled => Self::Throttled,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::NotSealed => Self::NotSealed,
            ErrorKind::KeyRetired => Self::KeyRetired,
            ErrorKind::Expired => Self::Expired,
            ErrorKind::Replayed => Self::Replayed,
        }
    }
}

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

/// Text of a caller: an environment, an actor, a request id. 1–255 bytes, any characters; escaped wherever it is shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Label(Arc<str>);

impl Label {
    pub(super) fn new(what: &'static str, text: &str) -> Result<Self> {
        match text.len() {
            0 => Err(Error::invalid_input(format!("{what} is empty: name one"))),
            1..=MAX_LABEL_BYTES => Ok(Self(text.into())),
            bytes => {
                Err(Error::invalid_input(format!("{what} has {bytes} bytes: at most {MAX_LABEL_BYTES} are allowed")))
            }
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

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
    /// [`Integrity`](ErrorKind::Integrity) for anything but an entry, in its one form, with its own hash;
    /// [`Unsupported`](ErrorKind::Unsupported) for an entry of a later release.
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
