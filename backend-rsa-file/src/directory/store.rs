//! The store itself, blocking: opening, reading, and the lock that its one writer holds.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use async_lock::Mutex;
use secret_store_core::{Error, ErrorKind, RecordKey, Result, Stored};

use super::failure::definite;
use super::file_system::{EntryKind, FileSystem, LockFile};
use super::layout;
use super::paths::{Location, Paths};
use super::record_file::{MAX_FILE_BYTES, RecordFile};
use super::{Creation, DirectoryOptions};

/// A data directory.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) fs: Arc<dyn FileSystem>,
    pub(super) paths: Paths,
    /// One writer in this handle; the lock file inside sees to other handles and processes.
    writer: Arc<Mutex<Writer>>,
    lock_timeout: Duration,
}

/// What only the writer uses.
#[derive(Debug)]
pub(crate) struct Writer {
    lock: Box<dyn LockFile>,
    /// Folders whose entries in their parents this handle has made durable. They are never removed.
    pub(super) durable: HashSet<PathBuf>,
}

/// The write lock, held; dropping it lets go.
#[derive(Debug)]
pub(crate) struct Held<'a>(pub(super) &'a mut Writer);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.lock.unlock();
    }
}

impl Store {
    /// Opens the data directory `root`, finishes what a dead writer began and sweeps what it left.
    pub(crate) fn open(fs: Arc<dyn FileSystem>, root: &Path, options: &DirectoryOptions) -> Result<Self> {
        let paths = Paths::new(root);
        let is_new = !layout::is_marked(&*fs, &paths)?;
        if is_new {
            if options.creation == Creation::Never {
                return Err(no_store());
            }
            layout::check_unused(&*fs, &paths)?;
        }
        let lock = fs.open_lock(&paths.lock).map_err(definite)?;
        let writer = Arc::new(Mutex::new(Writer { lock, durable: HashSet::new() }));
        let store = Self { fs, paths, writer, lock_timeout: options.lock_timeout };
        if is_new {
            store.initialise()?;
        }
        store.make_entry_durable()?;
        store.tidy()?;
        Ok(store)
    }

    fn initialise(&self) -> Result<()> {
        let mut writer = self.writer.lock_blocking();
        let _held = self.hold(&mut writer)?;
        // Another process may have been first.
        if layout::is_marked(&*self.fs, &self.paths)? {
            return Ok(());
        }
        layout::check_unused(&*self.fs, &self.paths)?;
        layout::initialise(&*self.fs, &self.paths)
    }

    /// A process killed while it initialised may have left a folder or a marker that is seen but not yet durable.
    fn make_entry_durable(&self) -> Result<()> {
        match self.fs.sync_folder(&self.paths.root) {
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => return Ok(()),
            synced => synced.map_err(definite)?,
        }
        self.paths.root.parent().map_or(Ok(()), |parent| layout::sync_parent(&*self.fs, parent))
    }

