//! The lock around the cache. `tests/cache_schedules` puts that of a schedule explorer in its place.

use std::sync::PoisonError;
pub(crate) use std::sync::{Mutex, MutexGuard};

/// Takes a lock. A poisoned one is as good as a healthy one: no change under these locks can be half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
