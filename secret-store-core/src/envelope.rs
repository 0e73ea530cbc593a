//! How a value is sealed and what a record of it looks like.

use std::fmt;

/// The format a secret is stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The original Secret Store's: AES-CBC without authentication. Read only where configured.
    Zero,
    /// Authenticated, bound to its place, committed to its key.
    One,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zero => "0",
            Self::One => "1",
        })
    }
}
