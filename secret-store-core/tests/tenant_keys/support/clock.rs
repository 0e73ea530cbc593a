//! A clock that moves when told, or when somebody sleeps.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use secret_store_core::Clock;

const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The monotonic time, and how long the machine was suspended, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct ManualClock(AtomicU64, AtomicU64);

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_micros()).expect("a short time"), Ordering::SeqCst);
    }

    /// The time of day goes on and the monotonic clock stands.
    pub(crate) fn suspend(&self, by: Duration) {
        self.1.fetch_add(u64::try_from(by.as_micros()).expect("a short time"), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        let suspended = Duration::from_micros(self.1.load(Ordering::SeqCst));
        UNIX_EPOCH + Duration::from_secs(1_700_000_000) + self.monotonic() + suspended
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst))
    }

    /// A pause between attempts passes at once; the thread yields, so that those one waits for get on. What is longer is the time
    /// that a commit has: it waits to be told.
    async fn sleep(&self, duration: Duration) {
        if duration <= LONGEST_PAUSE {
            self.advance(duration);
            return std::thread::yield_now();
        }
        let until = self.monotonic() + duration;
        poll_fn(|_| if self.monotonic() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}
