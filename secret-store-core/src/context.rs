//! What a ciphertext belongs to: encryption contexts, and the one canonical encoding behind them.

mod encoding;
mod renamed;
mod value;

use std::borrow::Cow;
use std::fmt;

use smallvec::SmallVec;

use crate::error::{Error, ErrorKind, Result};
use crate::id::{SecretId, SecretVersion, StoreId, TenantId};
use crate::tenant::TenantKeyVersion;
use encoding::{Bytes, FIELDS_AT, Fields, PURPOSE_AT, SUITE_AT, encode, encode_secret, number, text};

pub(crate) use renamed::{ContextName, blind_name_bytes};
pub(crate) use value::{KeptAad, ValueAad};

/// What an authenticated encryption is for. One registry, so that no two uses ever share associated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Purpose {
    /// A secret's value under its document key.
    Value = 1,
    /// A document key under a tenant key.
    TenantWrappedDocumentKey = 2,
    /// A document key under a master key.
    DocumentKey = 3,
    /// A tenant key under a master key.
    TenantKey = 4,
    /// A verify key.
    VerifyKey = 5,
    /// An audit entry.
    Audit = 6,
    /// A blind name.
    BlindName = 7,
}

impl Purpose {
    const ALL: [Self; 7] = [
        Self::Value,
        Self::TenantWrappedDocumentKey,
        Self::DocumentKey,
        Self::TenantKey,
        Self::VerifyKey,
        Self::Audit,
        Self::BlindName,
    ];
}

/// The algorithm suite a context is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Suite {
    /// AES-256-GCM with a 12-byte random nonce, a 16-byte tag and 32 committing zero bytes.
    Aes256Gcm = 1,
}

impl Suite {
    /// The size of a document key, in bytes.
    #[must_use]
    pub fn key_bytes(self) -> usize {
        match self {
            Self::Aes256Gcm => 32,
        }
    }
}

/// What a wrapped key belongs to: store, application, name, version, purpose, suite; for a tenant key store, tenant, version.
///
/// It owns its canonical encoding. A local provider authenticates [`aead_bytes`](EncryptionContext::aead_bytes), a KMS
/// [`pairs`](EncryptionContext::pairs). The master key is deliberately no part of it: moving a key to another master key
/// leaves contexts as they are.
///
/// The encoding is `"secret-store/1" | u8 purpose | u8 suite | u8 field count | (u32 BE length | bytes)*`, which no two
/// different contexts share.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EncryptionContext {
    /// Empty for the legacy context.
    encoded: Bytes,
}

impl EncryptionContext {
    /// The context of the document key of one version of one secret under a master key.
    #[must_use]
    pub fn document_key(store: &StoreId, id: &SecretId, version: SecretVersion) -> Self {
        Self { encoded: encode_secret(Purpose::DocumentKey, store, id, version, None) }
    }

    /// The context of one version of a tenant's key under a master key.
    #[must_use]
    pub fn tenant_key(store: &StoreId, tenant: &TenantId, version: TenantKeyVersion) -> Self {
        let version = version.get().to_be_bytes();
        let fields = [store.as_str().as_bytes(), tenant.as_str().as_bytes(), &version];
        Self { encoded: encode(Purpose::TenantKey, Suite::Aes256Gcm, &fields) }
    }

    /// The context of the document key of one version of one secret under one version of a tenant's key.
    #[must_use]
    pub fn tenant_wrapped_document_key(
        store: &StoreId,
        id: &SecretId,
        version: SecretVersion,
        tenant: &TenantId,
        key_version: TenantKeyVersion,
    ) -> Self {
        Self::document_key(store, id, version).bound_to_tenant(tenant, key_version)
    }

    /// What a key provider is asked for is a document key (purpose 3). Under a tenant key it is also bound to that key: the same
    /// four fields and two more, under another purpose.
    fn bound_to_tenant(&self, tenant: &TenantId, key_version: TenantKeyVersion) -> Self {
        let key_version = key_version.get().to_be_bytes();
        let mut fields: SmallVec<[&[u8]; 6]> = Fields(&self.encoded[FIELDS_AT..]).collect();
        fields.extend([tenant.as_str().as_bytes(), &key_version[..]]);
        Self { encoded: encode(Purpose::TenantWrappedDocumentKey, Suite::Aes256Gcm, &fields) }
    }

