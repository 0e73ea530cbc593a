//! The document key of format 0: `i32 LE key id length | i32 LE signature length | signature | key id | OAEP-SHA1
//! ciphertext`, where the signature is RSASSA-PKCS1-v1_5 with SHA-512 over `key id ‖ ciphertext`.
//!
//! The lengths are not signed: a segment with a moved boundary still verifies, so that whoever parses it must compare the
//! key id with the one asked for. Nothing says to which secret the segment belongs, nor who signed it.

use secret_store_core::{Error, MAX_ID_BYTES, Result};

use super::pem::MAX_BITS;

const MAX_RSA_BYTES: usize = MAX_BITS / 8;

/// A parsed segment. Nothing in it has been verified.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LegacySegment<'a> {
    pub(crate) signature: &'a [u8],
    pub(crate) key_id: &'a [u8],
    pub(crate) ciphertext: &'a [u8],
    /// `key id ‖ ciphertext`, as they lie.
    pub(crate) signed: &'a [u8],
}

impl<'a> LegacySegment<'a> {
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a length no segment can have (negative, or beyond
    /// the largest key or id); [`Integrity`](secret_store_core::ErrorKind::Integrity) when the segment is shorter than its
    /// lengths say.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (key_id_bytes, rest) = bytes.split_first_chunk::<4>().ok_or_else(Error::integrity)?;
        let (signature_bytes, rest) = rest.split_first_chunk::<4>().ok_or_else(Error::integrity)?;
        let key_id_bytes = length("key id", *key_id_bytes, MAX_ID_BYTES)?;
        let signature_bytes = length("signature", *signature_bytes, MAX_RSA_BYTES)?;
        let (signature, signed) = rest.split_at_checked(signature_bytes).ok_or_else(Error::integrity)?;
        let (key_id, ciphertext) = signed.split_at_checked(key_id_bytes).ok_or_else(Error::integrity)?;
        if !(1..=MAX_RSA_BYTES).contains(&ciphertext.len()) {
            return Err(Error::integrity());
        }
        Ok(Self { signature, key_id, ciphertext, signed })
    }

    /// What is signed.
    pub(crate) fn message(key_id: &str, ciphertext: &[u8]) -> Vec<u8> {
        [key_id.as_bytes(), ciphertext].concat()
    }

    /// The segment of a signature over a message made by [`message`](Self::message).
    pub(crate) fn encode(key_id: &str, message: &[u8], signature: &[u8]) -> Vec<u8> {
        let length =
            |size: usize| i32::try_from(size).expect("ids have at most 255 bytes, signatures 1024").to_le_bytes();
        [&length(key_id.len())[..], &length(signature.len()), signature, message].concat()
    }
}

fn length(what: &str, bytes: [u8; 4], max: usize) -> Result<usize> {
    let length = i32::from_le_bytes(bytes);
    usize::try_from(length).ok().filter(|length| *length <= max).ok_or_else(|| {
        Error::invalid_input(format!(
            "legacy wrapped key has a {what} length of {length}: from 0 to {max} are possible"
        ))
    })
}
