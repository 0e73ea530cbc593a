//! What a ciphertext belongs to: encryption contexts, and the one canonical encoding behind them.

use std::borrow::Cow;
use std::fmt;

use smallvec::SmallVec;

use crate::error::{Error, ErrorKind, Result};
use crate::id::{SecretId, SecretVersion, StoreId, TenantId};
use crate::tenant::TenantKeyVersion;

const PREFIX: &[u8] = b"secret-store/1";
const PURPOSE_AT: usize = PREFIX.len();
const SUITE_AT: usize = PURPOSE_AT + 1;
const COUNT_AT: usize = SUITE_AT + 1;
const FIELDS_AT: usize = COUNT_AT + 1;

/// Room for the encoding of usual names, so that most calls allocate nothing.
type Bytes = SmallVec<[u8; 192]>;

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

    /// The same context with other names: purpose, suite and numbers stay.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a context without names: the legacy one, and purposes that no key
    /// provider is asked for.
    pub(crate) fn with_names(&self, rename: impl Fn(ContextName<'_>) -> String) -> Result<Self> {
        let purpose = self.purpose().filter(|_| !self.is_legacy());
        let fields: SmallVec<[&[u8]; 4]> = Fields(self.encoded.get(FIELDS_AT..).unwrap_or_default()).collect();
        let text = |field: &'_ [u8]| std::str::from_utf8(field).map(str::to_owned).map_err(|_| Error::integrity());
        let (names, number) = match (purpose, &fields[..]) {
            (Some(Purpose::DocumentKey), [store, application, name, version]) => {
                let (application, name) = (text(application)?, text(name)?);
                let renamed = [
                    rename(ContextName::Store(&text(store)?)),
                    rename(ContextName::Application(&application)),
                    rename(ContextName::Name { application: &application, name: &name }),
                ];
                (SmallVec::<[String; 3]>::from(renamed), version)
            }
            (Some(Purpose::TenantKey), [store, tenant, version]) => {
                let renamed = [rename(ContextName::Store(&text(store)?)), rename(ContextName::Tenant(&text(tenant)?))];
                (renamed.into_iter().collect(), version)
            }
            _ => {
                return Err(Error::new(
                    crate::ErrorKind::Unsupported,
                    "format 0 has no names to blind: configure the application with `Legacy::Off`",
                ));
            }
        };
        let fields = names.iter().map(String::as_bytes).chain([*number]).collect::<SmallVec<[&[u8]; 4]>>();
        Ok(Self { encoded: encode(purpose.unwrap_or(Purpose::DocumentKey), Suite::Aes256Gcm, &fields) })
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

fn text(field: Option<&[u8]>) -> &str {
    let field = field.expect("an encoding made here has its fields");
    std::str::from_utf8(field).expect("the field was encoded from text")
}

/// A version: eight bytes of a secret's, four of a tenant key's.
fn number(field: &[u8]) -> u64 {
    field.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A name in a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContextName<'a> {
    Store(&'a str),
    Application(&'a str),
    Name { application: &'a str, name: &'a str },
    Tenant(&'a str),
}

/// What blind names hash and authenticate: fields under a purpose of their own.
pub(crate) fn blind_name_bytes(fields: &[&[u8]]) -> Bytes {
    encode(Purpose::BlindName, Suite::Aes256Gcm, fields)
}

/// Pairs are names, never secrets.
impl fmt::Debug for EncryptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.pairs()).finish()
    }
}

/// The associated data of a secret's value, made for one use or kept in a box. A type of its own, so that it never stands where a
/// context belongs.
#[derive(Clone, Debug)]
pub(crate) struct ValueAad<B = Bytes>(B);

/// As it is kept beside a ready key: without metadata, which differ from value to value.
pub(crate) type KeptAad = ValueAad<Box<[u8]>>;

impl ValueAad {
    /// Fields: store, application, name, version, and the user's metadata (encoded) where there is any.
    #[inline]
    pub(crate) fn new(store: &StoreId, id: &SecretId, version: SecretVersion, metadata: Option<&[u8]>) -> Self {
        Self(encode_secret(Purpose::Value, store, id, version, metadata))
    }

    /// Of the value under the document key of this context: the same four fields under another purpose, and the metadata.
    pub(crate) fn of_document_key(context: EncryptionContext, metadata: Option<&[u8]>) -> Self {
        debug_assert_eq!(context.purpose(), Some(Purpose::DocumentKey));
        let mut encoded = context.encoded;
        encoded[PURPOSE_AT] = Purpose::Value as u8;
        let aad = Self(encoded);
        match metadata {
            Some(metadata) => aad.with_metadata(metadata),
            None => aad,
        }
    }

    /// With one field more.
    fn with_metadata(mut self, metadata: &[u8]) -> Self {
        self.0[COUNT_AT] += 1;
        self.0.extend_from_slice(&length(metadata));
        self.0.extend_from_slice(metadata);
        self
    }

    /// The context of the document key of the same secret version: the same four fields under another purpose.
    pub(crate) fn key_context(&self) -> EncryptionContext {
        let mut fields = Fields(&self.0[FIELDS_AT..]);
        let four: usize = fields.by_ref().take(4).map(|field| 4 + field.len()).sum();
        let mut encoded = Bytes::from_slice(&self.0[..FIELDS_AT + four]);
        encoded[PURPOSE_AT] = Purpose::DocumentKey as u8;
        encoded[COUNT_AT] = 4;
        EncryptionContext { encoded }
    }
}

impl KeptAad {
    /// Of the values under the document key of this context. Nothing in format 0, which authenticates nothing.
    pub(crate) fn of_values_under(context: EncryptionContext) -> Self {
        if context.is_legacy() {
            return Self(Box::default());
        }
        Self(ValueAad::of_document_key(context, None).0.into_boxed_slice())
    }

    /// Of a value with metadata.
    pub(crate) fn and_metadata(&self, metadata: &[u8]) -> ValueAad {
        ValueAad(Bytes::from_slice(&self.0)).with_metadata(metadata)
    }
}

impl<B: AsRef<[u8]>> ValueAad<B> {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }
}

#[inline]
fn encode_secret(
    purpose: Purpose,
    store: &StoreId,
    id: &SecretId,
    version: SecretVersion,
    metadata: Option<&[u8]>,
) -> Bytes {
    let version = version.get().to_be_bytes();
    let fields = [
        store.as_str().as_bytes(),
        id.application().as_str().as_bytes(),
        id.name().as_str().as_bytes(),
        &version,
        metadata.unwrap_or_default(),
    ];
    encode(purpose, Suite::Aes256Gcm, if metadata.is_some() { &fields } else { &fields[..4] })
}

#[inline]
fn encode(purpose: Purpose, suite: Suite, fields: &[&[u8]]) -> Bytes {
    // Sized once and filled in place: appending piece by piece costs a third of a small decryption.
    let mut out = Bytes::from_elem(0, FIELDS_AT + fields.iter().map(|field| 4 + field.len()).sum::<usize>());
    let (head, mut rest) = out.split_at_mut(FIELDS_AT);
    head[..PURPOSE_AT].copy_from_slice(PREFIX);
    head[PURPOSE_AT] = purpose as u8;
    head[SUITE_AT] = suite as u8;
    head[COUNT_AT] = u8::try_from(fields.len()).expect("a handful of fields");
    for field in fields {
        let (place, after) = rest.split_at_mut(4 + field.len());
        place[..4].copy_from_slice(&length(field));
        place[4..].copy_from_slice(field);
        rest = after;
    }
    out
}

fn length(field: &[u8]) -> [u8; 4] {
    u32::try_from(field.len()).expect("names and metadata are bounded far below 4 GiB").to_be_bytes()
}

/// The length-prefixed fields of an encoding made here.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let (field, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        self.0 = rest;
        Some(field)
    }
}

#[cfg(test)]
mod tests;
