//! A whole record in one sealed attribute, bound to its blind address.

use std::borrow::Cow;
use std::sync::Arc;

use minicbor::{Decoder, Encoder};

use super::key::{BlindingKeyId, Keyed};
use crate::context::blind_name_bytes;
use crate::crypto::{Aead, Aes256Gcm, NONCE_BYTES, TAG_BYTES};
use crate::error::{Error, ErrorKind, Result};
use crate::key::random_bytes;
use crate::persistence::RecordKey;
use crate::record::{MAX_ATTRIBUTES, Record, Value};

/// The one attribute of a sealed record.
const SEALED: &str = "Sealed";
const MAGIC: &[u8; 2] = b"SB";
const VERSION: u8 = b'1';
const SUITE: u8 = 1;
const SALT_BYTES: usize = 12;
const SALT_AT: usize = MAGIC.len() + 2 + BlindingKeyId::BYTES;
const NONCE_AT: usize = SALT_AT + SALT_BYTES;
const BODY_AT: usize = NONCE_AT + NONCE_BYTES;

/// Names and all other text are padded to a multiple of this, so that usual ones all take the same room.
const TEXT_BLOCK: usize = 512;
/// Everything else is padded to a multiple of this.
const OTHER_BLOCK: usize = 256;
const LENGTH_BYTES: usize = 4;

/// What sealing adds to a record at most, in bytes: header, tag, padding, and names as long as they become.
pub(super) const OVERHEAD_BYTES: usize = 5 * 1024;

/// A record with the address that it was sealed for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) address: RecordKey,
    pub(super) record: Record,
}

/// Whether it has the form of a sealed record.
pub(super) fn is_sealed(record: &Record) -> bool {
    record.len() == 1 && record.bytes(SEALED).is_some()
}

/// Seals a record for a blind address.
///
/// # Errors
///
/// [`TooLarge`](ErrorKind::TooLarge) for more attributes than a record has.
pub(super) fn seal(key: &Keyed, address: &RecordKey, blind: &RecordKey, record: &Record) -> Result<Record> {
    if record.len() > MAX_ATTRIBUTES {
        return Err(Error::too_large("number of attributes", MAX_ATTRIBUTES as u64, record.len() as u64));
    }
    let mut random = [0; SALT_BYTES + NONCE_BYTES];
    random_bytes(&mut random)?;
    seal_with(key, &random, address, blind, record)
}

/// The deterministic part.
pub(super) fn seal_with(
    key: &Keyed,
    random: &[u8; SALT_BYTES + NONCE_BYTES],
    address: &RecordKey,
    blind: &RecordKey,
    record: &Record,
) -> Result<Record> {
    let (salt, nonce) = random.split_at(SALT_BYTES);
    let nonce: &[u8; NONCE_BYTES] = nonce.try_into().expect("the rest has the size of a nonce");
    let content = encode(address, record);
    let mut sealed = Vec::with_capacity(BODY_AT + content.len() + TAG_BYTES);
    sealed.extend_from_slice(MAGIC);
    sealed.extend_from_slice(&[VERSION, SUITE]);
    sealed.extend_from_slice(key.id().as_bytes());
    sealed.extend_from_slice(random);
    sealed.extend_from_slice(&content);
    let cipher = Aes256Gcm::new(&key.record_key(salt));
    let tag = cipher.seal(nonce, &aad(key, blind), &mut sealed[BODY_AT..])?;
    sealed.extend_from_slice(&tag);
    Ok(Record::new().with(SEALED, Value::from(sealed)))
}

/// Opens what was found at a blind address.
///
/// # Errors
///
/// [`Integrity`](ErrorKind::Integrity) for anything but what was sealed under this key for this address;
/// [`Unsupported`](ErrorKind::Unsupported) for the form of a later release.
pub(super) fn open(key: &Keyed, blind: &RecordKey, record: &Record) -> Result<Opened> {
    let sealed = record.bytes(SEALED).filter(|_| is_sealed(record)).ok_or_else(Error::integrity)?;
    let Some((header, body)) = sealed.split_at_checked(BODY_AT) else { return Err(Error::integrity()) };
    check_header(key, header)?;
    let nonce: &[u8; NONCE_BYTES] = header[NONCE_AT..].try_into().map_err(|_| Error::integrity())?;
    let (body, tag) = body.split_last_chunk::<TAG_BYTES>().ok_or_else(Error::integrity)?;
    let mut content = vec![0; body.len()];
    let cipher = Aes256Gcm::new(&key.record_key(&header[SALT_AT..NONCE_AT]));
    cipher.open(nonce, &aad(key, blind), body, tag, &mut content)?;
    decode(&content)
}

