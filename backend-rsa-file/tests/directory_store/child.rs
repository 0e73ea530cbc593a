//! The test binary as its own child process: what to do comes from the environment, what was done goes to a pipe.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use secret_store_rsa_file::DirectoryOptions;
use secret_store_rsa_file::testing::{commit, open_native};

use crate::hooked::{Hooked, Moment, Operation};
use crate::scenario::Scenario;

/// `prepare <root> <scenario>`, `commit <root> <scenario>`, `open <root>`, `check <root> <scenario> <said>`,
/// `counter <root> <count>` or `reader <root>`, separated by line feeds. `.ci/crash-strace` gives the first four as well.
pub(crate) const TASK: &str = "SECRET_STORE_TEST_TASK";
/// `<n> <moment>`: ends the process at that moment of the n-th operation, counted from 1.
const KILL: &str = "SECRET_STORE_TEST_KILL";

/// A child that will do a task.
pub(crate) fn command(task: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--ignored", "--exact", "child::entry", "--nocapture", "--test-threads=1", "--quiet"]);
    command.env(TASK, task.join("\n")).env_remove(KILL).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

pub(crate) fn spawn(task: &[&str]) -> Child {
    command(task).spawn().expect("a child process")
}

/// What a child said and how it ended.
pub(crate) struct Outcome {
    pub(crate) was_killed: bool,
    pub(crate) has_started: bool,
    pub(crate) has_acknowledged: bool,
    /// The operations it counted, if it came to its end.
    pub(crate) operations: Vec<String>,
}

/// Runs a child that ends itself at a moment of the n-th operation.
pub(crate) fn run(task: &[&str], kill: Option<(usize, Moment)>) -> Outcome {
    let mut command = command(task);
    if let Some((n, moment)) = kill {
        command.env(KILL, format!("{n} {moment:?}"));
    }
    let output = command.stderr(Stdio::piped()).output().expect("a child process");
    let said = String::from_utf8(output.stdout).expect("text");
    let was_killed = std::os::unix::process::ExitStatusExt::signal(&output.status) == Some(9);
    assert!(
        was_killed || output.status.success(),
        "{task:?} {kill:?}: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Outcome {
        was_killed,
        has_started: said.contains("START"),
        has_acknowledged: said.contains("ACKNOWLEDGED"),
        operations: said.lines().filter_map(|line| line.strip_prefix("OPERATION ")).map(str::to_owned).collect(),
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).expect("the parent listens");
}

/// Counts operations once armed, and ends the process at the chosen one.
struct Killer {
    is_armed: AtomicBool,
    seen: Mutex<Vec<Operation>>,
    kill: Option<(usize, String)>,
}

impl Killer {
    fn new() -> Arc<Self> {
        let kill = std::env::var(KILL).ok().map(|text| {
            let (n, moment) = text.split_once(' ').expect("a number and a moment");
            (n.parse().expect("a number"), moment.to_owned())
        });
        Arc::new(Self { is_armed: AtomicBool::new(false), seen: Mutex::default(), kill })
    }

    fn arm(&self) {
        say("\nSTART");
        self.is_armed.store(true, Ordering::SeqCst);
    }

    fn layer(self: &Arc<Self>) -> Arc<Hooked> {
        let killer = Arc::clone(self);
        Hooked::new(secret_store_rsa_file::testing::NativeFileSystem, move |moment, operation, _: &Path| {
            if killer.is_armed.load(Ordering::SeqCst) {
                killer.meet(moment, operation);
            }
            Ok(())
        })
    }

    fn meet(&self, moment: Moment, operation: Operation) {
        let mut seen = self.seen.lock().expect("no panic");
        if moment == Moment::Before {
            seen.push(operation);
        }
        if self.kill.as_ref().is_some_and(|(n, at)| *n == seen.len() && *at == format!("{moment:?}")) {
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::KILL).expect("one may end oneself");
            unreachable!("no process survives SIGKILL");
        }
    }

    fn report(&self) {
        self.is_armed.store(false, Ordering::SeqCst);
        // At once: a system call each would count as one of the store's.
        let seen = self.seen.lock().expect("no panic");
        say(&seen.iter().map(|operation| format!("\nOPERATION {operation:?}")).collect::<String>());
    }
}

#[test]
#[ignore = "the entry of child processes, which other tests start"]
fn entry() {
    let task = std::env::var(TASK).expect("started by another test");
    let task: Vec<&str> = task.split('\n').collect();
    match task[..] {
        ["commit", root, scenario] => commit_once(root, scenario),
        ["open", root] => open_once(root),
        ["prepare", root, scenario] => Scenario::parse(scenario).prepare(&crate::scratch::open(Path::new(root))),
        ["check", root, scenario, said] => check(Path::new(root), scenario, said),
        ["counter", root, count] => crate::counter::count(Path::new(root), count.parse().expect("a number")),
        ["reader", root] => crate::readers::read_on(Path::new(root)),
        _ => panic!("no such task: {task:?}"),
    }
}

fn commit_once(root: &str, scenario: &str) {
    let killer = Killer::new();
    let directory = open_native(killer.layer(), Path::new(root), &DirectoryOptions::default()).expect("opens");
    let writes = Scenario::parse(scenario).writes(&directory);
    killer.arm();
    commit(&directory, &writes).expect("commits");
    say("\nACKNOWLEDGED");
    killer.report();
}

/// Looks at what a killed child left; `said` is all that it had said.
fn check(root: &Path, scenario: &str, said: &str) {
    let must_be_new = said.contains("ACKNOWLEDGED") || said.contains("FINISH");
    crate::crash::assert_old_or_new(root, &Scenario::parse(scenario), must_be_new, "killed by strace");
}

fn open_once(root: &str) {
    let killer = Killer::new();
    killer.arm();
    open_native(killer.layer(), &PathBuf::from(root), &DirectoryOptions::default()).expect("opens");
    say("\nACKNOWLEDGED");
    killer.report();
}
