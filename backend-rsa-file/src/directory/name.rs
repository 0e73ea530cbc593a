//! Partitions and sort keys as file names: injective, in the same order, safe on every file system.
//!
//! File names use only `a-z 0-9 - _ @` and a backtick for themselves and six characters that begin an escape, so that
//! they survive case folding, Unicode normalisation, path separators, shells and the forbidden characters of Windows:
//!
//! | byte | in the file name |
//! |---|---|
//! | `00`–`2c` | `%` and two hex digits |
//! | `-`, `0`–`9`, `@`, `_`, backtick, `a`–`z` | itself |
//! | `.` and `/` | `.e` and `.f` |
//! | `3a`–`3f` (`:;<=>?`) | `=` and the low hex digit |
//! | `A`–`Z` | `^` and the small letter |
//! | `5b`–`5e` | `^{` and the low hex digit |
//! | `7b`–`ff` | `{` and two hex digits |
//!
//! No code is the beginning of another and the codes stand in the order of their bytes, so escaped texts compare as the
//! texts do. Every component begins with `+` (no reserved name such as `con`, no hidden file, no `..`) and ends with
//! `.json` (a record), `.records` (a partition) or `+` (the next part of a name too long for one component).

use std::fmt::Write as _;

/// The longest part of an escaped text in one component: with its affixes far below the 255 bytes of most file systems
/// and the 143 of encrypted ones.
pub(crate) const CHUNK: usize = 128;

const RECORD: &str = ".json";
const PARTITION: &str = ".records";

/// Escapes a text.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        let low = byte & 0x0f;
        // Writing to a String cannot fail.
        let _ = match byte {
            0x00..=0x2c => write!(out, "%{byte:02x}"),
            b'.' | b'/' => write!(out, ".{low:x}"),
            b'-' | b'0'..=b'9' | b'@' | b'_' | b'`' | b'a'..=b'z' => out.write_char(char::from(byte)),
            0x3a..=0x3f => write!(out, "={low:x}"),
            b'A'..=b'Z' => write!(out, "^{}", char::from(byte.to_ascii_lowercase())),
            0x5b..=0x5e => write!(out, "^{{{low:x}"),
            0x7b..=0xff => write!(out, "{{{byte:02x}"),
        };
    }
    out
}

/// Inverts [`escape`]; `None` for what it never writes.
pub(crate) fn unescape(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((byte, after)) = unescape_byte(rest) {
        bytes.push(byte);
        rest = after;
    }
    if !rest.is_empty() {
        return None;
    }
    let text = String::from_utf8(bytes).ok()?;
    // One text has one name: comparing refuses every other spelling (a plain letter as `%61`) at once.
    (escape(&text) == name).then_some(text)
}

