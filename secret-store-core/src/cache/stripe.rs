//! What is going on for some of the keys: questions under way and own writes.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use futures_util::future::{BoxFuture, Shared, WeakShared};

use super::slot::Answer;

/// A question under way. Whoever waits for it drives it, so that it goes on as long as one of them is polled.
pub(super) type Flight<T> = Shared<BoxFuture<'static, Answer<T>>>;

/// The keys whose hash leads here, under one lock.
pub(super) struct Stripe<K, T> {
    flights: HashMap<K, Registered<T>>,
    writes: HashMap<K, Writes>,
    /// Counts what makes an answer that was asked for before it worthless.
    changes: u64,
    /// The number given last.
    last: u64,
}

/// The registration does not keep a question alive: when the last one that waits is dropped, it is dropped too.
struct Registered<T> {
    number: u64,
    since: Duration,
    flight: WeakShared<BoxFuture<'static, Answer<T>>>,
}

/// Own writes of one key.
struct Writes {
    under_way: usize,
    /// Only one has been under way since none was, none before it may still have landed meanwhile, and nothing else happened.
    alone: bool,
    /// Until then one of them may land although nobody waits for it any more.
    unsettled_until: Duration,
}

impl<K, T> Default for Stripe<K, T> {
    fn default() -> Self {
        Self { flights: HashMap::new(), writes: HashMap::new(), changes: 0, last: 0 }
    }
}

impl<K: Eq + Hash + Clone, T: Clone> Stripe<K, T> {
    pub(super) fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// The question under way for a key and when it was asked.
    ///
    /// Drop it after the lock is released: it may be the last handle, and its end takes the lock.
    pub(super) fn flight(&self, key: &K) -> Option<(Flight<T>, Duration)> {
        let registered = self.flights.get(key)?;
        Some((registered.flight.upgrade()?, registered.since))
    }

    /// Registers a question, in the place of one that nobody may join any more.
    pub(super) fn register(&mut self, key: K, number: u64, since: Duration, flight: &Flight<T>) {
        if let Some(flight) = flight.downgrade() {
            self.flights.insert(key, Registered { number, since, flight });
        }
    }

    /// Ends a registration; `false` when it had ended already, so that its answer is not to be kept.
    pub(super) fn unregister(&mut self, key: &K, number: u64) -> bool {
        let is_registered = self.flights.get(key).is_some_and(|registered| registered.number == number);
        if is_registered {
            self.flights.remove(key);
        }
        is_registered
    }

    /// Whatever was asked about this key or is being written to it before now is not to be kept.
    pub(super) fn supersede(&mut self, key: &K) {
        self.flights.remove(key);
        if let Some(writes) = self.writes.get_mut(key) {
            writes.alone = false;
        }
        self.changes += 1;
    }

    /// The same for these keys.
    pub(super) fn supersede_all(&mut self, of: impl Fn(&K) -> bool) {
        self.flights.retain(|key, _| !of(key));
        self.writes.iter_mut().filter(|(key, _)| of(key)).for_each(|(_, writes)| writes.alone = false);
        self.changes += 1;
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether an own write of this key is under way or may still land: nothing is to be kept then.
    pub(super) fn is_written(&self, key: &K, now: Duration) -> bool {
        self.writes.get(key).is_some_and(|writes| writes.under_way > 0 || writes.unsettled_until > now)
    }

    /// Begins an own write.
    pub(super) fn begin_write(&mut self, key: &K, now: Duration) {
        let none = Writes { under_way: 0, alone: false, unsettled_until: Duration::ZERO };
        let writes = self.writes.entry(key.clone()).or_insert(none);
        writes.alone = writes.under_way == 0 && writes.unsettled_until <= now;
        writes.under_way += 1;
    }

    /// Ends an own write. Answers whether no other one overlapped it and none may still land, so that what it wrote is known to be
    /// the newest: of two that overlap, neither the order of their beginnings nor that of their ends tells which one landed last.
    pub(super) fn end_write(&mut self, key: &K, unsettled_until: Duration, now: Duration) -> bool {
        let Some(writes) = self.writes.get_mut(key) else { return false };
        writes.under_way -= 1;
        writes.unsettled_until = writes.unsettled_until.max(unsettled_until);
        let is_newest = writes.alone && writes.unsettled_until <= now;
        self.forget_settled(now);
        is_newest
    }

    pub(super) fn forget_settled(&mut self, now: Duration) {
        self.writes.retain(|_, writes| writes.under_way > 0 || writes.unsettled_until > now);
    }
}
