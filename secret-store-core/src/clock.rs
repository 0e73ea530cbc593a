//! Time as a dependency, so that nothing waits in a test.

use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

/// The time of day, a monotonic time, and waiting.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time of day, for creation times. May jump.
    fn now(&self) -> SystemTime;

    /// Time since an arbitrary fixed moment, for expiry. Never goes back.
    fn monotonic(&self) -> Duration;

    /// The time of day of the operating system's last timer tick, 1 to 10 ms ago at most (longer only where a virtual machine
    /// misses ticks), where that is cheaper to ask for. Provided: [`now`](Self::now).
    fn coarse_now(&self) -> SystemTime {
        self.now()
    }

    /// As [`monotonic`](Self::monotonic) was at that tick: what a read from a cache looks at until shortly before an entry's end. Provided:
    /// [`monotonic`](Self::monotonic).
    fn coarse_monotonic(&self) -> Duration {
        self.monotonic()
    }

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

    /// As [`age`](Self::age), less up to a timer tick.
    pub(crate) fn coarse_age(&self, clock: &dyn Clock) -> Duration {
        let by_day = clock.coarse_now().duration_since(self.time_of_day).unwrap_or_default();
        clock.coarse_monotonic().saturating_sub(self.monotonic).max(by_day)
    }

    /// Whether it is no earlier than another one.
    pub(crate) fn is_since(&self, other: &Self) -> bool {
        self.monotonic >= other.monotonic
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        system::monotonic()
    }

    #[cfg(target_os = "linux")]
    fn coarse_now(&self) -> SystemTime {
        system::coarse_now()
    }

    #[cfg(target_os = "linux")]
    fn coarse_monotonic(&self) -> Duration {
        system::coarse_monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        async_io::Timer::after(duration).await;
    }
}

/// Linux keeps the times of the last tick in memory, which costs a fifth of reading the processor's counter.
#[cfg(target_os = "linux")]
mod system {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use rustix::time::{ClockId, clock_gettime};

    /// Both monotonic times count from one moment, so that they can be compared.
    pub(super) fn monotonic() -> Duration {
        since_epoch(ClockId::Monotonic)
    }

    pub(super) fn coarse_monotonic() -> Duration {
        since_epoch(ClockId::MonotonicCoarse)
    }

    pub(super) fn coarse_now() -> SystemTime {
        UNIX_EPOCH + since_epoch(ClockId::RealtimeCoarse)
    }

    /// Zero for a time of day before 1970.
    fn since_epoch(clock: ClockId) -> Duration {
        clock_gettime(clock).try_into().unwrap_or_default()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub(super) fn monotonic() -> Duration {
        START.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_times_are_those_of_the_last_tick() {
        // Far longer than a tick: a virtual machine may miss some.
        let tick = Duration::from_secs(5);
        for _ in 0..1_000 {
            let (before, day_before) = (SystemClock.monotonic(), SystemClock.now());
            let (coarse, coarse_day) = (SystemClock.coarse_monotonic(), SystemClock.coarse_now());
            let (after, day_after) = (SystemClock.monotonic(), SystemClock.now());
            assert!(before.saturating_sub(tick) <= coarse && coarse <= after, "{before:?} {coarse:?} {after:?}");
            assert!(day_before - tick <= coarse_day && coarse_day <= day_after, "{day_before:?} {coarse_day:?}");
        }
    }

    #[test]
    fn a_coarse_age_is_that_of_the_clock_that_says_more() {
        #[derive(Debug)]
        struct Coarse(u64, u64);
        #[async_trait]
        impl Clock for Coarse {
            fn now(&self) -> SystemTime {
                SystemTime::UNIX_EPOCH + Duration::from_secs(self.0)
            }
            fn monotonic(&self) -> Duration {
                Duration::from_secs(self.1)
            }
            async fn sleep(&self, _: Duration) {}
        }
        let then = Moment::now(&Coarse(100, 100));
        for (day, monotonic, age) in [(110, 103, 10), (90, 103, 3), (90, 90, 0), (101, 107, 7)] {
            let clock = Coarse(day, monotonic);
            assert_eq!(then.coarse_age(&clock), Duration::from_secs(age));
            assert_eq!(then.age(&clock), Duration::from_secs(age));
        }
    }
}
