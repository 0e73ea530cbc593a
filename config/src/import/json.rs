//! The members of a JSON object.
//!
//! serde_json finds where each value begins and ends; texts are unescaped here, into memory that is wiped.

use std::collections::BTreeSet;
use std::fmt;

use secret_store_core::{Error, Result, SecretName, SecretValue};
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::entries::Entries;
use crate::tree;

const MOST_DEEP: usize = 16;

pub(super) fn parse(text: &str, separator: &str) -> Result<Entries> {
    // In one go first, as positions within a member are none of the file.
    let whole: std::result::Result<IgnoredAny, _> = serde_json::from_str(text);
    whole.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Error::invalid_input(format!("line {line}, column {column}: not JSON"))
    })?;
    if !text.trim_start().starts_with('{') {
        return Err(Error::invalid_input("the file is no JSON object: write `{\"NAME\": \"value\"}`"));
    }
    let mut entries = Entries::default();
    add_members(text, None, separator, 1, &mut entries)?;
    Ok(entries)
}

/// Adds what is in an object at a path.
fn add_members(object: &str, path: Option<&str>, separator: &str, depth: usize, entries: &mut Entries) -> Result<()> {
    if depth > MOST_DEEP {
        return Err(fault(path, &format!("is nested more than {MOST_DEEP} deep: flatten it")));
    }
    let members = members_of(object).map_err(|_| fault(path, "is not JSON"))?;
    let mut keys = BTreeSet::new();
    for (key, value) in &members {
        let name = path.map_or_else(|| key.clone(), |path| format!("{path}{separator}{key}"));
        if !tree::nests(path, key, &name, separator) {
            let what = format!("would not be parted there again where `{separator}` stands: rename one of the two");
            return Err(fault(Some(&name), &what));
        }
        if !keys.insert(key) {
            return Err(fault(Some(&name), "is there twice: keep one"));
        }
        add_value(value.get(), &name, separator, depth, entries)?;
    }
    if members.is_empty() && path.is_some() {
        return Err(fault(path, "is an empty object, which is no value: remove it"));
    }
    Ok(())
}

fn add_value(value: &str, name: &str, separator: &str, depth: usize, entries: &mut Entries) -> Result<()> {
    let value = match value.as_bytes().first() {
        Some(b'{') => return add_members(value, Some(name), separator, depth + 1, entries),
        Some(b'n') => return Err(fault(Some(name), "is null, which is no value: remove it, or write \"\"")),
        Some(b'"') => unescaped(value).ok_or_else(|| fault(Some(name), "has half a surrogate pair"))?,
        _ => SecretValue::from(value),
    };
    let key = SecretName::new(name).map_err(|error| fault(Some(name), &format!("is no name: {error}")))?;
    entries.push(key, value)
}

fn fault(path: Option<&str>, what: &str) -> Error {
    let shown = path.map_or_else(|| "the file".to_owned(), |path| format!("`{}`", path.escape_debug()));
    Error::invalid_input(format!("{shown} {what}"))
}

/// The members of an object, twice where they stand twice.
fn members_of(object: &str) -> serde_json::Result<Vec<(String, &RawValue)>> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }

    serde_json::Deserializer::from_str(object).deserialize_map(Members)
}

/// A JSON text without quotes and escapes; `None` for half a surrogate pair. Its form was checked before.
fn unescaped(quoted: &str) -> Option<SecretValue> {
    let mut rest = quoted.strip_prefix('"')?.strip_suffix('"')?;
    // No longer than what it is made from, so that it is never moved.
    let mut value = Zeroizing::new(Vec::with_capacity(rest.len()));
    while let Some(at) = rest.find('\\') {
        value.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let (character, taken) = match escape.bytes().next()? {
            b'u' => unicode(&escape[1..])?,
            byte => (escaped(byte)?, 0),
        };
        value.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &escape[1 + taken..];
    }
    value.extend_from_slice(rest.as_bytes());
    Some(SecretValue::new(std::mem::take(&mut *value)))
}

/// RFC 8259, section 7.
fn escaped(byte: u8) -> Option<char> {
    Some(match byte {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'"' | b'\\' | b'/' => char::from(byte),
        _ => return None,
    })
}

/// What follows `\u`, and how many bytes that takes: four digits, or those of a surrogate pair.
fn unicode(digits: &str) -> Option<(char, usize)> {
    let unit = |at: usize| u16::from_str_radix(digits.get(at..at + 4)?, 16).ok();
    let first = unit(0)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Some((character, 4));
    }
    let second = unit(6).filter(|_| digits.get(4..6) == Some("\\u"))?;
    let character = char::decode_utf16([first, second]).next()?.ok()?;
    Some((character, 10))
}

#[cfg(test)]
mod tests;
