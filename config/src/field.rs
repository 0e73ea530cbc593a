//! A value within configuration.

use std::fmt;

use secret_store_core::{Result, SecretValue};
use serde::de::{Deserialize, Deserializer, Visitor};

/// A field that holds a secret: wiped on drop, nothing in `Debug`.
///
/// [`Loader`](crate::Loader) hands it the bytes as they lie in the store's own buffer, so that no other copy is made. Within a value
/// that is JSON, and from other deserializers, the text has been through their buffers.
///
/// `secrecy::SecretString` does as well: it copies once, into the string that it wipes.
pub struct SecretField(SecretValue);

impl SecretField {
    /// The bytes.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// The value as text.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) when it is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        self.0.text()
    }

    /// The value.
    #[must_use]
    pub fn into_value(self) -> SecretValue {
        self.0
    }
}

impl From<SecretValue> for SecretField {
    fn from(value: SecretValue) -> Self {
        Self(value)
    }
}

impl AsRef<SecretValue> for SecretField {
    fn as_ref(&self) -> &SecretValue {
        &self.0
    }
}

impl fmt::Debug for SecretField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretField([redacted])")
    }
}

impl<'de> Deserialize<'de> for SecretField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        // Self-describing formats have text where bytes are asked for.
        deserializer.deserialize_bytes(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = SecretValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or bytes")
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<SecretValue, E> {
        Ok(SecretValue::from(text))
    }

    fn visit_string<E>(self, text: String) -> std::result::Result<SecretValue, E> {
        Ok(SecretValue::from(text))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> std::result::Result<SecretValue, E> {
        Ok(SecretValue::from(bytes))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> std::result::Result<SecretValue, E> {
        Ok(SecretValue::from(bytes))
    }
}
