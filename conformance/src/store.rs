//! Whether a [`SecretStore`] keeps its obligations, seen through the trait alone.
//!
//! ```
//! use secret_store_conformance::store;
//!
//! let suite = store::run(|| async { secret_store_memory::store("conformance") });
//! futures::executor::block_on(suite).assert_passed();
//! ```
//!
//! [`run_hostile`] builds the store over a persistence that the suite makes fail, lag and lie.

mod basics;
mod cancellation;
mod concurrency;
mod durability;
mod fixture;
mod history;
mod hostile;
mod idempotency;
mod input;
mod instance;
mod listing;
mod many;
mod metadata;
mod preconditions;
mod secrecy;
mod versions;

use std::future::Future;
use std::sync::Arc;

use futures::FutureExt;
use secret_store_core::{Persistence, Result, SecretStore};

pub use instance::Instance;

use crate::case::{Stop, run_cases};
use crate::options::Options;
use crate::persistence;
use crate::report::Report;
use fixture::Fixture;

/// Runs every case, each on a fresh and empty instance made by the factory.
///
/// The store keeps at least the four newest versions of a secret, and accepts values of up to 64 KiB.
///
/// Never panics by itself: whatever a case or the store does is in the report.
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
        basics::CASES,
        versions::CASES,
        history::CASES,
        listing::CASES,
        many::CASES,
        preconditions::CASES,
        idempotency::CASES,
        metadata::CASES,
        input::CASES,
        secrecy::CASES,
        concurrency::CASES,
        cancellation::CASES,
        durability::CASES,
    ];
    let make = || async {
        let instance = factory().await.map_err(|error| Stop::failed(format!("no fresh instance: {error}")))?.into();
        Ok(Fixture::new(instance, options.clone()))
    };
    run_cases("store", groups.into_iter().flatten(), &options, make).await
}

/// Runs the cases in which the persistence fails, lags, lies and is written to by an enemy.
///
/// `persistence` makes a fresh and empty one that keeps its obligations; `store` builds a store over what it is given, every
/// time with the same store id and the same master keys, so that a second store stands for a second process.
pub async fn run_hostile<P, Made, I, S, Built, T>(persistence: P, store: S) -> Report
where
    P: Fn() -> Made,
    Made: Future<Output = Result<I>>,
    I: Into<persistence::Instance>,
    S: Fn(Arc<dyn Persistence>) -> Built + Send + Sync + 'static,
    Built: Future<Output = Result<T>> + Send + 'static,
    T: SecretStore,
{
    run_hostile_with(persistence, store, Options::default()).await
}

/// Runs the hostile cases as the options say.
pub async fn run_hostile_with<P, Made, I, S, Built, T>(persistence: P, store: S, options: Options) -> Report
where
    P: Fn() -> Made,
    Made: Future<Output = Result<I>>,
    I: Into<persistence::Instance>,
    S: Fn(Arc<dyn Persistence>) -> Built + Send + Sync + 'static,
    Built: Future<Output = Result<T>> + Send + 'static,
    T: SecretStore,
{
    let build: hostile::Build = Arc::new(move |records| {
        let built = store(records);
        async move { Ok(Arc::new(built.await?) as Arc<dyn SecretStore>) }.boxed()
    });
    let make = || async {
        let base = persistence().await.map_err(|error| Stop::failed(format!("no fresh persistence: {error}")))?;
        Ok(hostile::Fixture::new(base.into(), Arc::clone(&build), options.clone()))
    };
    run_cases("hostile store", hostile::groups(), &options, make).await
}
