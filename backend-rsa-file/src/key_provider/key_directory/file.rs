//! Reading key files with their rights.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use secret_store_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use crate::key_provider::pem::{MAX_FILE_BYTES, too_large};

/// Who may know a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// The owner alone.
    Private,
    /// Everybody; but only the owner may change it.
    Public,
}

/// Reads a key file; `None` where there is none. Its rights are those of the opened file, so that nothing exchanged between
/// check and use goes unnoticed.
pub(super) fn read(path: &Path, secrecy: Secrecy) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let mut file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable("key file", path, error)),
    };
    let metadata = file.metadata().map_err(|error| unreadable("key file", path, error))?;
    if !metadata.is_file() {
        return Err(Error::invalid_input(format!("key file {path:?} is no regular file: put a PEM file there")));
    }
    check_file_rights(path, &metadata, secrecy)?;
    check_where_it_lies(path)?;
    read_bounded(&mut file, path).map(Some)
}

/// Behind a symbolic link the file lies in another directory than the one already checked.
fn check_where_it_lies(path: &Path) -> Result<()> {
    let real = fs::canonicalize(path).map_err(|error| unreadable("key file", path, error))?;
    real.parent().map_or(Ok(()), check_directory)
}

/// The buffer has its final size from the start: one that grew would leave key bytes behind.
fn read_bounded(file: &mut File, path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let mut buffer = Zeroizing::new(vec![0; MAX_FILE_BYTES + 1]);
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable("key file", path, error)),
        }
    }
    if filled > MAX_FILE_BYTES {
        return Err(too_large(&super::origin(path), filled as u64));
    }
    buffer.truncate(filled);
    Ok(buffer)
}

/// Opens without waiting: a named pipe in place of a key must not hang the program.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.open(path)
}

/// Refuses a directory that is missing, that its owner may not enter or that others may write to.
pub(super) fn check_directory(path: &Path) -> Result<()> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::new(
                ErrorKind::KeyUnavailable,
                format!("key directory {path:?} does not exist: generate a key there, or correct the path"),
            ));
        }
        Err(error) => return Err(unreadable("key directory", path, error)),
    };
    if !metadata.is_dir() {
        return Err(Error::invalid_input(format!("key directory {path:?} is no directory: correct the path")));
    }
    check_directory_rights(path, &metadata)
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777
}

#[cfg(unix)]
fn check_file_rights(path: &Path, metadata: &Metadata, secrecy: Secrecy) -> Result<()> {
    let mode = mode(metadata);
    let message = match secrecy {
        Secrecy::Private if mode & 0o077 != 0 => {
            format!("private key file {path:?} is open to others (mode {mode:03o}): run `chmod 600 {path:?}`")
        }
        Secrecy::Public if mode & 0o022 != 0 => {
            format!("public key file {path:?} can be changed by others (mode {mode:03o}): run `chmod 644 {path:?}`")
        }
        Secrecy::Private | Secrecy::Public => return Ok(()),
    };
    Err(Error::new(ErrorKind::PermissionDenied, message))
}

/// By the bits alone, so that it says the same to root.
#[cfg(unix)]
fn check_directory_rights(path: &Path, metadata: &Metadata) -> Result<()> {
    let mode = mode(metadata);
    let clause = if mode & 0o022 != 0 {
        "can be changed by others"
    } else if mode & 0o100 == 0 {
        "cannot be entered by its owner"
    } else {
        return Ok(());
    };
    let message = format!("key directory {path:?} {clause} (mode {mode:03o}): run `chmod 700 {path:?}`");
    Err(Error::new(ErrorKind::PermissionDenied, message))
}

#[cfg(not(unix))]
fn check_file_rights(_: &Path, _: &Metadata, _: Secrecy) -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn check_directory_rights(_: &Path, _: &Metadata) -> Result<()> {
    Ok(())
}

/// One mapping for everything the file system says.
pub(super) fn unreadable(what: &str, path: &Path, error: io::Error) -> Error {
    let failed = match error.kind() {
        io::ErrorKind::PermissionDenied => Error::new(
            ErrorKind::PermissionDenied,
            format!("{what} {path:?} may not be accessed by this process: run as its owner"),
        ),
        io::ErrorKind::AlreadyExists => Error::new(
            ErrorKind::AlreadyExists,
            format!(
                "{what} {path:?} exists already: choose another id, or remove the key if nothing is wrapped under it"
            ),
        ),
        io::ErrorKind::NotADirectory => {
            Error::invalid_input(format!("{what} {path:?} lies below something that is no directory: correct the path"))
        }
        _ => Error::new(ErrorKind::Unavailable, format!("{what} {path:?} cannot be accessed: see the cause")),
    };
    failed.with_source(error)
}

/// Whether the file is there and the operating system keeps this process from it: a role without the private key.
pub(super) fn is_unreadable(error: &Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied && std::error::Error::source(error).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_of_the_file_system_tells_what_to_do() {
        let cases = [
            (io::ErrorKind::PermissionDenied, ErrorKind::PermissionDenied, "run as its owner"),
            (io::ErrorKind::AlreadyExists, ErrorKind::AlreadyExists, "choose another id"),
            (io::ErrorKind::NotADirectory, ErrorKind::InvalidInput, "correct the path"),
            (io::ErrorKind::StorageFull, ErrorKind::Unavailable, "see the cause"),
        ];
        for (from, kind, fix) in cases {
            let error = unreadable("key file", Path::new("/keys/a\u{1b}.pem"), from.into());
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains(fix), "{error}");
            assert!(error.to_string().contains("\\u{1b}"), "{error}");
            assert_eq!(is_unreadable(&error), from == io::ErrorKind::PermissionDenied);
        }
    }
}
