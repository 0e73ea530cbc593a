//! The server's static key.

use std::fmt;

use secret_store_core::{Clock, Error, Result, SecretValue};
use x25519_dalek::{PublicKey, StaticSecret, x25519};
use zeroize::Zeroizing;

use super::SUITE;
use super::noise::POINT_BYTES;
use crate::key_record::{KeyRecord, KeyRole, Trust};
use crate::random::random;
use crate::wire::{Kind, Reader, Writer};

/// What a stored key is, in the registry of [`Kind::StoredKey`].
const PURPOSE: u8 = 4;
const STORED_BYTES: usize = 5 + 4 + 1 + 4 + POINT_BYTES;

/// A server's public key for channels: an X25519 key (RFC 7748), checked, in one form. Whose it is, is not known yet.
///
/// No point of low order, no second encoding of a point.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServerPublicKey([u8; POINT_BYTES]);

impl ServerPublicKey {
    /// The number of bytes of a key.
    pub const BYTES: usize = POINT_BYTES;

    /// Parses and checks a key of 32 bytes.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = || Error::invalid_input("this is no X25519 public key for a channel: fetch the server's again");
        let bytes: [u8; POINT_BYTES] = bytes.try_into().map_err(|_| wrong())?;
        // Every scalar of X25519 is a multiple of the cofactor: any one of them takes points of low order to zero.
        if !is_canonical(&bytes) || x25519([1; POINT_BYTES], bytes) == [0; POINT_BYTES] {
            return Err(wrong());
        }
        Ok(Self(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; POINT_BYTES] {
        &self.0
    }

    /// The key of a private one: X25519 clamps it, so that it is never of low order, and writes it in its one form.
    pub(crate) fn of(private: &StaticSecret) -> Self {
        Self(PublicKey::from(private).to_bytes())
    }

    pub(super) fn point(&self) -> PublicKey {
        PublicKey::from(self.0)
    }
}

/// Whether the number is below 2²⁵⁵ − 19.
fn is_canonical(bytes: &[u8; POINT_BYTES]) -> bool {
    let [first, middle @ .., last] = bytes;
    *last < 0x7f || *last == 0x7f && (*first < 0xed || middle.iter().any(|byte| *byte != 0xff))
}

impl fmt::Debug for ServerPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerPublicKey([32 bytes])")
    }
}

/// A server's public key, and that it is that server's: what a client needs to agree on a channel.
///
/// All of a channel's security rests on this step. There is no way to a channel without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerKey(ServerPublicKey);

impl ServerKey {
    /// A key that *you* found to be that of the server: pinned in the client's configuration, or named by an attestation document that was
    /// verified. Never one that came over the same connection as the messages.
    #[must_use]
    pub const fn trusted(key: ServerPublicKey) -> Self {
        Self(key)
    }

    /// The key of a record for [`KeyRole::ChannelServer`] that is believed for a reason, names this server, and is valid now.
    ///
    /// # Errors
    ///
    /// As [`KeyRecord::verify`].
    pub fn from_record(record: &KeyRecord, trust: &Trust, server: &str, clock: &dyn Clock) -> Result<Self> {
        let key = record.verify(trust, KeyRole::ChannelServer, server, clock)?;
        ServerPublicKey::from_bytes(key.public_key()).map(Self)
    }

    /// The key.
    #[must_use]
    pub const fn public_key(&self) -> &ServerPublicKey {
        &self.0
    }
}

/// A server's key pair for channels. The private key is wiped on drop; no `Clone`, nothing in `Debug`.
///
/// Use it for nothing but channels.
pub struct ServerKeyPair {
    private: Box<StaticSecret>,
    public: ServerPublicKey,
}

impl ServerKeyPair {
    /// A new key pair.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](secret_store_core::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn generate() -> Result<Self> {
        random().map(|bytes| Self::from_private(&bytes))
    }

    pub(super) fn from_private(bytes: &Zeroizing<[u8; POINT_BYTES]>) -> Self {
        let private = Box::new(StaticSecret::from(**bytes));
        let public = ServerPublicKey::of(&private);
        Self { private, public }
    }

    /// The public key.
    #[must_use]
    pub const fn public_key(&self) -> &ServerPublicKey {
        &self.public
    }

    /// The key pair, to be kept as a secret is kept: a frame of [`Kind::StoredKey`].
    #[must_use]
    pub fn to_stored(&self) -> SecretValue {
        let writer = Writer::with_capacity(Kind::StoredKey, SUITE, STORED_BYTES);
        SecretValue::new(writer.field(&[PURPOSE]).field(self.private.as_bytes()).finish())
    }

    /// The key pair of what [`to_stored`](Self::to_stored) gave.
    ///
    /// # Errors
    ///
    /// [`Integrity`](secret_store_core::ErrorKind::Integrity) or [`NotSealed`](secret_store_core::ErrorKind::NotSealed) for anything
    /// else, [`Unsupported`](secret_store_core::ErrorKind::Unsupported) for what a later release wrote.
    pub fn from_stored(stored: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(stored, Kind::StoredKey, STORED_BYTES)?;
        super::check_suite(reader.suite())?;
        let ([PURPOSE], private) = (reader.array()?, Zeroizing::new(*reader.array()?)) else {
            return Err(Error::integrity());
        };
        reader.end()?;
        Ok(Self::from_private(&private))
    }

    pub(super) fn private(&self) -> &StaticSecret {
        &self.private
    }
}

impl fmt::Debug for ServerKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKeyPair([redacted])")
    }
}
