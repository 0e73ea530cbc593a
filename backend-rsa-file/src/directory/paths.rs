//! Where everything stands in the data directory.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use secret_store_core::{Error, RecordKey, Result};

use super::name;

/// The longest path that the system takes, in bytes, without the closing NUL.
const MAX_PATH_BYTES: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 4095 } else { 1023 };

/// The places in a data directory.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    pub(crate) root: PathBuf,
    /// Says which layout the directory has.
    pub(crate) marker: PathBuf,
    /// Held by the one writer.
    pub(crate) lock: PathBuf,
    /// Changes whenever records are added or removed.
    pub(crate) generation: PathBuf,
    /// The folders of the partitions.
    pub(crate) records: PathBuf,
    /// The folder of the journal, so that syncing it touches nothing else.
    pub(crate) journal_folder: PathBuf,
    /// The journal of the commit under way.
    pub(crate) journal: PathBuf,
    /// Files being written; whatever is here when nobody writes is left over.
    pub(crate) temporary: PathBuf,
}

/// Where a record stands.
#[derive(Debug)]
pub(crate) struct Location {
    /// The folders below that of all records, outermost first; never empty.
    pub(crate) folders: Vec<PathBuf>,
    /// The file, in the last of them.
    pub(crate) file: PathBuf,
}

impl Location {
    /// The folder that holds the file.
    pub(crate) fn folder(&self) -> &Path {
        self.folders.last().expect("a partition has at least one folder")
    }
}

impl Paths {
    pub(crate) fn new(root: &Path) -> Self {
        let journal_folder = root.join("journal");
        Self {
            root: root.to_owned(),
            marker: root.join("layout.json"),
            lock: root.join("lock"),
            generation: root.join("generation"),
            records: root.join("records"),
            journal: journal_folder.join("commit.json"),
            journal_folder,
            temporary: root.join("temporary"),
        }
    }

    /// Whether a name in the root is one that an initialisation cut short may have left.
    pub(crate) fn is_own_beginning(&self, name: &OsStr) -> bool {
        [&self.lock, &self.generation, &self.records, &self.journal_folder, &self.temporary]
            .iter()
            .any(|path| path.file_name() == Some(name))
    }

    /// The folders of a partition, outermost first; [`TooLarge`](secret_store_core::ErrorKind::TooLarge) where the
    /// system has no path for them.
    pub(crate) fn partition(&self, partition: &str) -> Result<Vec<PathBuf>> {
        let mut folder = self.records.clone();
        let deeper = |component| {
            folder.push(component);
            folder.clone()
        };
        let folders: Vec<_> = name::partition_folders(partition).into_iter().map(deeper).collect();
        check_length(&folders[folders.len() - 1])?;
        Ok(folders)
    }

    /// Where a record stands; [`TooLarge`](secret_store_core::ErrorKind::TooLarge) where the system has no path for it.
    pub(crate) fn locate(&self, key: &RecordKey) -> Result<Location> {
        let mut folders = self.partition(key.partition())?;
        let mut components = name::record_components(&name::escape(key.sort()));
        let file = components.pop().expect("a sort key has at least one component");
        for component in components {
            folders.push(folders[folders.len() - 1].join(component));
        }
        let file = folders[folders.len() - 1].join(file);
        check_length(&file)?;
        Ok(Location { folders, file })
    }
}

fn check_length(path: &Path) -> Result<()> {
    let length = path.as_os_str().len();
    if length > MAX_PATH_BYTES {
        return Err(Error::too_large("path of the record", MAX_PATH_BYTES as u64, length as u64));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secret_store_core::{ErrorKind, MAX_ID_BYTES, MAX_NAME_BYTES};

    #[test]
    fn every_valid_name_has_a_path() {
        let paths = Paths::new(Path::new("/var/lib/service/secrets"));
        let (partition, sort) = ("é".repeat(MAX_ID_BYTES / 2), "é".repeat(MAX_NAME_BYTES / 2));
        let key = RecordKey::new(format!("~h~{partition}"), format!("{sort}\u{1f}{:020}", u64::MAX));
        let location = paths.locate(&key).expect("fits");
        assert!(location.file.starts_with(location.folder()) && location.folder().starts_with(&paths.records));
        assert!(location.file.components().all(|component| component.as_os_str().len() <= 143));
    }

    #[test]
    fn a_key_without_a_path_is_refused() {
        let paths = Paths::new(Path::new("/"));
        for key in [RecordKey::new("p", "x".repeat(5000)), RecordKey::new("x".repeat(5000), "s")] {
            let kind = paths.locate(&key).expect_err("too long").kind();
            assert!(matches!(kind, ErrorKind::TooLarge { limit, actual } if actual > limit));
        }
    }
}
