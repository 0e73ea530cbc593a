//! Document keys kept ready: a hot read asks no key provider and pays for no key schedule.

use std::future::Future;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use equivalent::Equivalent;

use crate::cache::{Cache, CacheMetrics, Lifetimes, unshared};
use crate::clock::Clock;
use crate::context::{EncryptionContext, KeptAad};
use crate::envelope::protected::ProtectedSecret;
use crate::envelope::{Format, ReadyCipher, Sealed};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{MasterKeyId, SecretId, SecretVersion};
use crate::key::{DocumentKey, WrappedKey};
use crate::observe;
use crate::secret::SecretValue;

/// How long a refusal is remembered, so that a forged record cannot buy a provider call with every read.
const REFUSAL_TTL: Duration = Duration::from_secs(5);

/// Ready keys by wrapped key and place, compared in full. Entries are wiped when the last user drops them.
pub(super) struct KeyCache {
    cache: Option<Arc<Cache<CacheKey, Arc<Ready>>>>,
}

/// A document key made ready for the values of one version, which have their associated data in common but for the metadata.
pub(super) struct ReadyKey {
    cipher: ReadyCipher,
    aad: KeptAad,
}

struct Ready {
    key: ReadyKey,
    /// It opened a value. A key that opens nothing is not kept.
    proven: AtomicBool,
}

/// What came of a wrapped key.
pub(super) enum Opened {
    /// It gave a key, which was tried on the value.
    Tried(Result<SecretValue>),
    /// It gave none.
    NoKey(Error),
}

/// The one version whose values a document key opens; `None` in format 0, which binds a key to nothing. So the format selects the
/// wrap: a format-1 wrap never opens for a format-0 value, nor the reverse.
type Place<I> = Option<(I, SecretVersion)>;

#[derive(Clone, PartialEq, Eq)]
struct CacheKey {
    wrapped: WrappedKey,
    place: Place<SecretId>,
}

/// A cache key that borrows, so that a hit allocates nothing.
pub(super) struct KeyRef<'a> {
    /// The master key that the wrap names.
    pub(super) master_key_id: &'a MasterKeyId,
    /// The wrapped key.
    pub(super) wrapped: &'a Arc<[u8]>,
    pub(super) place: Place<&'a SecretId>,
}

/// By the wrap alone: it tells keys apart unless somebody has copied it, and hashing the names costs as much again.
impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.wrapped.hash(state);
    }
}

impl Hash for CacheKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.wrapped.as_shared().hash(state);
    }
}

impl Equivalent<CacheKey> for KeyRef<'_> {
    fn equivalent(&self, key: &CacheKey) -> bool {
        // The wrap first: it is what differs.
        **self.wrapped == *key.wrapped.as_bytes()
            && self.place == key.place.as_ref().map(|(id, version)| (id, *version))
            && self.master_key_id == key.wrapped.master_key_id()
    }
}

impl<'a> KeyRef<'a> {
    pub(super) fn new(wrapped: &'a WrappedKey, protected: &'a ProtectedSecret) -> Self {
        let place = (protected.format() == Format::One).then(|| (protected.id(), protected.version()));
        Self { master_key_id: wrapped.master_key_id(), wrapped: wrapped.as_shared(), place }
    }

    fn to_owned(&self) -> CacheKey {
        let wrapped = WrappedKey::new(self.master_key_id.clone(), Arc::clone(self.wrapped));
        CacheKey { wrapped, place: self.place.map(|(id, version)| (id.clone(), version)) }
    }
}

impl ReadyKey {
    /// A key that was unwrapped under this context.
    pub(super) fn new(key: &DocumentKey, context: EncryptionContext) -> Result<Self> {
        let format = if context.is_legacy() { Format::Zero } else { Format::One };
        Ok(Self { cipher: ReadyCipher::new(format, key)?, aad: KeptAad::of_values_under(context) })
    }

