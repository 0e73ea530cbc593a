//! What a ciphertext belongs to: encryption contexts, and the one canonical encoding behind them.

use std::borrow::Cow;
use std::fmt;

use smallvec::SmallVec;

use crate::error::{Error, Result};
use crate::id::{SecretId, SecretVersion, StoreId};

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

/// What a wrapped key belongs to: store, application, name, version, purpose, suite.
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

    /// The context of one version of a tenant's key, as it is stored.
    pub(crate) fn tenant_key_numbered(store: &StoreId, tenant: &str, version: u32) -> Self {
        let fields = [store.as_str().as_bytes(), tenant.as_bytes(), &version.to_be_bytes()];
        Self { encoded: encode(Purpose::TenantKey, Suite::Aes256Gcm, &fields) }
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

    /// The encryption context for a KMS: `ss:store`, `ss:application`, `ss:name`, `ss:version`, `ss:purpose`, `ss:suite`,
    /// numbers in decimal. Empty for the legacy context.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        if self.is_legacy() {
            return Vec::new();
        }
        let mut fields = Fields(&self.encoded[FIELDS_AT..]);
        let mut text = || {
            let field = fields.next().expect("the encoding has four fields");
            Cow::Borrowed(std::str::from_utf8(field).expect("the field was encoded from text"))
        };
        let (store, application, name) = (text(), text(), text());
        let version = fields.next().and_then(|field| field.try_into().ok()).map(u64::from_be_bytes);
        let version = version.expect("the version was encoded as eight bytes");
        vec![
            ("ss:store", store),
            ("ss:application", application),
            ("ss:name", name),
            ("ss:version", Cow::Owned(version.to_string())),
            ("ss:purpose", Cow::Owned(self.encoded[PURPOSE_AT].to_string())),
            ("ss:suite", Cow::Owned(self.encoded[SUITE_AT].to_string())),
        ]
    }
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

/// The associated data of a secret's value. A type of its own, so that it never stands where a context belongs.
#[derive(Clone, Debug)]
pub(crate) struct ValueAad(Bytes);

impl ValueAad {
    /// Fields: store, application, name, version, and the user's metadata (encoded) where there is any.
    pub(crate) fn new(store: &StoreId, id: &SecretId, version: SecretVersion, metadata: Option<&[u8]>) -> Self {
        Self(encode_secret(Purpose::Value, store, id, version, metadata))
    }

    /// The context of the document key of the same secret version: the same four fields under another purpose.
    pub(crate) fn key_context(&self) -> EncryptionContext {
        let mut encoded = Bytes::from_slice(without_metadata(&self.0));
        encoded[PURPOSE_AT] = Purpose::DocumentKey as u8;
        encoded[COUNT_AT] = 4;
        EncryptionContext { encoded }
    }

