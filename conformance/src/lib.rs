//! Tells the author of a backend whether it is right.
//!
//! Each suite takes a factory, runs every case on a fresh instance of its own, and answers a [`Report`] that names every
//! case, what became of it and why. One obligation of the trait, one group of cases; one idea, one case.
//!
//! * [`persistence::run`] for a [`Persistence`](secret_store_core::Persistence).
//! * [`key_provider::run`] for a [`KeyProvider`](secret_store_core::KeyProvider).
//! * [`store::run`] for a [`SecretStore`](secret_store_core::SecretStore); [`store::run_hostile`] for one that is built over
//!   a persistence, which the suite then makes fail and lie.
//! * [`rotation::run`] for a persistence and a key provider together, while keys are changed over them.
//! * [`fault`]: backends that misbehave on purpose, for your own tests.
//! * [`IdleTime`]: time that passes only while nothing is under way, for tests of what waits for minutes.
//!
//! ```
//! # fn main() {
//! use secret_store_conformance::persistence;
//! use secret_store_memory::MemoryPersistence;
//!
//! let suite = persistence::run(|| async { Ok(MemoryPersistence::new()) });
//! futures::executor::block_on(suite).assert_passed();
//! # }
//! ```
//!
//! The suites run on any executor. Cases about concurrency start tasks: on threads of their own by default, by the
//! runtime's own `spawn` where a backend needs one ([`Options::with_spawn`]). A panic or a hang inside a case fails that
//! case and no other.

mod case;
mod idle_time;
mod options;
mod report;
mod steps;

pub mod fault;
pub mod key_provider;
#[cfg(feature = "memory-scan")]
pub mod memory_scan;
pub mod persistence;
pub mod rotation;
pub mod store;

pub use idle_time::IdleTime;
pub use options::Options;
pub use report::{CaseReport, Outcome, Report};
