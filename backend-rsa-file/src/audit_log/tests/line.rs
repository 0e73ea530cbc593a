//! The one form of a line.

use secret_store_core::audit::AuditEntry;

use super::{entries, key};
use crate::audit_log::line::{BEGINNING, MAX_LINE_BYTES, entry, entry_bytes, is_torn, put};

fn line(entry: &AuditEntry) -> String {
    let mut line = String::new();
    put(&mut line, entry);
    assert_eq!(line.pop(), Some('\n'));
    line
}

#[test]
fn a_line_is_json_that_says_what_the_entry_says() {
    let entries = entries(12);
    for entry in &entries {
        let line = line(entry);
        let said: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(said["time"], entry.time().to_string());
        assert_eq!((&said["environment"], &said["actor"]), (&entry.environment().into(), &entry.actor().into()));
        assert_eq!(said["request"], entry.request_id().expect("there is one"));
        assert_eq!(
            (&said["action"], &said["phase"]),
            (&entry.action().as_str().into(), &entry.phase().as_str().into())
        );
        assert_eq!(said.get("outcome").and_then(|said| said.as_str()), entry.outcome().map(|outcome| outcome.as_str()));
        assert_eq!(said["application"], entry.application().as_str());
        assert_eq!(said["secrets"].as_array().expect("an array").len(), entry.secrets().len());
        for (said, secret) in said["secrets"].as_array().expect("an array").iter().zip(entry.secrets()) {
            assert_eq!(said["name"], secret.name.as_str());
            assert_eq!(said.get("version").and_then(|said| said.as_u64()), secret.version.map(|version| version.get()));
        }
        assert_eq!((&said["count"], &said["sequence"]), (&entry.count().into(), &entry.sequence().into()));
        assert_eq!(
            (&said["operation"], &said["writer"]),
            (&entry.operation().into(), &entry.writer().to_string().into())
        );
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "nothing that a terminal obeys: {line}");
        assert!(line.as_bytes().starts_with(BEGINNING));
    }
}

#[test]
fn a_line_has_one_form() {
    for original in &entries(4) {
        let line = line(original).into_bytes();
        assert_eq!(entry(&line).as_ref(), Some(original));
        for at in 0..line.len() {
            for byte in [line[at] ^ 1, line[at] ^ 0x20, b' ', b'"'] {
                let mut changed = line.clone();
                changed[at] = byte;
                // Only a MAC can be another one in a line that has its form. It is no authentic one.
                let is_refused = entry(&changed).is_none_or(|found| !found.is_authentic(&key()));
                assert!(changed == line || is_refused, "{}", String::from_utf8_lossy(&changed));
            }
            for longer in [b' ', line[at]] {
                let mut changed = line.clone();
                changed.insert(at, longer);
                assert!(entry(&changed).is_none(), "{}", String::from_utf8_lossy(&changed));
            }
            assert!(entry(&line[..at]).is_none() && entry(&line[at + 1..]).is_none());
        }
        for end in ["\n", "\r", " ", "}"] {
            assert!(entry(&[&line, end.as_bytes()].concat()).is_none());
        }
    }
}

/// What people see cannot be another thing than what is authenticated.
#[test]
fn fields_of_another_entry_are_refused() {
    let entries = entries(2);
    let (left, right) = (line(&entries[0]), line(&entries[1]));
    let (fields, _) = left.rsplit_once(",\"entry\"").expect("has an entry");
    let (_, other) = right.rsplit_once(",\"entry\"").expect("has an entry");
    assert!(entry_bytes(format!("{fields},\"entry\"{other}").as_bytes()).is_none());
    assert!(entry_bytes(left.as_bytes()).is_some());
}

#[test]
fn an_altered_entry_comes_with_its_bytes_for_the_verifier_to_name() {
    let mut bytes = entries(1)[0].as_bytes().to_vec();
    bytes[100] ^= 1;
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);
    let line = format!("{{\"time\":\"\",\"entry\":\"{encoded}\"}}");
    assert_eq!(entry_bytes(line.as_bytes()), Some(bytes));
    assert!(entry(line.as_bytes()).is_none());
}

#[test]
fn only_the_beginning_of_a_line_is_torn() {
    let line = line(&entries(1)[0]).into_bytes();
    for length in 0..=line.len() {
        assert!(is_torn(&line[..length]), "{length}");
        assert!(is_torn(&[&line[..length], &[0; 4096]].concat()), "{length}, then zeros");
    }
    for other in [&b"x"[..], b"{}", b"{\"time\"!", b"[remote \"origin\"]", b"{\"time\": \"", b"\0{\"time\":\""] {
        assert!(!is_torn(other), "{}", String::from_utf8_lossy(other));
    }
    assert!(!is_torn(&[&line[..], &vec![b'x'; MAX_LINE_BYTES]].concat()), "longer than any line");
}