    /// The part that the key context shares, as a name for it: prefix, suite and the four fields.
    pub(crate) fn key_context_bytes(&self) -> &[u8] {
        &without_metadata(&self.0)[FIELDS_AT..]
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn without_metadata(encoded: &[u8]) -> &[u8] {
    let mut fields = Fields(&encoded[FIELDS_AT..]);
    let four: usize = fields.by_ref().take(4).map(|field| 4 + field.len()).sum();
    &encoded[..FIELDS_AT + four]
}

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

fn encode(purpose: Purpose, suite: Suite, fields: &[&[u8]]) -> Bytes {
    // Sized once and filled in place: appending piece by piece costs a third of a small decryption.
    let mut out = Bytes::from_elem(0, FIELDS_AT + fields.iter().map(|field| 4 + field.len()).sum::<usize>());
    let (head, mut rest) = out.split_at_mut(FIELDS_AT);
    head[..PURPOSE_AT].copy_from_slice(PREFIX);
    head[PURPOSE_AT] = purpose as u8;
    head[SUITE_AT] = suite as u8;
    head[COUNT_AT] = u8::try_from(fields.len()).expect("a handful of fields");
    for field in fields {
        let length = u32::try_from(field.len()).expect("names and metadata are bounded far below 4 GiB");
        let (place, after) = rest.split_at_mut(4 + field.len());
        place[..4].copy_from_slice(&length.to_be_bytes());
        place[4..].copy_from_slice(field);
        rest = after;
    }
    out
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Decoded = (u8, u8, Vec<Vec<u8>>);

    /// An independent reading of the encoding: whatever can be inverted is unambiguous.
    fn decode(bytes: &[u8]) -> Option<Decoded> {
        let rest = bytes.strip_prefix(b"secret-store/1")?;
        let [purpose, suite, count, rest @ ..] = rest else { return None };
        let (mut rest, mut fields) = (rest, Vec::new());
        for _ in 0..*count {
            let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
            fields.push(rest.get(4..4 + length)?.to_vec());
            rest = &rest[4 + length..];
        }
        rest.is_empty().then_some((*purpose, *suite, fields))
    }

    fn id(application: &str, name: &str) -> SecretId {
        SecretId::parse(application, name).expect("valid")
    }

    fn store(text: &str) -> StoreId {
        StoreId::new(text).expect("valid")
    }

    #[test]
    fn pairs_name_everything() {
        let version = SecretVersion::new(7).expect("not zero");
        let context = EncryptionContext::document_key(&store("prod"), &id("App", "Db"), version);
        let pairs: Vec<_> = context.pairs().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            pairs,
            ["ss:store=prod", "ss:application=App", "ss:name=Db", "ss:version=7", "ss:purpose=3", "ss:suite=1"]
        );
        assert_eq!(context.purpose(), Some(Purpose::DocumentKey));
        assert_eq!(EncryptionContext::legacy().purpose(), None);
        assert!(EncryptionContext::legacy().pairs().is_empty());
        assert!(EncryptionContext::legacy().aead_bytes().is_empty());
    }

    #[test]
    fn value_and_key_contexts_differ_in_purpose_only() {
        let version = SecretVersion::FIRST;
        let (store, id) = (store("prod"), id("App", "Db"));
        let expected = EncryptionContext::document_key(&store, &id, version);
        for metadata in [None, Some(&b"\xa1\x61a\x61b"[..]), Some(&b""[..])] {
            let aad = ValueAad::new(&store, &id, version, metadata);
            assert_eq!(aad.key_context(), expected);
            assert_ne!(aad.as_bytes(), expected.aead_bytes());
            let fields = decode(aad.as_bytes()).expect("decodes").2;
            assert_eq!(fields.len(), if metadata.is_some() { 5 } else { 4 });
        }
    }

    #[test]
    fn key_sizes_belong_to_contexts() {
        let context = EncryptionContext::document_key(&store("s"), &id("a", "b"), SecretVersion::FIRST);
        assert_eq!((context.key_bytes(), EncryptionContext::legacy().key_bytes()), (32, 16));
        for size in [0, 15, 16, 24, 32, 33] {
            assert_eq!(context.check_key_bytes(size).is_ok(), size == 32);
            assert_eq!(EncryptionContext::legacy().check_key_bytes(size).is_ok(), [16, 24, 32].contains(&size));
        }
    }

    proptest! {
        #[test]
        fn the_encoding_can_be_inverted(
            s in "[a-z:/]{1,8}", a in "[a-z:/]{1,8}", n in "[a-z:/]{1,8}", v in 1u64..,
            m in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..16)),
        ) {
            let version = SecretVersion::new(v).expect("not zero");
            let aad = ValueAad::new(&store(&s), &id(&a, &n), version, m.as_deref());
            let mut fields = vec![s.into_bytes(), a.into_bytes(), n.into_bytes(), v.to_be_bytes().to_vec()];
            fields.extend(m);
            prop_assert_eq!(decode(aad.as_bytes()), Some((1, 1, fields)));
        }

        /// Pairs that share their concatenation, with the boundaries moved, never share an encoding.
        #[test]
        fn moved_boundaries_make_another_context(text in "[a-z]{3,24}", cuts in [1usize..24, 1usize..24, 1usize..24, 1usize..24]) {
            let split = |a: usize, b: usize| {
                let (a, b) = (a % (text.len() - 2) + 1, b % (text.len() - 2) + 1);
                let (low, high) = (a.min(b), a.max(b) + 1);
                (text[..low].to_owned(), text[low..high].to_owned(), text[high..].to_owned())
            };
            let (left, right) = (split(cuts[0], cuts[1]), split(cuts[2], cuts[3]));
            let context = |(s, a, n): &(String, String, String)| {
                EncryptionContext::document_key(&store(s), &id(a, n), SecretVersion::FIRST)
            };
            prop_assert_eq!(left == right, context(&left).aead_bytes() == context(&right).aead_bytes());
        }
    }
}
