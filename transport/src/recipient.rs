//! Key pairs that something is sealed to.

mod hpke;
#[cfg(feature = "rsa")]
mod rsa;

#[cfg(feature = "rsa")]
pub(crate) use rsa::BareKey;

use std::fmt;

use secret_store_core::{Error, Result, SecretValue, blocking};
use zeroize::Zeroizing;

use crate::random::random;
#[cfg(not(feature = "rsa"))]
use crate::suite::no_rsa;
use crate::suite::{KeySpec, Suite};
use crate::wire::{Kind, Reader, Writer};

/// The largest public key of any suite, in bytes: that of RSA with 4,096 bits.
pub(crate) const MAX_PUBLIC_KEY_BYTES: usize = 600;
/// The largest private key of any suite in its stored form, in bytes: that of RSA with 4,096 bits.
const MAX_PRIVATE_KEY_BYTES: usize = 2_500;
/// The largest stored form of a key pair, in bytes.
pub(crate) const MAX_STORED_BYTES: usize = MAX_PRIVATE_KEY_BYTES + 64;
/// What a stored key is. One registry for [`Kind::StoredKey`]: 1 a recipient's pair, 2 an authority's key, 3 a user's credential key,
/// 4 a channel server's pair, 5 the keys of an organisation.
const PURPOSE: u8 = 1;

/// A public key to seal to: checked, in one form.
///
/// X25519: no point of low order, no second encoding of a point. RSA: 3,072 or 4,096 bits, exponent 65,537, DER as one would
/// write it.
#[derive(Clone)]
pub struct RecipientPublicKey {
    key: PublicKey,
    bytes: Vec<u8>,
}

#[derive(Clone)]
enum PublicKey {
    Hpke(hpke::PublicKey),
    #[cfg(feature = "rsa")]
    Rsa(rsa::PublicKey),
}

impl RecipientPublicKey {
    /// Parses and checks a key: 32 bytes of X25519, or the `SubjectPublicKeyInfo` of an RSA key in DER.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a key that breaks the rules,
    /// [`Unsupported`](secret_store_core::ErrorKind::Unsupported) for RSA in a build without it.
    pub fn from_bytes(suite: Suite, bytes: &[u8]) -> Result<Self> {
        let key = match suite {
            Suite::HpkeX25519 => PublicKey::Hpke(hpke::PublicKey::from_bytes(bytes)?),
            #[cfg(feature = "rsa")]
            Suite::RsaOaep => PublicKey::Rsa(rsa::PublicKey::from_der(bytes)?),
            #[cfg(not(feature = "rsa"))]
            Suite::RsaOaep => return Err(no_rsa()),
        };
        Ok(Self { key, bytes: bytes.to_vec() })
    }

    /// The key as it stands in messages.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The suite that seals to it.
    #[must_use]
    pub fn suite(&self) -> Suite {
        match self.key {
            PublicKey::Hpke(_) => Suite::HpkeX25519,
            #[cfg(feature = "rsa")]
            PublicKey::Rsa(_) => Suite::RsaOaep,
        }
    }

    /// Seals a message of any size, so that only the holder of the private key opens it, and only with the same `info` (what the
    /// key is agreed on for) and `aad` (what the message is). Both should name protocol, purpose and place, in an unambiguous
    /// encoding. Whoever has the public key can seal: a seal says nothing about who made it.
    ///
    /// HPKE: `enc 32 | ciphertext | tag 16`. RSA: `OAEP ciphertext | nonce 12 | ciphertext of 0³² ‖ message | tag 16`, the label of
    /// OAEP being SHA-256 of `info`.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](secret_store_core::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn seal(&self, info: &[u8], aad: &[u8], message: &[u8]) -> Result<Vec<u8>> {
        match &self.key {
            PublicKey::Hpke(key) => key.seal(&*random()?, info, aad, message),
            #[cfg(feature = "rsa")]
            PublicKey::Rsa(key) => key.seal(info, aad, message),
        }
    }

    /// The same with fixed randomness, for frozen vectors; HPKE alone.
    #[cfg(test)]
    pub(crate) fn seal_fixed(&self, drawn: &[u8; 32], info: &[u8], aad: &[u8], message: &[u8]) -> Vec<u8> {
        match &self.key {
            PublicKey::Hpke(key) => key.seal(drawn, info, aad, message).expect("seals"),
            #[cfg(feature = "rsa")]
            PublicKey::Rsa(_) => panic!("OAEP takes its randomness from its library"),
        }
    }
}

impl PartialEq for RecipientPublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.suite() == other.suite() && self.bytes == other.bytes
    }
}

impl Eq for RecipientPublicKey {}

impl fmt::Debug for RecipientPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecipientPublicKey({:?}, [{} bytes])", self.suite(), self.bytes.len())
    }
}

/// A key pair that something is sealed to. The private key is wiped on drop; no `Clone`, nothing in `Debug`.
pub struct RecipientKeyPair {
    private: PrivateKey,
    public: RecipientPublicKey,
}

enum PrivateKey {
    Hpke(hpke::PrivateKey),
    #[cfg(feature = "rsa")]
    Rsa(rsa::PrivateKey),
}

