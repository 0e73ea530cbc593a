//! What tests of several modules share.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use secret_store_core::Clock;

/// A clock that stands still.
#[derive(Debug)]
pub(crate) struct FixedClock(SystemTime);

impl FixedClock {
    pub(crate) fn at(time: SystemTime) -> Self {
        Self(time)
    }
}

#[async_trait]
impl Clock for FixedClock {
    fn now(&self) -> SystemTime {
        self.0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {}
}
