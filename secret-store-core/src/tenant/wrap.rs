//! The wrap of a document key under a tenant key: `"ST1" | u8 suite | u32 BE key version | nonce 12 | ciphertext 32 | tag 16`.
//!
//! Header and tenant are authenticated by the context (purpose 2): it names the tenant and the key version, and suite and magic
//! have one legal content each.

use std::sync::Arc;

use super::version::TenantKeyVersion;
use crate::context::{EncryptionContext, Suite};
use crate::error::{Error, ErrorKind, Result};
use crate::id::TenantId;
use crate::key::DocumentKey;
use crate::key_encryption_key::KeyEncryptionKey;

const MAGIC: &[u8; 3] = b"ST1";
const HEADER_BYTES: usize = MAGIC.len() + 1 + 4;
const SEALED_BYTES: usize = 32 + KeyEncryptionKey::OVERHEAD_BYTES;

/// A wrap whose outer form was checked: what is known of it before any key is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TenantWrap<'a> {
    /// Of the tenant key. A hint until the wrap opens.
    pub(crate) version: TenantKeyVersion,
    pub(crate) sealed: &'a [u8],
}

impl<'a> TenantWrap<'a> {
    /// Checks everything that needs no key.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) for what is no wrap, [`Unsupported`](ErrorKind::Unsupported) for the format or suite of
    /// a later release.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (header, sealed) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or_else(Error::integrity)?;
        let [magic @ .., suite, v0, v1, v2, v3] = header;
        if magic != MAGIC {
            return Err(unknown_magic(magic));
        }
        if *suite != Suite::Aes256Gcm as u8 {
            return Err(Error::new(ErrorKind::Unsupported, format!("suite {suite} is unknown: upgrade the library")));
        }
        if sealed.len() != SEALED_BYTES {
            return Err(Error::integrity());
        }
        let version = TenantKeyVersion::from_stored(u32::from_be_bytes([*v0, *v1, *v2, *v3]).into())?;
        Ok(Self { version, sealed })
    }

    /// Opens the wrap. The context is that of the document key; the tenant and the version are bound here.
    pub(crate) fn open(
        &self,
        key: &KeyEncryptionKey,
        context: &EncryptionContext,
        tenant: &TenantId,
    ) -> Result<DocumentKey> {
        key.unwrap(self.sealed, &context.under_tenant_key(tenant, self.version)?)
    }
}

fn unknown_magic(magic: &[u8]) -> Error {
    match magic {
        [b'S', b'T', digit @ b'2'..=b'9'] => Error::new(
            ErrorKind::Unsupported,
            format!("wrap format {} of tenant keys is unknown: upgrade the library", char::from(*digit)),
        ),
        _ => Error::integrity(),
    }
}

/// A wrap as it is stored: the header in front of what the key sealed.
pub(crate) fn encode(version: TenantKeyVersion, sealed: &[u8]) -> Arc<[u8]> {
    let version = version.get().to_be_bytes();
    [MAGIC, &[Suite::Aes256Gcm as u8][..], &version, sealed].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SecretId, SecretVersion, StoreId};

    fn context(name: &str) -> EncryptionContext {
        let store = StoreId::new("prod").expect("valid");
        EncryptionContext::document_key(&store, &SecretId::parse("App", name).expect("valid"), SecretVersion::FIRST)
    }

    fn tenant(text: &str) -> TenantId {
        TenantId::new(text).expect("valid")
    }

    fn version(number: u32) -> TenantKeyVersion {
        TenantKeyVersion::new(number).expect("not zero")
    }

    fn sample(key: &KeyEncryptionKey) -> Vec<u8> {
        let bound = context("Db").under_tenant_key(&tenant("acme"), version(3)).expect("a document key");
        encode(version(3), &key.generate_key(&bound).expect("random").1).to_vec()
    }

    fn open(bytes: &[u8], key: &KeyEncryptionKey, name: &str, owner: &str) -> Result<DocumentKey> {
        TenantWrap::parse(bytes)?.open(key, &context(name), &tenant(owner))
    }

    #[test]
    fn opens_for_its_secret_tenant_and_version_alone() {
        let key = KeyEncryptionKey::generate().expect("random");
        let bytes = sample(&key);
        assert_eq!((bytes.len(), &bytes[..8]), (68, &b"ST1\x01\x00\x00\x00\x03"[..]));
        assert_eq!(TenantWrap::parse(&bytes).expect("well formed").version, version(3));
        assert!(open(&bytes, &key, "Db", "acme").is_ok());
        for (name, owner) in [("Db2", "acme"), ("Db", "acm"), ("Db", "acme2")] {
            assert_eq!(open(&bytes, &key, name, owner).expect_err("another place").kind(), ErrorKind::Integrity);
        }
        for other in [1, 2, 4, u32::MAX] {
            let renumbered = encode(version(other), &bytes[8..]);
            assert_eq!(open(&renumbered, &key, "Db", "acme").expect_err("renumbered").kind(), ErrorKind::Integrity);
        }
        let stranger = KeyEncryptionKey::generate().expect("random");
        assert!(open(&bytes, &stranger, "Db", "acme").is_err());
    }

    #[test]
    fn every_flipped_bit_truncation_and_extension_is_refused() {
        let key = KeyEncryptionKey::from_bytes(&[7; 32]);
        let bytes = sample(&key);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let kind = open(&flipped, &key, "Db", "acme").expect_err("flipped").kind();
            let in_suite_or_digit = matches!(bit / 8, 2 | 3);
            assert!(
                kind == ErrorKind::Integrity || in_suite_or_digit && kind == ErrorKind::Unsupported,
                "{bit} {kind}"
            );
        }
        for length in 0..bytes.len() {
            assert_eq!(open(&bytes[..length], &key, "Db", "acme").expect_err("cut").kind(), ErrorKind::Integrity);
        }
        assert!(open(&[&bytes[..], &[0]].concat(), &key, "Db", "acme").is_err());
    }

    #[test]
    fn what_a_later_release_may_know_is_unsupported() {
        let bytes = sample(&KeyEncryptionKey::from_bytes(&[7; 32]));
        for (at, to, kind) in [
            (2, b'2', ErrorKind::Unsupported),
            (2, b'9', ErrorKind::Unsupported),
            (2, b'0', ErrorKind::Integrity),
            (1, b'S', ErrorKind::Integrity),
            (3, 2, ErrorKind::Unsupported),
            (3, 0, ErrorKind::Unsupported),
            (7, 0, ErrorKind::Integrity),
        ] {
            let mut changed = bytes.clone();
            changed[at] = to;
            assert_eq!(TenantWrap::parse(&changed).expect_err("changed").kind(), kind, "byte {at} is {to}");
        }
    }
}
