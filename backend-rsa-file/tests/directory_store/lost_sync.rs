//! The power fails at each operation, and the disk keeps any part of what was not synced.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use secret_store_core::{Precondition, RecordKey, Write};
use secret_store_rsa_file::testing::{FileSystem, commit, load, open_at};
use secret_store_rsa_file::{DirectoryOptions, DirectoryPersistence};

use crate::hooked::{Hooked, Moment, Operation};
use crate::memory::{Disk, MemoryFiles};
use crate::scenario::{ACTIONS, Action, Scenario, Shape};
use crate::scratch::record;

const ROOT: &str = "/data";

fn open(files: &MemoryFiles) -> secret_store_core::Result<DirectoryPersistence> {
    open_at(Arc::new(files.clone()), Path::new(ROOT), &DirectoryOptions::default())
}

/// A disk with an empty folder for the store.
fn empty() -> Disk {
    let files = MemoryFiles::new(Disk::new());
    files.create_folder(Path::new(ROOT)).expect("a folder");
    let disk = files.disk().clone();
    disk.synced()
}

fn prepared(scenario: &Scenario) -> Disk {
    let files = MemoryFiles::new(empty());
    scenario.prepare(&open(&files).expect("opens"));
    let disk = files.disk().clone();
    disk.synced()
}

/// The n-th operation, from when it was set, and all later ones fail: the process is dead.
#[derive(Clone, Default)]
struct Death(Arc<AtomicUsize>);

