//! The bounded map beneath: `quick_cache`, never above its capacity and with its evictions counted.

use std::hash::Hash;
use std::sync::Arc;

use equivalent::Equivalent;
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, UnitWeighter};
use smallvec::SmallVec;

use super::metrics::Counters;

/// With fewer entries a shard evicts what is still in use.
const LEAST_ENTRIES_OF_A_SHARD: usize = 32;
const MOST_SHARDS: usize = 64;

pub(super) struct Entries<K, V> {
    cache: Cache<K, V, UnitWeighter, DefaultHashBuilder, Evictions>,
    counters: Arc<Counters>,
}

/// Collects what an insert pushes out, to be wiped after the lock is released.
#[derive(Clone)]
struct Evictions;

impl<K, V> Lifecycle<K, V> for Evictions {
    type RequestState = Evicted<K, V>;

    fn on_evict(&self, evicted: &mut Evicted<K, V>, key: K, value: V) {
        evicted.0.push((key, value));
    }
}

struct Evicted<K, V>(SmallVec<[(K, V); 1]>);

impl<K, V> Default for Evicted<K, V> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Entries<K, V> {
    /// Room for `capacity` entries, at least one. The shares of the shards are equal, so that up to one entry for each shard may be
    /// lost to rounding; it is never more than the capacity.
    pub(super) fn new(capacity: usize, counters: Arc<Counters>) -> Self {
        let mut shards = MOST_SHARDS;
        while shards > 1 && capacity / shards < LEAST_ENTRIES_OF_A_SHARD {
            shards /= 2;
        }
        let capacity = capacity - capacity % shards;
        let options = OptionsBuilder::new()
            .estimated_items_capacity(capacity)
            .weight_capacity(capacity as u64)
            .shards(shards)
            .build()
            .expect("both capacities are set");
        let hasher = DefaultHashBuilder::default();
        Self { cache: Cache::with_options(options, UnitWeighter, hasher, Evictions), counters }
    }

    /// An entry, for a reader: what is read often stays longest.
    pub(super) fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        self.cache.get(key)
    }

    /// An entry, without a reader.
    pub(super) fn peek(&self, key: &K) -> Option<V> {
        self.cache.peek(key)
    }

    pub(super) fn insert(&self, key: &K, value: V) {
        let mut pushed_out = Evicted::default();
        self.cache.insert_with_lifecycle(key.clone(), value, &mut pushed_out);
        // A value that was replaced is handed over too, and is no eviction.
        self.counters.evicted(pushed_out.0.iter().filter(|(evicted, _)| evicted != key).count());
    }

    pub(super) fn remove(&self, key: &K) -> Option<V> {
        self.cache.remove(key).map(|(_, value)| value)
    }

    pub(super) fn remove_if(&self, key: &K, condition: impl FnOnce(&V) -> bool) {
        drop(self.cache.remove_if(key, condition));
    }

    pub(super) fn retain(&self, keep: impl Fn(&K, &V) -> bool) {
        self.cache.retain(keep);
    }

    pub(super) fn clear(&self) {
        self.cache.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.cache.len()
    }
}
