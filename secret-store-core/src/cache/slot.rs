//! One entry, and how long it may be used.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// As good as for ever, and far from where times overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// How soon a backend that was unavailable is asked again, at most.
const RETRY: Duration = Duration::from_secs(5);

/// What a backend answered, in a form that many can have.
pub(crate) type Answer<T> = Result<T, Arc<Error>>;

/// How long entries of one cache are used. All times count from the moment at which the backend was asked: an answer may have been
/// out of date by the time it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    /// A value; up to a tenth less, by key.
    pub(crate) value: Duration,
    /// An error that is remembered.
    pub(crate) error: Duration,
    /// So long before the end of its life a value is asked for again.
    pub(crate) ahead: Duration,
    /// So long after the end of its life a value is served while the backend is unavailable.
    pub(crate) stale: Duration,
}

/// What is to be done about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Serve it.
    Fresh,
    /// One asks, the others are served.
    Due,
    /// Ask, and wait for the answer.
    Over,
}

/// An answer and its times on the monotonic clock. It is never changed, only replaced.
#[derive(Clone)]
pub(super) struct Slot<T> {
    pub(super) answer: Answer<T>,
    /// Before this it is served without a question: what a hit looks at.
    pub(super) refresh_at: Duration,
    /// The end of its life.
    expires: Duration,
    /// The backend was unavailable when it was asked last.
    outage: bool,
}

impl Lifetimes {
    /// The same, without times that overflow when they are added up.
    pub(super) fn bounded(self) -> Self {
        let Self { value, error, ahead, stale } = self;
        Self {
            value: value.min(LONGEST),
            error: error.min(LONGEST),
            ahead: ahead.min(LONGEST / 2),
            stale: stale.min(LONGEST),
        }
    }

    /// `spread`, any number that differs from key to key, shortens a value's life by up to a tenth, so that what was read together
    /// does not expire together.
    fn of_value(&self, spread: u64) -> Duration {
        let byte = u32::from(spread.to_le_bytes()[0]);
        self.value - self.value / 10 * byte / 255
    }

    fn retry(&self) -> Duration {
        RETRY.min(self.value)
    }
}

impl<T: Clone> Slot<T> {
    /// An entry for what was asked for at `since`.
    pub(super) fn new(answer: Answer<T>, since: Duration, spread: u64, lifetimes: &Lifetimes) -> Self {
        let (expires, ahead) = match answer {
            Ok(_) => (since + lifetimes.of_value(spread), lifetimes.ahead),
            Err(_) => (since + lifetimes.error.min(lifetimes.value), Duration::ZERO),
        };
        let refresh_at = expires.saturating_sub(ahead).max(since);
        Self { answer, refresh_at, expires, outage: false }
    }

    /// The same, now that the backend was found to be unavailable: it is asked again after a while, and served until then.
    pub(super) fn through_outage(mut self, now: Duration, lifetimes: &Lifetimes) -> Self {
        self.outage = true;
        self.refresh_at = (now + lifetimes.retry()).min(self.keep_until(lifetimes));
        self
    }

    pub(super) fn freshness(&self, now: Duration, lifetimes: &Lifetimes) -> Freshness {
        let served_until = if self.outage { self.keep_until(lifetimes) } else { self.expires };
        match now {
            _ if now < self.refresh_at => Freshness::Fresh,
            _ if now < served_until => Freshness::Due,
            _ => Freshness::Over,
        }
    }

    /// Whether its life is over, so that serving it is serving something stale.
    pub(super) fn is_stale(&self, now: Duration) -> bool {
        now >= self.expires
    }

    /// From then on it is of no use to anybody.
    pub(super) fn keep_until(&self, lifetimes: &Lifetimes) -> Duration {
        self.expires + if self.answer.is_ok() { lifetimes.stale } else { Duration::ZERO }
    }
}

/// Whether the backend could not answer, so that what it said before is the best there is.
pub(crate) fn is_outage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unavailable | ErrorKind::Throttled)
}
