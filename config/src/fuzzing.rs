//! The parsers, for fuzz targets. No part of the public interface: may change in any release.
//!
//! Each function answers whether its input was accepted, and panics where an accepted one is not what it says.

use serde::de::{Deserialize, IgnoredAny};

use crate::de::Node;
use crate::import::Entries;
use crate::tree::Tree;

/// A `.env` file: written again, each value in double quotes, it says the same.
pub fn dotenv(bytes: &[u8]) -> bool {
    let Ok(entries) = Entries::from_dotenv(bytes) else { return false };
    let again = Entries::from_dotenv(written(&entries).as_bytes()).expect("only what can be written is read");
    assert!(entries.iter().map(parts).eq(again.iter().map(parts)), "quoting changes nothing");
    true
}

/// A file in JSON: its members, flattened by another parser, are the same.
pub fn json(bytes: &[u8]) -> bool {
    let Ok(entries) = Entries::from_json(bytes) else { return false };
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let whole: serde_json::Value = match serde_json::from_slice(text) {
        Ok(whole) => whole,
        // What it does not go into may be nested more than this parser goes.
        Err(error) => {
            assert!(error.is_syntax() && error.to_string().contains("recursion limit"), "{error}");
            return true;
        }
    };
    let mut flat = Vec::new();
    flatten(None, &whole, &mut flat);
    assert_eq!(flat.len(), entries.len(), "every member is an entry");
    for (name, value) in flat {
        let entry = entries.iter().find(|(entry, _)| entry.as_str() == name).expect("every name is there");
        match value {
            serde_json::Value::String(text) => {
                assert_eq!(entry.1.expose_secret(), text.as_bytes(), "texts are unescaped")
            }
            other => {
                let written: serde_json::Value = entry.1.json().expect("what is no text stays JSON");
                assert_eq!(written, *other);
            }
        }
    }
    true
}

/// Names and values as configuration, `name LF value LF` and so on: nothing panics, and no name is lost.
pub fn tree(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut secrets = Vec::new();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        let Ok(name) = std::str::from_utf8(name) else { return false };
        secrets.push((name, value));
    }
    let tree = Tree::new(secrets.iter().copied(), "__");
    let any = serde_json::Value::deserialize(Node::root(&tree, "__"));
    IgnoredAny::deserialize(Node::root(&tree, "__")).map_or_else(|_| panic!("ignoring accepts all"), drop);
    any.is_ok() && !secrets.is_empty()
}

fn parts<'a>(
    (name, value): (&'a secret_store_core::SecretName, &'a secret_store_core::SecretValue),
) -> (&'a str, &'a [u8]) {
    (name.as_str(), value.expose_secret())
}

fn written(entries: &Entries) -> String {
    let mut lines = String::new();
    for (name, value) in entries.iter() {
        let value = value.text().expect("a file is text");
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('`', "\\`");
        let value = value.replace('\n', "\\n");
        lines += &format!("{}=\"{value}\"\n", name.as_str());
    }
    lines
}

fn flatten<'v>(path: Option<&str>, value: &'v serde_json::Value, flat: &mut Vec<(String, &'v serde_json::Value)>) {
    let members = match (value, path) {
        (serde_json::Value::Object(members), _) => members,
        (value, Some(path)) => return flat.push((path.to_owned(), value)),
        (_, None) => panic!("a file is an object"),
    };
    for (key, value) in members {
        let name = path.map_or_else(|| key.clone(), |path| format!("{path}__{key}"));
        flatten(Some(&name), value, flat);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_accepted_and_others_are_not() {
        assert!(dotenv(b"\xef\xbb\xbfA=1\r\nexport B='x\ny' # z\n\n#\nC=\"\\\\ \\\" \\$ $ \\n\"\nD=") && !dotenv(b"A"));
        assert!(dotenv(b"A='`x` $y $$ \\'") && !dotenv(b"A=\"`x`\""));
        assert!(json(br#"{"a": "\u00e9\ud83d\ude00\n", "b": {"c": 1.50, "d": [1, {"e": null}]}}"#) && !json(b"[]"));
        assert!(tree(b"Db__Host\nx\nDb__Port\n1\nA\n") && !tree(b"A\n1\nA__B\n2") && !tree(b""));
        assert!(json(format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500)).as_bytes()), "an array as it is");
    }
}
