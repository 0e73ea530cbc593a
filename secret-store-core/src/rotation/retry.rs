//! Patience with a backend that is busy or away for a moment.

use std::time::Duration;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};

/// Lost races follow each other at once for a while: whoever won them has got on.
const MAX_RACES: u32 = 64;
/// 0.2, 0.4, 0.8 … seconds, 12 in all.
const MAX_PAUSES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Counts how often one thing was tried.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    races: u32,
    pauses: u32,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Waits before the next attempt, or gives up with the error of the last one.
    pub(super) async fn wait(&mut self, clock: &dyn Clock, error: Error) -> Result<()> {
        match error.kind() {
            ErrorKind::Conflict | ErrorKind::Contention if self.races < MAX_RACES => {
                self.races += 1;
                if self.races > 2 {
                    clock.sleep(Duration::from_millis(u64::from(self.races))).await;
                }
                Ok(())
            }
            ErrorKind::Throttled | ErrorKind::Unavailable if self.pauses < MAX_PAUSES => {
                clock.sleep(FIRST_PAUSE * 2u32.pow(self.pauses)).await;
                self.pauses += 1;
                Ok(())
            }
            _ => Err(error),
        }
    }
}
