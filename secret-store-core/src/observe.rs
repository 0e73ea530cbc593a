//! What happens inside an operation, told to the layer that observes it.
//!
//! A backend or a cache reports; [`TracedStore`](crate::TracedStore), [`TracedKeys`](crate::TracedKeys) and
//! [`TracedRecords`](crate::TracedRecords) listen, and add up what was reported while they were polled. Where none of
//! them is in use, or none of what they would write is wanted, a report is one look at a thread-local variable.
//!
//! What happens on another thread, or in a task that was started, belongs to no operation and is not added to any. What several
//! operations wait for together belongs to the one that began it; the others report that they waited.

#[cfg(feature = "metrics")]
pub use crate::layer::traced::describe_metrics;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A cache that reports its lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cache {
    /// Clear values.
    Secrets,
    /// Document keys, ready for use.
    DocumentKeys,
    /// Tenant keys, ready for use.
    TenantKeys,
}

impl Cache {
    pub(crate) const ALL: [Self; 3] = [Self::Secrets, Self::DocumentKeys, Self::TenantKeys];
}

/// What a lookup in a cache found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lookup {
    /// What was asked for.
    Hit,
    /// That it does not exist or was refused: an answer that is remembered for a short time.
    Negative,
    /// What was asked for, past its lifetime: it was served because the backend is unavailable.
    Stale,
    /// Nothing that could be served, so that it was fetched, or waited for where another was fetching it.
    Miss,
}

impl Lookup {
    pub(crate) const ALL: [Self; 4] = [Self::Hit, Self::Negative, Self::Stale, Self::Miss];
}

/// Reports a lookup in a cache.
pub fn cache(cache: Cache, lookup: Lookup) {
    report(|observation| {
        observation.lookups[cache as usize][lookup as usize].fetch_add(1, Ordering::Relaxed);
    });
}

/// Reports that something is tried again: a request that failed, a write that lost a race.
pub fn retry() {
    report(|observation| {
        observation.retries.fetch_add(1, Ordering::Relaxed);
    });
}

/// Reports capacity that a backend says was consumed, in its own units; thousandths are kept.
pub fn capacity(units: f64) {
    // The conversion saturates, and makes nothing of what is no number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating is what is wanted")]
    let thousandths = (units * 1000.0).round() as u64;
    report(|observation| {
        observation.capacity.fetch_add(thousandths, Ordering::Relaxed);
    });
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Observation>>> = const { RefCell::new(None) };
}

/// While a thread ends there is nobody left to tell: what is dropped then may still report.
fn report(tell: impl Fn(&Observation)) {
    let _ = CURRENT.try_with(|current| {
        let current = current.borrow();
        let mut next = current.as_ref();
        while let Some(observation) = next {
            tell(observation);
            next = observation.within.as_ref();
        }
    });
}

/// What was reported during one operation.
#[derive(Debug, Default)]
pub(crate) struct Observation {
    /// The operation that this one is a part of.
    within: Option<Arc<Self>>,
    lookups: [[AtomicU32; Lookup::ALL.len()]; Cache::ALL.len()],
    retries: AtomicU32,
    /// In thousandths.
    capacity: AtomicU64,
}

impl Observation {
    /// Of an operation that begins now, as a part of the one that is polled.
    pub(crate) fn begin() -> Arc<Self> {
        let within = CURRENT.try_with(|current| current.borrow().clone()).unwrap_or_default();
        Arc::new(Self { within, ..Self::default() })
    }

    /// Reports of this thread go here until the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Entered {
        Entered(CURRENT.try_with(|current| current.replace(Some(Arc::clone(self)))).ok())
    }

    pub(crate) fn lookups(&self, cache: Cache, lookup: Lookup) -> u32 {
        self.lookups[cache as usize][lookup as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn retries(&self) -> u32 {
        self.retries.load(Ordering::Relaxed)
    }

    /// The consumed capacity, where any was reported.
    pub(crate) fn capacity(&self) -> Option<f64> {
        let thousandths = self.capacity.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53 thousandths")]
        let units = thousandths as f64 / 1000.0;
        (thousandths > 0).then_some(units)
    }
}

/// Puts back who was told before, unless the thread ends.
pub(crate) struct Entered(Option<Option<Arc<Observation>>>);

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            drop(CURRENT.try_with(|current| current.replace(before)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_reach_the_operation_and_those_around_it() {
        retry();
        let outer = Observation::begin();
        let entered = outer.enter();
        cache(Cache::Secrets, Lookup::Miss);
        let inner = Observation::begin();
        {
            let _entered = inner.enter();
            cache(Cache::DocumentKeys, Lookup::Hit);
            capacity(0.5);
        }
        capacity(1.0);
        drop(entered);
        retry();
        assert_eq!((outer.capacity(), inner.capacity()), (Some(1.5), Some(0.5)));
        assert_eq!(outer.lookups(Cache::DocumentKeys, Lookup::Hit), 1);
        assert_eq!((outer.lookups(Cache::Secrets, Lookup::Miss), inner.lookups(Cache::Secrets, Lookup::Miss)), (1, 0));
        assert_eq!((outer.retries(), inner.retries()), (0, 0), "nothing from before or after");
    }

    #[test]
    fn absurd_capacities_do_no_harm() {
        let observation = Observation::begin();
        let _entered = observation.enter();
        capacity(f64::NAN);
        capacity(-1.0);
        assert_eq!(observation.capacity(), None);
        capacity(f64::INFINITY);
        assert!(observation.capacity().is_some());
    }
}
