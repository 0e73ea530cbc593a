//! One opaque error with a kind to match on.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::id::SecretId;
use crate::persistence::Revision;

/// The result of every fallible call of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for programs to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The secret, version or record does not exist.
    #[error("not found")]
    NotFound,
    /// What was to be created exists already.
    #[error("already exists")]
    AlreadyExists,
    /// A lost race: a precondition did not hold. Nothing was written. [`Error::revision`] may tell the current state.
    #[error("conflict")]
    Conflict,
    /// Another write was in progress on the same records. Nothing was written; the same call may be tried again.
    #[error("contention")]
    Contention,
    /// Something stored is not what was written: altered, swapped, truncated or sealed under another key.
    /// One kind and no cause for every cryptographic failure.
    #[error("integrity check failed")]
    Integrity,
    /// An authentic but older state was presented.
    #[error("rollback detected")]
    RollbackDetected,
    /// The configuration does not allow this master key. It was not contacted.
    #[error("key not allowed")]
    KeyNotAllowed,
    /// The master key exists but cannot be used now: disabled, deleted, not loaded, locked.
    #[error("key unavailable")]
    KeyUnavailable,
    /// The tenant key was destroyed, says its record: what it protected is gone for good.
    #[error("key destroyed")]
    KeyDestroyed,
    /// The caller's identity may not do this.
    #[error("permission denied")]
    PermissionDenied,
    /// An argument or a setting breaks a rule, which the message names.
    #[error("invalid input")]
    InvalidInput,
    /// Something exceeds a size limit.
    #[error("too large")]
    TooLarge {
        /// The limit, in bytes unless the message says otherwise.
        limit: u64,
        /// The actual size, in the same unit.
        actual: u64,
    },
    /// What was submitted is not sealed, where nothing but a seal is taken. Nothing was stored.
    #[error("not sealed")]
    NotSealed,
    /// What it was sealed or signed with is a retired version of the key: fetch the current one and seal again.
    #[error("key retired")]
    KeyRetired,
    /// A request, a nonce or a message is past its time.
    #[error("expired")]
    Expired,
    /// A request, a nonce or a message was used before.
    #[error("replayed")]
    Replayed,
    /// A format, suite, flag or option that this configuration or this release does not support.
    #[error("unsupported")]
    Unsupported,
    /// The backend asks to slow down.
    #[error("throttled")]
    Throttled,
    /// The backend cannot be reached, failed or did not answer in time. After a write this means that it may have landed: reload.
    #[error("unavailable")]
    Unavailable,
}

/// An opaque error: match on [`Error::kind`].
///
/// `Display` is one lower-case clause that never holds a value, a key byte or unescaped foreign text.
/// Eight bytes on the stack.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    message: Option<Cow<'static, str>>,
    operation: Option<&'static str>,
    secret: Option<SecretId>,
    revision: Option<Revision>,
    failed_write: Option<usize>,
    /// Shared, so that an answer that several waited for reaches each with its cause.
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.operation, &self.secret) {
            (Some(operation), Some(secret)) => write!(f, "{operation} {secret}: ")?,
            (Some(operation), None) => write!(f, "{operation}: ")?,
            (None, Some(secret)) => write!(f, "{secret}: ")?,
            (None, None) => {}
        }
        match &self.message {
            Some(message) => f.write_str(message),
            None => self.kind.fmt(f),
        }
    }
}

impl StdError for Inner {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// The same error for another who waited for the same answer.
pub(crate) fn repeated(error: &Error) -> Error {
    Error(error.0.clone())
}

impl Error {
    /// An error of a kind, with one lower-case clause that says what and how to fix it.
    ///
    /// The message must hold neither secrets nor unescaped foreign text.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self::build(kind, Some(message.into()))
    }

