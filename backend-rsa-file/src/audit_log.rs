//! Audit entries as lines of JSON in a file.

mod ends;
mod file;
pub(crate) mod line;
mod lines;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_lock::Mutex;
use async_trait::async_trait;
use secret_store_core::audit::{AuditEntry, AuditFilter, AuditKey, AuditSink, Verification, Verifier};
use secret_store_core::blocking::unblock;
use secret_store_core::{Error, Result};

use file::NativePlace;
use lines::Lines;
use writer::{Writer, failed};

/// So many lines are read in one go.
const BATCH: usize = 256;

/// An [`AuditSink`] that appends every entry as one line of JSON to a file and syncs it.
///
/// Any number of sinks, in any number of processes of one machine, may append to one file: one of them at a time, under a lock on
/// the file. [`JsonLinesLog`] reads and verifies it; `jq` and its like read it too.
///
/// ```
/// # futures::executor::block_on(async {
/// use std::sync::Arc;
/// use secret_store_core::SecretStoreExt;
/// use secret_store_core::audit::{AuditFilter, AuditKey, AuditedStore, Verifier};
/// use secret_store_rsa_file::{JsonLinesLog, JsonLinesSink};
///
/// # let parent = tempfile::tempdir()?;
/// # let path = parent.path().join("audit.jsonl");
/// # let secrets = Arc::new(secret_store_memory::store("demo")?);
/// let (key, _bytes_to_keep) = AuditKey::generate()?;
/// let key = Arc::new(key);
/// let sink = Arc::new(JsonLinesSink::open(&path).await?);
/// let builder = AuditedStore::builder(secrets, sink).environment("production").actor("billing");
/// let store = builder.key(Arc::clone(&key)).build()?;
/// store.application("YourApp.Production")?.put("MainDb", "hunter2").await?;
///
/// let log = JsonLinesLog::new([path]);
/// let verification = log.verify(Verifier::new().with_key(key)).await?;
/// verification.check()?;
/// assert_eq!(verification.entries(), 2);
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).expect("runs");
/// ```
///
/// # Guarantees
///
/// * **Durable**: an entry that was acknowledged is in the file and the file is synced. After a failed sync the same bytes are
///   written again before another sync counts, because the system may have dropped them.
/// * **Whole**: a process that dies leaves at most a part of a line at the end. Readers do not see it. The next writer
///   completes the line if it lacks its line feed alone, and removes it otherwise; nobody was told that it is there. A line that
///   was acknowledged is never changed.
/// * **Once**: an entry that comes again after a failure is recognised; where another one stands in its place, from a clone of this
///   process, that is [`AlreadyExists`](secret_store_core::ErrorKind::AlreadyExists).
/// * **Cancel safe**: an `append` dropped before it has begun writes nothing; one that has begun runs to its end.
/// * **Private**: a new file has the mode 0600; one that others may write to is refused, also where a rotation has put it.
///
/// # Rotation
///
/// Move the file away: the next entry makes a new one, and the chains go on in it. Leave the old one where it was moved, uncompressed,
/// until the new one is there. Don't copy and cut (`copytruncate`): entries would be lost between the two.
///
/// # Costs and limits
///
/// One sync for the entries of one application that come together. Appending reads what other processes have appended since. A line
/// has at most 512 KiB. On a network file system neither the lock nor the sync may hold. After a loss of *power* some file systems
/// keep a later part of an append without an earlier one: then verification shows a line that is no entry, and no line that was
/// acknowledged is gone. A file that can only be appended to (`chattr +a`) works as long as there is nothing to put right.
#[derive(Clone, Debug)]
pub struct JsonLinesSink {
    writer: Arc<Mutex<Writer>>,
}

/// How a [`JsonLinesSink`] is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JsonLinesOptions {
    lock_timeout: Duration,
}

impl Default for JsonLinesOptions {
    fn default() -> Self {
        Self { lock_timeout: Duration::from_secs(30) }
    }
}

impl JsonLinesOptions {
    /// How long an entry waits for other writers before it is [`Contention`](secret_store_core::ErrorKind::Contention);
    /// 30 seconds unless set.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }
}

impl JsonLinesSink {
    /// Opens a log, or makes one of a missing or empty file. Its folder has to be there.
    ///
    /// # Errors
    ///
    /// As [`JsonLinesSink::open_with`].
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::open_with(path, JsonLinesOptions::default()).await
    }

    /// Opens a log with options.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a file that is no audit log or no regular file, or that others
    /// may write to (`chmod go-w` it); [`PermissionDenied`](secret_store_core::ErrorKind::PermissionDenied),
    /// [`Throttled`](secret_store_core::ErrorKind::Throttled) for a full disk or too many open files, and
    /// [`Unavailable`](secret_store_core::ErrorKind::Unavailable) for everything else the system says.
    pub async fn open_with(path: impl Into<PathBuf>, options: JsonLinesOptions) -> Result<Self> {
        let path = path.into();
        let open = move || {
            let path = std::path::absolute(path).map_err(failed)?;
            Writer::open(Box::new(NativePlace(path)), options.lock_timeout)
        };
        let writer = unblock(open).await.map_err(|error: Error| error.with_operation("open audit log"))?;
        Ok(Self { writer: Arc::new(Mutex::new(writer)) })
    }
}

