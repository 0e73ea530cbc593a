//! Secrets as a source of the `config` crate.

use std::sync::Arc;

use async_trait::async_trait;
use config::{AsyncSource, ConfigError, Map, Value, ValueKind};
use secret_store_core::{ApplicationName, GetOptions, SecretStore};

use crate::load::SEPARATOR;
use crate::tree::Tree;

/// All secrets of an application, for `config::ConfigBuilder<AsyncState>::add_async_source`.
///
/// Names with separators are tables, as [`Loader`](crate::Loader) reads them, lists too. Values are text; one that is not UTF-8 is an
/// error that names it, and so is a name that is both a value and the beginning of others.
///
/// **The `config` crate keeps plain strings**, which are not wiped, and clones them; **its errors quote** a value that is not of the type
/// that was asked for, and `Debug` of a `Config` shows all. For what must neither linger nor be logged use [`Loader`](crate::Loader) and
/// [`SecretField`](crate::SecretField). It compares keys without case where a path asks for them.
#[derive(Clone, Debug)]
pub struct SecretSource {
    store: Arc<dyn SecretStore>,
    application: ApplicationName,
    separator: String,
    options: GetOptions,
}

impl SecretSource {
    /// All secrets of an application.
    pub fn new(store: Arc<dyn SecretStore>, application: ApplicationName) -> Self {
        Self { store, application, separator: SEPARATOR.to_owned(), options: GetOptions::default() }
    }

    /// Another separator than `__`; an empty one parts no name.
    #[must_use]
    pub fn with_separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = separator.into();
        self
    }

    /// How they are read.
    #[must_use]
    pub fn with_options(mut self, options: GetOptions) -> Self {
        self.options = options;
        self
    }

    fn origin(&self) -> String {
        format!("secrets of {}", self.application)
    }
}

#[async_trait]
impl AsyncSource for SecretSource {
    async fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let secrets = self.store.get_all_with(&self.application, self.options.clone()).await;
        let secrets = secrets.map_err(|error| ConfigError::Foreign(Box::new(error)))?;
        let values = secrets.iter().map(|secret| (secret.id().name().as_str(), secret.expose_secret()));
        table(&Tree::new(values, &self.separator), &self.origin(), "", &self.separator)
    }
}

fn table(tree: &Tree<'_>, origin: &String, path: &str, separator: &str) -> Result<Map<String, Value>, ConfigError> {
    let member = |(part, child): (&&str, &Tree<'_>)| {
        let path = if path.is_empty() { (*part).to_owned() } else { format!("{path}{separator}{part}") };
        Ok(((*part).to_owned(), value(child, origin, &path, separator)?))
    };
    tree.children.iter().map(member).collect()
}

fn value(tree: &Tree<'_>, origin: &String, path: &str, separator: &str) -> Result<Value, ConfigError> {
    let refused = |what: &str| Err(ConfigError::Message(format!("the secret `{}` {what}", path.escape_debug())));
    let kind = match (tree.value, tree.items()) {
        (Some(_), _) if !tree.children.is_empty() => return refused("is also the beginning of others: keep one"),
        (Some(bytes), _) => match std::str::from_utf8(bytes) {
            Ok(text) => ValueKind::String(text.to_owned()),
            Err(_) => return refused("is not text in UTF-8: read it by the store"),
        },
        (None, Some(items)) => {
            let item =
                |(part, child): (&str, &Tree<'_>)| value(child, origin, &format!("{path}{separator}{part}"), separator);
            ValueKind::Array(items.into_iter().map(item).collect::<Result<_, _>>()?)
        }
        (None, None) => ValueKind::Table(table(tree, origin, path, separator)?),
    };
    Ok(Value::new(Some(origin), kind))
}
