//! How often a watch looks.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::error::Result;
use crate::key::random_bytes;
use crate::persistence::Consistency;

/// Secrets in one page of a look at an application.
pub(super) const PAGE: NonZeroUsize = NonZeroUsize::new(1000).expect("not zero");
/// Doublings of the interval while looks fail.
const MOST_DOUBLINGS: u32 = 3;
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
/// As good as for ever, and far from where times overflow.
const LONGEST_INTERVAL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// How a [`Watch`](crate::Watch) looks for changes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WatchOptions {
    /// The time between two looks, each a random tenth less or more; 30 seconds by default, at least 10 milliseconds.
    pub interval: Duration,
    /// How fresh a look is; strong by default. An eventual look through a [`CachedStore`](crate::CachedStore) is answered
    /// by the cache and sees a change of one secret only when its entry is over.
    pub consistency: Consistency,
    clock: Arc<dyn Clock>,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { interval: Duration::from_secs(30), consistency: Consistency::Strong, clock: Arc::new(SystemClock) }
    }
}

impl WatchOptions {
    /// Looks so often.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Looks this fresh.
    #[must_use]
    pub fn with_consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = consistency;
        self
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The time until the next look, after so many failed ones.
    pub(super) fn wait_after(&self, failures: u32) -> Result<Duration> {
        let interval =
            self.interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL).saturating_mul(1 << failures.min(MOST_DOUBLINGS));
        let mut random = [0];
        random_bytes(&mut random)?;
        Ok(interval * 9 / 10 + interval / 5 * u32::from(random[0]) / 255)
    }
}
