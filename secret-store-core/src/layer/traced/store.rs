//! The layer over a secret store.

use std::sync::Arc;

use tracing::{Level, field};

use super::operation::{Call, Layer, Observer, observe, spanned};
use crate::clock::Clock;
use crate::id::{ApplicationName, SecretId};
use crate::layer::blind_names::Blinding;
use crate::persistence::Page;
use crate::secret::{Secret, SecretInfo, SecretValue};
use crate::store::{DeleteOptions, GetOptions, ListOptions, PutOptions, SecretStore};

/// A [`SecretStore`] over another, with a [`tracing`] span around each operation and, if wanted, metrics of it.
///
/// # Spans
///
/// The span has the target and the name `secret_store` and level INFO. Its fields:
///
/// | field | |
/// |---|---|
/// | `operation` | `get`, `put`, `delete`, `list`, `history`, `get_many`, `get_all` |
/// | `backend` | the name given to [`new`](Self::new) |
/// | `application` | the application, escaped or [blind](Self::with_blind_names); of `get_many` where all are of one |
/// | `outcome` | `ok`, the [kind](crate::ErrorKind) of the error (`not_found` …), `cancelled` for a future that was dropped, `panicked` |
/// | `duration_us` | microseconds from the call to its outcome |
/// | `attempts` | 1, and one more for each lost race after which it began again and each request that was repeated |
/// | `cache`, `key_cache`, `tenant_key_cache` | what [lookups](crate::observe::Lookup) of clear values, document keys and tenant keys found, where there were any: `hit`, `negative`, `stale`, `miss`, or `mixed` for several |
/// | `capacity` | what the backend says it consumed, in its own units, where it says so |
///
/// Names of secrets, values, keys and texts of errors are in none of them. An outcome of `integrity`, `rollback_detected` or
/// `key_not_allowed` is an event at level WARN besides, with `operation`, `backend`, `application` and `outcome`.
///
/// [`TracedKeys`](crate::TracedKeys) and [`TracedRecords`](crate::TracedRecords) beneath the store make spans within this one.
/// What a cache asks once for several operations is within the one that began it.
///
/// Where no subscriber wants either and metrics are not recorded, a call costs some comparisons and no allocation.
///
/// # Metrics
///
/// With the feature `metrics` and `with_metrics`, by the `metrics` crate:
///
/// | name | kind | unit | labels |
/// |---|---|---|---|
/// | `secret_store_operations_total` | counter | operations | `layer`, `backend`, `operation`, `outcome` |
/// | `secret_store_operation_duration_seconds` | histogram | seconds | `layer`, `backend`, `operation` |
/// | `secret_store_consumed_capacity_units` | histogram | the backend's own | `layer`, `backend`, `operation` |
/// | `secret_store_retries_total` | counter | retries | `backend`, `operation` |
/// | `secret_store_cache_lookups_total` | counter | lookups | `backend`, `cache`, `result` |
///
/// `layer` is `store`, or `keys` and `records` of [`TracedKeys`](crate::TracedKeys) and [`TracedRecords`](crate::TracedRecords).
/// `operation` and `outcome` are those of the spans, `cache` is `secrets`, `document_keys` or `tenant_keys`, `result` is `hit`,
/// `negative`, `stale` or `miss`. Capacity is recorded of operations whose backend reports it, retries where there were any.
/// Every label is one of a few words that programs choose; no application and no name is among them, so that the number of
/// series is bounded whatever is stored.
///
/// Only this layer counts retries and lookups: where one of these lies over another, both count what happens beneath both, and
/// `backend` tells them apart. `observe::describe_metrics` gives units and descriptions to the recorder.
#[derive(Clone, Debug)]
pub struct TracedStore {
    inner: Arc<dyn SecretStore>,
    observer: Observer,
}

impl TracedStore {
    /// Over a store. `backend` names it in spans and metrics: `"dynamodb"`, `"files"`.
    pub fn new(inner: Arc<dyn SecretStore>, backend: &'static str) -> Self {
        Self { inner, observer: Observer::new(Layer::Store, backend) }
    }

    /// Shows applications as the database has them under [`BlindNames`](crate::BlindNames): 64 hexadecimal digits.
    #[must_use]
    pub fn with_blind_names(mut self, blinding: Blinding) -> Self {
        self.observer.blinding = Some(blinding);
        self
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.observer.clock = clock;
        self
    }

    /// Records [metrics](crate::TracedStore#metrics) too.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn with_metrics(mut self) -> Self {
        self.observer.metered = true;
        self
    }

    fn call<'a>(&self, operation: &'static str, application: Option<&'a ApplicationName>) -> Call<'a> {
        let span = spanned(Level::INFO, || {
            tracing::info_span!(
                target: "secret_store",
                "secret_store",
                operation,
                backend = self.observer.backend,
                application = application.map(|name| field::display(self.observer.shown(name))),
                outcome = field::Empty,
                duration_us = field::Empty,
                attempts = field::Empty,
                cache = field::Empty,
                key_cache = field::Empty,
                tenant_key_cache = field::Empty,
                capacity = field::Empty,
            )
        });
        Call { span, operation, application }
    }
}

/// The application that all are of.
fn common_application(ids: &[SecretId]) -> Option<&ApplicationName> {
    let first = ids.first()?.application();
    ids.iter().all(|id| id.application() == first).then_some(first)
}

impl SecretStore for TracedStore {
    observe! {
        fn get_with<'life1>(id: &'life1 SecretId, options: GetOptions) -> Secret {
            self => self.call("get", Some(id.application()))
        }
        fn put_with<'life1>(id: &'life1 SecretId, value: SecretValue, options: PutOptions) -> SecretInfo {
            self => self.call("put", Some(id.application()))
        }
        fn delete_with<'life1>(id: &'life1 SecretId, options: DeleteOptions) -> () {
            self => self.call("delete", Some(id.application()))
        }
        fn list_with<'life1>(application: &'life1 ApplicationName, options: ListOptions) -> Page<SecretInfo> {
            self => self.call("list", Some(application))
        }
        fn history_with<'life1>(id: &'life1 SecretId, options: ListOptions) -> Page<SecretInfo> {
            self => self.call("history", Some(id.application()))
        }
        fn get_many_with<'life1>(ids: &'life1 [SecretId], options: GetOptions) -> Vec<Secret> {
            self => self.call("get_many", common_application(ids))
        }
        fn get_all_with<'life1>(application: &'life1 ApplicationName, options: GetOptions) -> Vec<Secret> {
            self => self.call("get_all", Some(application))
        }
    }
}
