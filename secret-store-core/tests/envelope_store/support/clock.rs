//! A clock that moves when told, or when somebody pauses.

use std::future::poll_fn;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use secret_store_core::Clock;

/// A pause between attempts passes at once. What is longer waits to be told.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(crate) struct ManualClock {
    micros: AtomicU64,
    sleepers: Mutex<Vec<Waker>>,
}

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.micros.fetch_add(u64::try_from(by.as_micros()).expect("a short time"), Ordering::SeqCst);
        let sleepers = std::mem::take(&mut *self.sleepers.lock().expect("no panic under this lock"));
        sleepers.into_iter().for_each(Waker::wake);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_000_000) + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        if duration <= LONGEST_PAUSE {
            self.advance(duration);
            // The thread yields, so that those one waits for get on.
            return std::thread::yield_now();
        }
        let until = self.monotonic() + duration;
        poll_fn(|context| {
            // First the waker, then the look at the time: an advance between the two wakes.
            self.sleepers.lock().expect("no panic under this lock").push(context.waker().clone());
            if self.monotonic() >= until { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
