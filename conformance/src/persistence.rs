//! Whether a [`Persistence`](secret_store_core::Persistence) keeps its obligations.
//!
//! ```
//! use std::sync::Arc;
//!
//! use secret_store_conformance::persistence::{self, Instance};
//! use secret_store_memory::MemoryPersistence;
//!
//! let suite = persistence::run(|| async {
//!     let memory = Arc::new(MemoryPersistence::new());
//!     let instance = Instance::from(Arc::clone(&memory));
//!     // A backend on a disk opens its directory again here.
//!     Ok(instance.with_reopen(move || std::future::ready(Ok(Arc::clone(&memory)))))
//! });
//! futures::executor::block_on(suite).assert_complete();
//! ```

mod atomicity;
mod batches;
mod cancellation;
mod concurrency;
mod consistency;
mod durability;
mod fixture;
mod instance;
mod listing;
mod names;
mod ordering;
mod paging;
mod preconditions;
mod records;
mod revisions;

use std::future::Future;

use secret_store_core::Result;

pub use instance::Instance;

use crate::case::{Stop, run_cases};
use crate::options::Options;
use crate::report::Report;
use fixture::Fixture;

/// Runs every case, each on a fresh and empty instance made by the factory.
///
/// Never panics by itself: whatever a case or the backend does is in the report.
pub async fn run<F, Made, I>(factory: F) -> Report
where
    F: Fn() -> Made,
    Made: Future<Output = Result<I>>,
    I: Into<Instance>,
{
    run_with(factory, Options::default()).await
}

/// Runs the cases as the options say.
pub async fn run_with<F, Made, I>(factory: F, options: Options) -> Report
where
    F: Fn() -> Made,
    Made: Future<Output = Result<I>>,
    I: Into<Instance>,
{
    let groups = [
        records::CASES,
        names::CASES,
        ordering::CASES,
        listing::CASES,
        paging::CASES,
        batches::CASES,
        preconditions::CASES,
        revisions::CASES,
        atomicity::CASES,
        consistency::CASES,
        concurrency::CASES,
        cancellation::CASES,
        durability::CASES,
    ];
    let make = || async {
        let instance = factory().await.map_err(|error| Stop::failed(format!("no fresh instance: {error}")))?.into();
        Ok(Fixture::new(instance, options.clone()))
    };
    run_cases("persistence", groups.into_iter().flatten(), &options, make).await
}
