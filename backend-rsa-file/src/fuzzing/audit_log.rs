//! The lines of the audit log.

use crate::audit_log::line;

/// Parses a line without its line feed.
pub fn audit_line(bytes: &[u8]) -> bool {
    let Some(entry) = line::entry(bytes) else { return false };
    let mut again = String::new();
    line::put(&mut again, &entry);
    assert_eq!(again.as_bytes(), [bytes, b"\n"].concat(), "a line has one form");
    assert!(bytes.iter().all(|byte| (b' '..=b'~').contains(byte)), "nothing that a terminal obeys");
    true
}
