//! The store over a persistence that fails, lags and lies, and beside an enemy who writes to it.
//!
//! Two rules hold throughout: an answer is right or an error, and an acknowledged write is not lost.

mod failures;
mod forgeries;
mod races;
mod rollbacks;
mod staleness;
mod swaps;

use std::sync::Arc;

use futures::future::BoxFuture;
use secret_store_core::{Persistence, RecordKey, Result, Secret, SecretId, SecretStore, SecretStoreExt, Stored};

use crate::case::{Case, Stop};
use crate::fault::{Call, Recording};
use crate::options::Options;
use crate::persistence::Instance;

use super::fixture::value;

/// Builds a store over a persistence.
pub(super) type Build =
    Arc<dyn Fn(Arc<dyn Persistence>) -> BoxFuture<'static, Result<Arc<dyn SecretStore>>> + Send + Sync>;

pub(super) fn groups() -> impl Iterator<Item = &'static Case<Fixture>> {
    let groups = [swaps::CASES, forgeries::CASES, rollbacks::CASES, staleness::CASES, races::CASES, failures::CASES];
    groups.into_iter().flatten()
}

/// A fresh persistence and how to build stores over it.
pub(super) struct Fixture {
    base: Instance,
    build: Build,
    options: Options,
}

impl Fixture {
    pub(super) fn new(base: Instance, build: Build, options: Options) -> Self {
        Self { base, build, options }
    }

    /// The persistence as it is, for the enemy, for rivals and to look behind the scenes.
    fn base(&self) -> Arc<dyn Persistence> {
        self.base.persistence()
    }

    /// A store that has seen nothing yet, as a new process would be, over this persistence.
    async fn store_over(&self, records: Arc<dyn Persistence>) -> Result<Arc<dyn SecretStore>, Stop> {
        (self.build)(records).await.map_err(|error| Stop::failed(format!("no store over the persistence: {error}")))
    }

    /// A store that has seen nothing yet over the honest persistence.
    async fn store(&self) -> Result<Arc<dyn SecretStore>, Stop> {
        self.store_over(self.base()).await
    }

    /// Puts a value through an honest store and answers the records that changed, as they are then.
    async fn put_recorded(&self, id: &SecretId, text: &str) -> Result<Vec<(RecordKey, Stored)>, Stop> {
        let recording = Arc::new(Recording::new(self.base()));
        let store = self.store_over(Arc::<Recording>::clone(&recording)).await?;
        store.put(id, value(text)).await?;
        let mut written = Vec::new();
        for key in recording.take().iter().flat_map(Call::written) {
            if let Some(stored) = self.base().load(&key, secret_store_core::Consistency::Strong).await? {
                written.push((key, stored));
            }
        }
        match written.is_empty() {
            true => Err(Stop::failed("a put wrote no record at all")),
            false => Ok(written),
        }
    }
}

/// Demands an error of any kind, or exactly this value under exactly this name.
fn right_or_refused(answer: Result<Secret>, id: &SecretId, expected: &str, what: &str) -> Result<(), Stop> {
    match answer {
        Err(_) => Ok(()),
        Ok(secret) if secret.id() == id && secret.expose_secret() == expected.as_bytes() => Ok(()),
        Ok(secret) => {
            Err(Stop::failed(format!("{what}: {id} is answered with {} and a wrong value", secret.info().id)))
        }
    }
}
