//! What a program sees.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::application::Application;
use crate::error::{Error, Result};
use crate::id::{ApplicationName, MasterKeyId, SecretId, SecretName, SecretVersion};
use crate::persistence::{Consistency, Page, Precondition};
use crate::secret::{Metadata, Secret, SecretInfo, SecretValue};

/// A store of secrets: what programs use, and what layers take and give.
///
/// This is the implementor's contract; [`SecretStoreExt`] has the short forms.
///
/// # Obligations
///
/// * **Durable**: a write that returned `Ok` survives a crash.
/// * **No lost update**: a write whose precondition does not hold changes nothing and is
///   [`Conflict`](crate::ErrorKind::Conflict). A put without one always becomes a version of its own.
/// * **Versions** of one name never repeat, also after a delete and a new put.
/// * **All or an error**: what answers several secrets answers all of them or fails.
/// * **Cancel safe**: a dropped write either happened or did not; a dropped read does nothing; no plaintext stays behind.
///
/// # Errors
///
/// Every method: [`InvalidInput`](crate::ErrorKind::InvalidInput), [`PermissionDenied`](crate::ErrorKind::PermissionDenied),
/// [`Throttled`](crate::ErrorKind::Throttled), [`Unavailable`](crate::ErrorKind::Unavailable) (a write may have landed then: reload, or
/// repeat it with the same idempotency token). Reads also: [`NotFound`](crate::ErrorKind::NotFound),
/// [`Integrity`](crate::ErrorKind::Integrity), [`RollbackDetected`](crate::ErrorKind::RollbackDetected),
/// [`Unsupported`](crate::ErrorKind::Unsupported), [`KeyNotAllowed`](crate::ErrorKind::KeyNotAllowed),
/// [`KeyUnavailable`](crate::ErrorKind::KeyUnavailable). Writes also: [`Conflict`](crate::ErrorKind::Conflict),
/// [`TooLarge`](crate::ErrorKind::TooLarge), the key kinds, and `RollbackDetected` where the history contradicts the current record.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SecretStore: fmt::Debug + Send + Sync + 'static {
    /// Reads a secret: the current value, or the version the options name.
    async fn get_with(&self, id: &SecretId, options: GetOptions) -> Result<Secret>;

    /// Stores a new version of a secret.
    async fn put_with(&self, id: &SecretId, value: SecretValue, options: PutOptions) -> Result<SecretInfo>;

    /// Deletes the current value. Earlier versions stay readable as long as the retention keeps them, unless the options
    /// [delete](DeleteOptions::with_history) them too.
    async fn delete_with(&self, id: &SecretId, options: DeleteOptions) -> Result<()>;

    /// One page of the application's secrets, sorted by name, without their values.
    async fn list_with(&self, application: &ApplicationName, options: ListOptions) -> Result<Page<SecretInfo>>;

    /// One page of the earlier versions of a secret, newest first, without their values.
    async fn history_with(&self, id: &SecretId, options: ListOptions) -> Result<Page<SecretInfo>>;

    /// Reads several secrets, in the order of `ids`: all or an error. Provided: one by one.
    async fn get_many_with(&self, ids: &[SecretId], options: GetOptions) -> Result<Vec<Secret>> {
        let mut secrets = Vec::with_capacity(ids.len());
        for id in ids {
            secrets.push(self.get_with(id, options.clone()).await?);
        }
        Ok(secrets)
    }

    /// Reads every secret of an application, sorted by name: complete or an error. Provided: list, then get each; one that is
    /// deleted between the two is left out.
    async fn get_all_with(&self, application: &ApplicationName, options: GetOptions) -> Result<Vec<Secret>> {
        let mut secrets = Vec::new();
        let mut list = ListOptions::default().with_consistency(options.consistency);
        loop {
            let page = self.list_with(application, list.clone()).await?;
            for info in &page.items {
                match self.get_with(&info.id, options.clone()).await {
                    Ok(secret) => secrets.push(secret),
                    Err(error) if error.kind() == crate::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            match page.next {
                Some(next) => list = list.with_after(next),
                None => return Ok(secrets),
            }
        }
    }
}

/// The short forms of [`SecretStore`], for every implementation: each hands on the future of the method it stands for.
pub trait SecretStoreExt: SecretStore {
    /// Reads the current value.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of reads.
    fn get<'a>(&'a self, id: &'a SecretId) -> BoxFuture<'a, Result<Secret>> {
        self.get_with(id, GetOptions::default())
    }

    /// Reads one version, current or earlier.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of reads; [`NotFound`](crate::ErrorKind::NotFound) when this version is gone.
    fn get_version<'a>(&'a self, id: &'a SecretId, version: SecretVersion) -> BoxFuture<'a, Result<Secret>> {
        self.get_with(id, GetOptions::default().with_version(version))
    }

    /// Stores a new version, whatever is there.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of writes.
    fn put<'a>(&'a self, id: &'a SecretId, value: SecretValue) -> BoxFuture<'a, Result<SecretInfo>> {
        self.put_with(id, value, PutOptions::default())
    }

    /// Deletes the current value, whatever it is.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of writes; [`NotFound`](crate::ErrorKind::NotFound) when there is none.
    fn delete<'a>(&'a self, id: &'a SecretId) -> BoxFuture<'a, Result<()>> {
        self.delete_with(id, DeleteOptions::default())
    }

    /// The first page of an application's secrets, without their values.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of every method.
    fn list<'a>(&'a self, application: &'a ApplicationName) -> BoxFuture<'a, Result<Page<SecretInfo>>> {
        self.list_with(application, ListOptions::default())
    }

    /// The first page of the earlier versions of a secret.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of every method.
    fn history<'a>(&'a self, id: &'a SecretId) -> BoxFuture<'a, Result<Page<SecretInfo>>> {
        self.history_with(id, ListOptions::default())
    }

    /// Reads several current values: all or an error.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of reads.
    fn get_many<'a>(&'a self, ids: &'a [SecretId]) -> BoxFuture<'a, Result<Vec<Secret>>> {
        self.get_many_with(ids, GetOptions::default())
    }

    /// Reads every secret of an application: complete or an error.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of reads.
    fn get_all<'a>(&'a self, application: &'a ApplicationName) -> BoxFuture<'a, Result<Vec<Secret>>> {
        self.get_all_with(application, GetOptions::default())
    }

    /// Makes an earlier version the newest: reads it and stores its value and metadata as a new version. Needs the right to
    /// read and to write.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of reads and writes.
    fn restore<'a>(&'a self, id: &'a SecretId, version: SecretVersion) -> BoxFuture<'a, Result<SecretInfo>> {
        Box::pin(async move {
            let secret = self.get_version(id, version).await?;
            let options = PutOptions::default().with_metadata(secret.info().metadata.clone());
            self.put_with(id, secret.into_value(), options).await
        })
    }

    /// A handle for one application, so that a service does not repeat itself.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the name breaks a rule.
    fn application<N>(&self, name: N) -> Result<Application<Self>>
    where
        Self: Clone + Sized,
        N: TryInto<ApplicationName>,
        N::Error: Into<Error>,
    {
        Ok(Application::new(self.clone(), name.try_into().map_err(Into::into)?))
    }
}

impl<S: SecretStore + ?Sized> SecretStoreExt for S {}

/// How to read.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GetOptions {
    /// Which version; the current one by default.
    pub version: Option<SecretVersion>,
    /// A pin the caller kept: anything older is [`RollbackDetected`](crate::ErrorKind::RollbackDetected).
    pub minimum_version: Option<SecretVersion>,
    /// How fresh; eventual by default.
    pub consistency: Consistency,
}

