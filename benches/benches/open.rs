//! Reads: the bare cipher, the envelope, `unprotect`, `get`, each with the key ready; and from the cache of clear secrets.
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use secret_store_benches::bare::{Bare, NONCE_BYTES};
use secret_store_benches::{
    IMPLEMENTATION, SIZES, cached_store, first_version, memory_keys, memory_records, now, secret_id, store, store_id,
    value, warm_store,
};
use secret_store_core::bench::ReadyEnvelope;
use secret_store_core::{ProtectOptions, SecretStoreExt, SecretValue};

const KEY: [u8; 32] = [7; 32];
const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];

fn open(criterion: &mut Criterion) {
    let id = secret_id();
    let envelope = ReadyEnvelope::new(&KEY, &store_id(), &id, first_version());
    let bare = Bare::new(&KEY);
    let mut group = criterion.benchmark_group(format!("{IMPLEMENTATION} open"));
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    for bytes in SIZES {
        let mut ciphertext = value(bytes);
        let tag = bare.seal(NONCE, envelope.aad(), &mut ciphertext);
        let mut plaintext = vec![0; bytes];
        group.bench_function(BenchmarkId::new("bare", bytes), |bencher| {
            bencher.iter(|| bare.open(NONCE, envelope.aad(), black_box(&ciphertext), &tag, black_box(&mut plaintext)));
        });
        let sealed = envelope.seal(&NONCE, &value(bytes)).expect("seals");
        group.bench_function(BenchmarkId::new("envelope", bytes), |bencher| {
            bencher.iter(|| envelope.open(&NONCE, black_box(&sealed)).expect("authentic"));
        });
        let keeper = store(memory_keys(), memory_records());
        let protected = now(keeper.protect(&id, SecretValue::new(value(bytes)), ProtectOptions::default()));
        let protected = protected.expect("protects");
        group.bench_function(BenchmarkId::new("unprotect", bytes), |bencher| {
            bencher.iter(|| now(keeper.unprotect(black_box(&protected))).expect("authentic"));
        });
        let (_, warm) = warm_store(bytes);
        group.bench_function(BenchmarkId::new("get", bytes), |bencher| {
            bencher.iter(|| now(warm.get(black_box(&id))).expect("stored"));
        });
        let cached = cached_store(bytes);
        group.bench_function(BenchmarkId::new("cached get", bytes), |bencher| {
            bencher.iter(|| now(cached.get(black_box(&id))).expect("stored"));
        });
    }
    group.finish();
}

criterion_group!(benches, open);
criterion_main!(benches);
