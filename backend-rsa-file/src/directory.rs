//! A directory of small records that a person can read, safe across crashes and processes.

mod commit;
pub(crate) mod failure;
#[cfg_attr(not(feature = "testing"), allow(unreachable_pub, reason = "public for the tests behind the feature"))]
pub(crate) mod file_system;
pub(crate) mod journal;
mod layout;
mod listing;
pub(crate) mod name;
mod paths;
pub(crate) mod record_file;
mod store;
mod surroundings;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secret_store_core::blocking::unblock;
use secret_store_core::{
    Consistency, Error, Limits, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, Write,
};

use file_system::{FileSystem, NativeFileSystem};
use store::Store;

/// A [`Persistence`] in a directory: one JSON file a record, for programs that bring their storage along.
///
/// Any number of handles, in any number of processes of one machine, may use one directory: one of them writes at a
/// time, all of them read at once, and no reader waits for a writer (save that a listing which meets one commit after
/// another keeps writers out for one scan of the names).
///
/// ```
/// # futures::executor::block_on(async {
/// use secret_store_core::{Consistency, Persistence, Precondition, Record, RecordKey, Value, Write};
/// use secret_store_rsa_file::DirectoryPersistence;
///
/// # let parent = tempfile::tempdir()?;
/// # let path = parent.path().join("secrets");
/// let directory = DirectoryPersistence::open(&path).await?;
/// let key = RecordKey::new("YourApp.Production", "DatabasePassword");
/// let record = Record::new().with("Note", Value::from("ciphertext only"));
/// directory.commit(vec![Write::put(key.clone(), record, Precondition::Absent)]).await?;
/// assert!(directory.load(&key, Consistency::Strong).await?.is_some());
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).expect("runs");
/// ```
///
/// # Guarantees
///
/// * **Atomic and durable**: a commit of one or many records is written to a journal and synced before any of it is
///   seen, and acknowledged after all of it is in place and synced. A crash at any moment leaves each commit wholly
///   done or wholly undone, possibly after the next use of the directory has finished it; an acknowledged one is done.
///   No reader sees what a crash could take back.
/// * **Consistent**: every read is strong, whatever [`Consistency`] asks for. While a commit is being applied, a reader
///   may see one of its records before another.
/// * **Revisions** are 128 random bits: unlike a counter they do not repeat when an older copy of the directory is
///   restored.
/// * **Cancel safe**: a commit dropped before it has begun leaves nothing; one that has begun runs to its end.
/// * **Private**: files are created with mode 0600 and folders with 0700; a directory that others can enter is refused.
///   Symbolic links inside the directory are refused, not followed. They are recognised one component at a time, which
///   keeps out accidents, not an attacker who already acts as this user.
///
/// # Costs and limits
///
/// Opening takes the same time for any number of records. A page reads the records of the page and scans the *names*
/// of its partition, keeping no more of them than the page has. A commit is one sync for each record and each folder
/// concerned and two for the journal. Records have at most 1 MiB and
/// [`MAX_ATTRIBUTES`](secret_store_core::MAX_ATTRIBUTES) attributes; a commit has at most 100 writes; the path of a
/// record at most 4,095 bytes on Linux and 1,023 elsewhere, of which an escaped character takes up to three: enough on
/// Linux for every valid name below a path of 400 bytes. The folders of emptied partitions stay.
///
/// # Failures
///
/// A full disk and too many open files are [`Throttled`](secret_store_core::ErrorKind::Throttled), a missing right
/// and a read-only medium [`PermissionDenied`](secret_store_core::ErrorKind::PermissionDenied): nothing was written.
/// [`Unavailable`](secret_store_core::ErrorKind::Unavailable) after a write means that it may have landed; the next use
/// of the directory finishes it. A writer that waits longer than [`DirectoryOptions::with_lock_timeout`] gets
/// [`Contention`](secret_store_core::ErrorKind::Contention). A damaged file is
/// [`Integrity`](secret_store_core::ErrorKind::Integrity), with its path in the log.
///
/// # Platforms
///
/// All of this holds on Unix with a local file system that keeps what `fsync` promises. A network file system is warned
/// about through [`tracing`] (on Linux). Elsewhere it works without modes, and a rename is as durable as the system
/// makes it: atomic for processes that die, not proven for power that fails.
#[derive(Clone, Debug)]
pub struct DirectoryPersistence {
    store: Arc<Store>,
}

