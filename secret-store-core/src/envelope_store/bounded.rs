//! Commits that end in time, so that a rotation knows from when on nothing late can land.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::Inner;
use super::settings_cache::Trusted;
use crate::clock::Clock;
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

/// What work answers, or `None` when the time is over before. Work that is ready at once arms no timer.
pub(crate) async fn within<F: Future + Unpin>(clock: &dyn Clock, limit: Duration, mut work: F) -> Option<F::Output> {
    if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut work).poll(context))).await {
        return Some(answer);
    }
    match select(work, clock.sleep(limit)).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(_) => None,
    }
}
