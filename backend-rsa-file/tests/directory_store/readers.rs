//! One writer and many readers at once, each a process of its own.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use secret_store_core::{ListQuery, Precondition, Record, RecordKey, Value, Write};
use secret_store_rsa_file::DirectoryPersistence;
use secret_store_rsa_file::testing::{commit, list, load};

use crate::child;
use crate::scratch::{open, scratch};

/// So many that a system call does not answer all names at once.
const RECORDS: usize = 3_000;
const READERS: usize = 3;
const WRITING: Duration = Duration::from_secs(4);

fn key(n: usize) -> RecordKey {
    RecordKey::new("App", format!("always-{n:05}"))
}

/// A record whose parts only fit each other.
fn numbered(number: u64) -> Record {
    Record::new()
        .with("N", Value::from(number))
        .with("Text", Value::from(format!("{number} ").repeat(200).as_str()))
        .with("Bytes", Value::from(number.to_be_bytes().repeat(100)))
}

fn number_of(record: &Record) -> u64 {
    let number = record.number("N").expect("a number");
    assert_eq!(*record, numbered(number), "torn");
    number
}

/// The child's part: reads until the file `stop` appears beside the data directory.
pub(crate) fn read_on(root: &Path) {
    let directory = open(root);
    let stop = root.with_file_name("stop");
    let mut newest = BTreeMap::new();
    let mut rounds = 0;
    while !stop.exists() {
        let limit = NonZeroUsize::new(RECORDS).expect("not zero");
        let query = ListQuery::new("App").with_limit(limit).with_before("b");
        let page = list(&directory, &query).expect("lists");
        assert_eq!(page.items.len(), RECORDS, "a record is missing from the list");
        assert_eq!(page.next, None);
        for (sort, stored) in page.items {
            see(&mut newest, &sort, number_of(&stored.record));
        }
        for n in (0..RECORDS).step_by(RECORDS / 50) {
            let stored = load(&directory, &key(n)).expect("reads").expect("a record is missing");
            see(&mut newest, key(n).sort(), number_of(&stored.record));
        }
        rounds += 1;
    }
    assert!(rounds > 1, "the reader read too little");
}

/// What was seen once is never taken back.
fn see(newest: &mut BTreeMap<String, u64>, sort: &str, number: u64) {
    let last = newest.insert(sort.to_owned(), number);
    assert!(last.is_none_or(|last| last <= number), "{sort} went back from {last:?} to {number}");
}

fn write_on(directory: &DirectoryPersistence, begun: Instant) -> u64 {
    let mut commits = 0;
    while begun.elapsed() < WRITING {
        commits += 1;
        let mut writes: Vec<_> = (0..3)
            .map(|step| (commits as usize * 7919 + step * 1000) % RECORDS)
            .map(|n| Write::put(key(n), numbered(commits), Precondition::Any))
            .collect();
        let coming_and_going = RecordKey::new("App", format!("sometimes-{}", commits % 5));
        writes.push(match commits % 2 {
            0 => Write::put(coming_and_going, numbered(commits), Precondition::Any),
            _ => Write::delete(coming_and_going, Precondition::Any),
        });
        commit(directory, &writes).expect("commits");
    }
    commits
}

#[test]
fn readers_beside_a_writer_miss_nothing_and_see_nothing_torn() {
    let place = scratch();
    let root = place.path().join("data");
    let directory = open(&root);
    for first in (0..RECORDS).step_by(100) {
        let writes: Vec<_> =
            (first..first + 100).map(|n| Write::put(key(n), numbered(0), Precondition::Absent)).collect();
        commit(&directory, &writes).expect("commits");
    }
    let readers: Vec<_> = (0..READERS).map(|_| child::spawn(&["reader", root.to_str().expect("text")])).collect();
    let commits = write_on(&directory, Instant::now());
    std::fs::write(place.path().join("stop"), "").expect("writes");
    for mut reader in readers {
        assert!(reader.wait().expect("ends").success());
    }
    crate::scratch::report(&format!("{commits} commits beside {READERS} readers"));
    assert!(commits > 20, "the readers kept the writer out: {commits}");
}
