//! Bounded retries of lost races, with jitter.

use std::time::Duration;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::key::random_bytes;

/// Enough for hundreds of writers of one secret.
const MAX_ATTEMPTS: u32 = 512;
/// So many attempts follow each other at once.
const IMMEDIATE: u32 = 2;
const LONGEST_MS: u64 = 64;

/// Counts attempts and waits between them.
pub(crate) struct Retry {
    attempt: u32,
}

impl Retry {
    pub(crate) fn new() -> Self {
        Self { attempt: 0 }
    }

    /// Waits before the next attempt, or gives up with the error of the last one.
    pub(crate) async fn wait(&mut self, clock: &dyn Clock, error: Error) -> Result<()> {
        self.attempt += 1;
        if self.attempt >= MAX_ATTEMPTS {
            return Err(error);
        }
        crate::observe::retry();
        if self.attempt > IMMEDIATE {
            let longest = LONGEST_MS.min(1 << (self.attempt - IMMEDIATE).min(16));
            let mut random = [0; 8];
            random_bytes(&mut random)?;
            clock.sleep(Duration::from_micros(u64::from_be_bytes(random) % (longest * 1000))).await;
        }
        Ok(())
    }
}
