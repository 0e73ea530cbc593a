//! The layout version of a data directory, and how an empty directory becomes one.

use std::io;
use std::path::Path;

use secret_store_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::failure::definite;
use super::file_system::{EntryKind, FileSystem};
use super::paths::Paths;
use super::record_file::{from_json, to_json};

/// The layout this release writes, and the only one there has been.
const LAYOUT: u32 = 1;
const MAX_MARKER_BYTES: usize = 4096;
/// An even generation: nothing is being applied. Fixed width, so that it is overwritten in place.
pub(crate) const FIRST_GENERATION: &[u8] = b"00000000000000000000\n";

/// `layout.json`. Other fields may come with other layouts, so the number is read before the rest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    layout: u32,
}

#[derive(Deserialize)]
struct AnyMarker {
    layout: u32,
}

/// Whether the directory has the layout this release knows; `false` where it has none.
pub(crate) fn is_marked(fs: &dyn FileSystem, paths: &Paths) -> Result<bool> {
    let Some(bytes) = fs.read(&paths.marker, MAX_MARKER_BYTES).map_err(definite)? else { return Ok(false) };
    let AnyMarker { layout } = serde_json::from_slice(&bytes).map_err(|_| Error::integrity())?;
    if layout != LAYOUT {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "the data directory has layout {layout}, this release reads layout {LAYOUT}: use the release that wrote it, or a newer one"
            ),
        ));
    }
    from_json::<Marker>(&bytes).map(|_| true)
}

/// Creates the data directory and the folders above it where they are missing, each made durable in its parent.
pub(crate) fn create_root(fs: &dyn FileSystem, root: &Path) -> Result<()> {
    let mut missing = Vec::new();
    for folder in root.ancestors() {
        match fs.kind(folder).map_err(definite)? {
            None => missing.push(folder),
            Some(_) => break,
        }
    }
    for folder in missing.into_iter().rev() {
        match fs.create_folder(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(definite(error)),
            _ => {}
        }
        if let Some(parent) = folder.parent() {
            sync_parent(fs, parent)?;
        }
    }
    Ok(())
}

/// Makes the entries of a folder that may belong to others durable; who may not read it is spared.
pub(crate) fn sync_parent(fs: &dyn FileSystem, folder: &Path) -> Result<()> {
    match fs.sync_folder(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            Ok(())
        }
        synced => synced.map_err(definite),
    }
}

/// Refuses to make a store of a directory that holds anything else, or a store that has lost its marker.
pub(crate) fn check_unused(fs: &dyn FileSystem, paths: &Paths) -> Result<()> {
    let refuse = || {
        Error::invalid_input(
            "the directory is not empty and not a data directory (no layout.json): name an empty or a new directory, \
             or restore layout.json",
        )
    };
    let mut foreign = false;
    fs.names(&paths.root, &mut |name| foreign |= !paths.is_own_beginning(name)).map_err(definite)?;
    for folder in [&paths.records, &paths.journal_folder] {
        fs.names(folder, &mut |_| foreign = true).map_err(definite)?;
    }
    if foreign { Err(refuse()) } else { Ok(()) }
}

/// Makes an unused directory a store. Under the write lock; may be cut short anywhere and begun again.
pub(crate) fn initialise(fs: &dyn FileSystem, paths: &Paths) -> Result<()> {
    for folder in [&paths.records, &paths.journal_folder, &paths.temporary] {
        create_folder(fs, folder).map_err(definite)?;
    }
    publish(fs, paths, &paths.generation, FIRST_GENERATION).map_err(definite)?;
    // The marker is last: whoever sees it, also after a crash, finds all the rest.
    fs.sync_folder(&paths.root).map_err(definite)?;
    publish(fs, paths, &paths.marker, &to_json(&Marker { layout: LAYOUT })).map_err(definite)?;
    fs.sync_folder(&paths.root).map_err(definite)
}

/// Creates a folder, or takes the one that is there.
pub(crate) fn create_folder(fs: &dyn FileSystem, path: &Path) -> io::Result<()> {
    match fs.create_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match fs.kind(path)? {
            Some(EntryKind::Folder) => Ok(()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        },
        created => created,
    }
}

/// Writes a file beside its place and moves it there. Under the write lock; durable after the folder is synced.
pub(crate) fn publish(fs: &dyn FileSystem, paths: &Paths, to: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = paths.temporary.join("publish");
    write_new(fs, &temporary, bytes)?;
    fs.rename(&temporary, to)
}

/// Writes a temporary file, its content durable. Under the write lock, so that one in its place is left over.
pub(crate) fn write_new(fs: &dyn FileSystem, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = match fs.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs.remove(path)?;
            fs.create(path)?
        }
        created => created?,
    };
    file.write(bytes)?;
    file.sync()
}
