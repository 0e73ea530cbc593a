//! What the operating system says, as errors of the library.

use std::io;

use secret_store_core::{Error, ErrorKind};

/// Of a read, or of a write that failed before its commit point: nothing was changed.
pub(crate) fn definite(error: io::Error) -> Error {
    let kind = kind_of(&error);
    let message = match (kind, error.kind()) {
        (ErrorKind::Integrity, _) => return Error::integrity(),
        (ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem) => {
            "the file system is read-only: nothing was written, mount it writable"
        }
        (ErrorKind::PermissionDenied, _) => "the data directory cannot be used: give this user access to it",
        (ErrorKind::Throttled, _) if is_out_of_handles(&error) => {
            "too many open files: nothing was written, raise the limit or try again"
        }
        (ErrorKind::Throttled, _) => "the disk is full: nothing was written, free some space and try again",
        _ => "the data directory cannot be read or written: see the cause",
    };
    Error::new(kind, message).with_source(error)
}

/// The kind of what the operating system says.
pub(crate) fn kind_of(error: &io::Error) -> ErrorKind {
    match error.kind() {
        // A link, a pipe or an absurd size in the place of a record: not what was written there.
        io::ErrorKind::InvalidData | io::ErrorKind::FileTooLarge => ErrorKind::Integrity,
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => ErrorKind::Integrity,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Throttled,
        _ if is_out_of_handles(error) => ErrorKind::Throttled,
        _ => ErrorKind::Unavailable,
    }
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
