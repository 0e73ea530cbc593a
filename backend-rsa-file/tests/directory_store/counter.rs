//! A counter that many processes raise, each time on the condition that nobody else has.

use std::path::Path;
use std::time::Instant;

use secret_store_core::{ErrorKind, Precondition, Record, RecordKey, Value, Write};
use secret_store_rsa_file::DirectoryPersistence;
use secret_store_rsa_file::testing::{commit, load};

use crate::child;
use crate::scratch::{assert_holds_only, open, scratch};

const PROCESSES: u64 = 8;
const EACH: u64 = 1_000;

fn key() -> RecordKey {
    RecordKey::new("App", "counter")
}

fn counted(number: u64) -> Record {
    Record::new().with("N", Value::from(number))
}

/// Raises the counter so many times, as often as it takes; answers the lost races.
pub(crate) fn add(directory: &DirectoryPersistence, key: &RecordKey, times: u64) -> u64 {
    let (mut done, mut lost) = (0, 0);
    while done < times {
        let stored = load(directory, key).expect("reads").expect("is there");
        let next = counted(stored.record.number("N").expect("a number") + 1);
        match commit(directory, &[Write::put(key.clone(), next, Precondition::Revision(stored.revision))]) {
            Ok(_) => done += 1,
            Err(error) if error.kind() == ErrorKind::Conflict => lost += 1,
            Err(error) => panic!("{error}"),
        }
    }
    lost
}

/// The child's part.
pub(crate) fn count(root: &Path, times: u64) {
    add(&open(root), &key(), times);
}

#[test]
fn eight_processes_lose_no_update() {
    let place = scratch();
    let root = place.path().join("data");
    commit(&open(&root), &[Write::put(key(), counted(0), Precondition::Absent)]).expect("creates");
    let begun = Instant::now();
    let task = ["counter", root.to_str().expect("text"), &EACH.to_string()];
    let children: Vec<_> = (0..PROCESSES).map(|_| child::spawn(&task)).collect();
    for mut child in children {
        assert!(child.wait().expect("ends").success());
    }
    crate::scratch::report(&format!("{PROCESSES} processes x {EACH} compare-and-swap puts: {:?}", begun.elapsed()));
    assert_holds_only(&root, &[(key(), counted(PROCESSES * EACH))].into(), "all counted");
}
