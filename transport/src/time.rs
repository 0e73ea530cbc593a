//! Times on the wire: milliseconds since 1970-01-01T00:00:00Z.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secret_store_core::{Error, Result};

/// A time as messages carry it.
///
/// # Errors
///
/// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) before 1970 and after the year 500,000,000.
pub(crate) fn to_millis(time: SystemTime) -> Result<u64> {
    let since = time.duration_since(UNIX_EPOCH).ok().and_then(|since| u64::try_from(since.as_millis()).ok());
    since.ok_or_else(|| Error::invalid_input("the time lies before 1970 or too far ahead: check the clock"))
}

/// The time that a message carries; `None` for one that this platform cannot tell.
pub(crate) fn from_millis(millis: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}
