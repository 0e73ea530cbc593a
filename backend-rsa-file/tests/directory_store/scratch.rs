//! Directories to work in, and what may be in a data directory when nobody uses it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secret_store_core::{Record, RecordKey, Value};
use secret_store_rsa_file::testing::{NativeFileSystem, load, open_native};
use secret_store_rsa_file::{DirectoryOptions, DirectoryPersistence};
use tempfile::TempDir;

/// A private directory, in memory where the system has such a place: a killed process loses nothing either way.
pub(crate) fn scratch() -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() }.expect("a directory to work in")
}

/// Says what was counted, also where the test harness keeps the output of tests that pass.
pub(crate) fn report(text: &str) {
    // Nobody may listen.
    let _ = writeln!(std::io::stderr(), "  {text}");
}

pub(crate) fn open(root: &Path) -> DirectoryPersistence {
    open_native(Arc::new(NativeFileSystem), root, &DirectoryOptions::default()).expect("opens")
}

/// A record with one of each kind of value.
pub(crate) fn record(number: u64) -> Record {
    Record::new()
        .with("Number", Value::from(number))
        .with("Bytes", Value::from(number.to_be_bytes().to_vec()))
        .with("Text", Value::from(format!("text {number}").as_str()))
}

/// All files below a directory, relative to it.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.symlink_metadata().expect("metadata").is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).expect("below the root").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The contents of a store: exactly these records, and no file but theirs and the three of the store itself.
pub(crate) fn assert_holds_only(root: &Path, expected: &BTreeMap<RecordKey, Record>, what: &str) {
    let directory = open(root);
    for (key, record) in expected {
        let stored = load(&directory, key).expect("reads").unwrap_or_else(|| panic!("{what}: {key:?} is missing"));
        assert_eq!(*stored.record, *record, "{what}: {key:?}");
    }
    drop(directory);
    let (records, others): (Vec<_>, Vec<_>) = files(root).into_iter().partition(|path| path.starts_with("records"));
    assert_eq!(records.len(), expected.len(), "{what}: {records:?}");
    assert_eq!(others, ["generation", "layout.json", "lock"].map(PathBuf::from), "{what}: left over");
}
