//! What is known for a while: ready keys, which version is active, which applications are recorded.

use std::future::Future;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::{self, Lookup};

/// How long a refusal is remembered, so that a forged record cannot buy a call of the inner provider with every use.
const REFUSAL_TTL: Duration = Duration::from_secs(5);

/// Answers that expire. At most one question of a kind is under way at a time; what is dropped is wiped by its own `Drop`.
pub(super) struct Expiring<K, V> {
    cache: Option<Cache<K, Arc<Entry<V>>>>,
    /// As what lookups are reported, if they are.
    kind: Option<observe::Cache>,
    ttl: Duration,
    jitter: RandomState,
    /// Counts purges, so that an answer that was under way during one is not kept.
    purges: AtomicU64,
    /// When expired entries were last looked for, in milliseconds of the monotonic clock.
    swept: AtomicU64,
}

struct Entry<V> {
    answer: std::result::Result<V, ErrorKind>,
    expires: Duration,
}

impl<V: Clone> Entry<V> {
    fn answer(&self) -> Result<V> {
        match &self.answer {
            Ok(value) => Ok(value.clone()),
            Err(ErrorKind::Integrity) => Err(Error::integrity()),
            Err(ErrorKind::KeyDestroyed) => Err(Error::key_destroyed()),
            Err(kind) => Err(Error::new(*kind, "this tenant key was refused a moment ago")),
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Expiring<K, V> {
    /// So many answers for so long; zero of either is off.
    pub(super) fn new(capacity: usize, ttl: Duration) -> Self {
        let on = capacity > 0 && !ttl.is_zero();
        let cache = on.then(|| Cache::new(capacity));
        Self { cache, kind: None, ttl, jitter: RandomState::new(), purges: AtomicU64::new(0), swept: AtomicU64::new(0) }
    }

    /// Reports lookups to the operation that makes them.
    pub(super) fn reported_as(mut self, kind: observe::Cache) -> Self {
        self.kind = Some(kind);
        self
    }

    fn report(&self, lookup: Lookup) {
        if let Some(kind) = self.kind {
            observe::cache(kind, lookup);
        }
    }

    /// The answer that is known, or the one that is found now. Its time begins before it is asked for. When the call that asks is
    /// dropped, the next waiting one takes over.
    pub(super) async fn get<F>(&self, key: &K, clock: &dyn Clock, find: impl FnOnce() -> F) -> Result<V>
    where
        F: Future<Output = Result<V>>,
    {
        let Some(cache) = &self.cache else { return find().await };
        if let Some(entry) = cache.get(key).filter(|entry| entry.expires > clock.monotonic()) {
            self.report(if entry.answer.is_ok() { Lookup::Hit } else { Lookup::Negative });
            return entry.answer();
        }
        self.report(Lookup::Miss);
        self.sweep(clock.monotonic());
        loop {
            match cache.get_value_or_guard_async(key).await {
                Ok(entry) if entry.expires > clock.monotonic() => return entry.answer(),
                Ok(_) => drop(cache.remove_if(key, |entry| entry.expires <= clock.monotonic())),
                Err(guard) => {
                    let (purges, begun) = (self.purges.load(Ordering::SeqCst), clock.monotonic());
                    let found = find().await;
                    if let Some(entry) = self.entry(key, &found, begun)
                        && self.purges.load(Ordering::SeqCst) == purges
                    {
                        // It fails only when a purge removed the placeholder meanwhile: then nothing is to be kept.
                        drop(guard.insert(Arc::new(entry)));
                        self.withdraw_after_purge(cache, key, purges);
                    }
                    return found;
                }
            }
        }
    }

    /// Keeps an answer that came another way and holds since then.
    pub(super) fn put(&self, key: &K, value: V, since: Duration) {
        if let Some(cache) = &self.cache {
            let expires = since + self.jittered_ttl(key);
            cache.insert(key.clone(), Arc::new(Entry { answer: Ok(value), expires }));
        }
    }

    fn entry(&self, key: &K, found: &Result<V>, begun: Duration) -> Option<Entry<V>> {
        match found {
            Ok(value) => Some(Entry { answer: Ok(value.clone()), expires: begun + self.jittered_ttl(key) }),
            Err(error) if is_definite(error.kind()) => {
                Some(Entry { answer: Err(error.kind()), expires: begun + REFUSAL_TTL.min(self.ttl) })
            }
            Err(_) => None,
        }
    }

    /// A purge between the last look at the counter and the insertion found nothing to remove.
    fn withdraw_after_purge(&self, cache: &Cache<K, Arc<Entry<V>>>, key: &K, purges: u64) {
        if self.purges.load(Ordering::SeqCst) != purges {
            cache.remove(key);
        }
    }

    /// Up to a tenth less, so that what was asked for together does not expire together.
    fn jittered_ttl(&self, key: &K) -> Duration {
        let [byte, ..] = self.jitter.hash_one(key).to_ne_bytes();
        self.ttl - self.ttl / 10 * u32::from(byte) / 255
    }

    /// Forgets what has expired, at most four times per lifetime.
    fn sweep(&self, now: Duration) {
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let due = u64::try_from((self.ttl / 4).as_millis()).unwrap_or(u64::MAX);
        let swept = self.swept.load(Ordering::Acquire);
        let is_due = now_ms.saturating_sub(swept) >= due;
        if is_due && self.swept.compare_exchange(swept, now_ms, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.sweep_now(now);
        }
    }

    /// Forgets what has expired.
    pub(super) fn sweep_now(&self, now: Duration) {
        if let Some(cache) = &self.cache {
            cache.retain(|_, entry| entry.expires > now);
        }
    }

    /// Forgets some, also what is under way of any.
    pub(super) fn purge(&self, of: impl Fn(&K) -> bool) {
        if let Some(cache) = &self.cache {
            self.purges.fetch_add(1, Ordering::SeqCst);
            cache.retain(|key, _| !of(key));
        }
    }
}

/// Whether the same question would be refused again whatever happens elsewhere.
fn is_definite(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Integrity | ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::KeyDestroyed)
}
