//! Values come from files and standard input, and go to files: never through arguments, which every user of a machine can see.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use secret_store_core::SecretValue;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::Failure;

/// Reads the bytes of a file, or of standard input, as they are: at most `limit` of them.
///
/// # Errors
///
/// When there are more, or they cannot be read.
pub fn read_secret(path: Option<&Path>, limit: usize) -> Result<SecretValue, Failure> {
    let source: Box<dyn Read> = match path {
        Some(path) => Box::new(File::open(path).map_err(|error| format!("{}: {error}", path.display()))?),
        None => Box::new(std::io::stdin().lock()),
    };
    // Sized once, so that growing leaves no copy behind.
    let mut bytes = Zeroizing::new(vec![0; limit + 1]);
    let mut length = 0;
    let mut source = source.take(limit as u64 + 1);
    loop {
        match source.read(&mut bytes[length..])? {
            0 => break,
            read => length += read,
        }
    }
    if length > limit {
        return Err(format!("the value is longer than {limit} bytes").into());
    }
    Ok(SecretValue::from(&bytes[..length]))
}

/// Writes a new file that its owner alone may read, whole or not at all. What is there stays.
///
/// # Errors
///
/// When there is such a file, or it cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Mode 0600 on Unix.
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| format!("{}: {}", path.display(), error.error))?;
    Ok(())
}
