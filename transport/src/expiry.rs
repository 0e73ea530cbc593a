//! Until when something is valid, on the wire and in the store.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secret_store_core::{Clock, Error, ErrorKind, Result};

/// A moment after which a message, a nonce or a key is refused: whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Whoever checks it allows for clocks that differ by [`Expiry::SKEW`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expiry(u64);

impl Expiry {
    /// By how much the clocks of those who talk to each other, and of servers on one store, may differ: 30 seconds.
    pub const SKEW: Duration = Duration::from_secs(30);

    /// So long after now.
    #[must_use]
    pub fn after(clock: &dyn Clock, lifetime: Duration) -> Self {
        Self(now(clock).saturating_add(millis(lifetime)))
    }

    /// The moment so many milliseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// The milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whether it has passed by more than [`Expiry::SKEW`].
    ///
    /// # Errors
    ///
    /// [`Expired`](ErrorKind::Expired).
    pub fn check(self, clock: &dyn Clock) -> Result<()> {
        if self.is_older_than(clock, Self::SKEW) {
            return Err(Error::new(ErrorKind::Expired, "it has expired: ask or seal again, and compare the clocks"));
        }
        Ok(())
    }

    /// Whether it has passed, and lies no further ahead than `longest` (and [`Expiry::SKEW`]): what must be remembered until
    /// then stays bounded.
    ///
    /// # Errors
    ///
    /// [`Expired`](ErrorKind::Expired), [`InvalidInput`](ErrorKind::InvalidInput) for one too far ahead.
    pub fn check_within(self, clock: &dyn Clock, longest: Duration) -> Result<()> {
        self.check(clock)?;
        if self.0 > now(clock).saturating_add(millis(longest)).saturating_add(millis(Self::SKEW)) {
            return Err(Error::invalid_input(
                "it expires too far ahead: use a shorter lifetime, and compare the clocks",
            ));
        }
        Ok(())
    }

    /// Whether it passed longer ago than this.
    pub(crate) fn is_older_than(self, clock: &dyn Clock, age: Duration) -> bool {
        now(clock) > self.0.saturating_add(millis(age))
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now(clock: &dyn Clock) -> u64 {
    millis(clock.now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<SystemTime> for Expiry {
    fn from(time: SystemTime) -> Self {
        Self(millis(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}
