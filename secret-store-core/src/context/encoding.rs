//! The one canonical encoding: what it is for, a suite, and fields with their lengths.

use smallvec::SmallVec;

use super::{Purpose, Suite};
use crate::id::{SecretId, SecretVersion, StoreId};

const PREFIX: &[u8] = b"secret-store/1";
pub(super) const PURPOSE_AT: usize = PREFIX.len();
pub(super) const SUITE_AT: usize = PURPOSE_AT + 1;
pub(super) const COUNT_AT: usize = SUITE_AT + 1;
pub(super) const FIELDS_AT: usize = COUNT_AT + 1;

/// Room for the encoding of usual names, so that most calls allocate nothing.
pub(super) type Bytes = SmallVec<[u8; 192]>;

#[inline]
pub(super) fn encode_secret(
    purpose: Purpose,
    store: &StoreId,
    id: &SecretId,
    version: SecretVersion,
    metadata: Option<&[u8]>,
) -> Bytes {
    let version = version.get().to_be_bytes();
    let fields = [
        store.as_str().as_bytes(),
        id.application().as_str().as_bytes(),
        id.name().as_str().as_bytes(),
        &version,
        metadata.unwrap_or_default(),
    ];
    encode(purpose, Suite::Aes256Gcm, if metadata.is_some() { &fields } else { &fields[..4] })
}

#[inline]
pub(super) fn encode(purpose: Purpose, suite: Suite, fields: &[&[u8]]) -> Bytes {
    // Sized once and filled in place: appending piece by piece costs a third of a small decryption.
    let mut out = Bytes::from_elem(0, FIELDS_AT + fields.iter().map(|field| 4 + field.len()).sum::<usize>());
    let (head, mut rest) = out.split_at_mut(FIELDS_AT);
    head[..PURPOSE_AT].copy_from_slice(PREFIX);
    head[PURPOSE_AT] = purpose as u8;
    head[SUITE_AT] = suite as u8;
    head[COUNT_AT] = u8::try_from(fields.len()).expect("a handful of fields");
    for field in fields {
        let (place, after) = rest.split_at_mut(4 + field.len());
        place[..4].copy_from_slice(&length(field));
        place[4..].copy_from_slice(field);
        rest = after;
    }
    out
}

#[inline]
pub(super) fn length(field: &[u8]) -> [u8; 4] {
    u32::try_from(field.len()).expect("names and metadata are bounded far below 4 GiB").to_be_bytes()
}

/// The length-prefixed fields of an encoding made here.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let (field, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        self.0 = rest;
        Some(field)
    }
}

pub(super) fn text(field: Option<&[u8]>) -> &str {
    let field = field.expect("an encoding made here has its fields");
    std::str::from_utf8(field).expect("the field was encoded from text")
}

/// A version: eight bytes of a secret's, four of a tenant key's.
pub(super) fn number(field: &[u8]) -> u64 {
    field.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