    /// Finishes the journal and sweeps temporary files, unless a living writer is at work, whose they are.
    fn tidy(&self) -> Result<()> {
        let mut writer = self.writer.lock_blocking();
        let Some(mut held) = try_hold(&mut writer).map_err(definite)? else { return Ok(()) };
        self.finish_journal_or_warn(&mut held)?;
        if let Err(error) = self.repair_generation() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the generation cannot be repaired: lists are slower"
            );
        }
        let mut left_over = Vec::new();
        self.fs.names(&self.paths.temporary, &mut |name| left_over.push(name.to_owned())).map_err(definite)?;
        for name in left_over {
            if let Err(error) = self.fs.remove(&self.paths.temporary.join(name)) {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a left-over temporary file cannot be removed"
                );
            }
        }
        Ok(())
    }

    /// The writer of this handle, for [`Store::commit`].
    pub(crate) fn writer(&self) -> &Arc<Mutex<Writer>> {
        &self.writer
    }

    /// Takes the lock, waiting for another handle or process up to the timeout.
    pub(super) fn hold<'a>(&self, writer: &'a mut Writer) -> Result<Held<'a>> {
        let begun = Instant::now();
        let mut pause = Duration::from_micros(50);
        while !writer.lock.try_lock().map_err(definite)? {
            if begun.elapsed() >= self.lock_timeout {
                return Err(Error::new(
                    ErrorKind::Contention,
                    "another writer keeps the data directory locked: nothing was written, try again",
                ));
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(2));
        }
        Ok(Held(writer))
    }

    /// Before a read: finishes the journal of a writer that died. A living writer's needs nothing, as no record of it is
    /// seen before the journal is durable.
    pub(super) fn settle(&self) -> Result<()> {
        if self.fs.kind(&self.paths.journal).map_err(definite)?.is_none() {
            return Ok(());
        }
        let Some(mut writer) = self.writer.try_lock() else { return Ok(()) };
        match try_hold(&mut writer) {
            Ok(Some(mut held)) => self.finish_journal_or_warn(&mut held),
            Ok(None) => Ok(()),
            Err(error) => Err(definite(error)),
        }
    }

    /// A reader goes on without a commit that cannot be finished now (nobody was told that it succeeded), but not
    /// beside a journal that is damaged.
    fn finish_journal_or_warn(&self, held: &mut Held<'_>) -> Result<()> {
        match self.finish_journal(held) {
            Err(error) if error.kind() != ErrorKind::Integrity => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a write that was cut short cannot be finished now"
                );
                Ok(())
            }
            finished => finished,
        }
    }

    /// Reads one record.
    pub(crate) fn load(&self, key: &RecordKey) -> Result<Option<Stored>> {
        self.settle()?;
        self.read(&self.paths.locate(key)?, key)
    }

    /// Reads several records.
    pub(crate) fn load_many(&self, keys: &[RecordKey]) -> Result<Vec<Option<Stored>>> {
        self.settle()?;
        keys.iter().map(|key| self.read(&self.paths.locate(key)?, key)).collect()
    }

    pub(super) fn read(&self, location: &Location, key: &RecordKey) -> Result<Option<Stored>> {
        if !self.are_folders(&location.folders)? {
            return Ok(None);
        }
        self.read_file(&location.file, key.partition(), key.sort())
    }

    /// Whether all the folders are there; anything else in the place of one, as a symbolic link, is refused.
    pub(super) fn are_folders(&self, folders: &[PathBuf]) -> Result<bool> {
        for folder in folders {
            match self.fs.kind(folder).map_err(definite)? {
                Some(EntryKind::Folder) => {}
                Some(_) => return Err(self.damaged(folder)),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    pub(super) fn read_file(&self, file: &Path, partition: &str, sort: &str) -> Result<Option<Stored>> {
        let Some(bytes) = self.fs.read(file, MAX_FILE_BYTES).map_err(|error| self.explained(file, error))? else {
            return Ok(None);
        };
        RecordFile::stored_at(&bytes, partition, sort).map(Some).map_err(|_| self.damaged(file))
    }

    fn explained(&self, path: &Path, error: io::Error) -> Error {
        let error = definite(error);
        if error.kind() == ErrorKind::Integrity { self.damaged(path) } else { error }
    }

    /// An [`ErrorKind::Integrity`] carries no detail; the log tells the operator which file it is.
    pub(super) fn damaged(&self, path: &Path) -> Error {
        let path = path.strip_prefix(&self.paths.root).unwrap_or(path);
        tracing::error!(?path, "a file of the data directory is not what was written there");
        Error::integrity()
    }
}

fn try_hold(writer: &mut Writer) -> io::Result<Option<Held<'_>>> {
    Ok(if writer.lock.try_lock()? { Some(Held(writer)) } else { None })
}

pub(super) fn no_store() -> Error {
    Error::invalid_input("there is no data directory here: check the path, or allow creating one")
}
