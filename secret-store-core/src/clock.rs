//! Time as a dependency, so that nothing waits in a test.

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;

/// The time of day, a monotonic time, and waiting.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time of day, for creation times. May jump.
    fn now(&self) -> SystemTime;

    /// Time since an arbitrary fixed moment, for expiry. Never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits at least this long.
    async fn sleep(&self, duration: Duration);
}

/// The operating system's clock; it sleeps on any async runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// A moment by both clocks: the monotonic one does not go on while a machine is suspended, the other may be set back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    monotonic: Duration,
    time_of_day: SystemTime,
}

impl Moment {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self { monotonic: clock.monotonic(), time_of_day: clock.now() }
    }

    /// The time since then, by whichever clock says more.
    pub(crate) fn age(&self, clock: &dyn Clock) -> Duration {
        let by_day = clock.now().duration_since(self.time_of_day).unwrap_or_default();
        clock.monotonic().saturating_sub(self.monotonic).max(by_day)
    }

    /// Whether it is no earlier than another one.
    pub(crate) fn is_since(&self, other: &Self) -> bool {
        self.monotonic >= other.monotonic
    }
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        START.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        async_io::Timer::after(duration).await;
    }
}
