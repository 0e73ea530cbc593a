//! What an attacker writes for themselves: the form of an entry from its document, and SHA-256. No code of the library's.

use std::ops::Range;

use sha2::{Digest, Sha256};

pub(crate) const HASH_BYTES: usize = 32;

/// Where each field of an entry stands.
#[derive(Clone, Debug)]
pub(crate) struct Fields(Vec<(&'static str, Range<usize>)>);

impl Fields {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let (mut fields, mut at) = (Vec::new(), 0);
        let mut take = |name: &'static str, size: usize| {
            fields.push((name, at..at + size));
            at += size;
            at - size
        };
        take("magic", 3);
        let has_mac = bytes[take("authentication", 1)] == 1;
        for (name, size) in
            [("writer", 16), ("sequence", 8), ("previous", HASH_BYTES), ("time", 8), ("operation", 8), ("action", 1)]
        {
            take(name, size);
        }
        take("phase", 1);
        take("outcome", 1);
        for name in ["environment", "actor", "request"] {
            let size = bytes[take("length", 1)].into();
            take(name, size);
        }
        let number = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        let size = number(take("length", 2));
        take("application", size);
        take("count", 4);
        for _ in 0..number(take("secrets", 2)) {
            let size = number(take("length", 2));
            take("name", size);
            if bytes[take("has version", 1)] == 1 {
                take("version", 8);
            }
        }
        if has_mac {
            take("key id", 8);
        }
        take("hash", HASH_BYTES);
        if has_mac {
            take("mac", HASH_BYTES);
        }
        assert_eq!(at, bytes.len(), "the document describes the whole entry");
        Self(fields)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(&'static str, Range<usize>)> {
        self.0.iter()
    }

    pub(crate) fn range(&self, name: &str) -> Range<usize> {
        self.find(name).unwrap_or_else(|| panic!("an entry has a {name}"))
    }

    pub(crate) fn find(&self, name: &str) -> Option<Range<usize>> {
        self.0.iter().find(|(field, _)| *field == name).map(|(_, range)| range.clone())
    }
}

/// With the hash that belongs to the content; the MAC stays.
pub(crate) fn rehashed(mut bytes: Vec<u8>) -> Vec<u8> {
    let at = Fields::of(&bytes).range("hash");
    let hash = Sha256::new().chain_update(b"secret-store/1\x06\x01").chain_update(&bytes[..at.start]).finalize();
    bytes[at].copy_from_slice(&hash);
    bytes
}
