//! Blinding keys, and the keyed hashes of names.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::context::blind_name_bytes;
use crate::error::Result;
use crate::key::random_bytes;

const KEY_BYTES: usize = 32;
const HASH_BYTES: usize = 32;

/// The secret behind blind names: 32 uniformly random bytes, wiped on drop, nothing in `Debug` but its id.
///
/// Every process that reads or writes the store needs it, and whoever has it can test guesses of names and read the sealed parts of
/// records (not the values: those stay under their document keys). **Without it nothing of the store can be read again**: keep it
/// where master keys are kept, and a copy.
///
/// What it is used for is separated by domains: it never keys anything itself but the derivation of a key for hashes and another
/// for records (HMAC-SHA256 as the pseudorandom function of NIST SP 800-108r1, section 4).
pub struct BlindingKey(Zeroizing<[u8; KEY_BYTES]>);

impl BlindingKey {
    /// A key of the caller's keeping. The caller wipes its copy.
    #[must_use]
    pub fn from_bytes(key: &[u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(*key))
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

    /// Its name beside what it was used for.
    #[must_use]
    pub fn id(&self) -> BlindingKeyId {
        let mut id = [0; BlindingKeyId::BYTES];
        id.copy_from_slice(&self.derived("id")[..BlindingKeyId::BYTES]);
        BlindingKeyId(id)
    }

    fn derived(&self, what: &str) -> Zeroizing<[u8; HASH_BYTES]> {
        Zeroizing::new(hash(&keyed(&*self.0), &[what.as_bytes()]))
    }
}

impl fmt::Debug for BlindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlindingKey({}, [redacted])", self.id())
    }
}

/// Names a [`BlindingKey`] beside what it was used for: eight bytes derived from it, no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlindingKeyId([u8; Self::BYTES]);

impl BlindingKeyId {
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
impl fmt::Display for BlindingKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlindingKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a name is the name of. Equal texts of two kinds have unrelated hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Store,
    Application,
    /// Of a secret; hashed together with its application.
    Name,
    Tenant,
    /// A partition that is none of the library's own; its sort keys are hashed together with it.
    Partition,
    Sort,
}

impl Kind {
    const fn label(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Application => "application",
            Self::Name => "name",
            Self::Tenant => "tenant",
            Self::Partition => "partition",
            Self::Sort => "sort",
        }
    }
}

/// A blinding key with what is derived from it ready for use.
pub(super) struct Keyed {
    id: BlindingKeyId,
    names: Hmac<Sha256>,
    records: Hmac<Sha256>,
}

impl Keyed {
    pub(super) fn new(key: &BlindingKey) -> Self {
        Self { id: key.id(), names: keyed(&*key.derived("names")), records: keyed(&*key.derived("records")) }
    }

    pub(super) fn id(&self) -> BlindingKeyId {
        self.id
    }

    /// The hash of a name as 64 lower-case hexadecimal digits. `texts` ends with the name; before it stands what it belongs to.
    pub(super) fn blind(&self, kind: Kind, texts: &[&str]) -> String {
        let mut fields = [kind.label().as_bytes(); 3];
        for (field, text) in fields[1..].iter_mut().zip(texts) {
            *field = text.as_bytes();
        }
        let hash = hash(&self.names, &fields[..=texts.len().min(2)]);
        let mut digits = String::with_capacity(2 * HASH_BYTES);
        for byte in hash {
            for digit in [byte >> 4, byte & 15] {
                digits.push(char::from_digit(u32::from(digit), 16).expect("a digit below 16"));
            }
        }
        digits
    }

    /// The key of one sealed record: as many random bits as its salt and its nonce have together keep keys and nonces apart, so that
    /// one blinding key seals any number of records.
    pub(super) fn record_key(&self, salt: &[u8]) -> Zeroizing<[u8; HASH_BYTES]> {
        Zeroizing::new(hash(&self.records, &[b"record", salt]))
    }
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlindingKey({}, [redacted])", self.id)
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any size")
}

fn hash(key: &Hmac<Sha256>, fields: &[&[u8]]) -> [u8; HASH_BYTES] {
    key.clone().chain_update(blind_name_bytes(fields)).finalize().into_bytes().into()
}
