//! The metrics of one operation. Every label is one of a few words that programs choose, never a name that data brings.

use std::time::Duration;

use metrics::{counter, histogram};

use super::operation::{Layer, Observer};
use crate::observe::{Cache, Lookup, Observation};

pub(super) fn record(
    observer: &Observer,
    operation: &'static str,
    outcome: &'static str,
    duration: Duration,
    observation: &Observation,
) {
    let Observer { layer, backend, .. } = *observer;
    let name = layer.label();
    counter!("secret_store_operations_total", "layer" => name, "backend" => backend, "operation" => operation,
        "outcome" => outcome)
    .increment(1);
    histogram!("secret_store_operation_duration_seconds", "layer" => name, "backend" => backend,
        "operation" => operation)
    .record(duration.as_secs_f64());
    if let Some(units) = observation.capacity() {
        histogram!("secret_store_consumed_capacity_units", "layer" => name, "backend" => backend,
            "operation" => operation)
        .record(units);
    }
    if layer == Layer::Store {
        record_retries_and_caches(backend, operation, observation);
    }
}

/// The outermost layer alone counts these, so that nothing is counted twice.
fn record_retries_and_caches(backend: &'static str, operation: &'static str, observation: &Observation) {
    if observation.retries() > 0 {
        counter!("secret_store_retries_total", "backend" => backend, "operation" => operation)
            .increment(observation.retries().into());
    }
    for cache in Cache::ALL {
        for (lookup, result) in [(Lookup::Hit, "hit"), (Lookup::Miss, "miss")] {
            let times = observation.lookups(cache, lookup);
            if times > 0 {
                counter!("secret_store_cache_lookups_total", "backend" => backend, "cache" => label(cache),
                    "result" => result)
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
