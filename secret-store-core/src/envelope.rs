//! How a value is sealed and what a record of it looks like.

pub(crate) mod format;
pub(crate) mod legacy;
pub(crate) mod metadata;
pub(crate) mod protected;
pub(crate) mod view;
pub(crate) mod wraps;

use std::fmt;

use zeroize::Zeroizing;

use crate::context::{EncryptionContext, ValueAad};
use crate::crypto::{Aead, Aes256Gcm};
use crate::error::{Error, Result};
use crate::key::DocumentKey;
use crate::secret::SecretValue;
use view::IvView;

/// The format a secret is stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The original Secret Store's: AES-CBC without authentication. Read only where configured.
    Zero,
    /// Authenticated, bound to its place, committed to its key.
    One,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zero => "0",
            Self::One => "1",
        })
    }
}

/// A stored value whose outer form was checked: what is known of it before any key is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sealed<'a> {
    /// Format 0: the IV and the whole ciphertext.
    Zero(legacy::Sealed<'a>),
    /// Format 1: the nonce and what follows the header.
    One(format::Sealed<'a>),
}

impl<'a> Sealed<'a> {
    /// Checks what needs no key.
    ///
    /// # Errors
    ///
    /// [`Integrity`](crate::ErrorKind::Integrity) for a malformed value, [`Unsupported`](crate::ErrorKind::Unsupported) for a
    /// format, suite or flag of a later release.
    #[inline]
    pub(crate) fn parse(iv: IvView<'a>, value: &'a [u8]) -> Result<Self> {
        match iv {
            IvView::Zero(iv) => legacy::Sealed::parse(iv, value).map(Self::Zero),
            IvView::One(nonce) => format::Sealed::parse(nonce, value).map(Self::One),
        }
    }

    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Zero(_) => Format::Zero,
            Self::One(_) => Format::One,
        }
    }
}

/// A document key made ready to open values: what the key cache holds.
pub(crate) enum ReadyCipher {
    Zero(Zeroizing<Vec<u8>>),
    One(Aes256Gcm),
}

impl ReadyCipher {
    /// Makes a key ready for a format, which the size of the key must fit.
    pub(crate) fn new(format: Format, key: &DocumentKey) -> Result<Self> {
        let key = key.expose_secret();
        match format {
            Format::Zero => {
                EncryptionContext::legacy().check_key_bytes(key.len())?;
                Ok(Self::Zero(Zeroizing::new(key.to_vec())))
            }
            Format::One => {
                let key = key.try_into().map_err(|_| Error::integrity())?;
                Ok(Self::One(Aes256Gcm::new(key)))
            }
        }
    }

    /// Opens a value. The cipher's format must be the value's.
    pub(crate) fn open<B: AsRef<[u8]>>(&self, sealed: &Sealed<'_>, aad: &ValueAad<B>) -> Result<SecretValue> {
        match (self, sealed) {
            (Self::Zero(key), Sealed::Zero(sealed)) => sealed.open(key),
            (Self::One(cipher), Sealed::One(sealed)) => sealed.open(cipher, aad),
            _ => Err(Error::integrity()),
        }
    }
}

#[cfg(test)]
mod known_answers;
