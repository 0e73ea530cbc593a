//! The parsers of the data directory. Each panics where a parser accepts a second form of anything.

use crate::directory::journal::Journal;
use crate::directory::name;
use crate::directory::record_file::RecordFile;

/// A record file.
pub fn record_file(bytes: &[u8]) {
    if let Ok(file) = RecordFile::from_bytes(bytes) {
        assert_eq!(file.to_bytes(), bytes, "a record has one form");
    }
}

/// A journal.
pub fn journal(bytes: &[u8]) {
    if let Ok(journal) = Journal::from_bytes(bytes) {
        assert_eq!(journal.to_bytes(), bytes, "a journal has one form");
    }
}

/// A file name, as a whole component and as an escaped text; valid UTF-8 is also escaped and read back.
pub fn file_name(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for nested in [false, true] {
        if let Some(name::Part::Last(part) | name::Part::Chunk(part)) = name::parse_component(text, nested) {
            assert!(part.len() <= name::CHUNK, "parts are short");
        }
    }
    if let Some(original) = name::unescape(text) {
        assert_eq!(name::escape(&original), text, "a text has one name");
    }
    assert_eq!(name::unescape(&name::escape(text)).as_deref(), Some(text), "every text has a name");
}
