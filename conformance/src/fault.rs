//! Backends that misbehave on purpose, as layers over one that does not: for the tests of stores and of other layers.
//!
//! Over any [`Persistence`](secret_store_core::Persistence):
//!
//! * [`Recording`] keeps every call and its arguments.
//! * [`Failing`] fails the calls it is told to, without making them.
//! * [`TimingOut`] commits, then answers that it does not know.
//! * [`Racing`] lets a rival commit first.
//! * [`Stale`] answers what used to be there: to eventual reads, as is allowed, or to strong ones as well.
//! * [`Tearing`] applies a part of a commit.
//! * [`Reordering`] answers in another order than asked for.
//! * [`Forging`] is malicious: it swaps records, brings back older ones, flips bits, truncates, removes.
//!
//! Over any [`KeyProvider`](secret_store_core::KeyProvider): [`RecordingKeyProvider`], [`FailingKeyProvider`].
//!
//! All of them forward what they are not told to spoil, and none is for production.

mod failing;
mod failing_keys;
mod forgery;
mod forging;
mod racing;
mod recording;
mod recording_keys;
mod reordering;
mod schedule;
mod stale;
mod tearing;
mod timing_out;

pub use failing::Failing;
pub use failing_keys::FailingKeyProvider;
pub use forgery::Forgery;
pub use forging::Forging;
pub use racing::Racing;
pub use recording::{Call, Recording};
pub use recording_keys::{KeyCall, RecordingKeyProvider};
pub use reordering::Reordering;
pub use schedule::{Fault, Operation};
pub use stale::Stale;
pub use tearing::{Tearing, TornAnswer};
pub use timing_out::TimingOut;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what no panic leaves half done: every critical section here is a single read or replacement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
