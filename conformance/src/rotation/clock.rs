//! Time that passes only while everybody waits for it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use secret_store_core::Clock;

use super::watched::UnderWay;
use crate::fault::lock;

const STEP: Duration = Duration::from_secs(1);
/// Longer than any rotation takes; a case that has no end is to be told.
const MOST_STEPS: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct IdleClock {
    micros: AtomicU64,
    sleepers: Mutex<Vec<Waker>>,
}

impl IdleClock {
    fn advance(&self) {
        self.micros.fetch_add(u64::try_from(STEP.as_micros()).expect("a second"), Ordering::SeqCst);
        let sleepers = std::mem::take(&mut *lock(&self.sleepers));
        sleepers.into_iter().for_each(Waker::wake);
    }

    /// Runs work to its end. A second passes whenever nothing is under way at the backend and the work waits all the same.
    ///
    /// # Panics
    ///
    /// When the work has no end.
    pub(super) async fn drive<T>(&self, under_way: &UnderWay, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut steps = 0;
        poll_fn(|context| {
            loop {
                if let Poll::Ready(answer) = work.as_mut().poll(context) {
                    return Poll::Ready(answer);
                }
                if under_way.is_any() {
                    return Poll::Pending;
                }
                steps += 1;
                assert!(steps < MOST_STEPS, "it has no end");
                self.advance();
            }
        })
        .await
    }
}

#[async_trait]
impl Clock for IdleClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_000_000) + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.monotonic() + duration;
        poll_fn(|context| {
            // First the waker, then the look at the time: an advance between the two wakes.
            lock(&self.sleepers).push(context.waker().clone());
            if self.monotonic() >= until { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
