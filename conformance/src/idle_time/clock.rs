//! A clock that moves when told.

use std::future::poll_fn;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use secret_store_core::Clock;

use crate::fault::lock;

const STEP: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct IdleClock {
    micros: AtomicU64,
    sleepers: Mutex<Vec<Waker>>,
}

impl IdleClock {
    pub(super) fn advance(&self) {
        self.micros.fetch_add(u64::try_from(STEP.as_micros()).expect("a second"), Ordering::SeqCst);
        let sleepers = std::mem::take(&mut *lock(&self.sleepers));
        sleepers.into_iter().for_each(Waker::wake);
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
