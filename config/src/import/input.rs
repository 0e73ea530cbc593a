//! A file in memory that is wiped.

use std::io::Read;

use secret_store_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

/// The largest file, in bytes.
const MOST_BYTES: usize = 1024 * 1024;
const BYTE_ORDER_MARK: char = '\u{feff}';

pub(super) struct Input(Zeroizing<Vec<u8>>);

impl Input {
    pub(super) fn read(reader: impl Read) -> Result<Self> {
        // In one allocation, so that none is outgrown and left behind.
        let mut bytes = Zeroizing::new(vec![0; MOST_BYTES + 1]);
        let mut length = 0;
        let mut reader = reader;
        while length < bytes.len() {
            match reader.read(&mut bytes[length..]) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let message = "the file could not be read: see the source";
                    return Err(Error::new(ErrorKind::Unavailable, message).with_source(error));
                }
            }
        }
        if length > MOST_BYTES {
            return Err(Error::too_large("file", MOST_BYTES as u64, length as u64));
        }
        bytes.truncate(length);
        Ok(Self(bytes))
    }

    pub(super) fn text(&self) -> Result<&str> {
        let text = std::str::from_utf8(&self.0).map_err(|error| {
            let line = 1 + self.0[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            Error::invalid_input(format!("line {line}: not text in UTF-8: convert the file"))
        })?;
        Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))
    }
}
