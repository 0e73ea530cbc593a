//! The metrics of one operation. Every label is one of a few words that programs choose, never a name that data brings.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use super::operation::{Layer, Observer, lookup_label};
use crate::observe::{Cache, Lookup, Observation};

const OPERATIONS: &str = "secret_store_operations_total";
const DURATION: &str = "secret_store_operation_duration_seconds";
const CAPACITY: &str = "secret_store_consumed_capacity_units";
const RETRIES: &str = "secret_store_retries_total";
const LOOKUPS: &str = "secret_store_cache_lookups_total";

/// Gives the units and descriptions of all [metrics](crate::TracedStore#metrics) to the recorder that is installed. Call it once,
/// after installing one.
pub fn describe_metrics() {
    describe_counter!(OPERATIONS, Unit::Count, "Operations, by how they ended.");
    describe_histogram!(DURATION, Unit::Seconds, "Time from the call of an operation to its outcome.");
    describe_histogram!(CAPACITY, Unit::Count, "Capacity that one operation consumed, in the backend's own units.");
    describe_counter!(
        RETRIES,
        Unit::Count,
        "Requests that were repeated and writes that began again after a lost race."
    );
    describe_counter!(LOOKUPS, Unit::Count, "Lookups in the caches of secrets, document keys and tenant keys.");
}

pub(super) fn record(
    observer: &Observer,
    operation: &'static str,
    outcome: &'static str,
    duration: Duration,
    observation: &Observation,
) {
    let Observer { layer, backend, .. } = *observer;
    let name = layer.label();
    counter!(OPERATIONS, "layer" => name, "backend" => backend, "operation" => operation,
        "outcome" => outcome)
    .increment(1);
    histogram!(DURATION, "layer" => name, "backend" => backend,
        "operation" => operation)
    .record(duration.as_secs_f64());
    if let Some(units) = observation.capacity() {
        histogram!(CAPACITY, "layer" => name, "backend" => backend,
            "operation" => operation)
        .record(units);
    }
    if layer == Layer::Store {
        record_retries_and_caches(backend, operation, observation);
    }
}

/// What layers beneath report reaches the store layer too: only there it is counted, so that nothing is counted twice.
fn record_retries_and_caches(backend: &'static str, operation: &'static str, observation: &Observation) {
    if observation.retries() > 0 {
        counter!(RETRIES, "backend" => backend, "operation" => operation).increment(observation.retries().into());
    }
    for cache in Cache::ALL {
        for lookup in Lookup::ALL {
            let times = observation.lookups(cache, lookup);
            if times > 0 {
                counter!(LOOKUPS, "backend" => backend, "cache" => label(cache),
                    "result" => lookup_label(lookup))
                .increment(times.into());
            }
        }
    }
}

fn label(cache: Cache) -> &'static str {
    match cache {
        Cache::Secrets => "secrets",
        Cache::DocumentKeys => "document_keys",
        Cache::TenantKeys => "tenant_keys",
    }
}
