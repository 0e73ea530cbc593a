//! Who can enter, what is not followed, and what is no data directory. Modes are judged by their bits: tests may run
//! as root, whom no mode stops.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use futures::executor::block_on;
use secret_store_core::{ErrorKind, ListQuery, Precondition, RecordKey, Result, Write};
use secret_store_rsa_file::testing::{commit, list, load};
use secret_store_rsa_file::{Creation, DirectoryOptions, DirectoryPersistence};

use crate::scratch::{open, record, scratch};

fn try_open(path: &Path) -> Result<DirectoryPersistence> {
    block_on(DirectoryPersistence::open(path))
}

fn refused(path: &Path, kind: ErrorKind, fix: &str) {
    let error = try_open(path).expect_err("refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(fix), "{error}");
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().expect("metadata").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

fn key() -> RecordKey {
    RecordKey::new("p", "s".repeat(200))
}

fn put(directory: &DirectoryPersistence) -> Result<()> {
    commit(directory, &[Write::put(key(), record(1), Precondition::Any)]).map(drop)
}

#[test]
fn everything_is_private_from_the_beginning() {
    let place = scratch();
    let root = place.path().join("above/data");
    let directory = open(&root);
    put(&directory).expect("commits");
    put(&directory).expect("commits again");
    let mut looked_at = 0;
    let mut folders = vec![place.path().join("above")];
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o700, "{folder:?}");
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            looked_at += 1;
            if path.is_dir() { folders.push(path) } else { assert_eq!(mode(&path), 0o600, "{path:?}") }
        }
    }
    assert_eq!(looked_at, 10, "data, 3 files, 3 folders, 1 partition, 1 nested folder, 1 record");
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    let place = scratch();
    let root = place.path().join("data");
    drop(open(&root));
    for mode in [0o755, 0o750, 0o710, 0o701, 0o770, 0o777, 0o702] {
        set_mode(&root, mode);
        refused(&root, ErrorKind::InvalidInput, "chmod 700");
    }
    set_mode(&root, 0o700);
    assert!(try_open(&root).is_ok());
    let empty = place.path().join("empty");
    fs::create_dir(&empty).expect("a folder");
    set_mode(&empty, 0o755);
    refused(&empty, ErrorKind::InvalidInput, "chmod 700");
    assert_eq!(fs::read_dir(&empty).expect("a folder").count(), 0, "nothing was created in it");
}

#[test]
fn what_is_no_data_directory_is_refused_and_left_alone() {
    let place = scratch();
    let used = place.path().join("used");
    fs::create_dir(&used).expect("a folder");
    set_mode(&used, 0o700);
    fs::write(used.join("thesis.tex"), "years of work").expect("a file");
    refused(&used, ErrorKind::InvalidInput, "not empty");
    assert_eq!(crate::scratch::files(&used).len(), 1);
    let file = place.path().join("file");
    fs::write(&file, "").expect("a file");
    refused(&file, ErrorKind::InvalidInput, "not a directory");
    refused(&file.join("below"), ErrorKind::InvalidInput, "not a directory");
    // A store that lost its marker is not begun anew.
    let root = place.path().join("data");
    put(&open(&root)).expect("commits");
    fs::remove_file(root.join("layout.json")).expect("removes");
    refused(&root, ErrorKind::InvalidInput, "restore layout.json");
    let never = DirectoryOptions::default().with_creation(Creation::Never);
    for missing in ["missing", "missing/too"] {
        let path = place.path().join(missing);
        let error = block_on(DirectoryPersistence::open_with(&path, never.clone())).expect_err("missing");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!path.exists());
    }
    let empty = place.path().join("empty");
    fs::create_dir(&empty).expect("a folder");
    set_mode(&empty, 0o700);
    assert!(block_on(DirectoryPersistence::open_with(&empty, never)).is_err(), "as an unmounted disk looks");
}

#[test]
fn the_layout_of_another_release_is_refused() {
    let place = scratch();
    drop(open(place.path()));
    let marker = place.path().join("layout.json");
    let own = fs::read_to_string(&marker).expect("a marker");
    assert_eq!(own, "{\n  \"layout\": 1\n}\n");
    for newer in ["{\n  \"layout\": 2\n}\n", "{\"layout\": 4000000000, \"more\": []}", "{\n  \"layout\": 0\n}\n"] {
        fs::write(&marker, newer).expect("writes");
        refused(place.path(), ErrorKind::Unsupported, "use the release that wrote it");
    }
    for damaged in
        ["", "{}", "1", "{\"layout\": \"1\"}", "{\"layout\": -1}", "{\"layout\":1}", "{\n  \"layout\": 1\n}\n\n"]
    {
        fs::write(&marker, damaged).expect("writes");
        refused(place.path(), ErrorKind::Integrity, "");
    }
    fs::write(&marker, " ".repeat(5000)).expect("writes");
    refused(place.path(), ErrorKind::Integrity, "");
    fs::write(&marker, own).expect("writes");
    assert!(try_open(place.path()).is_ok());
}

