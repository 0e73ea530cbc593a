//! A read that goes past the entries, and sets right what they say.

use std::sync::Arc;
use std::time::Duration;

use super::slot::{Answer, is_outage};
use super::{Cache, Key, Value};
use crate::error::{Error, Result};

/// A read that has begun.
pub(crate) struct Direct {
    changes: u64,
    since: Duration,
}

impl<K: Key, T: Value> Cache<K, T> {
    /// Call it before the backend is asked.
    pub(crate) fn begin_direct(&self, key: &K) -> Direct {
        self.counters.count(super::Event::Refresh);
        Direct { changes: self.stripe(key).changes(), since: self.clock.monotonic() }
    }

    /// Replaces the entry by what the backend said. Questions asked before are superseded. Where something else happened
    /// meanwhile, it is not known which is newer, and nothing is kept.
    pub(crate) fn end_direct(&self, key: &K, direct: &Direct, answer: Result<T>) -> Result<T> {
        let answer: Answer<T> = answer.map_err(Arc::new);
        if answer.as_ref().is_err_and(|error| is_outage(error.kind())) {
            // Nothing was learnt.
            return answer.map_err(super::unshared);
        }
        let mut stripe = self.stripe(key);
        let now = self.clock.monotonic();
        let is_newest = stripe.changes() == direct.changes && !stripe.is_written(key, now);
        stripe.supersede(key);
        if is_newest {
            self.keep(&mut stripe, key, &answer, direct.since, now);
        } else {
            drop(self.entries.remove(key));
        }
        drop(stripe);
        answer.map_err(|error: Arc<Error>| super::unshared(error))
    }
}
