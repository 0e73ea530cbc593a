//! The one encoding of a map of text to text: CBOR (RFC 8949), deterministic, keys sorted by their bytes.

use std::collections::BTreeMap;
use std::convert::Infallible;

use minicbor::decode::Error as Refusal;
use minicbor::{Decoder, Encoder};

/// Encodes a map, in its only form.
pub(crate) fn encode(entries: &BTreeMap<&str, &str>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out);
    let mut write = || -> Result<(), minicbor::encode::Error<Infallible>> {
        encoder.map(entries.len() as u64)?;
        for (key, value) in entries {
            encoder.str(key)?.str(value)?;
        }
        Ok(())
    };
    write().expect("a Vec takes every byte");
    out
}

/// Reads a map of at most so many bytes. Whether it stands there in its only form, the caller sees by encoding it again.
pub(crate) fn decode(bytes: &[u8], max_bytes: usize) -> Result<BTreeMap<&str, &str>, Refusal> {
    if bytes.len() > max_bytes {
        return Err(Refusal::message("too large"));
    }
    let mut decoder = Decoder::new(bytes);
    let count = decoder.map()?.ok_or_else(|| Refusal::message("indefinite map"))?;
    let mut entries = BTreeMap::new();
    for _ in 0..count {
        entries.insert(decoder.str()?, decoder.str()?);
    }
    Ok(entries)
}
