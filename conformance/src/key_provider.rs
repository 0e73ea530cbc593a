//! Whether a [`KeyProvider`](secret_store_core::KeyProvider) keeps its obligations.
//!
//! ```
//! use secret_store_conformance::key_provider::{self, Instance};
//! use secret_store_core::MasterKeyId;
//! use secret_store_memory::MemoryKeyProvider;
//!
//! let suite = key_provider::run(|| async {
//!     let (first, second) = (MasterKeyId::new("first")?, MasterKeyId::new("second")?);
//!     let provider = MemoryKeyProvider::new().with_generated(&first)?.with_generated(&second)?;
//!     Ok(Instance::new(provider, [first, second]))
//! });
//! futures::executor::block_on(suite).assert_complete();
//! ```

mod allow_list;
mod authentication;
mod binding;
mod concurrency;
mod fixture;
mod freshness;
mod instance;
mod legacy;
mod moving;
mod wrapping;

use std::future::Future;

use secret_store_core::Result;

pub use instance::Instance;

use crate::case::{Stop, run_cases};
use crate::options::Options;
use crate::report::Report;
use fixture::Fixture;

/// Runs every case, each on a fresh instance made by the factory.
///
/// Never panics by itself: whatever a case or the provider does is in the report.
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
    let groups = [
        wrapping::CASES,
        freshness::CASES,
        binding::CASES,
        authentication::CASES,
        legacy::CASES,
        moving::CASES,
        allow_list::CASES,
        concurrency::CASES,
    ];
    let make = || async {
        let instance = factory().await.map_err(|error| Stop::failed(format!("no fresh instance: {error}")))?;
        Fixture::new(instance, options.clone())
    };
    run_cases("key provider", groups.into_iter().flatten(), &options, make).await
}
