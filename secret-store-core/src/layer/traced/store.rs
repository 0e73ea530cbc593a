//! The layer over a secret store.

use std::sync::Arc;

use tracing::{Span, field};

use super::operation::{Layer, Observer, observe};
use crate::clock::Clock;
use crate::id::{ApplicationName, SecretId};
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
/// | `application` | the application, escaped; of `get_many` the first one's |
/// | `outcome` | `ok`, the [kind](crate::ErrorKind) of the error (`not_found` …), or `cancelled` for a future that was dropped |
/// | `duration_us` | microseconds from the call to its outcome |
/// | `attempts` | 1, and one more for each lost race after which it began again |
/// | `cache`, `key_cache` | `hit`, `miss` or `mixed` in the caches of clear values and of document keys, where one was asked |
/// | `capacity` | what the backend says it consumed, in its own units, where it says so |
///
/// Names of secrets, values, keys and texts of errors are in none of them. An outcome of `integrity`, `rollback_detected` or
/// `key_not_allowed` is an event at level WARN besides.
///
/// Where no subscriber wants either, a call costs some comparisons and no allocation.
///
/// # Metrics
///
/// With the feature `metrics` and `with_metrics`, by the `metrics` crate:
///
/// | name | kind | labels |
/// |---|---|---|
/// | `secret_store_operations_total` | counter | `layer`, `backend`, `operation`, `outcome` |
/// | `secret_store_operation_duration_seconds` | histogram | `layer`, `backend`, `operation` |
/// | `secret_store_consumed_capacity_units` | histogram, of operations whose backend reports it | `layer`, `backend`, `operation` |
/// | `secret_store_retries_total` | counter | `backend`, `operation` |
/// | `secret_store_cache_lookups_total` | counter | `backend`, `cache` (`secrets`, `document_keys`, `tenant_keys`), `result` (`hit`, `miss`) |
///
/// `layer` is `store`, or `keys` and `records` of [`TracedKeys`](crate::TracedKeys) and [`TracedRecords`](crate::TracedRecords).
/// Every label is one of a few words that the program chose; no application and no name is among them, so that the number of
/// series is bounded whatever is stored.
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

    fn span(&self, operation: &'static str, application: Option<&ApplicationName>) -> (Span, &'static str) {
        let span = tracing::info_span!(
            target: "secret_store",
            "secret_store",
            operation,
            backend = self.observer.backend,
            application = application.map(field::display),
            outcome = field::Empty,
            duration_us = field::Empty,
            attempts = field::Empty,
            cache = field::Empty,
            key_cache = field::Empty,
            capacity = field::Empty,
        );
        (span, operation)
    }
}

impl SecretStore for TracedStore {
    observe! {
        fn get_with<'life1>(id: &'life1 SecretId, options: GetOptions) -> Secret {
            self => self.span("get", Some(id.application()))
        }
        fn put_with<'life1>(id: &'life1 SecretId, value: SecretValue, options: PutOptions) -> SecretInfo {
            self => self.span("put", Some(id.application()))
        }
        fn delete_with<'life1>(id: &'life1 SecretId, options: DeleteOptions) -> () {
            self => self.span("delete", Some(id.application()))
        }
        fn list_with<'life1>(application: &'life1 ApplicationName, options: ListOptions) -> Page<SecretInfo> {
            self => self.span("list", Some(application))
        }
        fn history_with<'life1>(id: &'life1 SecretId, options: ListOptions) -> Page<SecretInfo> {
            self => self.span("history", Some(id.application()))
        }
        fn get_many_with<'life1>(ids: &'life1 [SecretId], options: GetOptions) -> Vec<Secret> {
            self => self.span("get_many", ids.first().map(SecretId::application))
        }
        fn get_all_with<'life1>(application: &'life1 ApplicationName, options: GetOptions) -> Vec<Secret> {
            self => self.span("get_all", Some(application))
        }
    }
}
