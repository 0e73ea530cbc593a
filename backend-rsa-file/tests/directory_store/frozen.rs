//! A data directory of layout 1 as it was written once: it must open and read for ever.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secret_store_core::{Precondition, Record, RecordKey, Value, Write};
use secret_store_rsa_file::testing::{commit, list, load};

use crate::scratch::{assert_holds_only, files, open, scratch};

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

/// Copies a committed directory to where it may be opened; version control keeps neither its modes nor empty folders.
fn restore(name: &str, root: &Path) {
    let from = vector(name);
    fs::create_dir(root).expect("a folder");
    fs::set_permissions(root, fs::Permissions::from_mode(0o700)).expect("a mode");
    for folder in ["records", "journal", "temporary"] {
        fs::create_dir_all(root.join(folder)).expect("a folder");
    }
    for path in files(&from) {
        let to = root.join(&path);
        fs::create_dir_all(to.parent().expect("a folder")).expect("folders");
        fs::copy(from.join(&path), to).expect("copies");
    }
}

fn contents() -> BTreeMap<RecordKey, Record> {
    let ciphertext: Vec<u8> = (0..=255).collect();
    let secret = Record::new()
        .with("ApplicationName", Value::from("YourApp.Production"))
        .with("Ciphertext", Value::from(ciphertext))
        .with("Empty", Value::from(vec![]))
        .with("Text", Value::from("line\nfeed, \"quotes\", \\, é, 🔑, \u{1}\u{7f}"))
        .with("Version", Value::from(u64::MAX));
    let long = "Long/".repeat(20);
    BTreeMap::from([
        (RecordKey::new("YourApp.Production", "DatabasePassword"), secret.clone()),
        (RecordKey::new("~h~YourApp.Production", "DatabasePassword\u{1f}00000000000000000001"), secret),
        (RecordKey::new("..", "../\0 con:é"), Record::new()),
        (RecordKey::new("", ""), Record::new().with("", Value::from(0))),
        (RecordKey::new(long.as_str(), "s"), Record::new().with("N", Value::from(1))),
        (RecordKey::new("p", long.as_str()), Record::new().with("N", Value::from(2))),
    ])
}

#[test]
fn layout_1_opens_and_reads() {
    let place = scratch();
    let root = place.path().join("data");
    restore("layout-1", &root);
    let directory = open(&root);
    for (key, record) in contents() {
        let stored = load(&directory, &key).expect("reads").unwrap_or_else(|| panic!("{key:?} is there"));
        assert_eq!(*stored.record, record);
        let page = list(&directory, &secret_store_core::ListQuery::new(key.partition().clone())).expect("lists");
        assert_eq!(page.items.len(), 1);
        let put = Write::put(key.clone(), record, Precondition::Revision(stored.revision));
        commit(&directory, &[put]).expect("the revision that was written then holds");
    }
    drop(directory);
    assert_holds_only(&root, &contents(), "layout 1");
}

/// Cut short between the journal and the records.
#[test]
fn a_journal_of_layout_1_is_finished() {
    let place = scratch();
    let root = place.path().join("data");
    restore("layout-1-journal", &root);
    assert_eq!(files(&root.join("records")).len(), 1, "the record that the journal deletes");
    let first = contents().into_iter().find(|(key, _)| &**key.partition() == "YourApp.Production");
    assert_holds_only(&root, &first.into_iter().collect(), "finished");
}

/// What is written today has the same paths and, but for the revision, the same bytes.
#[test]
fn layout_1_is_what_is_written() {
    let place = scratch();
    let root = place.path().join("data");
    let directory = open(&root);
    for (key, record) in contents() {
        commit(&directory, &[Write::put(key, record, Precondition::Absent)]).expect("commits");
    }
    let frozen = vector("layout-1");
    let paths: Vec<_> = files(&frozen);
    assert_eq!(files(&root), paths);
    let without_revision = |path: &Path| -> String {
        let text = fs::read_to_string(path).expect("reads");
        text.lines().filter(|line| !line.starts_with("  \"revision\"")).collect::<Vec<_>>().join("\n")
    };
    for path in paths.iter().filter(|path| !path.ends_with("generation")) {
        assert_eq!(without_revision(&root.join(path)), without_revision(&frozen.join(path)), "{path:?}");
    }
}