fn unescape_byte(name: &[u8]) -> Option<(u8, &[u8])> {
    Some(match name {
        [b'%' | b'{', high, low, rest @ ..] => (hex_digit(*high)? << 4 | hex_digit(*low)?, rest),
        [b'.', low, rest @ ..] => (0x20 | hex_digit(*low)?, rest),
        [b'=', low, rest @ ..] => (0x30 | hex_digit(*low)?, rest),
        [b'^', b'{', low, rest @ ..] => (0x50 | hex_digit(*low)?, rest),
        [b'^', letter @ b'a'..=b'z', rest @ ..] => (letter.to_ascii_uppercase(), rest),
        [plain, rest @ ..] => (*plain, rest),
        [] => return None,
    })
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// The folders of a partition, outermost first, below the folder of all records.
pub(crate) fn partition_folders(partition: &str) -> Vec<String> {
    components(&escape(partition), PARTITION)
}

/// The folders and at last the file of a record, below the folder of its partition, from the *escaped* sort key.
pub(crate) fn record_components(escaped_sort: &str) -> Vec<String> {
    components(escaped_sort, RECORD)
}

fn components(escaped: &str, suffix: &str) -> Vec<String> {
    let mut out = Vec::with_capacity(1 + escaped.len() / CHUNK);
    let mut rest = escaped;
    while rest.len() > CHUNK {
        let (chunk, after) = rest.split_at(CHUNK);
        out.push(format!("+{chunk}+"));
        rest = after;
    }
    out.push(format!("+{rest}{suffix}"));
    out
}

/// What a component below a partition's folder stands for, with its part of the escaped sort key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part<'a> {
    /// The end of a sort key: a record.
    Last(&'a str),
    /// The next [`CHUNK`] bytes of longer sort keys: a folder.
    Chunk(&'a str),
}

/// Reads a component; `None` for a name that no record has. `nested` says whether other chunks precede it.
pub(crate) fn parse_component(component: &str, nested: bool) -> Option<Part<'_>> {
    let name = component.strip_prefix('+')?;
    if let Some(last) = name.strip_suffix(RECORD) {
        return (last.len() <= CHUNK && !(nested && last.is_empty())).then_some(Part::Last(last));
    }
    name.strip_suffix('+').filter(|chunk| chunk.len() == CHUNK && chunk.is_ascii()).map(Part::Chunk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frozen_names() {
        for (text, name) in [
            ("", ""),
            ("YourApp.Production", "^your^app.e^production"),
            ("database-password_2", "database-password_2"),
            ("~h~app", "{7eh{7eapp"),
            ("../a\0b", ".e.e.fa%00b"),
            ("a\u{1f}0001", "a%1f0001"),
            (":?@[^_`{é", "=a=f@^{b^{e_`{7b{c3{a9"),
        ] {
            assert_eq!(escape(text), name);
            assert_eq!(unescape(name).as_deref(), Some(text));
        }
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for name in [
            "%61", "A", "%2", "%", "%zz", "%2D", ".", "..", ".a", "=1", "=", "^", "^1", "^{a", "^{", "{", "{7", "{7B",
            "{41", "/", "a b", "+", "~", "{ff", "{c3", "é",
        ] {
            assert_eq!(unescape(name), None, "{name}");
        }
    }

    #[test]
    fn components_have_one_form() {
        let full = "a".repeat(CHUNK);
        assert_eq!(record_components(&full), [format!("+{full}.json")]);
        assert_eq!(record_components(&format!("{full}b")), [format!("+{full}+"), "+b.json".into()]);
        assert_eq!(parse_component("+.json", false), Some(Part::Last("")));
        for (refused, nested) in [
            ("+.json".to_owned(), true),
            ("a.json".to_owned(), false),
            ("+a".to_owned(), false),
            ("+a+".to_owned(), false),
            (format!("+{full}a+"), false),
            (format!("+{full}a.json"), false),
        ] {
            assert_eq!(parse_component(&refused, nested), None, "{refused}");
        }
    }

    /// Texts that are close together and full of what is escaped.
    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[ -~]{0,6}",
            "[a-cA-C./\\x00\\x1f]{0,6}",
            ("[aA.é]{120,135}", any::<String>()).prop_map(|(long, rest)| long + &rest),
        ]
    }

    proptest! {
        #[test]
        fn escaping_round_trips_in_a_safe_alphabet(text in any_text()) {
            let name = escape(&text);
            prop_assert_eq!(unescape(&name), Some(text));
            let safe = |byte: u8| b"-_@`%.=^{".contains(&byte) || byte.is_ascii_digit() || byte.is_ascii_lowercase();
            prop_assert!(name.bytes().all(safe), "{}", name);
        }

        #[test]
        fn escaping_keeps_the_order(a in any_text(), b in any_text()) {
            prop_assert_eq!(escape(&a).cmp(&escape(&b)), a.cmp(&b));
        }

        #[test]
        fn components_are_short_and_keep_the_order(a in any_text(), b in any_text()) {
            let parts = |text: &str| -> Vec<(String, bool)> {
                let components = record_components(&escape(text));
                assert!(components.iter().all(|component| component.len() <= 143));
                components.iter().enumerate().map(|(depth, component)| {
                    match parse_component(component, depth > 0).expect("own component") {
                        Part::Last(last) => (last.to_owned(), false),
                        Part::Chunk(chunk) => (chunk.to_owned(), true),
                    }
                }).collect()
            };
            prop_assert_eq!(parts(&a).cmp(&parts(&b)), a.cmp(&b));
        }

        #[test]
        fn whatever_unescapes_is_the_only_name(name in "[%.=^{a-f0-9]{0,12}") {
            if let Some(text) = unescape(&name) {
                prop_assert_eq!(escape(&text), name);
            }
        }
    }
}