/// How a data directory is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DirectoryOptions {
    creation: Creation,
    lock_timeout: Duration,
}

/// Whether opening may make a new data directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Creation {
    /// A missing or empty directory becomes a new, empty data directory.
    #[default]
    IfMissing,
    /// The data directory must be there: an unmounted disk or a mistyped path is an error, not an empty store.
    Never,
}

impl Default for DirectoryOptions {
    fn default() -> Self {
        Self { creation: Creation::IfMissing, lock_timeout: Duration::from_secs(30) }
    }
}

impl DirectoryOptions {
    /// Whether opening may make a new data directory; [`Creation::IfMissing`] unless set.
    #[must_use]
    pub fn with_creation(mut self, creation: Creation) -> Self {
        self.creation = creation;
        self
    }

    /// How long a commit waits for other writers before it is
    /// [`Contention`](secret_store_core::ErrorKind::Contention); 30 seconds unless set.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }
}

impl DirectoryPersistence {
    /// Opens a data directory, or makes one of a missing or empty directory.
    ///
    /// # Errors
    ///
    /// As [`DirectoryPersistence::open_with`].
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::open_with(path, DirectoryOptions::default()).await
    }

    /// Opens a data directory with options. Finishes a commit that was cut short and sweeps what it left.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a directory that others can enter (`chmod 700`
    /// it), one that is not empty and no data directory, a path that is no directory, or a missing one under
    /// [`Creation::Never`]; [`Unsupported`](secret_store_core::ErrorKind::Unsupported) for the layout of another
    /// release; [`Integrity`](secret_store_core::ErrorKind::Integrity) for a damaged marker or journal;
    /// [`PermissionDenied`](secret_store_core::ErrorKind::PermissionDenied) and the other kinds of failure as above.
    pub async fn open_with(path: impl Into<PathBuf>, options: DirectoryOptions) -> Result<Self> {
        let path = path.into();
        let open = move || Self::open_native(Arc::new(NativeFileSystem), &path, &options);
        unblock(open).await.map_err(|error| error.with_operation("open data directory"))
    }

    /// Opens a directory of the operating system through a seam over its files.
    pub(crate) fn open_native(fs: Arc<dyn FileSystem>, path: &Path, options: &DirectoryOptions) -> Result<Self> {
        let path = std::path::absolute(path).map_err(failure::definite)?;
        // The path of the directory itself may lead over links: that is its owner's choice.
        if !exists(&path)? {
            if options.creation == Creation::Never {
                return Err(store::no_store());
            }
            layout::create_root(&*fs, &path)?;
        }
        let root = path.canonicalize().map_err(failure::definite)?;
        surroundings::check_private(&root)?;
        surroundings::warn_if_remote(&root);
        Self::open_at(fs, &root, options)
    }

    /// Opens an existing root, whatever its file system.
    pub(crate) fn open_at(fs: Arc<dyn FileSystem>, root: &Path, options: &DirectoryOptions) -> Result<Self> {
        Ok(Self { store: Arc::new(Store::open(fs, root, options)?) })
    }

    #[cfg(feature = "testing")]
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }
}

fn exists(path: &Path) -> Result<bool> {
    path.try_exists().map_err(|error| match error.kind() {
        io::ErrorKind::NotADirectory => {
            Error::invalid_input(format!("{path:?} leads through something that is not a directory: name another path"))
        }
        _ => failure::definite(error),
    })
}

#[async_trait]
impl Persistence for DirectoryPersistence {
    fn limits(&self) -> Limits {
        Limits::DEFAULT
    }

    async fn load(&self, key: &RecordKey, _consistency: Consistency) -> Result<Option<Stored>> {
        let (store, key) = (Arc::clone(&self.store), key.clone());
        unblock(move || store.load(&key)).await
    }

    async fn load_many(&self, keys: &[RecordKey], _consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        let (store, keys) = (Arc::clone(&self.store), keys.to_vec());
        unblock(move || store.load_many(&keys)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        let (store, query) = (Arc::clone(&self.store), query.clone());
        unblock(move || store.list(&query)).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        Write::check_all(&writes, &self.limits())?;
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        // Waiting for the writer of this handle takes no thread.
        let mut writer = self.store.writer().lock_arc().await;
        let store = Arc::clone(&self.store);
        unblock(move || store.commit(&mut writer, &writes)).await
    }
}
