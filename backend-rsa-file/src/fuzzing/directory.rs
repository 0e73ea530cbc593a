//! The parsers of the data directory.

use crate::directory::journal::Journal;
use crate::directory::name;
use crate::directory::record_file::RecordFile;

/// Parses a record file.
pub fn record_file(bytes: &[u8]) -> bool {
    let Ok(file) = RecordFile::from_bytes(bytes) else { return false };
    assert_eq!(file.to_bytes(), bytes, "a record has one form");
    true
}

/// Parses a journal.
pub fn journal(bytes: &[u8]) -> bool {
    let Ok(journal) = Journal::from_bytes(bytes) else { return false };
    assert_eq!(journal.to_bytes(), bytes, "a journal has one form");
    true
}

/// Parses a file name, as a whole component and as an escaped text; valid UTF-8 is also escaped and read back.
pub fn file_name(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    for nested in [false, true] {
        if let Some(name::Part::Last(part) | name::Part::Chunk(part)) = name::parse_component(text, nested) {
            assert!(part.len() <= name::CHUNK, "parts are short");
        }
    }
    assert_eq!(name::unescape(&name::escape(text)).as_deref(), Some(text), "every text has a name");
    let Some(original) = name::unescape(text) else { return false };
    assert_eq!(name::escape(&original), text, "a text has one name");
    true
}
