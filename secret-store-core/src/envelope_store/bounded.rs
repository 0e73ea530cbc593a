//! Commits that end in time, so that a rotation knows from when on nothing late can land.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::Inner;
use super::settings_cache::Trusted;
use crate::clock::{Clock, Moment};
use crate::error::{Error, ErrorKind, Result};
use crate::persistence::{Revision, Write};

impl Inner {
    /// Commits within the configured time; what takes longer is dropped and may have landed.
    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.commit_within(self.config.commit_timeout, writes).await
    }

    /// Commits within this time.
    pub(crate) async fn commit_within(&self, limit: Duration, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        let commit = self.records.commit(writes);
        within(&*self.clock, limit, commit).await.unwrap_or_else(|| {
            let message = "the commit took longer than its time (`commit_timeout`): it may have landed";
            Err(Error::new(ErrorKind::Unavailable, message))
        })
    }

    /// Commits what was made under settings, unless these are too old by now.
    pub(crate) async fn commit_under(&self, trusted: &Trusted, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        trusted.check_age(&*self.clock)?;
        self.commit(writes).await
    }
}

/// What work answers, or `None` when the time is over before. Work that is ready at once arms no timer. Work is not polled any more
/// when its time is over: a process that was held up meanwhile would begin then what must not be begun any more.
pub(crate) async fn within<F: Future + Unpin>(clock: &dyn Clock, limit: Duration, mut work: F) -> Option<F::Output> {
    if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(Pin::new(&mut work).poll(context))).await {
        return Some(answer);
    }
    let began = Moment::now(clock);
    let mut timer = clock.sleep(limit);
    poll_fn(|context| {
        if began.age(clock) >= limit || timer.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut work).poll(context).map(Some)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::task::{Context, Waker};
    use std::time::SystemTime;

    use super::*;

    #[derive(Debug, Default)]
    struct HeldClock(Mutex<Duration>);

    #[async_trait::async_trait]
    impl Clock for HeldClock {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + self.monotonic()
        }

        fn monotonic(&self) -> Duration {
            *self.0.lock().expect("no panic under this lock")
        }

        async fn sleep(&self, duration: Duration) {
            let until = self.monotonic() + duration;
            poll_fn(|_| if self.monotonic() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
        }
    }

    /// Polls so often, with so much time before each one; the work is done when it is polled for the fourth time.
    fn outcome(pauses: [Duration; 4]) -> (Poll<Option<()>>, u32) {
        let (clock, mut polls) = (HeldClock::default(), 0);
        let mut poll = Poll::Pending;
        {
            let work = poll_fn(|_| {
                polls += 1;
                if polls == 4 { Poll::Ready(()) } else { Poll::Pending }
            });
            let mut bounded = std::pin::pin!(within(&clock, Duration::from_secs(15), work));
            for pause in pauses {
                *clock.0.lock().expect("no panic under this lock") += pause;
                poll = bounded.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                if poll.is_ready() {
                    break;
                }
            }
        }
        (poll, polls)
    }

    #[test]
    fn work_is_not_taken_up_again_when_its_time_is_over() {
        let second = Duration::from_secs(1);
        assert_eq!(outcome([second; 4]), (Poll::Ready(Some(())), 4));
        // The process was held up for three minutes.
        assert_eq!(outcome([second, second, 180 * second, second]), (Poll::Ready(None), 3));
    }
}
