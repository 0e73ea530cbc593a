//! Reading through a bounded cache: the one place of expiry, jitter, refresh ahead, single flight, sweeping and counting.
//!
//! Document keys ([`envelope_store`](crate::envelope_store)), tenant keys ([`tenant`](crate::tenant)) and clear secrets
//! ([`layer`](crate::layer)) are kept by this.
//!
//! A **hit** is one lookup in a concurrent map and one comparison with the clock. Everything else happens under the lock of the
//! key's *stripe*: whether somebody asks already, whether an own write is under way, and both together with the change of the
//! entry. From this follow the guarantees, which `tests/cache_schedules` explores over the schedules of several threads:
//!
//! * One question for each key is under way at a time, and an entry that is there is not asked for again within its life. Who
//!   waits for a question drives it, so that dropping or forgetting any of them stops none of the others.
//! * An answer is kept only if nothing happened to its key since it was asked for: no own write, no purge, no stronger read.
//! * Times count from the question, not from the answer.

mod direct;
mod entries;
mod flight;
mod metrics;
mod slot;
mod stripe;
mod write;

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use equivalent::Equivalent;

pub(crate) use direct::Direct;
pub use metrics::CacheMetrics;
pub(crate) use slot::{Answer, Lifetimes, is_outage};

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result, repeated};
use crate::observe::{self, Lookup};
use crate::sync::{Mutex, MutexGuard, lock};
use entries::Entries;
use metrics::{Counters, Event};
use slot::{Freshness, Slot};
use stripe::{Flight, Stripe};

const STRIPES: usize = 64;
/// No clock's last timer tick is longer ago: ten times as long as the longest there are.
const LONGEST_TICK: Duration = Duration::from_millis(100);

/// What entries are found by.
pub(crate) trait Key: Clone + Eq + Hash + Send + Sync + 'static {}
impl<K: Clone + Eq + Hash + Send + Sync + 'static> Key for K {}

/// What is kept; cheap to clone.
pub(crate) trait Value: Clone + Send + Sync + 'static {}
impl<T: Clone + Send + Sync + 'static> Value for T {}

pub(crate) struct Cache<K, T> {
    entries: Entries<K, Slot<T>>,
    stripes: Box<[Mutex<Stripe<K, T>>]>,
    /// Seeded for each cache, so that two processes do not let go of the same keys at the same time.
    hasher: RandomState,
    lifetimes: Lifetimes,
    remembers: fn(ErrorKind) -> bool,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    /// As what lookups are reported to the operation that makes them, if they are.
    kind: Option<observe::Cache>,
    /// When entries of no use were looked for last, in milliseconds of the monotonic clock.
    swept: AtomicU64,
}

/// What became of a read before anything was waited for.
pub(crate) struct Turn<K, T>(Next<K, T>);

enum Next<K, T> {
    Answered(Answer<T>),
    Waits(K, Flight<T>),
}

impl<K: Key, T: Value> Cache<K, T> {
    /// A cache of so many entries; `None` is off, for a capacity or a lifetime of zero.
    ///
    /// `remembers` tells which errors are answers that hold for a while.
    pub(crate) fn new(
        capacity: usize,
        lifetimes: Lifetimes,
        remembers: fn(ErrorKind) -> bool,
        clock: Arc<dyn Clock>,
        kind: impl Into<Option<observe::Cache>>,
    ) -> Option<Arc<Self>> {
        if capacity == 0 || lifetimes.value.is_zero() {
            return None;
        }
        let counters = Arc::<Counters>::default();
        Some(Arc::new(Self {
            entries: Entries::new(capacity, Arc::clone(&counters)),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            lifetimes: lifetimes.bounded(),
            remembers,
            clock,
            counters,
            kind: kind.into(),
            swept: AtomicU64::new(0),
        }))
    }

