//! Frames, read.

use secret_store_core::{Error, ErrorKind, Result};

use super::{HEADER_BYTES, Kind, MAGIC};

/// Reads a frame field by field, without allocating.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    suite: u8,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks size, header and kind.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](ErrorKind::TooLarge) over `limit`; [`Unsupported`](ErrorKind::Unsupported) for a later format;
    /// [`NotSealed`](ErrorKind::NotSealed) for what is no frame or is one of another kind.
    pub(crate) fn new(bytes: &'a [u8], kind: Kind, limit: usize) -> Result<Self> {
        if bytes.len() > limit {
            return Err(Error::too_large("the message", limit as u64, bytes.len() as u64));
        }
        let not_sealed =
            || Error::new(ErrorKind::NotSealed, "this is no sealed message of the kind that is expected here");
        let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or_else(not_sealed)?;
        match header {
            [magic @ .., found, suite] if magic == MAGIC && *found == kind as u8 => Ok(Self { suite: *suite, rest }),
            [b'S', b'X', digit @ b'2'..=b'9', ..] => {
                let digit = char::from(*digit);
                Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("message format {digit} is unknown: upgrade the library"),
                ))
            }
            _ => Err(not_sealed()),
        }
    }

    pub(crate) fn suite(&self) -> u8 {
        self.suite
    }

    /// The next field, at most `limit` bytes long.
    pub(crate) fn bytes(&mut self, limit: usize) -> Result<&'a [u8]> {
        let (length, rest) = self.rest.split_first_chunk().ok_or_else(Error::integrity)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Error::integrity())?;
        if length > limit || length > rest.len() {
            return Err(Error::integrity());
        }
        let (field, rest) = rest.split_at(length);
        self.rest = rest;
        Ok(field)
    }

    /// The next field, of exactly `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        self.bytes(N)?.try_into().map_err(|_| Error::integrity())
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.array().map(|bytes| u64::from_be_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// The next field, UTF-8 of at most `limit` bytes.
    pub(crate) fn text(&mut self, limit: usize) -> Result<&'a str> {
        std::str::from_utf8(self.bytes(limit)?).map_err(|_| Error::integrity())
    }

    /// Nothing may follow the last field.
    pub(crate) fn end(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::integrity()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Writer;
    use super::*;

    #[test]
    fn a_field_over_its_limit_is_refused() {
        let frame = Writer::new(Kind::Bundle, 1).field(&[7; 10]).finish();
        let read =
            |limit| Reader::new(&frame, Kind::Bundle, frame.len()).expect("a frame").bytes(limit).map(<[u8]>::len);
        assert_eq!(read(10).expect("as long as it may be"), 10);
        assert_eq!(read(9).expect_err("longer").kind(), ErrorKind::Integrity);
    }

    #[test]
    fn a_frame_over_its_limit_is_refused_before_anything_else() {
        let refused = Reader::new(b"no frame", Kind::Bundle, 7).expect_err("too large");
        assert_eq!(refused.kind(), ErrorKind::TooLarge { limit: 7, actual: 8 });
    }
}
