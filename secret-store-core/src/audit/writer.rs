//! Who writes a chain of entries.

use std::fmt;

use crate::error::{Error, Result};
use crate::key::random_bytes;

const BYTES: usize = 16;

/// One chain of entries: those of one [`AuditedStore`](super::AuditedStore) about one application. 128 random bits, drawn when
/// the chain begins, so that no two processes ever share one.
///
/// Its `Display`, and what it is parsed from, is 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriterId([u8; BYTES]);

impl WriterId {
    /// A new random id.
    pub(super) fn generate() -> Result<Self> {
        let mut bytes = [0; BYTES];
        random_bytes(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub(super) const fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }

    /// The sixteen bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// The first hexadecimal digit, by which the records of one application are spread over sixteen partitions.
    pub(super) fn shard(&self) -> u8 {
        self.0[0] >> 4
    }
}

impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for WriterId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || Error::invalid_input("a writer id is 32 lower-case hexadecimal digits");
        let digits: &[u8; 2 * BYTES] = text.as_bytes().try_into().map_err(|_| refuse())?;
        let mut bytes = [0; BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |digit: u8| match digit {
                b'0'..=b'9' => Ok(digit - b'0'),
                b'a'..=b'f' => Ok(digit - b'a' + 10),
                _ => Err(refuse()),
            };
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_text_and_nothing_else_parses() {
        let id = WriterId::generate().expect("random");
        assert_eq!(id.to_string().parse::<WriterId>().expect("its own text"), id);
        assert_eq!(WriterId([0xa7; BYTES]).shard(), 0xa);
        let text = "0123456789abcdef0123456789abcdef";
        assert!(text.parse::<WriterId>().is_ok());
        for refused in
            ["", &text[1..], &format!("{text}0"), &text.to_uppercase(), &text.replace('f', "g"), &"é".repeat(16)]
        {
            assert!(refused.parse::<WriterId>().is_err(), "{refused}");
        }
    }
}
