//! Whether secrets and keys leave the memory of a process: a child works with canaries, its parent reads the child's memory.
//!
//! The child is the same test program again. It stores, reads, drops, fails and cancels through an
//! [`EnvelopeStore`](secret_store_core::EnvelopeStore) over the backend; at each pause the parent looks for every window of
//! 16 bytes of every value and every key in every writable mapping of the child. Key schedules count as keys: all round keys of
//! AES-256 are looked for, of which the first two are the key. Controls in which the child holds a canary on purpose must be
//! found by the same scan.
//!
//! The child never holds a canary outside of the library's own types: it computes values from a seed, byte by byte, into the
//! buffer of a [`SecretValue`](secret_store_core::SecretValue), and tells the parent of random keys under a mask.
//!
//! # Exceptions
//!
//! * What its owner holds while it lives: the provider's master key, and the ready ciphers of the store's key cache until they
//!   are purged. Both are gone from the scan after the owner.
//! * Vector registers. A cipher leaves round keys in them, and whoever saves them writes them to the stack: the dynamic linker, at
//!   the first call of a lazily bound function (the unwinder's at the first panic), and the kernel, in the frame of a signal
//!   handler. No library can prevent that in safe code, so the child binds all functions at its start (`LD_BIND_NOW`, ld.so(8))
//!   and takes no signals.
//!
//! Linux alone: it reads `/proc`.
//!
//! ```no_run
//! # #![allow(clippy::test_attr_in_doctest)]
//! use secret_store_conformance::memory_scan::{self, Backend};
//! use secret_store_core::MasterKeyId;
//! use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
//!
//! #[test]
//! fn secrets_and_keys_leave_memory() {
//!     memory_scan::run("secrets_and_keys_leave_memory", |_| {
//!         let id = MasterKeyId::new("main")?;
//!         let keys = MemoryKeyProvider::new().with_generated(&id)?;
//!         Ok(Backend::new(keys, MemoryPersistence::new(), id))
//!     });
//! }
//! ```

mod canary;
mod child;
mod process;
mod round_keys;
mod watched;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use secret_store_core::{KeyProvider, MasterKeyId, Persistence, Result};

use canary::{Class, Needles};

pub use canary::Canaries;

const SEED_VARIABLE: &str = "SECRET_STORE_MEMORY_SCAN";
/// What a cancelled call has left to a thread of its own may take this long to finish.
const SETTLE: Duration = Duration::from_secs(3);
/// So many pauses a child makes at least, and so many canaries it has.
#[derive(Clone, Copy)]
struct Fewest {
    scans: usize,
    canaries: usize,
}

const BACKEND: Fewest = Fewest { scans: 10, canaries: 50 };
const SCENARIO: Fewest = Fewest { scans: 3, canaries: 1 };

/// The backend under scan. Made twice by the factory, with another master key each time.
#[derive(Debug)]
pub struct Backend {
    keys: Arc<dyn KeyProvider>,
    records: Arc<dyn Persistence>,
    master_key_id: MasterKeyId,
    other_master_key_id: Option<MasterKeyId>,
}

impl Backend {
    /// A key provider and a persistence, and the master key to wrap under.
    #[must_use]
    pub fn new(keys: impl KeyProvider, records: impl Persistence, master_key_id: MasterKeyId) -> Self {
        Self { keys: Arc::new(keys), records: Arc::new(records), master_key_id, other_master_key_id: None }
    }

    /// Another master key, to which document keys are moved by `rewrap_key`.
    #[must_use]
    pub fn with_other_master_key(mut self, id: MasterKeyId) -> Self {
        self.other_master_key_id = Some(id);
        self
    }
}

/// Scans a backend. Call it from a test of its own and give that test's full name: the child runs exactly this test.
///
/// # Panics
///
/// When a canary is found where none may be, or a control is not found, or the child fails, naming the pause, the mapping and
/// the canary; also where `/proc` cannot be read.
pub fn run(test: &str, backend: impl Fn(&Canaries) -> Result<Backend>) {
    match std::env::var(SEED_VARIABLE) {
        Ok(seed) => child::run(Canaries::new(seed.parse().expect("the parent gave a number")), &backend),
        Err(_) => scan_child(test, BACKEND),
    }
}

