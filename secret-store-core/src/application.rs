//! A store seen from one application.

use crate::error::{Error, Result};
use crate::id::{ApplicationName, SecretId, SecretName, SecretVersion};
use crate::persistence::Page;
use crate::secret::{Secret, SecretInfo, SecretValue};
use crate::store::{DeleteOptions, GetOptions, ListOptions, PutOptions, SecretStore, SecretStoreExt, secret_name};

/// A handle on the secrets of one application: the store's methods with the application filled in.
///
/// Made by [`SecretStoreExt::application`]. Cheap to clone where the store is (an `Arc`, an
/// [`EnvelopeStore`](crate::EnvelopeStore)). Names may be given as text: the rules of [`SecretName::new`] are checked then.
#[derive(Clone, Debug)]
pub struct Application<S> {
    store: S,
    name: ApplicationName,
}

impl<S: SecretStore> Application<S> {
    pub(crate) fn new(store: S, name: ApplicationName) -> Self {
        Self { store, name }
    }

    /// The application's name.
    #[must_use]
    pub fn name(&self) -> &ApplicationName {
        &self.name
    }

    /// The store behind the handle.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The full name of one of its secrets.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the name breaks a rule.
    pub fn id<N>(&self, name: N) -> Result<SecretId>
    where
        N: TryInto<SecretName>,
        N::Error: Into<Error>,
    {
        Ok(SecretId::new(self.name.clone(), secret_name(name)?))
    }

    /// Reads a secret.
    ///
    /// # Errors
    ///
    /// As [`SecretStoreExt::get`].
    pub async fn get<N>(&self, name: N) -> Result<Secret>
    where
        N: TryInto<SecretName>,
        N::Error: Into<Error>,
    {
        self.get_with(name, GetOptions::default()).await
    }

    /// Reads a secret as the options say.
    ///
    /// # Errors
    ///
    /// As [`SecretStore::get_with`].
    pub async fn get_with<N>(&self, name: N, options: GetOptions) -> Result<Secret>
    where
        N: TryInto<SecretName>,
        N::Error: Into<Error>,
    {
        self.store.get_with(&self.id(name)?, options).await
    }

    /// Reads one version of a secret.
    ///
    /// # Errors
    ///
    /// As [`SecretStoreExt::get_version`].
    pub async fn get_version<N>(&self, name: N, version: SecretVersion) -> Result<Secret>
    where
        N: TryInto<SecretName>,
        N::Error: Into<Error>,
    {
        self.store.get_version(&self.id(name)?, version).await
    }

    /// Stores a new version of a secret.
    ///
    /// # Errors
    ///
    /// As [`SecretStoreExt::put`].
    pub async fn put<N>(&self, name: N, value: impl Into<SecretValue>) -> Result<SecretInfo>
    where
        N: TryInto<SecretName>,
        N::Error: Into<Error>,
    {
        let (name, value) = (self.id(name)?, value.into());
        self.store.put(&name, value).await
    }

    /// Stores a new version of a secret as the options say.
    ///
    /// # Errors
    ///
    /// As [`SecretStore::put_with`].
    pub async fn put_with<N>(&self, name: N, value: impl Into<SecretValue>, options: PutOptions) -> Result<SecretInfo>
    where
        N: TryInto<SecretName>,
        N::Error: Into<Error>,
    {
        let (name, value) = (self.id(name)?, value.into());
        self.store.put_with(&name, value, options).await
    }

    /// Deletes the current value of a secret.
    ///
    /// # Errors
    ///
    /// As [`SecretStoreExt::delete`].
    pub async fn delete<N>(&self, name: N) -> Result<()>
    where
        N: TryInto<SecretName>,
        N::Error: Into<Error>,
    {
        self.delete_with(name, DeleteOptions::default()).await
    }

    /// Deletes the current value of a secret as the options say.
    ///
    /// # Errors
    ///
    /// As [`SecretStore::delete_with`].
    pub async fn delete_with<N>(&self, name: N, options: DeleteOptions) -> Result<()>
    where
        N: TryInto<SecretName>,
        N::Error: Into<Error>,
    {
        self.store.delete_with(&self.id(name)?, options).await
    }

    /// Makes an earlier version the newest.
    ///
    /// # Errors
    ///
    /// As [`SecretStoreExt::restore`].
    pub async fn restore<N>(&self, name: N, version: SecretVersion) -> Result<SecretInfo>
    where
        N: TryInto<SecretName>,
        N::Error: Into<Error>,
    {
        self.store.restore(&self.id(name)?, version).await
    }

    /// One page of the application's secrets, without their values.
    ///
    /// # Errors
    ///
    /// As [`SecretStore::list_with`].
    pub async fn list(&self, options: ListOptions) -> Result<Page<SecretInfo>> {
        self.store.list_with(&self.name, options).await
    }

    /// One page of the earlier versions of a secret, without their values.
    ///
    /// # Errors
    ///
    /// As [`SecretStore::history_with`].
    pub async fn history<N>(&self, name: N, options: ListOptions) -> Result<Page<SecretInfo>>
    where
        N: TryInto<SecretName>,
        N::Error: Into<Error>,
    {
        self.store.history_with(&self.id(name)?, options).await
    }

    /// Reads several secrets by name: all or an error.
    ///
    /// # Errors
    ///
    /// As [`SecretStoreExt::get_many`].
    pub async fn get_many<N>(&self, names: impl IntoIterator<Item = N>) -> Result<Vec<Secret>>
    where
        N: TryInto<SecretName>,
        N::Error: Into<Error>,
    {
        let ids = names.into_iter().map(|name| self.id(name)).collect::<Result<Vec<_>>>()?;
        self.store.get_many(&ids).await
    }

    /// Reads every secret of the application: complete or an error.
    ///
    /// # Errors
    ///
    /// As [`SecretStoreExt::get_all`].
    pub async fn get_all(&self) -> Result<Vec<Secret>> {
        self.store.get_all(&self.name).await
    }
}
