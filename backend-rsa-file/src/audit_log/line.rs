//! An entry as one line of JSON: readable fields, and the entry itself. `docs/format.md` describes it; a line has one form.
//!
//! The fields are for people and their tools. They cannot say anything else than the entry does, because a line whose fields are
//! not the entry's is no line of an audit log.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secret_store_core::audit::{AuditEntry, AuditedSecret};

/// No line is longer: an entry has at most 16 KiB, of which a byte of a name takes at most six, a whole secret at most 60.
pub(crate) const MAX_LINE_BYTES: usize = 512 * 1024;
/// How every line begins.
pub(crate) const BEGINNING: &[u8] = b"{\"time\":\"";
const ENTRY: &str = ",\"entry\":\"";
const END: &str = "\"}";

/// Appends an entry's line and its line feed.
pub(crate) fn put(line: &mut String, entry: &AuditEntry) {
    put_fields(line, entry).expect("a string takes everything");
    line.push('\n');
}

fn put_fields(line: &mut String, entry: &AuditEntry) -> std::fmt::Result {
    write!(line, "{{\"time\":\"{}\"", entry.time())?;
    put_text(line, "environment", entry.environment())?;
    put_text(line, "actor", entry.actor())?;
    entry.request_id().map_or(Ok(()), |request| put_text(line, "request", request))?;
    write!(line, ",\"action\":\"{}\",\"phase\":\"{}\"", entry.action(), entry.phase())?;
    entry.outcome().map_or(Ok(()), |outcome| write!(line, ",\"outcome\":\"{outcome}\""))?;
    put_text(line, "application", entry.application().as_str())?;
    line.push_str(",\"secrets\":[");
    for (n, AuditedSecret { name, version }) in entry.secrets().iter().enumerate() {
        line.push_str(if n == 0 { "{\"name\":" } else { ",{\"name\":" });
        put_quoted(line, name.as_str())?;
        version.map_or(Ok(()), |version| write!(line, ",\"version\":{version}"))?;
        line.push('}');
    }
    write!(line, "],\"count\":{},\"writer\":\"{}\"", entry.count(), entry.writer())?;
    write!(line, ",\"sequence\":{},\"operation\":{}{ENTRY}", entry.sequence(), entry.operation())?;
    STANDARD.encode_string(entry.as_bytes(), line);
    line.push_str(END);
    Ok(())
}

fn put_text(line: &mut String, name: &str, text: &str) -> std::fmt::Result {
    write!(line, ",\"{name}\":")?;
    put_quoted(line, text)
}

/// Quoted, and everything but printable ASCII escaped (RFC 8259 section 7): a terminal is shown no control character and no mark
/// that turns text around.
fn put_quoted(line: &mut String, text: &str) -> std::fmt::Result {
    line.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            ' '..='~' => line.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(line, "\\u{unit:04x}"))?,
        }
    }
    line.push('"');
    Ok(())
}

/// The bytes of the entry in a line, without its line feed. What was altered may come with them: its hash shows it. `None` for what
/// is no line of an audit log.
pub(crate) fn entry_bytes(line: &[u8]) -> Option<Vec<u8>> {
    if line.len() > MAX_LINE_BYTES {
        return None;
    }
    let text = std::str::from_utf8(line).ok()?;
    let (_, encoded) = text.strip_suffix(END)?.rsplit_once(ENTRY)?;
    let bytes = STANDARD.decode(encoded).ok()?;
    match AuditEntry::from_bytes(&bytes) {
        Ok(entry) if !is_line_of(line, &entry) => None,
        _ => Some(bytes),
    }
}

/// The entry in a line, with its own hash.
pub(crate) fn entry(line: &[u8]) -> Option<AuditEntry> {
    AuditEntry::from_bytes(&entry_bytes(line)?).ok()
}

fn is_line_of(line: &[u8], entry: &AuditEntry) -> bool {
    let mut own = String::with_capacity(line.len() + 1);
    put(&mut own, entry);
    own.as_bytes().strip_suffix(b"\n") == Some(line)
}

/// Whether this may be what a crash left of a line: its beginning, behind which a file system may have put zeros.
pub(crate) fn is_torn(rest: &[u8]) -> bool {
    let written = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let compared = written.min(BEGINNING.len());
    rest.len() <= MAX_LINE_BYTES && rest[..compared] == BEGINNING[..compared]
}
