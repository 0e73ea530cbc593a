//! Keys that no file system would take as they are.

use std::collections::BTreeMap;

use secret_store_core::{ListQuery, Precondition, RecordKey, Write};
use secret_store_rsa_file::testing::{commit, list, load};

use crate::scratch::{assert_holds_only, files, open, record, scratch};

fn odd_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        ".",
        "..",
        "...",
        "/",
        "//",
        "../..",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "a",
        "A",
        "b",
        "B",
        "\0",
        "a\0",
        "a\0b",
        " ",
        "a ",
        " a",
        "a.",
        "a..",
        ".a",
        "con",
        "CON",
        "nul.txt",
        "aux.json",
        "com1",
        "lpt9",
        "prn ",
        "~",
        "~1",
        "longna~1",
        "a~1",
        "-",
        "-rf",
        "--",
        "*",
        "?",
        "a*",
        "a:b",
        "a|b",
        "<a>",
        "\"",
        "'",
        "$HOME",
        "`id`",
        "%",
        "%2e",
        "%00",
        "+",
        "+a.json",
        ".json",
        "a.json",
        "a.records",
        "{",
        "{7b",
        "^",
        "^a",
        "=",
        "é",
        "e\u{301}",
        "É",
        "ß",
        "ss",
        "ﬁ",
        "fi",
        "ı",
        "i",
        "İ",
        "日本語",
        "🔑",
        "\u{202e}txt",
        "\u{feff}a",
        "\u{1f}",
        "a\u{1f}00000000000000000001",
        "\n",
        "a\nb",
        "\u{7f}",
        "\u{80}",
        "\u{10ffff}",
        ".DS_Store",
        "lock",
        "layout.json",
        "journal",
    ]
    .map(str::to_owned)
    .to_vec();
    for length in [127, 128, 129, 255, 256, 257, 1000] {
        texts.push("x".repeat(length));
        texts.push(format!("{}y", "x".repeat(length)));
        texts.push("X".repeat(length));
    }
    texts.push("é".repeat(450));
    texts.push(format!("{}\u{1f}{:020}", "é".repeat(450), u64::MAX));
    texts
}

#[test]
fn every_sort_key_is_a_record_of_its_own_in_its_order() {
    let place = scratch();
    let root = place.path().join("data");
    let directory = open(&root);
    let mut texts = odd_texts();
    for (number, text) in texts.iter().enumerate() {
        let put = Write::put(RecordKey::new("App", text.as_str()), record(number as u64), Precondition::Absent);
        commit(&directory, &[put]).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    }
    let expected: BTreeMap<_, _> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| (RecordKey::new("App", text.as_str()), record(number as u64)))
        .collect();
    assert_eq!(expected.len(), texts.len(), "the texts differ");
    assert_holds_only(&root, &expected, "odd sort keys");
    let limit = std::num::NonZeroUsize::new(1000).expect("not zero");
    let page = list(&directory, &ListQuery::new("App").with_limit(limit)).expect("lists");
    texts.sort();
    assert_eq!(page.items.iter().map(|(sort, _)| sort.to_string()).collect::<Vec<_>>(), texts);
    for text in &texts {
        commit(&directory, &[Write::delete(RecordKey::new("App", text.as_str()), Precondition::Any)]).expect("deletes");
    }
    assert_holds_only(&root, &BTreeMap::new(), "all deleted");
}

#[test]
fn every_partition_is_apart() {
    let place = scratch();
    let root = place.path().join("data");
    let directory = open(&root);
    let texts = odd_texts();
    for (number, text) in texts.iter().enumerate() {
        let put = Write::put(RecordKey::new(text.as_str(), "a"), record(number as u64), Precondition::Absent);
        commit(&directory, &[put]).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    }
    for (number, text) in texts.iter().enumerate() {
        let page = list(&directory, &ListQuery::new(text.as_str())).expect("lists");
        assert_eq!(page.items.len(), 1, "{text:?}");
        assert_eq!(*page.items[0].1.record, record(number as u64), "{text:?}");
    }
    assert!(list(&directory, &ListQuery::new("other")).expect("lists").items.is_empty());
}

/// On a file system that folds case or composes accents two names that differ must still differ.
#[test]
fn file_names_are_plain_lower_case_ascii() {
    let place = scratch();
    let directory = open(place.path());
    let texts = odd_texts();
    for text in &texts {
        let key = RecordKey::new(text.as_str(), text.as_str());
        commit(&directory, &[Write::put(key, record(1), Precondition::Absent)])
            .map(drop)
            .or_else(|error| if text.len() >= 900 { Ok(()) } else { Err(error) })
            .expect("commits");
    }
    let paths = files(&place.path().join("records"));
    assert!(paths.len() >= texts.len() - 5);
    for path in paths {
        for component in path.iter() {
            let name = component.to_str().expect("ASCII");
            assert!(name.len() <= 143 && name.starts_with('+') && !name.ends_with(['.', ' ']), "{name}");
            assert!(
                name.bytes()
                    .all(|byte| b"+-_@`%.=^{".contains(&byte) || byte.is_ascii_lowercase() || byte.is_ascii_digit()),
                "{name}"
            );
        }
    }
}

#[test]
fn nothing_is_found_under_the_name_of_another_record() {
    let place = scratch();
    let directory = open(place.path());
    for sort in ["a", "b"] {
        commit(&directory, &[Write::put(RecordKey::new("P", sort), record(1), Precondition::Absent)]).expect("commits");
    }
    let folder = place.path().join("records/+^p.records");
    std::fs::copy(folder.join("+a.json"), folder.join("+b.json")).expect("swaps");
    let integrity = secret_store_core::ErrorKind::Integrity;
    assert_eq!(load(&directory, &RecordKey::new("P", "b")).expect_err("swapped").kind(), integrity);
    assert_eq!(list(&directory, &ListQuery::new("P")).expect_err("swapped").kind(), integrity);
    assert!(load(&directory, &RecordKey::new("P", "a")).is_ok());
    std::fs::remove_file(folder.join("+b.json")).expect("removes");
    // A name that no record has, but which looks like one, is damage; what others leave about is not.
    std::fs::write(folder.join(".DS_Store"), "x").expect("writes");
    assert_eq!(list(&directory, &ListQuery::new("P")).expect("lists").items.len(), 1);
    for name in ["+A.json", "+b.json.bak", "+%61.json", "+b"] {
        std::fs::copy(folder.join("+a.json"), folder.join(name)).expect("copies");
        assert_eq!(list(&directory, &ListQuery::new("P")).expect_err(name).kind(), integrity);
        std::fs::remove_file(folder.join(name)).expect("removes");
    }
}
