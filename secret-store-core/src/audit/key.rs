//! What makes a chain: SHA-256 (FIPS 180-4) for everybody, HMAC-SHA256 (RFC 2104) for who holds the key.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::writer::Hex;
use crate::context::Purpose;
use crate::error::Result;
use crate::key::random_bytes;

const KEY_BYTES: usize = 32;
/// The size of a hash and of a MAC.
pub(super) const HASH_BYTES: usize = 32;

/// A hash or a MAC.
pub(super) type Hash = [u8; HASH_BYTES];

/// What is hashed, so that nothing made for one purpose passes for another.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Domain {
    EntryHash = 1,
    EntryMac = 2,
    HeadHash = 3,
    HeadMac = 4,
    KeyId = 5,
}

impl Domain {
    /// `"secret-store/1" | u8 purpose | u8 what`: purpose 6 is audit's in the registry of all of them.
    fn prefix(self) -> [u8; 16] {
        let mut prefix = *b"secret-store/1\0\0";
        prefix[14] = Purpose::Audit as u8;
        prefix[15] = self as u8;
        prefix
    }
}

pub(super) fn hash(domain: Domain, bytes: &[u8]) -> Hash {
    Sha256::new().chain_update(domain.prefix()).chain_update(bytes).finalize().into()
}

/// The key under which entries and heads are authenticated: 32 bytes, wiped on drop, nothing in `Debug` but its id.
///
/// Detection is complete only with a key that whoever can write to the log does not hold: without one, an attacker recomputes
/// the chain. Give every service the key that writes, and keep it where the log is not: in another secret store, a KMS, a file
/// of the auditor. It cannot be read back from here.
pub struct AuditKey {
    mac: Hmac<Sha256>,
    id: AuditKeyId,
}

/// Names an [`AuditKey`] in entries, so that a key can be replaced: eight bytes derived from it, no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditKeyId([u8; Self::BYTES]);

impl AuditKeyId {
    pub(super) const BYTES: usize = 8;

    pub(super) const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The eight bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// 16 hexadecimal digits.
impl fmt::Display for AuditKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for AuditKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl AuditKey {
    /// A key of the caller's keeping: 32 bytes that nobody can guess. The caller wipes its copy.
    #[must_use]
    pub fn from_bytes(key: &[u8; KEY_BYTES]) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any size");
        let mut key = Self { mac, id: AuditKeyId([0; AuditKeyId::BYTES]) };
        let derived = key.authenticate(Domain::KeyId, &[]);
        key.id.0.copy_from_slice(&derived[..AuditKeyId::BYTES]);
        key
    }

    /// A new random key, and its bytes to keep (wiped on drop).
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn generate() -> Result<(Self, Zeroizing<[u8; KEY_BYTES]>)> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        random_bytes(&mut *bytes)?;
        Ok((Self::from_bytes(&bytes), bytes))
    }

    /// Its name in entries.
    #[must_use]
    pub fn id(&self) -> AuditKeyId {
        self.id
    }

    pub(super) fn authenticate(&self, domain: Domain, bytes: &[u8]) -> Hash {
        self.mac.clone().chain_update(domain.prefix()).chain_update(bytes).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    pub(super) fn is_authentic(&self, domain: Domain, bytes: &[u8], mac: &Hash) -> bool {
        self.mac.clone().chain_update(domain.prefix()).chain_update(bytes).verify_slice(mac).is_ok()
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditKey({}, [redacted])", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_id_alone() {
        let key = AuditKey::from_bytes(&[0x41; KEY_BYTES]);
        assert_eq!(format!("{key:?}"), format!("AuditKey({}, [redacted])", key.id()));
        assert!(!format!("{key:?}").contains("4141"));
    }

    #[test]
    fn keys_have_ids_of_their_own_and_survive_their_bytes() {
        let (key, bytes) = AuditKey::generate().expect("random");
        let (other, _) = AuditKey::generate().expect("random");
        assert_ne!(key.id(), other.id());
        let again = AuditKey::from_bytes(&bytes);
        let mac = key.authenticate(Domain::EntryMac, b"entry");
        assert!(again.is_authentic(Domain::EntryMac, b"entry", &mac));
        assert!(!again.is_authentic(Domain::HeadMac, b"entry", &mac), "another domain");
        assert!(!again.is_authentic(Domain::EntryMac, b"entrx", &mac), "another text");
        assert!(!other.is_authentic(Domain::EntryMac, b"entry", &mac), "another key");
    }
}
