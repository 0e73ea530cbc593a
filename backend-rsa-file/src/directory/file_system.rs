//! The seam between the store and the operating system: every file operation the store makes, and no other.
//!
//! Tests stand behind it to count, fail and kill at each operation and to lose what was not synced.

mod native;

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;

pub use native::NativeFileSystem;

/// What stands at a path, itself, a symbolic link not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A regular file.
    File,
    /// Anything else: a symbolic link, a device, a pipe.
    Other,
}

/// The file operations of a store. Paths are absolute, and every error is the system's own but for those named here.
#[allow(clippy::missing_errors_doc, reason = "said once for all of them")]
pub trait FileSystem: fmt::Debug + Send + Sync + 'static {
    /// What stands at a path, or `None`.
    fn kind(&self, path: &Path) -> io::Result<Option<EntryKind>>;

    /// Reads a whole regular file, or `None` where there is none. More than `limit` bytes are
    /// [`FileTooLarge`](io::ErrorKind::FileTooLarge), anything but a regular file
    /// [`InvalidData`](io::ErrorKind::InvalidData).
    fn read(&self, path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>>;

    /// Visits the names in a folder, in no order; `false` where there is no folder.
    fn names(&self, folder: &Path, visit: &mut dyn FnMut(&OsStr)) -> io::Result<bool>;

    /// Creates a folder only its owner can enter; an existing one is
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists).
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Creates a file only its owner can read; an existing one is [`AlreadyExists`](io::ErrorKind::AlreadyExists).
    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>>;

    /// Replaces the content of a small existing file in place, without any promise for a crash.
    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Moves a file, replacing what is there, in one step for every reader.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the entries of a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Opens a lock file, creating it where there is none.
    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn LockFile>>;
}

/// A file being written for the first time.
#[allow(clippy::missing_errors_doc, reason = "as above")]
pub trait NewFile: fmt::Debug {
    /// Appends bytes, all of them or an error.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes the content durable.
    fn sync(&mut self) -> io::Result<()>;
}

#[allow(clippy::missing_errors_doc, reason = "as above")]
/// An exclusive lock between handles of one process and between processes; a dead holder lets go of it.
pub trait LockFile: fmt::Debug + Send {
    /// Takes the lock if nobody has it.
    fn try_lock(&mut self) -> io::Result<bool>;

    /// Lets go of the lock.
    fn unlock(&mut self);
}
