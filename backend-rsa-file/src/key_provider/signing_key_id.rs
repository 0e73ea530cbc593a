//! The names of signing keys.

use std::fmt;
use std::sync::Arc;

use secret_store_core::{Error, MAX_ID_BYTES, Result};

/// A signing key by id: 1–255 bytes of UTF-8 without control characters, not beginning with `~`.
///
/// Compared byte by byte, never normalised. Cloning shares the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SigningKeyId(Arc<str>);

impl SigningKeyId {
    /// Parses the id.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput), naming the rule it breaks.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self> {
        let text = text.into();
        if text.is_empty() || text.len() > MAX_ID_BYTES {
            return Err(Error::invalid_input(format!(
                "signing key id has {} bytes of UTF-8: 1 to {MAX_ID_BYTES} are allowed",
                text.len()
            )));
        }
        if text.starts_with('~') || text.chars().any(char::is_control) {
            return Err(Error::invalid_input(
                "signing key id begins with `~` or contains a control character: choose another",
            ));
        }
        Ok(Self(text))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SigningKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_debug())
    }
}

impl fmt::Debug for SigningKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl std::str::FromStr for SigningKeyId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<&str> for SigningKeyId {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        Self::new(text)
    }
}
