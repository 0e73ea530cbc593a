//! Processes that are killed while they write, and many that write at once.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use futures::executor::block_on;
use secret_store_core::SecretStoreExt;
use secret_store_core::audit::{AuditFilter, Phase};

use crate::{assert_intact, id, over, read, scratch, secrets};

/// `<log> <operations>`: what the child is to do.
const TASK: &str = "SECRET_STORE_TEST_AUDIT";
const KILLS: usize = 40;

fn spawn(log: &Path, operations: usize) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--ignored", "--exact", "processes::entry", "--nocapture", "--test-threads=1", "--quiet"]);
    command.env(TASK, format!("{operations} {}", log.display())).stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().expect("a child process")
}

#[test]
#[ignore = "the entry of child processes, which other tests start"]
fn entry() {
    let task = std::env::var(TASK).expect("started by another test");
    let (operations, log) = task.split_once(' ').expect("a number and a path");
    let store = over(secrets(), Path::new(log));
    for n in 0..operations.parse::<usize>().expect("a number") {
        let name = format!("{}-{n}", std::process::id());
        block_on(store.put(&id(&name), "value".into())).expect("puts");
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nACKNOWLEDGED {name}").and_then(|()| out.flush()).expect("the parent listens");
    }
}

/// The names that a child said were put.
fn acknowledged(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("ACKNOWLEDGED ").map(str::to_owned))
}

#[test]
fn killed_processes_lose_nothing_that_they_acknowledged() {
    let (_folder, log) = scratch();
    let mut all = Vec::new();
    for kill in 0..KILLS {
        let mut child = spawn(&log, usize::MAX);
        let mut said = acknowledged(&mut child);
        all.extend(said.by_ref().take(1 + kill % 5));
        // Somewhere within the next one.
        std::thread::sleep(std::time::Duration::from_micros(kill as u64 * 37));
        child.kill().expect("runs");
        child.wait().expect("ends");
        all.extend(said);
    }
    let store = over(secrets(), &log);
    block_on(store.put(&id("after"), "value".into())).expect("goes on");
    let verification = assert_intact(&[&log]);
    let entries = read(&[&log], AuditFilter::new());
    let ended = entries.iter().filter(|entry| entry.phase() == Phase::Outcome);
    let ended: std::collections::BTreeSet<_> = ended.map(|entry| entry.secrets()[0].name.to_string()).collect();
    assert!(all.len() >= KILLS);
    for name in &all {
        assert!(ended.contains(name), "{name} was acknowledged and is not in the log");
    }
    assert!(verification.unknown_count() <= KILLS as u64, "one for each process at most");
    let mut out = std::io::stderr();
    let _ =
        writeln!(out, "  {KILLS} kills, {} acknowledged, {} unknown, 0 lost", all.len(), verification.unknown_count());
}

#[test]
fn many_processes_write_one_log() {
    const PROCESSES: usize = 4;
    const EACH: usize = 50;
    let (_folder, log) = scratch();
    let mut children: Vec<_> = (0..PROCESSES).map(|_| spawn(&log, EACH)).collect();
    let said: usize = children.iter_mut().map(|child| acknowledged(child).count()).sum();
    for child in &mut children {
        assert!(child.wait().expect("ends").success());
    }
    let verification = assert_intact(&[&log]);
    assert_eq!((said, verification.entries()), (PROCESSES * EACH, 2 * (PROCESSES * EACH) as u64));
    assert_eq!(verification.head(std::time::UNIX_EPOCH).expect("intact").writers().len(), PROCESSES);
    assert_eq!(verification.unknown_count(), 0);
}
