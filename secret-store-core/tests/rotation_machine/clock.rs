//! A clock that only the scheduler moves.

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use secret_store_core::Clock;

/// A pause between attempts takes no time here: it lets others go first. How long it is is not the seed's to say.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct SimulatedClock {
    now: Mutex<Duration>,
    sleepers: Mutex<Vec<(Duration, Waker)>>,
    /// All moments are multiples of it.
    tick: Duration,
}

impl SimulatedClock {
    pub(crate) fn new(tick: Duration) -> Self {
        Self { now: Mutex::default(), sleepers: Mutex::default(), tick }
    }

    /// The first tick at or after a moment.
    fn tick_after(&self, moment: Duration) -> Duration {
        let ticks = moment.as_millis().div_ceil(self.tick.as_millis());
        self.tick * u32::try_from(ticks).expect("a trace is short")
    }

    /// When somebody wants to be woken next.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.sleepers.lock().expect("no panic under this lock").iter().map(|(until, _)| *until).min()
    }

    /// The tick at or after so much time from now.
    pub(crate) fn after(&self, time: Duration) -> Duration {
        self.tick_after(self.monotonic() + time)
    }

    pub(crate) fn advance_to(&self, moment: Duration) {
        let now = {
            let mut now = self.now.lock().expect("no panic under this lock");
            *now = self.tick_after(moment.max(*now));
            *now
        };
        let mut sleepers = self.sleepers.lock().expect("no panic under this lock");
        sleepers.retain(|(until, waker)| {
            let is_due = *until <= now;
            if is_due {
                waker.wake_by_ref();
            }
            !is_due
        });
    }
}

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_000_000) + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        *self.now.lock().expect("no panic under this lock")
    }

    async fn sleep(&self, duration: Duration) {
        if duration <= LONGEST_PAUSE {
            return yields(1).await;
        }
        let until = self.after(duration);
        poll_fn(|context| {
            if self.monotonic() >= until {
                return Poll::Ready(());
            }
            self.sleepers.lock().expect("no panic under this lock").push((until, context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// Lets others go first so often.
pub(crate) fn yields(times: usize) -> impl Future<Output = ()> {
    let mut left = times;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}
