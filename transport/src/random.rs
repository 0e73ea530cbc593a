//! Randomness: the operating system's.

use secret_store_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

/// Random bytes, wiped on drop.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    fill(&mut *bytes)?;
    Ok(bytes)
}

/// Fills a buffer where it stands: what is moved leaves copies.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the operating system gave no random bytes").with_source(error)
    })
}
