//! What a cache did, counted in release builds too.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What a cache did since it was made, and how many entries it holds.
///
/// A snapshot: the numbers are read one after another while others go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheMetrics {
    /// Reads that an entry within its lifetime answered, remembered absences and refusals included.
    pub hits: u64,
    /// Reads that found no entry within its lifetime and asked the backend.
    pub misses: u64,
    /// Reads that asked the backend although they need not have: ahead of expiry, on demand, or strongly consistent ones.
    pub refreshes: u64,
    /// Reads that waited for what another had asked already.
    pub coalesced: u64,
    /// Reads answered from an entry past its lifetime, because the backend was unavailable.
    pub stale_served: u64,
    /// Entries pushed out because the capacity was reached.
    pub evictions: u64,
    /// Entries held now.
    pub entries: u64,
}

/// Hits are counted by each thread in a lane of its own, so that readers on many processors do not wait for one number.
const LANES: usize = 16;

#[derive(Default)]
#[repr(align(128))]
struct Lane(AtomicU64);

#[derive(Default)]
pub(super) struct Counters {
    hits: [Lane; LANES],
    misses: AtomicU64,
    refreshes: AtomicU64,
    coalesced: AtomicU64,
    stale_served: AtomicU64,
    evictions: AtomicU64,
}

/// Something to count.
#[derive(Clone, Copy)]
pub(super) enum Event {
    Hit,
    Miss,
    Refresh,
    Coalesced,
    StaleServed,
}

thread_local!(static LANE: Cell<usize> = const { Cell::new(usize::MAX) });

/// The lane of this thread.
fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let lane = LANE.get();
    if lane < LANES {
        return lane;
    }
    let lane = NEXT.fetch_add(1, Ordering::Relaxed) % LANES;
    LANE.set(lane);
    lane
}

impl Counters {
    pub(super) fn count(&self, event: Event) {
        let counter = match event {
            Event::Hit => &self.hits[lane()].0,
            Event::Miss => &self.misses,
            Event::Refresh => &self.refreshes,
            Event::Coalesced => &self.coalesced,
            Event::StaleServed => &self.stale_served,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn evicted(&self, entries: usize) {
        if entries > 0 {
            self.evictions.fetch_add(entries as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn snapshot(&self, entries: usize) -> CacheMetrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheMetrics {
            hits: self.hits.iter().map(|lane| read(&lane.0)).sum(),
            misses: read(&self.misses),
            refreshes: read(&self.refreshes),
            coalesced: read(&self.coalesced),
            stale_served: read(&self.stale_served),
            evictions: read(&self.evictions),
            entries: entries as u64,
        }
    }
}