impl RecipientKeyPair {
    /// A new key pair. RSA takes up to seconds, on a thread of its own.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](secret_store_core::ErrorKind::Unavailable) when the operating system gives no random bytes,
    /// [`Unsupported`](secret_store_core::ErrorKind::Unsupported) for RSA in a build without it.
    pub async fn generate(spec: KeySpec) -> Result<Self> {
        match spec {
            KeySpec::X25519 => Self::from_hpke(hpke::PrivateKey::derive(&*random()?)),
            #[cfg(feature = "rsa")]
            KeySpec::Rsa3072 | KeySpec::Rsa4096 => Self::from_rsa(rsa::PrivateKey::generate(spec).await?),
            #[cfg(not(feature = "rsa"))]
            KeySpec::Rsa3072 | KeySpec::Rsa4096 => Err(no_rsa()),
        }
    }

    /// An RSA key pair that another system made: PKCS #8 in DER, 3,072 or 4,096 bits. The caller wipes its copy.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for anything else.
    #[cfg(feature = "rsa")]
    pub fn from_pkcs8(der: &[u8]) -> Result<Self> {
        Self::from_rsa(rsa::PrivateKey::from_pkcs8(der)?)
    }

    fn from_hpke(private: hpke::PrivateKey) -> Result<Self> {
        let public = RecipientPublicKey::from_bytes(Suite::HpkeX25519, &private.public_key())?;
        Ok(Self { private: PrivateKey::Hpke(private), public })
    }

    #[cfg(feature = "rsa")]
    fn from_rsa(private: rsa::PrivateKey) -> Result<Self> {
        let public = RecipientPublicKey::from_bytes(Suite::RsaOaep, &private.public_key()?)?;
        Ok(Self { private: PrivateKey::Rsa(private), public })
    }

    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> &RecipientPublicKey {
        &self.public
    }

    /// The suite it is for.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.public.suite()
    }

    /// Both keys, to be kept as a secret is kept: a frame of [`Kind::StoredKey`].
    ///
    /// # Errors
    ///
    /// [`KeyUnavailable`](secret_store_core::ErrorKind::KeyUnavailable) when an RSA key does not serialise.
    pub fn to_stored(&self) -> Result<SecretValue> {
        let private = match &self.private {
            PrivateKey::Hpke(key) => key.to_bytes(),
            #[cfg(feature = "rsa")]
            PrivateKey::Rsa(key) => key.to_pkcs8()?,
        };
        let writer = Writer::with_capacity(Kind::StoredKey, self.suite().code(), 4 + 1 + 4 + private.len());
        Ok(SecretValue::new(writer.field(&[PURPOSE]).field(&private).finish()))
    }

    /// The key pair of what [`to_stored`](Self::to_stored) gave.
    ///
    /// # Errors
    ///
    /// [`Integrity`](secret_store_core::ErrorKind::Integrity) or [`NotSealed`](secret_store_core::ErrorKind::NotSealed) for anything
    /// else, [`Unsupported`](secret_store_core::ErrorKind::Unsupported) for a suite of a later release.
    pub fn from_stored(stored: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(stored, Kind::StoredKey, MAX_STORED_BYTES)?;
        let suite = Suite::from_code(reader.suite())?;
        let ([PURPOSE], private) = (reader.array()?, reader.bytes(MAX_PRIVATE_KEY_BYTES)?) else {
            return Err(Error::integrity());
        };
        reader.end()?;
        match suite {
            Suite::HpkeX25519 => {
                let bytes = private.try_into().map_err(|_| Error::integrity())?;
                Self::from_hpke(hpke::PrivateKey::from_bytes(bytes)?)
            }
            #[cfg(feature = "rsa")]
            Suite::RsaOaep => {
                rsa::PrivateKey::from_pkcs8(private).and_then(Self::from_rsa).map_err(|_| Error::integrity())
            }
            #[cfg(not(feature = "rsa"))]
            Suite::RsaOaep => Err(no_rsa()),
        }
    }

    /// The same where RSA must hold up nobody: it takes and checks its keys on a thread of its own.
    pub(crate) async fn load(stored: &[u8]) -> Result<Self> {
        match Suite::from_code(Reader::new(stored, Kind::StoredKey, MAX_STORED_BYTES)?.suite())? {
            Suite::HpkeX25519 => Self::from_stored(stored),
            Suite::RsaOaep => {
                let stored = Zeroizing::new(stored.to_vec());
                blocking::unblock(move || Self::from_stored(&stored)).await
            }
        }
    }

    /// Opens what was sealed to the public key with the same `info` and `aad`. RSA works on a thread of its own.
    ///
    /// Cancel safe: a dropped call leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`Integrity`](secret_store_core::ErrorKind::Integrity), without a cause, for everything else.
    pub async fn open(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<SecretValue> {
        match &self.private {
            PrivateKey::Hpke(key) => key.open(info, aad, sealed),
            #[cfg(feature = "rsa")]
            PrivateKey::Rsa(key) => key.open(info, aad, sealed).await,
        }
    }
}

impl fmt::Debug for RecipientKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecipientKeyPair({:?}, [redacted])", self.suite())
    }
}

/// A private key in its stored form.
type PrivateBytes = Zeroizing<Vec<u8>>;

#[cfg(test)]
mod tests;
