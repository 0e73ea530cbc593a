//! The locks of the cache: the standard library's, or those of `shuttle` when schedules are explored.

use std::sync::PoisonError;

#[cfg(all(test, shuttle))]
pub(super) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(all(test, shuttle)))]
pub(super) use std::sync::{Mutex, MutexGuard};

/// Takes a lock. A poisoned one is as good as a healthy one: no change under these locks can be half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