    /// An entry that is served without a question, if it suits the reader.
    pub(crate) fn fresh<Q: Hash + Equivalent<K> + ?Sized>(
        &self,
        key: &Q,
        suits: impl FnOnce(&Answer<T>) -> bool,
    ) -> Option<Answer<T>> {
        let slot = self.entries.get(key)?;
        // Far from the end of its life the last timer tick tells as much as the exact time, which costs five times as much.
        let mut now = self.clock.coarse_monotonic();
        if slot.refresh_at.saturating_sub(now) < LONGEST_TICK {
            now = self.clock.monotonic();
        }
        if now >= slot.refresh_at || !suits(&slot.answer) {
            return None;
        }
        self.report_served(&slot, now);
        Some(slot.answer)
    }

    /// Where [`fresh`](Self::fresh) found none: looks again, joins who asks already, or asks. Nothing is awaited here;
    /// [`settle`](Self::settle) does.
    pub(crate) fn turn<F>(self: &Arc<Self>, key: K, load: impl FnOnce() -> F) -> Turn<K, T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.sweep_when_due();
        // Before the lock, so that what is not joined is dropped after it.
        let under_way;
        let mut stripe = self.stripe(&key);
        let now = self.clock.monotonic();
        let slot = self.entries.peek(&key);
        let freshness = slot.as_ref().map_or(Freshness::Over, |slot| slot.freshness(now, &self.lifetimes));
        under_way = stripe.flight(&key);
        // What was asked for so long ago would be over by now.
        let joined = under_way.as_ref().filter(|(_, since)| now.saturating_sub(*since) < self.lifetimes.value);
        let next = match (freshness, slot, joined) {
            (Freshness::Fresh, Some(slot), _) | (Freshness::Due, Some(slot), Some(_)) => {
                self.report_served(&slot, now);
                Next::Answered(slot.answer)
            }
            (_, _, Some((flight, _))) => {
                self.counters.count(Event::Coalesced);
                Next::Waits(key.clone(), flight.clone())
            }
            (freshness, ..) => {
                self.counters.count(if freshness == Freshness::Due { Event::Refresh } else { Event::Miss });
                let flight = self.ask(&mut stripe, key.clone(), now, load());
                Next::Waits(key, flight)
            }
        };
        drop(stripe);
        drop(under_way);
        Turn(next)
    }

    /// The answer of a turn: what the backend says, or what it said before where it cannot say anything now.
    pub(crate) async fn settle(&self, turn: Turn<K, T>) -> Result<T> {
        let (key, flight) = match turn.0 {
            Next::Answered(answer) => return answer.map_err(unshared),
            Next::Waits(key, flight) => (key, flight),
        };
        let mut lookup = Waiting { kind: self.kind, lookup: Lookup::Miss };
        flight.await.or_else(|error| {
            let kept = if is_outage(error.kind()) { self.through_outage(&key) } else { None };
            let (value, found) = kept.ok_or_else(|| unshared(error))?;
            lookup.lookup = found;
            Ok(value)
        })
    }

    /// What is kept for a backend that is unavailable. Looked up now: a purge or an own write may have come meanwhile.
    fn through_outage(&self, key: &K) -> Option<(T, Lookup)> {
        let now = self.clock.monotonic();
        let slot = self.entries.peek(key).filter(|slot| now < slot.keep_until(&self.lifetimes))?;
        let value = slot.answer.as_ref().ok()?.clone();
        let found = self.count_served(&slot, now);
        Some((value, found))
    }

    fn report_served(&self, slot: &Slot<T>, now: Duration) {
        report(self.kind, self.count_served(slot, now));
    }

    fn count_served(&self, slot: &Slot<T>, now: Duration) -> Lookup {
        let (event, found) = match slot.answer {
            Ok(_) if slot.is_stale(now) => (Event::StaleServed, Lookup::Stale),
            Ok(_) => (Event::Hit, Lookup::Hit),
            Err(_) => (Event::Hit, Lookup::Negative),
        };
        self.counters.count(event);
        found
    }

    fn spread(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    fn stripe(&self, key: &K) -> MutexGuard<'_, Stripe<K, T>> {
        // The lowest byte spreads lifetimes.
        lock(&self.stripes[(self.spread(key) >> 8) as usize % STRIPES])
    }

    /// Keeps an answer, or what it says about the entry that is there. The stripe's lock is held.
    fn keep(&self, _: &mut Stripe<K, T>, key: &K, answer: &Answer<T>, since: Duration, now: Duration) {
        match answer {
            Err(error) if is_outage(error.kind()) => {
                if let Some(slot) = self.entries.peek(key).filter(|slot| slot.answer.is_ok()) {
                    self.entries.insert(key, slot.through_outage(now, &self.lifetimes));
                }
            }
            // Access denied, damaged, rolled back …: what was served until now is not to be served any more.
            Err(error) if !(self.remembers)(error.kind()) => drop(self.entries.remove(key)),
            answer => {
                let slot = Slot::new(answer.clone(), since, self.spread(key), &self.lifetimes);
                self.entries.insert(key, slot);
            }
        }
    }

    /// Forgets one key, and what is being asked about it.
    pub(crate) fn forget(&self, key: &K) {
        let mut stripe = self.stripe(key);
        stripe.supersede(key);
        drop(self.entries.remove(key));
    }

    /// Forgets one key if what is kept under it is like this.
    pub(crate) fn forget_if(&self, key: &K, condition: impl Fn(&Answer<T>) -> bool) {
        if self.entries.peek(key).is_some_and(|slot| condition(&slot.answer)) {
            let mut stripe = self.stripe(key);
            stripe.supersede(key);
            self.entries.remove_if(key, |slot| condition(&slot.answer));
        }
    }

    /// Something newer than what is being asked about this key was seen: the entry goes if that contradicts it.
    pub(crate) fn heed(&self, key: &K, contradicts: impl Fn(&Answer<T>) -> bool) {
        let mut stripe = self.stripe(key);
        stripe.supersede(key);
        self.entries.remove_if(key, |slot| contradicts(&slot.answer));
    }

    /// These keys were seen to have no value: what says otherwise goes, and what is being asked about them does not count.
    pub(crate) fn heed_absence(&self, of: impl Fn(&K) -> bool) {
        for stripe in &self.stripes {
            lock(stripe).supersede_all(&of);
        }
        self.entries.retain(|key, slot| slot.answer.is_err() || !of(key));
    }

    /// Forgets these keys, and what is being asked about them.
    pub(crate) fn forget_all(&self, of: impl Fn(&K) -> bool) {
        for stripe in &self.stripes {
            lock(stripe).supersede_all(&of);
        }
        self.entries.retain(|key, _| !of(key));
    }

    /// Forgets everything, also what is being asked.
    pub(crate) fn purge(&self) {
        for stripe in &self.stripes {
            lock(stripe).supersede_all(|_| true);
        }
        self.entries.clear();
    }

    /// Drops entries that nobody may be served any more.
    pub(crate) fn sweep(&self) {
        let now = self.clock.monotonic();
        self.swept.store(milliseconds(now), Ordering::Release);
        self.entries.retain(|_, slot| now < slot.keep_until(&self.lifetimes));
        for stripe in &self.stripes {
            lock(stripe).forget_settled(now);
        }
    }

    /// Sweeps four times in a lifetime at most.
    fn sweep_when_due(&self) {
        let now = milliseconds(self.clock.monotonic());
        let swept = self.swept.load(Ordering::Acquire);
        let is_due = now.saturating_sub(swept) >= milliseconds(self.lifetimes.value / 4);
        if is_due && self.swept.compare_exchange(swept, now, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.sweep();
        }
    }

    pub(crate) fn metrics(&self) -> CacheMetrics {
        self.counters.snapshot(self.entries.len())
    }
}

/// A lookup that found nothing to serve at once. It is reported when its wait is over, also when that is given up.
struct Waiting {
    kind: Option<observe::Cache>,
    lookup: Lookup,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        report(self.kind, self.lookup);
    }
}

fn report(kind: Option<observe::Cache>, lookup: Lookup) {
    if let Some(kind) = kind {
        observe::cache(kind, lookup);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// An error that several may have, for one of them.
pub(crate) fn unshared(error: Arc<Error>) -> Error {
    Arc::try_unwrap(error).unwrap_or_else(|shared| repeated(&shared))
}