    /// The context that a tenant key authenticates when it is asked to wrap under this one.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) unless this is the context of a document key in format 1.
    pub(crate) fn under_tenant_key(&self, tenant: &TenantId, key_version: TenantKeyVersion) -> Result<Self> {
        self.document_key_application()?;
        Ok(self.bound_to_tenant(tenant, key_version))
    }

    /// The application that a document key belongs to.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) where there is none: for another purpose, and in format 0.
    pub(crate) fn document_key_application(&self) -> Result<&str> {
        match self.purpose() {
            Some(Purpose::DocumentKey) => Ok(text(Fields(&self.encoded[FIELDS_AT..]).nth(1))),
            Some(_) => Err(Error::new(ErrorKind::Unsupported, "a tenant key wraps document keys and nothing else")),
            None => Err(Error::new(
                ErrorKind::Unsupported,
                "format 0 has no tenant keys: configure the application with a master key",
            )),
        }
    }

    /// The context of format 0: no pairs, no bytes, a 16-byte key. Nothing is bound.
    #[must_use]
    pub fn legacy() -> Self {
        Self { encoded: Bytes::new() }
    }

    /// Whether this is the context of format 0.
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        self.encoded.is_empty()
    }

    /// The size of a key to generate under this context, in bytes: 32, or 16 for the legacy context.
    #[must_use]
    pub fn key_bytes(&self) -> usize {
        self.suite().map_or(16, Suite::key_bytes)
    }

    /// Refuses a key whose size does not belong to this context: 32 bytes, or 16, 24 or 32 for the legacy context.
    ///
    /// # Errors
    ///
    /// [`Integrity`](crate::ErrorKind::Integrity).
    pub fn check_key_bytes(&self, size: usize) -> Result<()> {
        let fits = match self.suite() {
            Some(suite) => size == suite.key_bytes(),
            None => matches!(size, 16 | 24 | 32),
        };
        if fits { Ok(()) } else { Err(Error::integrity()) }
    }

    /// The algorithm suite; `None` for the legacy context.
    #[must_use]
    pub fn suite(&self) -> Option<Suite> {
        (!self.is_legacy()).then_some(Suite::Aes256Gcm)
    }

    /// What the encryption is for; `None` for the legacy context.
    #[must_use]
    pub fn purpose(&self) -> Option<Purpose> {
        let byte = *self.encoded.get(PURPOSE_AT)?;
        Purpose::ALL.into_iter().find(|purpose| *purpose as u8 == byte)
    }

    /// The associated data for a local AEAD: the canonical encoding; empty for the legacy context.
    #[must_use]
    pub fn aead_bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// The encryption context for a KMS, numbers in decimal: `ss:store`, `ss:application`, `ss:name`, `ss:version` for a
    /// document key, `ss:store`, `ss:tenant`, `ss:version` for a tenant key, then `ss:purpose`, `ss:suite`. Empty for the
    /// legacy context. (A document key under a tenant key, which no KMS sees, has `ss:tenant` and `ss:tenant-version` too.)
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        if self.is_legacy() {
            return Vec::new();
        }
        let fields = Fields(&self.encoded[FIELDS_AT..]);
        let named = self.names().iter().zip(fields).map(|(name, field)| match *name {
            "ss:version" | "ss:tenant-version" => (*name, Cow::Owned(number(field).to_string())),
            name => (name, Cow::Borrowed(text(Some(field)))),
        });
        let number_at = |at: usize| Cow::Owned(self.encoded[at].to_string());
        named.chain([("ss:purpose", number_at(PURPOSE_AT)), ("ss:suite", number_at(SUITE_AT))]).collect()
    }

    /// The names of the fields, in the order of the encoding.
    fn names(&self) -> &'static [&'static str] {
        match self.purpose() {
            Some(Purpose::TenantKey) => &["ss:store", "ss:tenant", "ss:version"],
            _ => &["ss:store", "ss:application", "ss:name", "ss:version", "ss:tenant", "ss:tenant-version"],
        }
    }
}

/// Pairs are names, never secrets.
impl fmt::Debug for EncryptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.pairs()).finish()
    }
}

#[cfg(test)]
mod tests;
