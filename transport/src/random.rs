//! Randomness: the operating system's.

use secret_store_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

/// Random bytes, wiped on drop.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the operating system gave no random bytes").with_source(error)
    })?;
    Ok(bytes)
}