    fn build(kind: ErrorKind, message: Option<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message,
            operation: None,
            secret: None,
            revision: None,
            failed_write: None,
            source: None,
        }))
    }

    /// [`ErrorKind::InvalidInput`], naming the rule.
    #[must_use]
    pub fn invalid_input(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// [`ErrorKind::Integrity`]: deliberately without any detail.
    #[must_use]
    pub fn integrity() -> Self {
        Self::build(ErrorKind::Integrity, None)
    }

    /// [`ErrorKind::NotFound`].
    #[must_use]
    pub fn not_found() -> Self {
        Self::build(ErrorKind::NotFound, None)
    }

    /// [`ErrorKind::TooLarge`]: `what` names the thing, both numbers share one unit.
    #[must_use]
    pub fn too_large(what: &'static str, limit: u64, actual: u64) -> Self {
        Self::new(ErrorKind::TooLarge { limit, actual }, format!("{what} is too large: {actual}, at most {limit}"))
    }

    /// [`ErrorKind::Conflict`]: the precondition of write number `failed_write` (from 0) of a commit did not hold;
    /// `current` is the revision found there, if any.
    #[must_use]
    pub fn conflict(failed_write: usize, current: Option<Revision>) -> Self {
        let mut error = Self::build(ErrorKind::Conflict, Some("another write came first: reload and try again".into()));
        error.0.failed_write = Some(failed_write);
        error.0.revision = current;
        error
    }

    /// [`ErrorKind::KeyNotAllowed`] for a master key.
    #[must_use]
    pub fn key_not_allowed(id: &crate::MasterKeyId) -> Self {
        Self::new(ErrorKind::KeyNotAllowed, format!("master key {id} is not in the allow-list: configure it to use it"))
    }

    /// [`ErrorKind::KeyDestroyed`].
    #[must_use]
    pub fn key_destroyed() -> Self {
        Self::new(ErrorKind::KeyDestroyed, "the tenant key is destroyed: what it protected is gone for good")
    }

    /// Attaches the cause.
    ///
    /// An [`ErrorKind::Integrity`] stays without one: its cause could tell an attacker which check failed.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        if self.0.kind != ErrorKind::Integrity {
            self.0.source = Some(source.into().into());
        }
        self
    }

    /// Names the operation, once: the innermost name stays.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Names the secret, once: the innermost name stays.
    #[must_use]
    pub fn with_secret(mut self, id: &SecretId) -> Self {
        self.0.secret.get_or_insert_with(|| id.clone());
        self
    }

    /// Says in front of the message where it comes from. An [`ErrorKind::Integrity`] stays bare, as everywhere.
    pub(crate) fn within(mut self, place: fmt::Arguments<'_>) -> Self {
        if self.0.kind != ErrorKind::Integrity {
            let message = match &self.0.message {
                Some(message) => format!("{place}: {message}"),
                None => format!("{place}: {}", self.0.kind),
            };
            self.0.message = Some(message.into());
        }
        self
    }

    /// Attaches the revision found.
    #[must_use]
    pub fn with_revision(mut self, revision: Option<Revision>) -> Self {
        self.0.revision = revision;
        self
    }

    /// The same error as a layer that exchanges writes shows it: about its caller's writes and revisions.
    pub(crate) fn with_conflict(mut self, failed_write: Option<usize>, revision: Option<Revision>) -> Self {
        self.0.failed_write = failed_write;
        self.0.revision = revision;
        self
    }

    /// What went wrong, to match on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the very same call may succeed later: [`ErrorKind::Throttled`], [`ErrorKind::Unavailable`] and
    /// [`ErrorKind::Contention`]. A write that was `Unavailable` may have landed: reload, or repeat it with an
    /// idempotency token.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Contention)
    }

    /// The operation that failed, where known (`get`, `put`, `unwrap key` …).
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The secret concerned, where known.
    #[must_use]
    pub fn secret(&self) -> Option<&SecretId> {
        self.0.secret.as_ref()
    }

    /// The current revision that a lost race found; `None` also when nothing is there.
    #[must_use]
    pub fn revision(&self) -> Option<&Revision> {
        self.0.revision.as_ref()
    }

    /// Which write of a commit (from 0) had the precondition that did not hold.
    #[must_use]
    pub fn failed_write(&self) -> Option<usize> {
        self.0.failed_write
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_pointer() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn integrity_never_carries_a_cause() {
        let error = Error::integrity().with_source("the tag differs at byte 3");
        assert!(error.source().is_none());
        assert_eq!(error.to_string(), "integrity check failed");
    }

    #[test]
    fn says_where_it_comes_from_unless_it_is_about_integrity() {
        let error = Error::new(ErrorKind::Throttled, "slow down").with_operation("unwrap key").with_source("cause");
        let error = error.within(format_args!("member {}", 2));
        assert_eq!((error.to_string(), error.kind()), ("unwrap key: member 2: slow down".into(), ErrorKind::Throttled));
        assert!(error.source().is_some());
        assert_eq!(Error::not_found().within(format_args!("here")).to_string(), "here: not found");
        assert_eq!(Error::integrity().within(format_args!("here")).to_string(), "integrity check failed");
    }

    #[test]
    fn names_operation_and_secret_escaped() {
        let id = SecretId::new(
            crate::ApplicationName::new("App").expect("valid"),
            crate::SecretName::lenient("a\u{1b}[2Jb").expect("lenient"),
        );
        let error = Error::not_found().with_operation("get").with_secret(&id).with_operation("outer");
        assert_eq!(error.to_string(), "get App/a\\u{1b}[2Jb: not found");
        assert_eq!(error.operation(), Some("get"));
        assert_eq!(Error::not_found().with_operation("list").to_string(), "list: not found");
        assert_eq!(Error::not_found().with_secret(&id).to_string(), "App/a\\u{1b}[2Jb: not found");
    }

    #[test]
    fn retryable_kinds() {
        assert!(Error::new(ErrorKind::Throttled, "slow down").is_retryable());
        assert!(Error::new(ErrorKind::Unavailable, "gone").is_retryable());
        assert!(!Error::conflict(0, None).is_retryable());
        assert!(!Error::integrity().is_retryable());
    }
}
