//! The operating system's files.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::{EntryKind, FileSystem, LockFile, NewFile};

/// The operating system's files: 0600, folders 0700, symbolic links not followed.
///
/// On systems other than Unix there are no modes, links are recognised before opening only, and a folder cannot be
/// synced: the order and the durability of renames are then what the system gives.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeFileSystem;

impl FileSystem for NativeFileSystem {
    fn kind(&self, path: &Path) -> io::Result<Option<EntryKind>> {
        let kind = match absent_as_none(std::fs::symlink_metadata(path))? {
            None => return Ok(None),
            Some(metadata) => metadata.file_type(),
        };
        Ok(Some(match kind {
            kind if kind.is_dir() => EntryKind::Folder,
            kind if kind.is_file() => EntryKind::File,
            _ => EntryKind::Other,
        }))
    }

    fn read(&self, path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = absent_as_none(refuse_link(unlinked(OpenOptions::new().read(true)).open(path)))? else {
            return Ok(None);
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let length = usize::try_from(metadata.len()).ok().filter(|length| *length <= limit);
        let mut bytes = Vec::with_capacity(length.ok_or(io::ErrorKind::FileTooLarge)?);
        // The file may have grown since: one byte beyond the limit tells.
        file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Some(bytes))
    }

    fn names(&self, folder: &Path, visit: &mut dyn FnMut(&OsStr)) -> io::Result<bool> {
        let Some(entries) = absent_as_none(std::fs::read_dir(folder))? else { return Ok(false) };
        for entry in entries {
            visit(&entry?.file_name());
        }
        Ok(true)
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        let file = unlinked(private(OpenOptions::new().write(true).create_new(true))).open(path)?;
        Ok(Box::new(NativeNewFile(file)))
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        unlinked(OpenOptions::new().write(true)).open(path)?.write_all(bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    #[cfg(unix)]
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        unlinked(OpenOptions::new().read(true)).open(path)?.sync_all()
    }

    #[cfg(not(unix))]
    fn sync_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn LockFile>> {
        Ok(Box::new(NativeLock { file: open_lock_file(path)?, path: path.to_owned() }))
    }
}

fn absent_as_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Refuses a symbolic link at the last component, and does not wait for the other end of a pipe.
fn unlinked(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options
}

/// `O_NOFOLLOW` answers `ELOOP` (POSIX `open`), which no stable kind names.
fn refuse_link(opened: io::Result<File>) -> io::Result<File> {
    #[cfg(unix)]
    if opened.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::ELOOP)) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    opened
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[derive(Debug)]
struct NativeNewFile(File);

impl NewFile for NativeNewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

#[derive(Debug)]
struct NativeLock {
    file: File,
    path: PathBuf,
}

impl LockFile for NativeLock {
    fn try_lock(&mut self) -> io::Result<bool> {
        loop {
            match self.file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(false),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // A lock on a file that was removed or replaced meanwhile keeps nobody out.
            if is_at(&self.file, &self.path)? {
                return Ok(true);
            }
            self.file = open_lock_file(&self.path)?;
        }
    }

    fn unlock(&mut self) {
        // Fails for an invalid handle only; closing it lets go as well.
        let _ = self.file.unlock();
    }
}

/// Opens for writing where that is allowed: some systems lock writable files only. A read-only medium still locks.
fn open_lock_file(path: &Path) -> io::Result<File> {
    match unlinked(private(OpenOptions::new().read(true).write(true).create(true).truncate(false))).open(path) {
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            unlinked(OpenOptions::new().read(true)).open(path)
        }
        opened => opened,
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let held = file.metadata()?;
    let found = absent_as_none(std::fs::symlink_metadata(path))?;
    Ok(found.is_some_and(|found| (found.dev(), found.ino()) == (held.dev(), held.ino())))
}

#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> io::Result<bool> {
    Ok(true)
}
