//! The seam between the log and the operating system: every file operation the writer makes, and no other.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Where the log is.
pub(super) trait Place: fmt::Debug + Send {
    /// Opens the file, making it where it is missing; its name is durable then.
    fn open(&self) -> io::Result<Box<dyn LogFile>>;
}

/// The log's file, open.
pub(super) trait LogFile: fmt::Debug + Send {
    /// How others can write to it, if they can.
    fn exposed(&self) -> io::Result<Option<String>>;

    fn length(&self) -> io::Result<u64>;

    /// So many bytes from an offset on, fewer only at the end.
    fn read(&self, offset: u64, limit: usize) -> io::Result<Vec<u8>>;

    /// Writes at the end. Of a failure any part may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Writes the same bytes where they stand already.
    fn write_again(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Makes the content durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Takes the lock against other handles and processes if nobody has it; a dead holder lets go of it.
    fn try_lock(&mut self) -> io::Result<bool>;

    fn unlock(&mut self);

    /// Whether the file still stands where it was opened, and was not moved away.
    fn is_in_place(&self) -> io::Result<bool>;
}

/// A path of the operating system.
#[derive(Debug)]
pub(super) struct NativePlace(pub(super) PathBuf);

impl Place for NativePlace {
    fn open(&self) -> io::Result<Box<dyn LogFile>> {
        loop {
            let appending = open_appending(&self.0)?;
            // A file that may only be appended to (`chattr +a`) cannot be opened like this. Then there is no repair.
            let repairing = OpenOptions::new().write(true).open(&self.0).ok();
            let file = NativeFile { appending, repairing, path: self.0.clone() };
            if file.is_one()? {
                sync_folder_of(&self.0)?;
                return Ok(Box::new(file));
            }
        }
    }
}

/// 0600 where it is new.
fn open_appending(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    {
        // Does not wait for the other end of a pipe.
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600).custom_flags(libc::O_NONBLOCK);
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Makes the file's name durable; whoever may not read the folder is spared.
#[cfg(unix)]
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

#[cfg(not(unix))]
fn sync_folder_of(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[derive(Debug)]
struct NativeFile {
    appending: File,
    repairing: Option<File>,
    path: PathBuf,
}

impl NativeFile {
    /// Whether both handles are of one file: it may have been moved away between the two.
    #[cfg(unix)]
    fn is_one(&self) -> io::Result<bool> {
        let Some(repairing) = &self.repairing else { return Ok(true) };
        Ok(identity(&repairing.metadata()?) == identity(&self.appending.metadata()?))
    }

    #[cfg(not(unix))]
    fn is_one(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn repairing(&self) -> io::Result<&File> {
        self.repairing.as_ref().ok_or_else(|| io::ErrorKind::PermissionDenied.into())
    }
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

impl LogFile for NativeFile {
    #[cfg(unix)]
    fn exposed(&self) -> io::Result<Option<String>> {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = self.appending.metadata()?.permissions().mode() & 0o7777;
        let exposed = || format!("the audit log {:?} can be written by others (mode {mode:03o})", self.path);
        Ok((mode & 0o022 != 0).then(exposed))
    }

    #[cfg(not(unix))]
    fn exposed(&self) -> io::Result<Option<String>> {
        Ok(None)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.appending.metadata()?.len())
    }

    fn read(&self, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
        let mut file = &self.appending;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(limit as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.appending.write_all(bytes)
    }

    fn write_again(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.repairing()?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.repairing()?.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.appending.sync_data()
    }

    fn try_lock(&mut self) -> io::Result<bool> {
        match self.appending.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn unlock(&mut self) {
        // Fails for an invalid handle only; closing it lets go as well.
        let _ = self.appending.unlock();
    }

    #[cfg(unix)]
    fn is_in_place(&self) -> io::Result<bool> {
        match std::fs::metadata(&self.path) {
            Ok(found) => Ok(identity(&found) == identity(&self.appending.metadata()?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    #[cfg(not(unix))]
    fn is_in_place(&self) -> io::Result<bool> {
        Ok(true)
    }
}
