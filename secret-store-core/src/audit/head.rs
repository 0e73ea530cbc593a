//! The ends of all chains of a log at one time, to keep elsewhere and compare later.

use std::collections::BTreeMap;

use super::key::{AuditKey, AuditKeyId, Domain, HASH_BYTES, Hash, hash};
use super::timestamp::Timestamp;
use super::writer::{Hex, WriterId};
use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8; 3] = b"SH1";
const NO_MAC: u8 = 0;
const HMAC_SHA256: u8 = 1;
const WRITER_BYTES: usize = 16 + 8 + 1 + HASH_BYTES;
const FIXED_BYTES: usize = 3 + 1 + 8 + 4;

/// The largest number of writers in a head.
pub const MAX_HEAD_WRITERS: usize = 1_000_000;

/// The last entry of every writer of a log: its number and its hash.
///
/// Whoever can write to a log can cut its end off, or remove a whole writer, and what is left is a valid log. A head that was
/// exported before and kept where they cannot write shows it: [`Verifier::with_head`](super::Verifier::with_head). It stands for
/// the whole log, so it says nothing about entries that were written after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHead {
    time: Timestamp,
    writers: BTreeMap<WriterId, WriterHead>,
}

/// The last entry of one writer.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriterHead {
    /// Its number: the writer has this many entries.
    pub sequence: u64,
    /// Its hash, which stands for all entries before it.
    pub hash: [u8; 32],
    /// Whether the writer's entries are authenticated by a key. Then one without is a forgery, wherever it stands.
    pub is_authenticated: bool,
}

impl std::fmt::Debug for WriterHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mac = if self.is_authenticated { ", authenticated" } else { "" };
        write!(f, "{} entries to {}{mac}", self.sequence, Hex(&self.hash))
    }
}

impl AuditHead {
    pub(super) fn new(time: Timestamp, writers: impl IntoIterator<Item = (WriterId, WriterHead)>) -> Result<Self> {
        let writers: BTreeMap<_, _> = writers.into_iter().collect();
        if writers.len() > MAX_HEAD_WRITERS {
            return Err(Error::too_large("number of audit writers", MAX_HEAD_WRITERS as u64, writers.len() as u64));
        }
        Ok(Self { time, writers })
    }

    /// When it was made.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Every writer's last entry, in the order of their ids.
    pub fn writers(&self) -> impl ExactSizeIterator<Item = (WriterId, &WriterHead)> {
        self.writers.iter().map(|(writer, head)| (*writer, head))
    }

    /// One writer's last entry.
    #[must_use]
    pub fn writer(&self, writer: &WriterId) -> Option<&WriterHead> {
        self.writers.get(writer)
    }

    /// The head in its one form, to keep. With a key it is authenticated: whoever lacks the key cannot make one. Without, it is only
    /// as trustworthy as the place where it is kept.
    #[must_use]
    pub fn to_bytes(&self, key: Option<&AuditKey>) -> Vec<u8> {
        let mut out = Vec::with_capacity(FIXED_BYTES + 8 + self.writers.len() * WRITER_BYTES + HASH_BYTES);
        out.extend_from_slice(MAGIC);
        out.push(if key.is_some() { HMAC_SHA256 } else { NO_MAC });
        out.extend_from_slice(&self.time.as_millis().to_be_bytes());
        let count = u32::try_from(self.writers.len()).expect("at most a million");
        out.extend_from_slice(&count.to_be_bytes());
        for (writer, head) in &self.writers {
            out.extend_from_slice(writer.as_bytes());
            out.extend_from_slice(&head.sequence.to_be_bytes());
            out.push(u8::from(head.is_authenticated));
            out.extend_from_slice(&head.hash);
        }
        if let Some(key) = key {
            out.extend_from_slice(key.id().as_bytes());
        }
        let end = match key {
            Some(key) => key.authenticate(Domain::HeadMac, &out),
            None => hash(Domain::HeadHash, &out),
        };
        out.extend_from_slice(&end);
        out
    }

