//! Document keys kept ready: a hot read asks no key provider and pays for no key schedule.

use std::future::Future;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use equivalent::Equivalent;
use quick_cache::sync::Cache;

use crate::clock::Clock;
use crate::envelope::ReadyCipher;
use crate::error::{Error, ErrorKind, Result};
use crate::key::WrappedKey;
use crate::secret::SecretValue;

/// How long a refusal is remembered, so that a forged record cannot buy a provider call with every read.
const REFUSAL_TTL: Duration = Duration::from_secs(5);

/// Ready ciphers by wrapped key and context, compared in full. Entries are wiped when the last user drops them.
pub(super) struct KeyCache {
    cache: Option<Cache<CacheKey, Arc<Entry>>>,
    ttl: Duration,
    /// Counts purges, so that a key that was under way during one is not kept.
    purges: AtomicU64,
    /// When expired entries were last looked for, in milliseconds of the monotonic clock.
    swept: AtomicU64,
}

struct Entry {
    state: State,
    expires: Duration,
}

enum State {
    Ready(ReadyCipher),
    Refused(ErrorKind),
}

/// What came of a wrapped key.
pub(super) enum Opened {
    /// It gave a key, which was tried on the value.
    Tried(Result<SecretValue>),
    /// It gave none.
    NoKey(Error),
}

#[derive(Clone, PartialEq, Eq)]
struct CacheKey {
    wrapped: WrappedKey,
    context: Box<[u8]>,
}

/// A cache key that borrows, so that a hit allocates nothing.
pub(super) struct KeyRef<'a> {
    /// The wrapped key.
    pub(super) wrapped: &'a WrappedKey,
    /// The context's bytes, without its purpose; empty in format 0.
    pub(super) context: &'a [u8],
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.wrapped.hash(state);
        self.context.hash(state);
    }
}

impl Hash for CacheKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        KeyRef { wrapped: &self.wrapped, context: &self.context }.hash(state);
    }
}

impl Equivalent<CacheKey> for KeyRef<'_> {
    fn equivalent(&self, key: &CacheKey) -> bool {
        *self.wrapped == key.wrapped && *self.context == *key.context
    }
}

impl KeyCache {
    /// A cache of so many keys for so long; zero of either is off.
    pub(super) fn new(capacity: usize, ttl: Duration) -> Self {
        let on = capacity > 0 && !ttl.is_zero();
        Self { cache: on.then(|| Cache::new(capacity)), ttl, purges: AtomicU64::new(0), swept: AtomicU64::new(0) }
    }

    /// Opens a value with what is there of a wrapped key; `None` where nothing is.
    pub(super) fn open_ready(
        &self,
        key: &KeyRef<'_>,
        clock: &dyn Clock,
        open: impl Fn(&ReadyCipher) -> Result<SecretValue>,
    ) -> Option<Opened> {
        let entry = self.cache.as_ref()?.get(key).filter(|entry| entry.expires > clock.monotonic());
        entry.map(|entry| entry.open(open))
    }

    /// Where [`open_ready`](Self::open_ready) found none: unwraps a cipher and keeps it if it opens the value. At most one unwrap of one key
    /// is under way at a time; when the call that does it is dropped, the next waiting one takes over.
    pub(super) async fn open<F>(
        &self,
        key: KeyRef<'_>,
        clock: &dyn Clock,
        unwrap: impl FnOnce() -> F,
        open: impl Fn(&ReadyCipher) -> Result<SecretValue>,
    ) -> Opened
    where
        F: Future<Output = Result<ReadyCipher>>,
    {
        let Some(cache) = &self.cache else {
            return match unwrap().await {
                Ok(cipher) => Opened::Tried(open(&cipher)),
                Err(error) => Opened::NoKey(error),
            };
        };
        self.sweep(clock.monotonic());
        let owned = CacheKey { wrapped: key.wrapped.clone(), context: key.context.into() };
        loop {
            match cache.get_value_or_guard_async(&owned).await {
                Ok(entry) if entry.expires > clock.monotonic() => return entry.open(open),
                Ok(_) => drop(cache.remove_if(&owned, |entry| entry.expires <= clock.monotonic())),
                Err(guard) => {
                    let purges = self.purges.load(Ordering::Acquire);
                    let (opened, kept) = self.unwrap_and_open(&key, clock, unwrap, open).await;
                    if let Some(entry) = kept.filter(|_| self.purges.load(Ordering::Acquire) == purges) {
                        // It fails only when a purge removed the placeholder meanwhile: then nothing is to be kept.
                        drop(guard.insert(Arc::new(entry)));
                    }
                    return opened;
                }
            }
        }
    }

    /// Answers the value, and what is worth keeping: a key that opened it, or a definite refusal.
    async fn unwrap_and_open<F>(
        &self,
        key: &KeyRef<'_>,
        clock: &dyn Clock,
        unwrap: impl FnOnce() -> F,
        open: impl Fn(&ReadyCipher) -> Result<SecretValue>,
    ) -> (Opened, Option<Entry>)
    where
        F: Future<Output = Result<ReadyCipher>>,
    {
        match unwrap().await {
            Ok(cipher) => {
                let value = open(&cipher);
                let expires = clock.monotonic() + self.jittered_ttl(key);
                let kept = value.is_ok().then_some(Entry { state: State::Ready(cipher), expires });
                (Opened::Tried(value), kept)
            }
            Err(error) => {
                let expires = clock.monotonic() + REFUSAL_TTL.min(self.ttl);
                let kept = is_definite(error.kind()).then_some(Entry { state: State::Refused(error.kind()), expires });
                (Opened::NoKey(error), kept)
            }
        }
    }

    /// Up to a tenth less, so that keys read together do not expire together. Taken from the wrapped bytes, which end
    /// in a tag or a signature: reads draw no randomness.
    fn jittered_ttl(&self, key: &KeyRef<'_>) -> Duration {
        let byte = key.wrapped.as_bytes().last().copied().unwrap_or_default();
        self.ttl - self.ttl / 10 * u32::from(byte) / 255
    }

    /// Wipes expired entries, at most four times per lifetime of one.
    pub(super) fn sweep(&self, now: Duration) {
        let Some(cache) = &self.cache else { return };
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let due = u64::try_from((self.ttl / 4).as_millis()).unwrap_or(u64::MAX);
        let swept = self.swept.load(Ordering::Acquire);
        let is_due = now_ms.saturating_sub(swept) >= due;
        if is_due && self.swept.compare_exchange(swept, now_ms, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            cache.retain(|_, entry| entry.expires > now);
        }
    }

    /// Wipes everything, also what is under way.
    pub(super) fn purge(&self) {
        if let Some(cache) = &self.cache {
            self.purges.fetch_add(1, Ordering::AcqRel);
            cache.clear();
        }
    }
}

impl Entry {
    fn open(&self, open: impl Fn(&ReadyCipher) -> Result<SecretValue>) -> Opened {
        match &self.state {
            State::Ready(cipher) => Opened::Tried(open(cipher)),
            State::Refused(ErrorKind::Integrity) => Opened::NoKey(Error::integrity()),
            State::Refused(kind) => {
                Opened::NoKey(Error::new(*kind, "the key provider refused this wrapped key a moment ago"))
            }
        }
    }
}

/// Whether the same wrap would be refused again whatever happens elsewhere.
fn is_definite(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Integrity | ErrorKind::InvalidInput | ErrorKind::Unsupported)
}
