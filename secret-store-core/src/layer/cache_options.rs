//! How a cache of secrets is configured.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::Lifetimes;
use crate::clock::{Clock, SystemClock};

/// How many secrets a [`SecretCache`](crate::SecretCache) keeps in clear, and how long.
///
/// Every time counts from the moment at which the backend was asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CacheOptions {
    /// The largest number of entries, remembered absences included; 1,000 by default. Zero is off.
    pub capacity: usize,
    /// The life of a value; 60 seconds by default, less up to a tenth by name, so that what was read together does not expire
    /// together. Zero is off.
    pub ttl: Duration,
    /// So long before the end of its life, the first read asks the backend again while the others are served; 12 seconds by
    /// default, at most half of `ttl`. Zero is off.
    pub refresh_ahead: Duration,
    /// How long it is remembered that a secret does not exist; 5 seconds by default, at most `ttl`. Zero is off.
    pub negative_ttl: Duration,
    /// So long after the end of its life a value is served while the backend answers
    /// [`Unavailable`](crate::ErrorKind::Unavailable) or [`Throttled`](crate::ErrorKind::Throttled), and never after any other
    /// error; 5 minutes by default. Zero is off. Values stay in memory that much longer.
    pub stale: Duration,
    clock: Arc<dyn Clock>,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            capacity: 1000,
            ttl: Duration::from_secs(60),
            refresh_ahead: Duration::from_secs(12),
            negative_ttl: Duration::from_secs(5),
            stale: Duration::from_secs(5 * 60),
            clock: Arc::new(SystemClock),
        }
    }
}

impl CacheOptions {
    /// Keeps so many entries.
    #[must_use]
    pub fn with_capacity(mut self, entries: usize) -> Self {
        self.capacity = entries;
        self
    }

    /// Uses a value so long.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Asks so long before the end.
    #[must_use]
    pub fn with_refresh_ahead(mut self, before_expiry: Duration) -> Self {
        self.refresh_ahead = before_expiry;
        self
    }

    /// Remembers absences so long.
    #[must_use]
    pub fn with_negative_ttl(mut self, ttl: Duration) -> Self {
        self.negative_ttl = ttl;
        self
    }

    /// Serves values so much longer while the backend is unavailable.
    #[must_use]
    pub fn with_stale(mut self, beyond_ttl: Duration) -> Self {
        self.stale = beyond_ttl;
        self
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(super) fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            value: self.ttl,
            error: self.negative_ttl,
            ahead: self.refresh_ahead.min(self.ttl / 2),
            stale: self.stale,
        }
    }
}
