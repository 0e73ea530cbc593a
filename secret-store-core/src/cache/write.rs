//! An own write: from its beginning to its end, and as long as it may land afterwards, nothing older is kept.

use std::sync::Arc;
use std::time::Duration;

use super::slot::Slot;
use super::{Cache, Key, Value};

/// So long a write whose outcome nobody knows may still land: backends give up on a commit within this time.
const UNSETTLED: Duration = Duration::from_secs(60);

/// A write under way. Dropped before its outcome is known (an error that leaves it open, a cancelled future), it may still
/// land: until that is over, every read asks the backend.
pub(crate) struct OwnWrite<K: Key, T: Value> {
    cache: Arc<Cache<K, T>>,
    key: K,
    since: Duration,
    replaces_value: bool,
    end: End<T>,
}

enum End<T> {
    Unknown,
    Refused,
    Landed(Option<T>),
}

impl<K: Key, T: Value> Cache<K, T> {
    /// Call it before the backend is asked to write. The entry is forgotten at once.
    pub(crate) fn begin_write(self: &Arc<Self>, key: K) -> OwnWrite<K, T> {
        let mut stripe = self.stripe(&key);
        let since = self.clock.monotonic();
        stripe.supersede(&key);
        stripe.begin_write(&key, since);
        let replaced = self.entries.remove(&key);
        drop(stripe);
        let replaces_value = replaced.is_some_and(|slot| slot.answer.is_ok() && !slot.is_stale(since));
        OwnWrite { cache: Arc::clone(self), key, since, replaces_value, end: End::Unknown }
    }
}

impl<K: Key, T: Value> OwnWrite<K, T> {
    /// Whether a value that was read was kept when the write began.
    pub(crate) fn replaces_value(&self) -> bool {
        self.replaces_value
    }

    /// It was acknowledged. What it wrote is kept, if given and known to be the newest.
    pub(crate) fn landed(mut self, value: Option<T>) {
        self.end = End::Landed(value);
    }

    /// It was refused, and changes nothing.
    pub(crate) fn refused(mut self) {
        self.end = End::Refused;
    }
}

impl<K: Key, T: Value> Drop for OwnWrite<K, T> {
    fn drop(&mut self) {
        let Self { cache, key, .. } = self;
        let end = std::mem::replace(&mut self.end, End::Unknown);
        let mut stripe = cache.stripe(key);
        let now = cache.clock.monotonic();
        let unsettled_until = if matches!(end, End::Unknown) { now + UNSETTLED } else { now };
        let is_newest = stripe.end_write(key, unsettled_until, now);
        // Whoever asked during the write may have been told what was before it.
        stripe.supersede(key);
        match end {
            End::Landed(Some(value)) if is_newest => {
                let slot = Slot::new(Ok(value), self.since, cache.spread(key), &cache.lifetimes);
                cache.entries.insert(key, slot);
            }
            _ => drop(cache.entries.remove(key)),
        }
    }
}
