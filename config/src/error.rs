//! What can be wrong with configuration.

use std::fmt;

use secret_store_core::Error;

/// Why configuration was not loaded: it names the secret at fault and never shows a value.
#[derive(Debug)]
pub struct LoadError {
    kind: LoadErrorKind,
    name: Option<String>,
    detail: String,
    source: Option<Error>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// A field without a default has no secret.
    Missing,
    /// A value is not of its field's type.
    Malformed,
    /// A name is both a secret and the beginning of others.
    Ambiguous,
    /// A secret belongs to no field, where the type denies unknown ones.
    Unknown,
    /// The store could not be read: [`source`](std::error::Error::source) says why.
    Store,
}

impl LoadError {
    pub(crate) fn new(kind: LoadErrorKind, name: Option<String>, detail: String) -> Self {
        Self { kind, name, detail, source: None }
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> LoadErrorKind {
        self.kind
    }

    /// The name of the secret that is missing, malformed, ambiguous, unknown or could not be read; `None` where serde does not tell, as
    /// of flattened fields that are malformed, and where the store names none.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        let name = error.secret().map(|id| id.name().as_str().to_owned());
        Self { kind: LoadErrorKind::Store, name, detail: String::new(), source: Some(error) }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = &self.detail;
        let name = self.name.as_deref().map(str::escape_debug);
        match (self.kind, name) {
            (LoadErrorKind::Store, _) => f.write_str("the secrets could not be read: see the source"),
            (_, None) => {
                let place = "of flattened fields, serde tells neither names nor types";
                write!(f, "the secrets together are not {detail} ({place})")
            }
            (LoadErrorKind::Missing, Some(name)) => write!(f, "the secret `{name}` is missing: store it, or {detail}"),
            (LoadErrorKind::Malformed, Some(name)) => write!(f, "the secret `{name}` is not {detail}"),
            (LoadErrorKind::Ambiguous, Some(name)) => {
                write!(f, "the secret `{name}` is also the beginning of others: {detail}")
            }
            (LoadErrorKind::Unknown, Some(name)) => write!(f, "the secret `{name}` belongs to no field: {detail}"),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
