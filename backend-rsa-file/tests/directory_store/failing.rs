//! Full disks and I/O errors, at each operation in turn.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use secret_store_core::ErrorKind;
use secret_store_rsa_file::testing::{NativeFileSystem, commit, open_native};
use secret_store_rsa_file::{DirectoryOptions, DirectoryPersistence};

use crate::hooked::{Hooked, Moment, Operation};
use crate::scenario::{Action, Contents, Scenario, Shape};
use crate::scratch::{assert_holds_only, scratch};

const FAILURES: [(&str, i32); 4] = [("ENOSPC", 28), ("EIO", 5), ("EROFS", 30), ("EMFILE", 24)];

/// Fails the n-th operation, or every one from the n-th on.
#[derive(Default)]
struct Fault {
    at: AtomicUsize,
    seen: AtomicUsize,
    plan: Mutex<Option<Plan>>,
}

#[derive(Clone, Copy)]
struct Plan {
    moment: Moment,
    code: i32,
    is_lasting: bool,
}

impl Fault {
    fn set(&self, at: usize, plan: Option<Plan>) {
        self.seen.store(0, Ordering::SeqCst);
        self.at.store(at, Ordering::SeqCst);
        *self.plan.lock().expect("no panic") = plan;
    }

    fn meet(&self, moment: Moment, operation: Operation) -> io::Result<()> {
        let Some(plan) = *self.plan.lock().expect("no panic") else { return Ok(()) };
        if operation == Operation::Unlock {
            return Ok(());
        }
        if moment == Moment::Before {
            self.seen.fetch_add(1, Ordering::SeqCst);
        }
        let (seen, at) = (self.seen.load(Ordering::SeqCst), self.at.load(Ordering::SeqCst));
        let is_due = seen == at && moment == plan.moment || plan.is_lasting && seen > at;
        if is_due { Err(io::Error::from_raw_os_error(plan.code)) } else { Ok(()) }
    }
}

fn faulty(root: &std::path::Path) -> (DirectoryPersistence, Arc<Fault>) {
    let fault = Arc::new(Fault::default());
    let hook = Arc::clone(&fault);
    let layer = Hooked::new(NativeFileSystem, move |moment, operation, _| hook.meet(moment, operation));
    (open_native(layer, root, &DirectoryOptions::default()).expect("opens"), fault)
}

/// Whether an error of this kind promises that nothing was written.
fn is_definite(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Throttled | ErrorKind::PermissionDenied | ErrorKind::Integrity)
}

/// One failure of one commit; answers what became of it, or `None` where `at` was beyond the last operation.
fn fail_once(scenario: Scenario, at: usize, plan: Plan, what: &str) -> Option<&'static str> {
    let place = scratch();
    let root = place.path().join("data");
    let (directory, fault) = faulty(&root);
    scenario.prepare(&directory);
    let writes = scenario.writes(&directory);
    fault.set(at, Some(plan));
    let result = commit(&directory, &writes);
    let was_reached = fault.seen.load(Ordering::SeqCst) >= at;
    fault.set(0, None);
    let found = scenario.contents(&directory);
    let became = match &result {
        Ok(_) => {
            assert_eq!(found, scenario.after(), "{what}: acknowledged");
            "done"
        }
        Err(error) if is_definite(error.kind()) => {
            assert_eq!(found, scenario.before(), "{what}: {error}");
            "refused"
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{what}: {error}");
            assert!(found == scenario.before() || found == scenario.after(), "{what}: torn");
            "unknown"
        }
    };
    later_commit_works(scenario, &directory, &found, what);
    drop(directory);
    assert_holds_only(&root, &scenario.after(), what);
    was_reached.then_some(became)
}

fn later_commit_works(scenario: Scenario, directory: &DirectoryPersistence, found: &Contents, what: &str) {
    if *found == scenario.before() {
        commit(directory, &scenario.writes(directory)).unwrap_or_else(|error| panic!("{what}: then {error}"));
    }
    assert_eq!(scenario.contents(directory), scenario.after(), "{what}: afterwards");
}

#[test]
fn a_failure_anywhere_is_typed_and_leaves_the_old_or_the_new() {
    let mut became = BTreeMap::<_, usize>::new();
    for scenario in Scenario::all().filter(is_worth_failing) {
        for (name, code) in FAILURES {
            for (moment, is_lasting) in
                [(Moment::Before, false), (Moment::Before, true), (Moment::Midway, false), (Moment::After, false)]
            {
                let plan = Plan { moment, code, is_lasting };
                let mut last = 0;
                for at in 1.. {
                    let what = format!("{} {name} {moment:?} operation {at}, lasting: {is_lasting}", scenario.name());
                    let Some(outcome) = fail_once(scenario, at, plan, &what) else { break };
                    *became.entry((name, outcome)).or_default() += 1;
                    last = at;
                }
                assert!(last >= 15, "{}: {last} operations", scenario.name());
            }
        }
    }
    crate::scratch::report(&format!("failures and what became of the commit: {became:?}"));
    // Only what cannot be known is unknown: before the commit point a full disk refuses.
    assert!(became[&("ENOSPC", "refused")] > became[&("ENOSPC", "unknown")]);
}

