//! Who holds the master keys.

use std::fmt;

use async_trait::async_trait;

use crate::context::EncryptionContext;
use crate::error::{Error, ErrorKind, Result};
use crate::id::MasterKeyId;
use crate::key::{DocumentKey, GeneratedKey, WrappedKey};

/// A holder of master keys: generates, wraps and unwraps document keys.
///
/// This is the implementor's contract. Local providers (keys in memory, in files, in a database) need no cipher of their
/// own: [`KeyEncryptionKey`](crate::KeyEncryptionKey) is the wrap, and `secret-store-conformance` tells whether it is used right.
///
/// # Obligations
///
/// * **Bound**: a wrapped key unwraps under exactly the context it was wrapped under, and under no other: every byte of
///   [`EncryptionContext::aead_bytes`] or every one of [`EncryptionContext::pairs`] is authenticated. The
///   legacy context is bound as *legacy*: what was wrapped under it opens under no other context, and the reverse.
/// * **Authenticated**: an altered, truncated or extended wrap is refused, and so is one under another master key.
/// * **Fresh**: each generated key is new and uniformly random, of [`EncryptionContext::key_bytes`] bytes, and comes from the
///   operating system's generator or a KMS.
/// * **Allow-listed**: a key for which [`accepts`](KeyProvider::accepts) is false is never contacted, also when a wrap names it.
/// * **Checked**: an unwrapped key whose size the context does not admit is refused
///   ([`EncryptionContext::check_key_bytes`]).
/// * **Cancel safe**: a dropped call leaves nothing behind that matters.
///
/// # Errors
///
/// [`KeyNotAllowed`](crate::ErrorKind::KeyNotAllowed) without contact for a key that is not accepted,
/// [`KeyUnavailable`](crate::ErrorKind::KeyUnavailable) for an accepted key that cannot be used now,
/// [`Integrity`](crate::ErrorKind::Integrity) for a wrap that does not open (no cause attached),
/// [`Unsupported`](crate::ErrorKind::Unsupported) for a suite the provider does not know,
/// [`PermissionDenied`](crate::ErrorKind::PermissionDenied), [`Throttled`](crate::ErrorKind::Throttled) and
/// [`Unavailable`](crate::ErrorKind::Unavailable) as the holder says.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait KeyProvider: fmt::Debug + Send + Sync + 'static {
    /// Whether the configuration allows this key. Pure: no I/O.
    fn accepts(&self, id: &MasterKeyId) -> bool;

    /// Makes a new document key and wraps it, in one call to the holder where it can.
    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey>;

    /// Wraps an existing document key.
    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey>;

    /// Opens a wrapped key.
    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey>;

    /// Moves a wrapped key to another master key or context, inside the holder where it can. Provided: unwrap, then wrap.
    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        let document_key = self.unwrap_key(key, from).await?;
        self.wrap_key(to, &document_key, to_context).await
    }
}

/// What was answered by those that gave no key for a wrap: several wraps of one key, or several holders of one wrap.
#[derive(Default)]
pub(crate) struct Refusals(Option<Error>);

impl Refusals {
    /// Notes one. It is an error where nobody else is to be asked: a refusal of policy (not allowed, destroyed) is the answer.
    pub(crate) fn add(&mut self, error: Error) -> Result<()> {
        let goes_on = judges_the_wrap(error.kind()) || judges_the_holder(error.kind());
        // A wrap is bad only when everybody says so: as long as one could not look, that one may open it later.
        let first = self.0.take().filter(|first| !judges_the_wrap(first.kind()) || judges_the_wrap(error.kind()));
        let reported = first.unwrap_or(error);
        if goes_on {
            self.0 = Some(reported);
            return Ok(());
        }
        Err(reported)
    }

    /// What to report of all of them; the other error where nobody was asked.
    pub(crate) fn into_error(self, nobody: impl FnOnce() -> Error) -> Error {
        self.0.unwrap_or_else(nobody)
    }
}

/// It is altered, or none of this holder's.
fn judges_the_wrap(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Integrity | ErrorKind::Unsupported | ErrorKind::InvalidInput)
}

/// The key, or the way to it, cannot be used now.
fn judges_the_holder(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::KeyUnavailable | ErrorKind::Unavailable | ErrorKind::Throttled | ErrorKind::PermissionDenied
    )
}
