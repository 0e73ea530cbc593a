//! Whether keys can be changed over a backend, while programs read and write: rotation of a master key, of a tenant's key, of
//! document keys, and the proof that a key is needed no more.
//!
//! Rotation knows no backend, so this is no further obligation: what a persistence and a key provider promise is enough. The suite
//! shows that they do, together, and that nothing is lost on the way.
//!
//! ```
//! use std::sync::Arc;
//!
//! use secret_store_conformance::rotation::{self, Instance};
//! use secret_store_core::MasterKeyId;
//! use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
//!
//! let suite = rotation::run(|| async {
//!     let [old, new] = [MasterKeyId::new("old")?, MasterKeyId::new("new")?];
//!     let keys = Arc::new(MemoryKeyProvider::new().with_generated(&old)?.with_generated(&new)?);
//!     let instance = Instance::new(MemoryPersistence::new(), keys.clone(), [old.clone(), new], keys.clone());
//!     Ok(instance.with_taking_away(move || {
//!         keys.remove(&old);
//!         std::future::ready(Ok(()))
//!     }))
//! });
//! futures::executor::block_on(suite).assert_complete();
//! ```
//!
//! Time is [idle](crate::IdleTime): nothing waits for a grace period.

mod documents;
mod faults;
mod fixture;
mod instance;
mod master;
mod tenant_tier;
mod tenants;

use std::future::Future;

use secret_store_core::Result;

pub use instance::Instance;

use crate::case::{Stop, run_cases};
use crate::options::Options;
use crate::report::Report;
use fixture::Fixture;

/// Runs every case, each on a fresh and empty instance made by the factory.
///
/// Never panics by itself: whatever a case or the backend does is in the report. The future is not `Send`: it is for the task that
/// a test is, not to be spawned.
pub async fn run<F, Made>(factory: F) -> Report
where
    F: Fn() -> Made,
    Made: Future<Output = Result<Instance>>,
{
    run_with(factory, Options::default()).await
}

/// Runs the cases as the options say.
pub async fn run_with<F, Made>(factory: F, options: Options) -> Report
where
    F: Fn() -> Made,
    Made: Future<Output = Result<Instance>>,
{
    let groups = [master::CASES, tenants::CASES, documents::CASES, faults::CASES];
    let make = || async {
        let instance = factory().await.map_err(|error| Stop::failed(format!("no fresh instance: {error}")))?;
        Ok(Fixture::new(instance))
    };
    let report = run_cases("rotation", groups.into_iter().flatten(), &options, make).await;
    report.and(run_cases("rotation", tenant_tier::CASES.iter(), &options, make).await)
}
