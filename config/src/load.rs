//! Reading secrets into a type.

use secret_store_core::{ApplicationName, GetOptions, Secret, SecretId, SecretName, SecretStore};
use serde::de::DeserializeOwned;

use crate::de::Node;
use crate::error::LoadError;
use crate::tree::Tree;

/// Reads an application's secrets into a type.
///
/// # Names
///
/// A field is the secret of its name, as serde has it (`rename_all` adapts conventions); case counts. A nested struct's or map's fields are
/// the secrets whose names begin with its own and a separator, `__` by default: `Db__Host`. A list is `Hosts__0`, `Hosts__1` and so
/// on, without a gap. A name that would have an empty part between separators is not parted.
///
/// # Values
///
/// Values are text. Numbers and `true` and `false` are read from it, whole, without white space. A field that is a struct, a map,
/// a list or an enum with content may also be one secret in JSON. An `Option` is `None` where there is no secret; an empty
/// value is a value. Bytes that are not UTF-8 are for [`SecretField`](crate::SecretField) and other types that take bytes.
///
/// serde shows fields that are flattened, and tagged and untagged enums, no types: numbers are text to them.
///
/// # Errors
///
/// The first field that is at fault is named ([`LoadError::name`]), with what its type expects; never with a value, so that
/// messages of `Deserialize` implementations of the caller's, which might quote it, are dropped. Of flattened fields serde does not
/// tell which one is malformed: then none is named.
#[derive(Clone, Debug)]
#[must_use = "nothing is read until it is asked to load"]
pub struct Loader<'a, S: ?Sized = dyn SecretStore> {
    store: &'a S,
    application: &'a ApplicationName,
    separator: String,
    names: Option<Vec<SecretName>>,
    options: GetOptions,
}

/// Between the parts of a nested name, unless another is chosen.
pub(crate) const SEPARATOR: &str = "__";

impl<'a, S: SecretStore + ?Sized> Loader<'a, S> {
    /// All secrets of an application.
    pub fn new(store: &'a S, application: &'a ApplicationName) -> Self {
        Self { store, application, separator: SEPARATOR.to_owned(), names: None, options: GetOptions::default() }
    }

    /// Another separator; an empty one parts no name.
    pub fn with_separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = separator.into();
        self
    }

    /// These secrets alone, each of which must be there: for a role that may not list, or where most are of no interest.
    pub fn with_names(mut self, names: impl IntoIterator<Item = SecretName>) -> Self {
        self.names = Some(names.into_iter().collect());
        self
    }

    /// How they are read.
    pub fn with_options(mut self, options: GetOptions) -> Self {
        self.options = options;
        self
    }

    /// Reads the secrets and makes a value of them.
    ///
    /// # Errors
    ///
    /// [`LoadError`], as the [type](Self#errors) says.
    pub async fn load<T: DeserializeOwned>(&self) -> Result<T, LoadError> {
        let secrets = self.read().await?;
        let values = secrets.iter().map(|secret| (secret.id().name().as_str(), secret.expose_secret()));
        let tree = Tree::new(values, &self.separator);
        let root = Node::root(&tree, &self.separator);
        T::deserialize(root.clone()).map_err(|fault| root.place(fault).into())
    }

    async fn read(&self) -> secret_store_core::Result<Vec<Secret>> {
        match &self.names {
            None => self.store.get_all_with(self.application, self.options.clone()).await,
            Some(names) => {
                let id = |name: &SecretName| SecretId::new(self.application.clone(), name.clone());
                let ids: Vec<_> = names.iter().map(id).collect();
                self.store.get_many_with(&ids, self.options.clone()).await
            }
        }
    }
}