impl Death {
    fn layer(&self, files: &MemoryFiles) -> Arc<Hooked> {
        let left = Arc::clone(&self.0);
        left.store(usize::MAX, Ordering::SeqCst);
        Hooked::new(files.clone(), move |moment, operation, _| {
            if moment == Moment::Before && operation != Operation::Unlock {
                let before = left.load(Ordering::SeqCst);
                if before == 0 {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                left.store(before - 1, Ordering::SeqCst);
            }
            Ok(())
        })
    }

    fn after(&self, operations: usize) {
        self.0.store(operations, Ordering::SeqCst);
    }

    fn has_struck(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }
}

/// Commits on a copy of the disk and dies after so many operations; the disk it leaves, and whether it acknowledged.
/// `None` where it came to its end.
fn die_committing(scenario: &Scenario, disk: &Disk, operations: usize) -> Option<(MemoryFiles, bool)> {
    let files = MemoryFiles::new(disk.clone());
    let death = Death::default();
    let directory = open_at(death.layer(&files), Path::new(ROOT), &DirectoryOptions::default()).expect("opens");
    let writes = scenario.writes(&directory);
    death.after(operations);
    let result = commit(&directory, &writes);
    death.has_struck().then(|| (files, result.is_ok()))
}

fn assert_tidy(files: &MemoryFiles, what: &str) {
    for folder in ["journal", "temporary"] {
        files
            .names(&Path::new(ROOT).join(folder), &mut |name| panic!("{what}: {name:?} is left over in {folder}"))
            .expect("reads");
    }
}

/// Opens a disk found after a crash: old or new, and new where it must be.
fn assert_old_or_new(scenario: &Scenario, disk: Disk, must_be_new: bool, what: &str) -> MemoryFiles {
    let files = MemoryFiles::new(disk);
    let directory = open(&files).unwrap_or_else(|error| panic!("{what}: {error}"));
    let found = scenario.contents(&directory);
    assert!(found == scenario.after() || found == scenario.before(), "{what}: torn: {found:?}");
    assert!(found == scenario.after() || !must_be_new, "{what}: acknowledged, then lost");
    assert_tidy(&files, what);
    files
}

fn is_small(scenario: &Scenario) -> bool {
    matches!(scenario.shape, Shape::Plain | Shape::Long)
}

#[test]
fn losing_power_leaves_the_old_or_the_new() {
    for action in ACTIONS {
        let (mut states, mut moments, mut most) = (0, 0, 0);
        for scenario in Scenario::all().filter(|scenario| scenario.action == action && is_small(scenario)) {
            let disk = prepared(&scenario);
            for n in 0.. {
                let Some((files, is_acknowledged)) = die_committing(&scenario, &disk, n) else { break };
                let what = format!("{} after {n} operations", scenario.name());
                let left = files.disk().clone();
                let count = left.crashes(|found| drop(assert_old_or_new(&scenario, found, is_acknowledged, &what)));
                (states, moments, most) = (states + count, moments + 1, most.max(count));
            }
        }
        crate::scratch::report(&format!(
            "{action:?}: {states} states after losing power at {moments} moments, at most {most} at one"
        ));
        assert!(moments >= 40 && 2 * states >= 3 * moments, "{moments} {states}");
    }
}

/// After the acknowledgement and with all the time in the world for the disk to lose things.
#[test]
fn an_acknowledged_commit_is_never_lost() {
    let mut states = 0;
    for scenario in Scenario::all().filter(is_small) {
        let files = MemoryFiles::new(prepared(&scenario));
        let directory = open(&files).expect("opens");
        commit(&directory, &scenario.writes(&directory)).expect("commits");
        let left = files.disk().clone();
        states += left.crashes(|found| drop(assert_old_or_new(&scenario, found, true, &scenario.name())));
    }
    assert!(states > 100, "{states}");
}

#[test]
fn losing_power_while_a_store_is_made_leaves_one_that_opens() {
    let (mut states, mut moments) = (0, 0);
    for n in 0.. {
        let files = MemoryFiles::new(empty());
        let death = Death::default();
        let layer = death.layer(&files);
        death.after(n);
        let opened = open_at(layer, Path::new(ROOT), &DirectoryOptions::default());
        if !death.has_struck() {
            opened.expect("opens");
            break;
        }
        let left = files.disk().clone();
        states += left.crashes(|found| {
            let files = MemoryFiles::new(found);
            let directory = open(&files).unwrap_or_else(|error| panic!("after {n} operations: {error}"));
            let key = RecordKey::new("p", "s");
            commit(&directory, &[Write::put(key, record(1), Precondition::Absent)]).expect("commits");
            assert_tidy(&files, &format!("after {n} operations"));
        });
        moments += 1;
    }
    crate::scratch::report(&format!("making a store: {states} states after losing power at {moments} moments"));
    assert!(moments >= 20 && states >= 100, "{moments} {states}");
}

/// A process dies; another commits into the same folders and is acknowledged; then the power fails. What the first had
/// created, but not synced, must carry the second.
#[test]
fn what_a_killed_process_left_unsynced_carries_the_next_commit() {
    let (mut states, mut moments) = (0, 0);
    for action in [Action::Create, Action::Several] {
        for shape in [Shape::Plain, Shape::Long] {
            let scenario = Scenario { action, shape };
            // Nothing yet has made the partitions' folders.
            let disk = if action == Action::Create { new_store() } else { prepared(&scenario) };
            let neighbour = scenario.after().into_keys().map(|key| RecordKey::new(key.partition().clone(), "next"));
            let neighbours: std::collections::BTreeSet<_> = neighbour.collect();
            for n in 0.. {
                let Some((files, _)) = die_committing(&scenario, &disk, n) else { break };
                let directory = open(&files).expect("opens");
                let puts = neighbours.iter().map(|key| Write::put(key.clone(), record(7), Precondition::Any));
                commit(&directory, &puts.collect::<Vec<_>>()).expect("commits");
                let left = files.disk().clone();
                states += left.crashes(|found| {
                    let directory = open(&MemoryFiles::new(found)).expect("opens");
                    for key in &neighbours {
                        let stored = load(&directory, key).expect("reads");
                        assert!(stored.is_some(), "{} after {n} operations: {key:?} is lost", scenario.name());
                    }
                });
                moments += 1;
            }
        }
    }
    crate::scratch::report(&format!("two processes: {states} states after losing power following {moments} deaths"));
    assert!(moments >= 80 && states >= 10 * moments, "{moments} {states}");
}

/// The same for a process that dies while it makes the store.
#[test]
fn what_a_killed_maker_left_unsynced_carries_the_first_commit() {
    let (mut states, mut moments) = (0, 0);
    let key = RecordKey::new("p", "s");
    for n in 0.. {
        let files = MemoryFiles::new(empty());
        let death = Death::default();
        let layer = death.layer(&files);
        death.after(n);
        let opened = open_at(layer, Path::new(ROOT), &DirectoryOptions::default());
        if !death.has_struck() {
            opened.expect("opens");
            break;
        }
        let directory = open(&files).expect("opens");
        commit(&directory, &[Write::put(key.clone(), record(1), Precondition::Absent)]).expect("commits");
        let left = files.disk().clone();
        states += left.crashes(|found| {
            let directory = open(&MemoryFiles::new(found)).unwrap_or_else(|error| panic!("after {n}: {error}"));
            assert!(load(&directory, &key).expect("reads").is_some(), "after {n} operations: lost");
        });
        moments += 1;
    }
    crate::scratch::report(&format!("making a store, then committing: {states} states at {moments} deaths"));
    assert!(moments >= 20 && states >= 100, "{moments} {states}");
}

fn new_store() -> Disk {
    let files = MemoryFiles::new(empty());
    drop(open(&files).expect("opens"));
    let disk = files.disk().clone();
    disk.synced()
}

/// The power fails again while the commit that it had cut short is being finished.
#[test]
fn losing_power_while_recovering_leaves_the_new() {
    let (mut states, mut moments, mut begun) = (0, 0, 0);
    let scenario = Scenario { action: Action::Several, shape: Shape::Plain };
    let disk = prepared(&scenario);
    for n in 0.. {
        let Some((files, _)) = die_committing(&scenario, &disk, n) else { break };
        // Of the disks this may leave, those on which the journal came through and everything else did, or nothing.
        let journal = Path::new(ROOT).join("journal/commit.json");
        if files.kind(&journal).expect("looks").is_none() {
            continue;
        }
        begun += 1;
        let left = files.disk().clone();
        for m in 0.. {
            let files = MemoryFiles::new(left.clone());
            let death = Death::default();
            let layer = death.layer(&files);
            death.after(m);
            let opened = open_at(layer, Path::new(ROOT), &DirectoryOptions::default());
            if !death.has_struck() {
                opened.expect("opens");
                break;
            }
            let what = format!("{n} operations, then {m} of recovery");
            let disk = files.disk().clone();
            states += disk.crashes(|found| drop(assert_old_or_new(&scenario, found, false, &what)));
            moments += 1;
        }
    }
    crate::scratch::report(&format!(
        "recovering: {states} states after losing power at {moments} moments of {begun} recoveries"
    ));
    assert!(begun >= 10 && moments >= 100 && states >= 1000, "{begun} {moments} {states}");
}