impl GetOptions {
    /// Reads this version instead of the current one.
    #[must_use]
    pub fn with_version(mut self, version: SecretVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Refuses anything older than a version the caller has seen ([`SecretInfo::version`]).
    #[must_use]
    pub fn with_minimum_version(mut self, version: SecretVersion) -> Self {
        self.minimum_version = Some(version);
        self
    }

    /// Reads this fresh.
    #[must_use]
    pub fn with_consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = consistency;
        self
    }
}

/// How to write.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PutOptions {
    /// On what condition; none by default.
    pub precondition: Precondition,
    /// Under which master key; the configured one by default.
    pub master_key_id: Option<MasterKeyId>,
    /// What to say about the secret, not encrypted but authenticated.
    pub metadata: Metadata,
    /// Marks retries of one put, 1–64 bytes: a second put with the token of one of the newest 32 versions answers that
    /// version instead of making another. Stored in clear, authenticated with the value.
    pub idempotency_token: Option<Arc<str>>,
}

impl PutOptions {
    /// Writes only if this holds.
    #[must_use]
    pub fn with_precondition(mut self, precondition: Precondition) -> Self {
        self.precondition = precondition;
        self
    }

    /// Wraps the document key under this master key.
    #[must_use]
    pub fn with_master_key(mut self, id: MasterKeyId) -> Self {
        self.master_key_id = Some(id);
        self
    }

