//! Writes: the bare cipher, the envelope, the floor of a write, `protect`, `put`.
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use secret_store_benches::bare::{Bare, NONCE_BYTES, floor};
use secret_store_benches::{
    IMPLEMENTATION, SIZES, first_version, memory_keys, memory_records, now, secret_id, store, store_id, value,
};
use secret_store_core::bench::ReadyEnvelope;
use secret_store_core::{HistoryRetention, ProtectOptions, SecretStoreExt, SecretValue};

const KEY: [u8; 32] = [7; 32];
const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];

fn seal(criterion: &mut Criterion) {
    let id = secret_id();
    let envelope = ReadyEnvelope::new(&KEY, &store_id(), &id, first_version());
    let bare = Bare::new(&KEY);
    let mut group = criterion.benchmark_group(format!("{IMPLEMENTATION} seal"));
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    for bytes in SIZES {
        let mut buffer = value(bytes);
        group.bench_function(BenchmarkId::new("bare", bytes), |bencher| {
            bencher.iter(|| bare.seal(NONCE, envelope.aad(), black_box(&mut buffer)));
        });
        group.bench_function(BenchmarkId::new("envelope", bytes), |bencher| {
            bencher.iter(|| envelope.seal(&NONCE, black_box(&buffer)).expect("seals"));
        });
        group.bench_function(BenchmarkId::new("floor", bytes), |bencher| {
            bencher.iter(|| floor(&bare, envelope.aad(), black_box(&mut buffer)));
        });
        let keeper = store(memory_keys(), memory_records());
        group.bench_function(BenchmarkId::new("protect", bytes), |bencher| {
            bencher.iter_batched(
                || SecretValue::new(value(bytes)),
                |value| now(keeper.protect(&id, value, ProtectOptions::default())).expect("protects"),
                BatchSize::SmallInput,
            );
        });
        let keeper = keeper_without_history();
        group.bench_function(BenchmarkId::new("put", bytes), |bencher| {
            bencher.iter_batched(
                || SecretValue::new(value(bytes)),
                |value| now(keeper.put(&id, value)).expect("stored"),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// So that the memory does not fill with versions.
fn keeper_without_history() -> secret_store_core::EnvelopeStore {
    secret_store_core::EnvelopeStore::builder(memory_keys(), memory_records())
        .store_id(store_id())
        .master_key("main")
        .history(HistoryRetention::None)
        .build()
        .expect("valid")
}

criterion_group!(benches, seal);
criterion_main!(benches);