#[test]
fn links_inside_are_refused() {
    let integrity = Some(ErrorKind::Integrity);
    for place_of in [
        |root: &Path| root.join("records/+p.records"),
        |root: &Path| root.join(format!("records/+p.records/+{}+", "s".repeat(128))),
    ] {
        let place = scratch();
        let root = place.path().join("data");
        let directory = open(&root);
        put(&directory).expect("commits");
        let (path, moved) = (place_of(&root), place.path().join("moved"));
        fs::rename(&path, &moved).expect("moves");
        symlink(&moved, &path).expect("a link");
        assert_eq!(load(&directory, &key()).err().map(|error| error.kind()), integrity);
        assert_eq!(list(&directory, &ListQuery::new("p")).err().map(|error| error.kind()), integrity);
        assert_eq!(put(&directory).err().map(|error| error.kind()), integrity);
        assert_eq!(put(&open(&root)).err().map(|error| error.kind()), integrity, "a handle that remembers nothing");
    }
}

#[test]
fn a_record_that_is_no_file_is_refused() {
    let place = scratch();
    let root = place.path().join("data");
    let directory = open(&root);
    put(&directory).expect("commits");
    let folder = root.join(format!("records/+p.records/+{}+", "s".repeat(128)));
    let (path, moved) = (folder.join(format!("+{}.json", "s".repeat(72))), place.path().join("moved"));
    fs::rename(&path, &moved).expect("moves");
    let pipe = || {
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
        assert!(made.success());
    };
    let displacements: [&dyn Fn(); 5] = [
        &|| symlink(&moved, &path).expect("a link"),
        &|| symlink(place.path().join("nowhere"), &path).expect("a link"),
        &|| fs::create_dir(&path).expect("a folder"),
        &|| fs::write(&path, vec![b' '; 9 << 20]).expect("a large file"),
        &pipe,
    ];
    for displace in displacements {
        displace();
        let integrity = Some(ErrorKind::Integrity);
        assert_eq!(load(&directory, &key()).err().map(|error| error.kind()), integrity);
        assert_eq!(list(&directory, &ListQuery::new("p")).err().map(|error| error.kind()), integrity);
        let update = Write::put(key(), record(2), Precondition::Absent);
        assert_eq!(commit(&directory, &[update]).err().map(|error| error.kind()), integrity);
        if path.is_dir() { fs::remove_dir(&path).expect("removes") } else { fs::remove_file(&path).expect("removes") }
    }
    fs::rename(&moved, &path).expect("moves back");
    assert!(load(&directory, &key()).expect("reads").is_some());
    assert!(fs::read_to_string(&path).expect("reads").contains("text 1"));
}

/// The path of the directory itself is its owner's to choose.
#[test]
fn the_directory_may_be_named_by_a_link() {
    let place = scratch();
    let root = place.path().join("data");
    put(&open(&root)).expect("commits");
    let link = place.path().join("link");
    symlink(&root, &link).expect("a link");
    assert!(load(&try_open(&link).expect("opens"), &key()).expect("reads").is_some());
}

#[test]
fn a_damaged_journal_stops_everybody() {
    let place = scratch();
    let directory = open(place.path());
    put(&directory).expect("commits");
    let journal = place.path().join("journal/commit.json");
    fs::write(&journal, "{}").expect("writes");
    let integrity = Some(ErrorKind::Integrity);
    assert_eq!(load(&directory, &key()).err().map(|error| error.kind()), integrity);
    assert_eq!(list(&directory, &ListQuery::new("p")).err().map(|error| error.kind()), integrity);
    assert_eq!(put(&directory).err().map(|error| error.kind()), integrity);
    refused(place.path(), ErrorKind::Integrity, "");
    fs::remove_file(&journal).expect("removes");
    put(&try_open(place.path()).expect("opens")).expect("commits");
}

#[test]
fn a_lock_file_that_was_replaced_still_keeps_writers_apart() {
    let place = scratch();
    let directory = open(place.path());
    fs::remove_file(place.path().join("lock")).expect("removes");
    let layer = secret_store_rsa_file::testing::NativeFileSystem;
    let mut other =
        secret_store_rsa_file::testing::FileSystem::open_lock(&layer, &place.path().join("lock")).expect("opens");
    assert!(other.try_lock().expect("locks"));
    let waiting = std::thread::spawn(move || put(&directory));
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert!(!waiting.is_finished(), "two writers");
    other.unlock();
    waiting.join().expect("no panic").expect("commits");
}