    /// Attaches metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Marks retries of one put with a token unique to it.
    #[must_use]
    pub fn with_idempotency_token(mut self, token: impl Into<Arc<str>>) -> Self {
        self.idempotency_token = Some(token.into());
        self
    }
}

/// How to delete.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeleteOptions {
    /// On what condition; none by default ([`Precondition::Absent`] is an error: there would be nothing to delete).
    pub precondition: Precondition,
    /// What becomes of the earlier versions; they stay by default.
    pub history: HistoryDeletion,
}

/// What a delete does with the earlier versions of a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryDeletion {
    /// They stay, the one that is deleted among them, as long as the retention keeps them.
    #[default]
    Kept,
    /// They go, all of them: of the secret its last number alone stays.
    Deleted,
}

impl DeleteOptions {
    /// Deletes only if this holds.
    #[must_use]
    pub fn with_precondition(mut self, precondition: Precondition) -> Self {
        self.precondition = precondition;
        self
    }

    /// Deletes the earlier versions too, with their wrapped keys, and keeps none of what is deleted.
    ///
    /// The current value goes first, at once; the earlier versions after it, in as many commits as they need. After an error, or
    /// of a dropped call, some of them may be left: repeat the call, which then also succeeds where only earlier versions were
    /// left. Copies outside of the store (backups, replicas, the journal of a file system) are not its to delete.
    #[must_use]
    pub fn with_history(mut self) -> Self {
        self.history = HistoryDeletion::Deleted;
        self
    }
}

/// Which page of a listing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListOptions {
    /// The largest number of items; 100 by default.
    pub limit: NonZeroUsize,
    /// Where the page before ended ([`Page::next`]).
    pub after: Option<Arc<str>>,
    /// How fresh; eventual by default.
    pub consistency: Consistency,
}

impl Default for ListOptions {
    fn default() -> Self {
        Self { limit: crate::persistence::ListQuery::DEFAULT_LIMIT, after: None, consistency: Consistency::default() }
    }
}

impl ListOptions {
    /// Another page size.
    #[must_use]
    pub fn with_limit(mut self, limit: NonZeroUsize) -> Self {
        self.limit = limit;
        self
    }

    /// Goes on after a page's [`next`](Page::next).
    #[must_use]
    pub fn with_after(mut self, next: impl Into<Arc<str>>) -> Self {
        self.after = Some(next.into());
        self
    }

    /// Reads this fresh.
    #[must_use]
    pub fn with_consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = consistency;
        self
    }
}

/// Parses a secret name from whatever the caller has.
pub(crate) fn secret_name<N>(name: N) -> Result<SecretName>
where
    N: TryInto<SecretName>,
    N::Error: Into<Error>,
{
    name.try_into().map_err(Into::into)
}
