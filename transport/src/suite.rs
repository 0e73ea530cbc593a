//! Which cryptography a message uses.

use secret_store_core::{Error, ErrorKind, Result};

/// How something is sealed to a public key. The number stands in every frame and in everything that is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Suite {
    /// HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. The one to choose.
    HpkeX25519 = 1,
    /// RSA-OAEP (RFC 8017, section 7.1) with SHA-256 and MGF1-SHA256 of a fresh 32-byte key, and AES-256-GCM under that. For
    /// places that must have RSA. Needs the feature `rsa`.
    RsaOaep = 2,
}

impl Suite {
    pub(crate) fn from_code(code: u8) -> Result<Self> {
        match code {
            1 => Ok(Self::HpkeX25519),
            2 => Ok(Self::RsaOaep),
            _ => Err(Error::new(ErrorKind::Unsupported, format!("suite {code} is unknown: upgrade the library"))),
        }
    }

    pub(crate) fn code(self) -> u8 {
        self as u8
    }
}

/// Which key pair to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeySpec {
    /// X25519, for [`Suite::HpkeX25519`].
    #[default]
    X25519,
    /// RSA with 3,072 bits, for [`Suite::RsaOaep`].
    Rsa3072,
    /// RSA with 4,096 bits, for [`Suite::RsaOaep`].
    Rsa4096,
}

impl KeySpec {
    /// The suite that such keys are for.
    #[must_use]
    pub fn suite(self) -> Suite {
        match self {
            Self::X25519 => Suite::HpkeX25519,
            Self::Rsa3072 | Self::Rsa4096 => Suite::RsaOaep,
        }
    }
}

/// What a public key is a key of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// X25519 (RFC 7748): 32 bytes.
    X25519 = 1,
    /// RSA: a `SubjectPublicKeyInfo` in DER (RFC 5280, section 4.1).
    Rsa = 2,
    /// Ed25519 (RFC 8032): 32 bytes.
    Ed25519 = 3,
}

impl KeyAlgorithm {
    pub(crate) fn from_code(code: u8) -> Result<Self> {
        match code {
            1 => Ok(Self::X25519),
            2 => Ok(Self::Rsa),
            3 => Ok(Self::Ed25519),
            _ => {
                Err(Error::new(ErrorKind::Unsupported, format!("key algorithm {code} is unknown: upgrade the library")))
            }
        }
    }

    /// The suite that seals to such a key; none for keys that verify signatures.
    #[must_use]
    pub fn suite(self) -> Option<Suite> {
        match self {
            Self::X25519 => Some(Suite::HpkeX25519),
            Self::Rsa => Some(Suite::RsaOaep),
            Self::Ed25519 => None,
        }
    }
}

impl From<Suite> for KeyAlgorithm {
    fn from(suite: Suite) -> Self {
        match suite {
            Suite::HpkeX25519 => Self::X25519,
            Suite::RsaOaep => Self::Rsa,
        }
    }
}

/// The error for RSA in a build without it.
#[cfg(not(feature = "rsa"))]
pub(crate) fn no_rsa() -> Error {
    Error::new(ErrorKind::Unsupported, "this build has no RSA: enable the feature `rsa`")
}