    /// Parses what [`AuditHead::to_bytes`] made. Give the key with which it was made: a head that carries no MAC is refused then.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) for anything else, a head under another key and one without any included;
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a head under a key where none is given;
    /// [`Unsupported`](ErrorKind::Unsupported) for one of a later release.
    pub fn from_bytes(bytes: &[u8], key: Option<&AuditKey>) -> Result<Self> {
        let (body, end) = bytes.split_last_chunk::<HASH_BYTES>().ok_or_else(Error::integrity)?;
        let (magic, rest) = body.split_first_chunk::<3>().ok_or_else(Error::integrity)?;
        match magic {
            MAGIC => {}
            [b'S', b'H', b'2'..=b'9'] => return Err(unsupported()),
            _ => return Err(Error::integrity()),
        }
        let (authentication, rest) = rest.split_first().ok_or_else(Error::integrity)?;
        let rest = match (*authentication, key) {
            (NO_MAC, None) if hash(Domain::HeadHash, body) == *end => rest,
            (HMAC_SHA256, Some(key)) if key.is_authentic(Domain::HeadMac, body, end) => {
                let (rest, id) = rest.split_last_chunk().ok_or_else(Error::integrity)?;
                if AuditKeyId::from_bytes(*id) != key.id() {
                    return Err(Error::integrity());
                }
                rest
            }
            (HMAC_SHA256, None) => {
                return Err(Error::invalid_input(
                    "the audit head is authenticated: give the key with which it was made",
                ));
            }
            (NO_MAC | HMAC_SHA256, _) => return Err(Error::integrity()),
            _ => return Err(unsupported()),
        };
        Self::parse(rest)
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let (time, rest) = bytes.split_first_chunk().ok_or_else(Error::integrity)?;
        let (count, rest) = rest.split_first_chunk().ok_or_else(Error::integrity)?;
        let count = u32::from_be_bytes(*count) as usize;
        if count > MAX_HEAD_WRITERS || rest.len() != count * WRITER_BYTES {
            return Err(Error::integrity());
        }
        let mut writers = BTreeMap::new();
        for bytes in rest.chunks_exact(WRITER_BYTES) {
            let (writer, head) = parse_writer(bytes).ok_or_else(Error::integrity)?;
            if writers.last_key_value().is_some_and(|(last, _)| *last >= writer) {
                return Err(Error::integrity());
            }
            writers.insert(writer, head);
        }
        let time = Timestamp::from_millis(u64::from_be_bytes(*time)).ok_or_else(Error::integrity)?;
        Ok(Self { time, writers })
    }
}

fn parse_writer(bytes: &[u8]) -> Option<(WriterId, WriterHead)> {
    let (writer, rest) = bytes.split_first_chunk()?;
    let (sequence, rest) = rest.split_first_chunk()?;
    let (authenticated, hash) = rest.split_first()?;
    let is_authenticated = match authenticated {
        0 => false,
        1 => true,
        _ => return None,
    };
    let hash: Hash = hash.try_into().ok()?;
    let sequence = u64::from_be_bytes(*sequence);
    (sequence > 0).then_some((WriterId::from_bytes(*writer), WriterHead { sequence, hash, is_authenticated }))
}

fn unsupported() -> Error {
    Error::new(ErrorKind::Unsupported, "the audit head is of a later release: read it with that one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(byte: u8) -> WriterId {
        WriterId::from_bytes([byte; 16])
    }

    fn sample() -> AuditHead {
        let head = |n: u8| WriterHead { sequence: n.into(), hash: [n; 32], is_authenticated: n.is_multiple_of(2) };
        let time = Timestamp::from_millis(1_767_323_045_678).expect("in range");
        AuditHead::new(time, [(writer(2), head(2)), (writer(1), head(1))]).expect("few writers")
    }

    fn key(byte: u8) -> AuditKey {
        AuditKey::from_bytes(&[byte; 32])
    }

    #[test]
    fn a_head_opens_with_its_key_alone() {
        let (own, other) = (key(1), key(2));
        let authenticated = sample().to_bytes(Some(&own));
        let plain = sample().to_bytes(None);
        assert_eq!(AuditHead::from_bytes(&authenticated, Some(&own)).expect("opens"), sample());
        assert_eq!(AuditHead::from_bytes(&plain, None).expect("opens"), sample());
        let kind = |bytes: &[u8], key| AuditHead::from_bytes(bytes, key).expect_err("refused").kind();
        assert_eq!(kind(&authenticated, Some(&other)), ErrorKind::Integrity);
        assert_eq!(kind(&plain, Some(&own)), ErrorKind::Integrity, "a head without a MAC is no head to who has a key");
        assert_eq!(kind(&authenticated, None), ErrorKind::InvalidInput);
    }

    #[test]
    fn every_change_of_a_head_is_refused() {
        let own = key(1);
        for key in [Some(&own), None] {
            let bytes = sample().to_bytes(key);
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    let mut changed = bytes.clone();
                    changed[at] ^= 1 << bit;
                    assert!(AuditHead::from_bytes(&changed, key).is_err(), "bit {bit} of byte {at}");
                }
                assert!(AuditHead::from_bytes(&bytes[..at], key).is_err(), "cut to {at}");
            }
            assert!(AuditHead::from_bytes(&[&bytes[..], &[0]].concat(), key).is_err());
        }
        let mut later = sample().to_bytes(None);
        later[2] = b'2';
        assert_eq!(AuditHead::from_bytes(&later, None).expect_err("later").kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn writers_stand_once_and_in_order() {
        for order in [[2, 1], [1, 1]] {
            let mut bytes = sample().to_bytes(None);
            bytes.truncate(bytes.len() - HASH_BYTES);
            for (place, byte) in order.into_iter().enumerate() {
                let at = FIXED_BYTES + place * WRITER_BYTES;
                bytes[at..at + 16].fill(byte);
            }
            let end = hash(Domain::HeadHash, &bytes);
            bytes.extend_from_slice(&end);
            assert_eq!(AuditHead::from_bytes(&bytes, None).expect_err("refused").kind(), ErrorKind::Integrity);
        }
    }
}
