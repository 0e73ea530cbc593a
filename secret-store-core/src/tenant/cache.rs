//! What is known for a while: ready keys, which version is active, which applications are recorded.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::{Cache, CacheMetrics, Direct, Key, Lifetimes, Value, unshared};
use crate::clock::Clock;
use crate::error::{ErrorKind, Result};

/// How long a refusal is remembered, so that a forged record cannot buy a call of the inner provider with every use.
const REFUSAL_TTL: Duration = Duration::from_secs(5);

/// Answers that expire. At most one question of a kind is under way at a time; what is dropped is wiped by its own `Drop`.
pub(super) struct Known<K, V>(Option<Arc<Cache<K, V>>>);

impl<K: Key, V: Value> Known<K, V> {
    /// So many answers for so long; zero of either is off.
    pub(super) fn new(capacity: usize, ttl: Duration, clock: &Arc<dyn Clock>) -> Self {
        // No refresh ahead and nothing stale: an unwrap that fails is a key that may not be used.
        let lifetimes = Lifetimes { value: ttl, error: REFUSAL_TTL, ahead: Duration::ZERO, stale: Duration::ZERO };
        Self(Cache::new(capacity, lifetimes, is_definite, Arc::clone(clock)))
    }

    /// The answer that is known, or the one that is found now. Its time begins before it is asked for. When the call that asks is
    /// dropped, the next waiting one goes on with it.
    pub(super) async fn get<F>(&self, key: &K, find: impl FnOnce() -> F) -> Result<V>
    where
        F: Future<Output = Result<V>> + Send + 'static,
    {
        let Some(cache) = &self.0 else { return find().await };
        match cache.fresh(key, |_| true) {
            Some(answer) => answer.map_err(unshared),
            None => cache.settle(cache.turn(key.clone(), find)).await,
        }
    }

    /// Before something is written that makes an answer.
    pub(super) fn begin(&self, key: &K) -> Option<Direct> {
        self.0.as_ref().map(|cache| cache.begin_direct(key))
    }

    /// Keeps the answer that was made since, unless another was known meanwhile.
    pub(super) fn made(&self, key: &K, begun: Option<Direct>, value: V) {
        if let (Some(cache), Some(begun)) = (&self.0, begun) {
            drop(cache.end_direct(key, &begun, Ok(value)));
        }
    }

    /// Forgets one, also what is under way.
    pub(super) fn forget(&self, key: &K) {
        if let Some(cache) = &self.0 {
            cache.forget(key);
        }
    }

    /// Forgets some, also what is under way.
    pub(super) fn forget_all(&self, of: impl Fn(&K) -> bool) {
        if let Some(cache) = &self.0 {
            cache.forget_all(of);
        }
    }

    /// Forgets everything, also what is under way.
    pub(super) fn purge(&self) {
        if let Some(cache) = &self.0 {
            cache.purge();
        }
    }

    /// Forgets what has expired.
    pub(super) fn sweep(&self) {
        if let Some(cache) = &self.0 {
            cache.sweep();
        }
    }

    pub(super) fn metrics(&self) -> CacheMetrics {
        self.0.as_ref().map_or_else(CacheMetrics::default, |cache| cache.metrics())
    }
}

/// Whether the same question would be refused again whatever happens elsewhere.
fn is_definite(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Integrity | ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::KeyDestroyed)
}