/// Plain records, and once those whose folders nest.
fn is_worth_failing(scenario: &Scenario) -> bool {
    scenario.shape == Shape::Plain || scenario.shape == Shape::Long && scenario.action == Action::Several
}

/// Whatever needs writing is refused; a commit that was cut short waits, and nobody was told of it.
#[test]
fn a_read_only_medium_still_reads() {
    let place = scratch();
    let root = place.path().join("data");
    let scenario = Scenario { action: Action::Several, shape: Shape::Plain };
    let (directory, fault) = faulty(&root);
    scenario.prepare(&directory);
    // Fails at the first operation after the commit point, so that the journal is left and nothing applied.
    let writes = scenario.writes(&directory);
    let left = (1..).find(|at| {
        fault.set(*at, Some(Plan { moment: Moment::After, code: 5, is_lasting: true }));
        let result = commit(&directory, &writes);
        fault.set(0, None);
        assert!(result.is_err(), "fails");
        root.join("journal/commit.json").exists()
    });
    assert!(left.is_some());
    let read_only = Hooked::new(NativeFileSystem, |moment, operation, _| match operation {
        Operation::Kind | Operation::Read | Operation::Names | Operation::OpenLock => Ok(()),
        Operation::TryLock | Operation::Unlock => Ok(()),
        _ if moment == Moment::Before => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        _ => Ok(()),
    });
    let reader = open_native(read_only, &root, &DirectoryOptions::default()).expect("opens");
    assert_eq!(scenario.contents(&reader), scenario.before());
    let error = commit(&reader, &writes).expect_err("read-only");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(scenario.contents(&directory), scenario.after(), "finished where one may write");
}

#[test]
fn a_failure_while_opening_is_typed_and_passes() {
    for (name, code) in FAILURES {
        for at in 1.. {
            let place = scratch();
            let root = place.path().join("data");
            let fault = Arc::new(Fault::default());
            fault.set(at, Some(Plan { moment: Moment::Before, code, is_lasting: false }));
            let hook = Arc::clone(&fault);
            let layer = Hooked::new(NativeFileSystem, move |moment, operation, _| hook.meet(moment, operation));
            if let Err(error) = open_native(layer, &root, &DirectoryOptions::default()) {
                assert!(is_definite(error.kind()) || error.kind() == ErrorKind::Unavailable, "{name} {at}: {error}");
            }
            let was_reached = fault.seen.load(Ordering::SeqCst) >= at;
            assert_holds_only(&root, &Contents::new(), &format!("{name} at operation {at} of opening"));
            if !was_reached {
                assert!(at > 15, "{at}");
                break;
            }
        }
    }
}

/// On a real full disk, which `.ci/full-disk` mounts and names in the environment.
#[test]
#[ignore = "needs a small disk of its own: run .ci/full-disk"]
fn a_full_disk_refuses_and_keeps_what_was_there() {
    let disk = std::env::var("SECRET_STORE_TEST_FULL_DISK").expect("the path of a small disk");
    let root = std::path::Path::new(&disk).join("data");
    let large = Shape::Large;
    let scenarios: Vec<_> = Scenario::all().filter(|scenario| scenario.shape == large).collect();
    let mut refusals = 0;
    for scenario in scenarios {
        let directory = crate::scratch::open(&root);
        scenario.prepare(&directory);
        let before = scenario.before();
        // From a disk with no room at all to one with room enough, a little more each time.
        for room in 0.. {
            let filled = fill(&root, room * 16 * 1024);
            let writes = scenario.writes(&directory);
            let result = commit(&directory, &writes);
            let found = scenario.contents(&directory);
            match &result {
                Ok(_) => assert_eq!(found, scenario.after()),
                Err(error) if is_definite(error.kind()) => {
                    assert_eq!(error.kind(), ErrorKind::Throttled, "{error}");
                    assert_eq!(found, before, "{}: {error}", scenario.name());
                    refusals += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                    assert!(found == before || found == scenario.after(), "{}: torn", scenario.name());
                }
            }
            std::fs::remove_file(filled).expect("removes");
            let found = scenario.contents(&directory);
            assert_holds_only(&root, &found, &scenario.name());
            if found == scenario.after() {
                break;
            }
        }
        drop(directory);
        std::fs::remove_dir_all(&root).expect("removes");
    }
    assert!(refusals >= 20, "the disk was never full: {refusals}");
    crate::scratch::report(&format!("{refusals} commits refused by a full disk"));
}

/// Fills the disk but for some bytes.
fn fill(root: &std::path::Path, room: usize) -> std::path::PathBuf {
    use std::io::Write as _;
    let path = root.with_file_name("filling");
    let mut file = std::fs::File::create(&path).expect("a file");
    let mut written = 0;
    let error = loop {
        match file.write(&[0; 4096]) {
            Ok(count) => written += count,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull, "the disk is full");
    file.set_len(written.saturating_sub(room) as u64).expect("makes room");
    path
}