#[async_trait]
impl AuditSink for JsonLinesSink {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        // Waiting for the other entries of this sink takes no thread.
        let mut writer = self.writer.lock_arc().await;
        let entries = entries.to_vec();
        unblock(move || writer.append(&entries)).await
    }
}

/// The log of a [`JsonLinesSink`], for reading: some files, in the order in which they were written.
///
/// Reading takes no lock and disturbs no writer. Where the log was rotated, name the older files first.
#[derive(Clone, Debug)]
pub struct JsonLinesLog {
    files: Vec<PathBuf>,
}

impl JsonLinesLog {
    /// Over files, the oldest first.
    #[must_use]
    pub fn new<P: Into<PathBuf>>(files: impl IntoIterator<Item = P>) -> Self {
        Self { files: files.into_iter().map(Into::into).collect() }
    }

    /// Reads the entries that a filter admits, of all applications, in the order of the log: each writer's in their order, and those
    /// of different writers as they came to the file.
    pub fn read(&self, filter: AuditFilter) -> JsonLinesReader {
        let state = State { lines: Lines::new(self.files.clone()), read: VecDeque::new() };
        JsonLinesReader { state: Arc::new(Mutex::new(state)), filter: Arc::new(filter), key: None }
    }

    /// Verifies all entries of all applications. Position 0 is the first line of the first file.
    ///
    /// It may run while entries are written: what comes meanwhile is verified or not. The order of *different* writers' lines is not
    /// what a chain holds; their times are.
    ///
    /// # Errors
    ///
    /// As the files: [`Unavailable`](secret_store_core::ErrorKind::Unavailable) also for one that is missing. Whatever is wrong with the
    /// log is no error here: it is in the [`Verification`].
    pub async fn verify(&self, mut verifier: Verifier) -> Result<Verification> {
        let mut lines = Lines::new(self.files.clone());
        let verify = move || {
            while let Some(line) = lines.next().map_err(failed)? {
                match line::entry_bytes(&line) {
                    Some(bytes) => verifier.push(&bytes),
                    None => verifier.push_malformed(),
                }
            }
            Ok(verifier.finish())
        };
        unblock(verify).await.map_err(|error: Error| error.with_operation("verify audit log"))
    }
}

/// A running read of a [`JsonLinesLog`].
#[derive(Debug)]
#[must_use = "nothing is read until the next entry is asked for"]
pub struct JsonLinesReader {
    state: Arc<Mutex<State>>,
    filter: Arc<AuditFilter>,
    key: Option<Arc<AuditKey>>,
}

/// Behind a lock, so that a dropped read loses nothing of it.
#[derive(Debug)]
struct State {
    lines: Lines,
    read: VecDeque<Result<AuditEntry>>,
}

impl JsonLinesReader {
    /// Refuses entries that this key does not authenticate.
    pub fn with_key(mut self, key: impl Into<Arc<AuditKey>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The next entry that the filter admits. Each is what was written; whether any is missing only
    /// [verifying](JsonLinesLog::verify) shows. A dropped call loses no entry.
    ///
    /// # Errors
    ///
    /// As the files; [`Integrity`](secret_store_core::ErrorKind::Integrity) for a line that is no entry, or that the key does not
    /// authenticate. The call after it goes on with the line after it.
    pub async fn next(&mut self) -> Result<Option<AuditEntry>> {
        let mut state = self.state.lock_arc().await;
        if state.read.is_empty() {
            let (filter, key) = (Arc::clone(&self.filter), self.key.clone());
            state = unblock(move || state.fill(&filter, key.as_deref()).map(|()| state)).await?;
        }
        state.read.pop_front().transpose()
    }
}

impl State {
    /// Reads on until there is something to answer.
    fn fill(&mut self, filter: &AuditFilter, key: Option<&AuditKey>) -> Result<()> {
        while self.read.is_empty() {
            for _ in 0..BATCH {
                let Some(line) = self.lines.next().map_err(failed)? else { return Ok(()) };
                let entry = line::entry(&line).filter(|entry| key.is_none_or(|key| entry.is_authentic(key)));
                match entry {
                    None => self.read.push_back(Err(Error::integrity())),
                    Some(entry) if filter.admits(&entry) => self.read.push_back(Ok(entry)),
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }
}
