//! Giving up a future on its way.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// A call is given up after each number of steps up to this; one that takes more is interrupted in these only.
pub(crate) const MOST_STEPS: usize = 64;

/// Polls at most this many times, each time after a wake-up, then drops the future.
pub(crate) async fn for_steps<T>(work: impl Future<Output = T>, steps: usize) -> Option<T> {
    let mut work = pin!(work);
    let mut left = steps;
    poll_fn(|context| match left.checked_sub(1) {
        None => Poll::Ready(None),
        Some(fewer) => {
            left = fewer;
            let polled = work.as_mut().poll(context);
            // The last permitted poll was this one: give up at once instead of waiting for a wake-up.
            if polled.is_pending() && left == 0 { Poll::Ready(None) } else { polled.map(Some) }
        }
    })
    .await
}