    /// Opens a value that belongs where the key does.
    #[inline]
    pub(super) fn open(&self, sealed: &Sealed<'_>, metadata: Option<&[u8]>) -> Result<SecretValue> {
        match metadata {
            None => self.cipher.open(sealed, &self.aad),
            Some(metadata) => self.cipher.open(sealed, &self.aad.and_metadata(metadata)),
        }
    }
}

impl KeyCache {
    /// A cache of so many keys for so long; zero of either is off.
    pub(super) fn new(capacity: usize, ttl: Duration, clock: Arc<dyn Clock>) -> Self {
        // No refresh ahead and nothing stale: an unwrap that fails is a key that may not be used.
        let lifetimes = Lifetimes { value: ttl, error: REFUSAL_TTL, ahead: Duration::ZERO, stale: Duration::ZERO };
        Self { cache: Cache::new(capacity, lifetimes, is_definite, clock, Some(observe::Cache::DocumentKeys)) }
    }

    /// Opens a value with what is there of a wrapped key; `None` where nothing is.
    pub(super) fn open_ready(
        &self,
        key: &KeyRef<'_>,
        open: impl Fn(&ReadyKey) -> Result<SecretValue>,
    ) -> Option<Opened> {
        let answer = self.cache.as_ref()?.fresh(key, |_| true)?;
        Some(match answer {
            Ok(ready) => Opened::Tried(ready.open(open)),
            Err(refusal) => Opened::NoKey(unshared(refusal)),
        })
    }

    /// Where [`open_ready`](Self::open_ready) found none: unwraps a key and keeps it if it opens the value. At most one unwrap of
    /// one key is under way at a time; all that wait for it have its answer, also when the call that began it is dropped.
    pub(super) async fn open<F>(
        &self,
        key: KeyRef<'_>,
        unwrap: impl FnOnce() -> F,
        open: impl Fn(&ReadyKey) -> Result<SecretValue>,
    ) -> Opened
    where
        F: Future<Output = Result<ReadyKey>> + Send + 'static,
    {
        let Some(cache) = &self.cache else {
            return match unwrap().await {
                Ok(key) => Opened::Tried(open(&key)),
                Err(error) => Opened::NoKey(error),
            };
        };
        let key = key.to_owned();
        let load = || {
            let unwrapped = unwrap();
            async { Ok(Arc::new(Ready { key: unwrapped.await?, proven: AtomicBool::new(false) })) }
        };
        let ready = match cache.settle(cache.turn(key.clone(), load)).await {
            Ok(ready) => ready,
            Err(error) => return Opened::NoKey(error),
        };
        let value = ready.open(open);
        if !ready.proven.load(Ordering::Acquire) {
            let is_this = |kept: &Arc<Ready>| Arc::ptr_eq(kept, &ready) && !kept.proven.load(Ordering::Acquire);
            cache.forget_if(&key, |kept| kept.as_ref().is_ok_and(is_this));
        }
        Opened::Tried(value)
    }

    /// Wipes one key, also one that is under way.
    pub(super) fn forget(&self, key: &KeyRef<'_>) {
        if let Some(cache) = &self.cache {
            cache.forget(&key.to_owned());
        }
    }

    /// Wipes expired entries.
    pub(super) fn sweep(&self) {
        if let Some(cache) = &self.cache {
            cache.sweep();
        }
    }

    /// Wipes everything, also what is under way.
    pub(super) fn purge(&self) {
        if let Some(cache) = &self.cache {
            cache.purge();
        }
    }

    pub(super) fn metrics(&self) -> CacheMetrics {
        self.cache.as_ref().map_or_else(CacheMetrics::default, |cache| cache.metrics())
    }
}

impl Ready {
    fn open(&self, open: impl Fn(&ReadyKey) -> Result<SecretValue>) -> Result<SecretValue> {
        let value = open(&self.key)?;
        // Looked at first, so that readers on many processors do not take the line from each other.
        if !self.proven.load(Ordering::Acquire) {
            self.proven.store(true, Ordering::Release);
        }
        Ok(value)
    }
}

/// Whether the same wrap would be refused again whatever happens elsewhere.
fn is_definite(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Integrity | ErrorKind::InvalidInput | ErrorKind::Unsupported)
}
