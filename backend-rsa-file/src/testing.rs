//! The seam to the file system and blocking calls, for this crate's own tests: no part of the public interface.

use std::path::Path;
use std::sync::Arc;

use secret_store_core::{ListQuery, Page, RecordKey, Result, Revision, Stored, Write};

pub use crate::directory::file_system::{EntryKind, FileSystem, LockFile, NativeFileSystem, NewFile};
use crate::{DirectoryOptions, DirectoryPersistence};

/// Opens a directory of the operating system through a seam over its files.
///
/// # Errors
///
/// As [`DirectoryPersistence::open_with`].
pub fn open_native(fs: Arc<dyn FileSystem>, path: &Path, options: &DirectoryOptions) -> Result<DirectoryPersistence> {
    DirectoryPersistence::open_native(fs, path, options)
}

/// Opens an existing root of any file system, without looking at modes and mounts.
///
/// # Errors
///
/// As [`DirectoryPersistence::open_with`].
pub fn open_at(fs: Arc<dyn FileSystem>, root: &Path, options: &DirectoryOptions) -> Result<DirectoryPersistence> {
    DirectoryPersistence::open_at(fs, root, options)
}

/// [`Persistence::commit`](secret_store_core::Persistence::commit) on the calling thread.
///
/// # Errors
///
/// As there.
pub fn commit(directory: &DirectoryPersistence, writes: &[Write]) -> Result<Vec<Option<Revision>>> {
    let store = directory.store();
    store.commit(&mut store.writer().lock_blocking(), writes)
}

/// [`Persistence::load`](secret_store_core::Persistence::load) on the calling thread.
///
/// # Errors
///
/// As there.
pub fn load(directory: &DirectoryPersistence, key: &RecordKey) -> Result<Option<Stored>> {
    directory.store().load(key)
}

/// [`Persistence::list`](secret_store_core::Persistence::list) on the calling thread.
///
/// # Errors
///
/// As there.
pub fn list(directory: &DirectoryPersistence, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
    directory.store().list(query)
}