/// Scans a scenario of your own: for what stands around a store. It makes its values by [`Canaries::value`], tells of keys by
/// [`Canaries::watch_document_key`] and pauses by [`Canaries::scan`], three times at least; one of its pauses should be a control,
/// at which a value is [present](Expect::Present). Call it from a test of its own and give that test's full name: the child runs
/// exactly this test.
///
/// # Panics
///
/// As [`run`].
pub fn run_scenario(test: &str, scenario: impl Fn(&Canaries)) {
    match std::env::var(SEED_VARIABLE) {
        Ok(seed) => scenario(&Canaries::new(seed.parse().expect("the parent gave a number"))),
        Err(_) => scan_child(test, SCENARIO),
    }
}

/// What a scan expects of one class of canaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// In no writable mapping.
    Absent,
    /// The positive control: at least one is there.
    Present,
    /// Held by its owner at this time, so it may be there.
    Held,
}

fn scan_child(test: &str, fewest: Fewest) {
    assert_eq!(std::env::consts::OS, "linux", "the memory scan reads /proc: run it on Linux");
    let seed = RandomSeed::draw();
    let program = std::env::current_exe().expect("the test program has a path");
    let mut child = Command::new(program)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(SEED_VARIABLE, seed.to_string())
        .env("LD_BIND_NOW", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test program starts again");
    let mut answers = child.stdin.take().expect("piped");
    let mut needles = Needles::new(seed.0);
    let (mut scans, mut failures) = (0, Vec::new());
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("the child writes text");
        let Some((_, message)) = line.split_once('@') else { continue };
        match message.split(' ').collect::<Vec<_>>()[..] {
            ["value", index, bytes] => needles.add_value(parse(index), parse(bytes)),
            ["key", class, index, masked] => needles.add_key(Class::parse(class), parse(index), masked),
            ["scan", name, values, document_keys, master_keys] => {
                let expected = [values, document_keys, master_keys].map(parse_expect);
                failures.extend(settle(child.id(), name, &needles, expected));
                scans += 1;
                writeln!(answers, "go").expect("the child waits");
            }
            _ => panic!("the child wrote an unknown message"),
        }
    }
    assert!(child.wait().expect("the child ends").success(), "the child failed: its messages are above");
    let is_thorough = scans >= fewest.scans && needles.len() >= fewest.canaries;
    assert!(is_thorough, "the child paused {scans} times only, with {} canaries", needles.len());
    assert!(failures.is_empty(), "{} findings\n{}", failures.len(), failures.join("\n"));
}

/// Scans until what is found is as expected, or for as long as a cancelled call may take to end.
fn settle(pid: u32, name: &str, needles: &Needles, expected: [Expect; 3]) -> Vec<String> {
    let deadline = Instant::now() + SETTLE;
    loop {
        let failures = scan(pid, name, needles, expected);
        if failures.is_empty() || Instant::now() > deadline {
            return failures;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn scan(pid: u32, name: &str, needles: &Needles, expected: [Expect; 3]) -> Vec<String> {
    let found = process::scan(pid, needles);
    let mut failures = Vec::new();
    for (class, expect) in Class::ALL.into_iter().zip(expected) {
        let places: Vec<_> = found.iter().filter(|found| found.class == class).collect();
        match expect {
            Expect::Present if places.is_empty() => failures.push(format!("{name}: control not found: {class}")),
            Expect::Absent => {
                let mut by_mapping = BTreeMap::new();
                for place in places {
                    by_mapping
                        .entry((&place.mapping, place.canary, place.offset, place.bytes))
                        .or_insert(place.address);
                }
                failures.extend(by_mapping.into_iter().map(|((mapping, canary, offset, bytes), address)| {
                    format!(
                        "{name}: {bytes} bytes of {class} {canary} from its byte {offset} at {address:#x} in {mapping}"
                    )
                }));
            }
            _ => {}
        }
    }
    failures
}

fn parse<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("the child wrote no number"))
}

fn parse_expect(text: &str) -> Expect {
    match text {
        "absent" => Expect::Absent,
        "present" => Expect::Present,
        "held" => Expect::Held,
        _ => panic!("the child wrote an unknown expectation"),
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "absent",
            Self::Present => "present",
            Self::Held => "held",
        })
    }
}

/// Another one each run, so that no run finds what another left.
struct RandomSeed(u64);

impl RandomSeed {
    fn draw() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self(RandomState::new().hash_one(std::process::id()))
    }
}

impl fmt::Display for RandomSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
