//! A file layer that tells a hook before and after each operation, and lets it fail it.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secret_store_rsa_file::testing::{EntryKind, FileSystem, LockFile, NewFile};

/// One operation of the file layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Kind,
    Read,
    Names,
    CreateFolder,
    Create,
    Write,
    Sync,
    Overwrite,
    Rename,
    Remove,
    SyncFolder,
    OpenLock,
    TryLock,
    Unlock,
}

/// A moment of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    /// Half of the bytes are written; of writes only.
    Midway,
    After,
}

type Hook = dyn Fn(Moment, Operation, &Path) -> io::Result<()> + Send + Sync;

#[derive(Clone)]
pub(crate) struct Hooked {
    inner: Arc<dyn FileSystem>,
    hook: Arc<Hook>,
}

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooked").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Hooked {
    pub(crate) fn new(
        inner: impl FileSystem,
        hook: impl Fn(Moment, Operation, &Path) -> io::Result<()> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { inner: Arc::new(inner), hook: Arc::new(hook) })
    }

    fn around<T>(&self, operation: Operation, path: &Path, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        (self.hook)(Moment::Before, operation, path)?;
        let result = act();
        (self.hook)(Moment::After, operation, path)?;
        result
    }
}

impl FileSystem for Hooked {
    fn kind(&self, path: &Path) -> io::Result<Option<EntryKind>> {
        self.around(Operation::Kind, path, || self.inner.kind(path))
    }

    fn read(&self, path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
        self.around(Operation::Read, path, || self.inner.read(path, limit))
    }

    fn names(&self, folder: &Path, visit: &mut dyn FnMut(&OsStr)) -> io::Result<bool> {
        self.around(Operation::Names, folder, || self.inner.names(folder, visit))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.around(Operation::CreateFolder, path, || self.inner.create_folder(path))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        let file = self.around(Operation::Create, path, || self.inner.create(path))?;
        Ok(Box::new(HookedFile { file, layer: self.clone(), path: path.to_owned() }))
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.around(Operation::Overwrite, path, || self.inner.overwrite(path, bytes))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.around(Operation::Rename, to, || self.inner.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.around(Operation::Remove, path, || self.inner.remove(path))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.around(Operation::SyncFolder, path, || self.inner.sync_folder(path))
    }

    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn LockFile>> {
        let lock = self.around(Operation::OpenLock, path, || self.inner.open_lock(path))?;
        Ok(Box::new(HookedLock { lock, layer: self.clone(), path: path.to_owned() }))
    }
}

#[derive(Debug)]
struct HookedFile {
    file: Box<dyn NewFile>,
    layer: Hooked,
    path: PathBuf,
}

impl NewFile for HookedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let Self { file, layer, path } = self;
        layer.around(Operation::Write, path, || {
            file.write(first)?;
            (layer.hook)(Moment::Midway, Operation::Write, path)?;
            file.write(second)
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        let Self { file, layer, path } = self;
        layer.around(Operation::Sync, path, || file.sync())
    }
}

#[derive(Debug)]
struct HookedLock {
    lock: Box<dyn LockFile>,
    layer: Hooked,
    path: PathBuf,
}

impl LockFile for HookedLock {
    fn try_lock(&mut self) -> io::Result<bool> {
        let Self { lock, layer, path } = self;
        layer.around(Operation::TryLock, path, || lock.try_lock())
    }

    fn unlock(&mut self) {
        // Letting go cannot fail; the hook may still count it or end the process.
        let _ = (self.layer.hook)(Moment::Before, Operation::Unlock, &self.path);
        self.lock.unlock();
        let _ = (self.layer.hook)(Moment::After, Operation::Unlock, &self.path);
    }
}
