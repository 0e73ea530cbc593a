//! What the operating system says, as errors of the library.

use std::io;

use secret_store_core::{Error, ErrorKind};

/// Of a read, or of a write that failed before its commit point: nothing was changed.
pub(crate) fn definite(error: io::Error) -> Error {
    let (kind, message) = match error.kind() {
        // A link, a pipe or an absurd size in the place of a record: not what was written there.
        io::ErrorKind::InvalidData | io::ErrorKind::FileTooLarge => return Error::integrity(),
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => return Error::integrity(),
        io::ErrorKind::PermissionDenied => {
            (ErrorKind::PermissionDenied, "the data directory cannot be used: give this user access to it")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            (ErrorKind::PermissionDenied, "the file system is read-only: nothing was written, mount it writable")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ErrorKind::Throttled, "the disk is full: nothing was written, free some space and try again")
        }
        _ if is_out_of_handles(&error) => {
            (ErrorKind::Throttled, "too many open files: nothing was written, raise the limit or try again")
        }
        _ => (ErrorKind::Unavailable, "the data directory cannot be read or written: see the cause"),
    };
    Error::new(kind, message).with_source(error)
}

/// Of a write that failed after its commit point: it is finished by the next use of the store.
pub(crate) fn may_have_landed(error: io::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the write was begun and may have landed: reload; the next use of the directory finishes it",
    )
    .with_source(error)
}

#[cfg(unix)]
fn is_out_of_handles(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

#[cfg(not(unix))]
fn is_out_of_handles(_error: &io::Error) -> bool {
    false
}
