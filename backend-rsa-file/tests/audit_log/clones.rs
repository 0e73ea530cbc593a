//! Two processes that write as one: a machine that was cloned, or a process that was forked, goes on with the same chain.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::executor::block_on;
use secret_store_core::audit::{AuditEntry, AuditFilter, AuditSink, AuditedStore, FaultKind, Verifier};
use secret_store_core::{Error, ErrorKind, Result, SecretStoreExt};
use secret_store_rsa_file::JsonLinesSink;

use crate::{assert_intact, id, key, read, scratch, secrets, verify};

/// The path of the log.
const TASK: &str = "SECRET_STORE_TEST_AUDIT_CLONE";

/// Takes entries and answers that it did not, so that the next ones come in the same place.
#[derive(Debug, Default)]
struct Forgetful(Mutex<Vec<AuditEntry>>);

#[async_trait]
impl AuditSink for Forgetful {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        let mut seen = self.0.lock().expect("no panic");
        seen.extend_from_slice(entries);
        if seen.len() > 1 { Err(Error::new(ErrorKind::Throttled, "told to refuse")) } else { Ok(()) }
    }
}

/// An entry, and two that continue it, each in the place of the other.
fn fork() -> [AuditEntry; 3] {
    let sink = Arc::new(Forgetful::default());
    let store = AuditedStore::builder(secrets(), Arc::<Forgetful>::clone(&sink)).environment("tests").actor("service");
    let store = store.key(key()).build().expect("configured");
    for name in ["before", "original", "clone"] {
        block_on(store.get(&id(name))).expect_err("none there");
    }
    let entries: [AuditEntry; 3] = sink.0.lock().expect("no panic").clone().try_into().expect("three");
    assert_eq!(entries.each_ref().map(AuditEntry::sequence), [1, 2, 2]);
    assert_eq!(entries[1].writer(), entries[2].writer());
    entries
}

/// A process with a sink of its own over the log. It appends what it is given, and says what became of it.
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn over(log: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        command.args(["--ignored", "--exact", "clones::entry", "--nocapture", "--test-threads=1", "--quiet"]);
        command.env(TASK, log).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a child process");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut process = Self { child, input, output };
        assert_eq!(process.hears(), "open");
        process
    }

    fn hears(&mut self) -> String {
        let mut line = String::new();
        while self.output.read_line(&mut line).expect("it speaks") > 0 {
            if let Some(said) = line.trim_end().strip_prefix("SAID ") {
                return said.to_owned();
            }
            line.clear();
        }
        panic!("the process ended");
    }

    fn appends(&mut self, entry: &AuditEntry) -> String {
        writeln!(self.input, "{}", STANDARD.encode(entry.as_bytes())).expect("it listens");
        self.hears()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nSAID {what}").and_then(|()| out.flush()).expect("the parent listens");
}

#[test]
#[ignore = "the entry of child processes, which other tests start"]
fn entry() {
    let log = std::env::var_os(TASK).expect("started by another test");
    let sink = block_on(JsonLinesSink::open(log)).expect("opens");
    say("open");
    for line in std::io::stdin().lines() {
        let bytes = STANDARD.decode(line.expect("text")).expect("an entry in Base64");
        let entry = AuditEntry::from_bytes(&bytes).expect("an entry");
        match block_on(sink.append(&[entry])) {
            Ok(()) => say("taken"),
            Err(error) => say(&format!("{:?}", error.kind())),
        }
    }
}

/// Both were there before either went on: the second one's entry is refused, and its process goes on under a writer of its own.
#[test]
fn of_two_processes_that_write_as_one_the_second_is_refused() {
    let (_folder, log) = scratch();
    let [before, original, clone] = fork();
    let (mut one, mut two) = (Process::over(&log), Process::over(&log));
    assert_eq!(one.appends(&before), "taken");
    assert_eq!(two.appends(&before), "taken", "the same entry is there already");
    assert_eq!(one.appends(&original), "taken");
    assert_eq!(two.appends(&clone), "AlreadyExists");
    assert_eq!(one.appends(&original), "taken", "once");
    assert_eq!(read(&[&log], AuditFilter::new()), [before, original]);
    assert_eq!(assert_intact(&[&log]).entries(), 2);
}

/// A clone that opens the log anew cannot know that its chain went on without it. Nothing that was acknowledged is lost, and verifying
/// shows both.
#[test]
fn a_clone_that_opened_the_log_later_is_shown_by_verifying() {
    let (_folder, log) = scratch();
    let [before, original, clone] = fork();
    {
        let mut one = Process::over(&log);
        assert_eq!((one.appends(&before), one.appends(&original)), ("taken".to_owned(), "taken".to_owned()));
    }
    assert_eq!(Process::over(&log).appends(&clone), "taken");
    assert_eq!(read(&[&log], AuditFilter::new()), [before, original, clone.clone()]);
    let verification = verify(&[&log], Verifier::new().with_key(key()));
    let [fault] = verification.faults() else { panic!("{:?}", verification.faults()) };
    assert_eq!((fault.index, fault.writer, fault.kind), (2, Some(clone.writer()), FaultKind::Repeated));
    assert!(verification.head(std::time::UNIX_EPOCH).is_err(), "no head vouches for it");
}