fn check_header(key: &Keyed, header: &[u8]) -> Result<()> {
    let [m0, m1, version, suite, rest @ ..] = header else { return Err(Error::integrity()) };
    if [*m0, *m1] != *MAGIC {
        return Err(Error::integrity());
    }
    match (version, suite) {
        (&VERSION, &SUITE) => {}
        (b'1'..=b'9', _) => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the sealed record is of a later release: upgrade the library",
            ));
        }
        _ => return Err(Error::integrity()),
    }
    if rest[..BlindingKeyId::BYTES] == *key.id().as_bytes() { Ok(()) } else { Err(Error::integrity()) }
}

fn aad(key: &Keyed, blind: &RecordKey) -> impl std::ops::Deref<Target = [u8]> {
    blind_name_bytes(&[b"record", key.id().as_bytes(), blind.partition().as_bytes(), blind.sort().as_bytes()])
}

/// Two parts, each padded: the address and all text, then everything else.
pub(super) fn encode(address: &RecordKey, record: &Record) -> Vec<u8> {
    let (mut text, mut other) = (Record::with_capacity(record.len()), Record::with_capacity(record.len()));
    for (name, value) in record.iter() {
        let part = if matches!(value, Value::Text(_)) { &mut text } else { &mut other };
        part.set(name.to_owned(), value.clone());
    }
    let mut names = Vec::new();
    let mut encoder = Encoder::new(&mut names);
    encoder.str(address.partition()).and_then(|encoder| encoder.str(address.sort())).expect("a Vec takes every byte");
    names.extend_from_slice(&text.to_bytes());
    let mut content = Vec::with_capacity(names.len() + record.size() + TEXT_BLOCK + 2 * OTHER_BLOCK);
    append_padded(&mut content, &names, TEXT_BLOCK);
    append_padded(&mut content, &other.to_bytes(), OTHER_BLOCK);
    content
}

/// `u32 BE length | bytes | zero bytes`, a multiple of `block` bytes.
fn append_padded(content: &mut Vec<u8>, bytes: &[u8], block: usize) {
    let length = u32::try_from(bytes.len()).expect("records are far below 4 GiB");
    content.extend_from_slice(&length.to_be_bytes());
    content.extend_from_slice(bytes);
    content.resize(content.len() + padding(LENGTH_BYTES + bytes.len(), block), 0);
}

fn padding(bytes: usize, block: usize) -> usize {
    bytes.next_multiple_of(block) - bytes
}

pub(super) fn decode(content: &[u8]) -> Result<Opened> {
    let (names, rest) = padded_part(content, TEXT_BLOCK)?;
    let (other, rest) = padded_part(rest, OTHER_BLOCK)?;
    let mut decoder = Decoder::new(names);
    let mut text = || decoder.str().map(Arc::<str>::from).map_err(|_| Error::integrity());
    let address = RecordKey::new(text()?, text()?);
    let record = joined(&Record::from_bytes(&names[decoder.position()..])?, &Record::from_bytes(other)?);
    // One form for each record: comparing refuses every other at once.
    if !rest.is_empty() || encode(&address, &record) != content {
        return Err(Error::integrity());
    }
    Ok(Opened { address, record })
}

fn padded_part(content: &[u8], block: usize) -> Result<(&[u8], &[u8])> {
    let (length, rest) = content.split_first_chunk::<LENGTH_BYTES>().ok_or_else(Error::integrity)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Error::integrity())?;
    let (part, rest) = rest.split_at_checked(length).ok_or_else(Error::integrity)?;
    let (_, rest) = rest.split_at_checked(padding(LENGTH_BYTES + length, block)).ok_or_else(Error::integrity)?;
    Ok((part, rest))
}

fn joined(text: &Record, other: &Record) -> Record {
    let attributes = text.iter().chain(other.iter());
    attributes.map(|(name, value)| (Cow::<'static, str>::Owned(name.to_owned()), value.clone())).collect()
}

#[cfg(test)]
mod tests;
