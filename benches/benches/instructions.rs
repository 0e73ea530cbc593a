//! How many instructions an operation on 1 KiB takes, counted by callgrind: the same on a busy machine as on an idle one.
//!
//! `cargo run -p secret-store-benches -- --instructions` runs this and compares.
#![allow(missing_docs, reason = "gungraun's macros")]

use std::hint::black_box;
use std::sync::Arc;

use gungraun::prelude::*;
use secret_store_benches::bare::NONCE_BYTES;
use secret_store_benches::{
    cached_store, first_version, memory_keys, memory_records, now, secret_id, store_id, value, warm_store,
};
use secret_store_core::bench::ReadyEnvelope;
use secret_store_core::{
    EnvelopeStore, HistoryRetention, ProtectOptions, SecretId, SecretStore, SecretStoreExt, SecretValue,
};

const BYTES: usize = 1024;
const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];

type Envelope = (ReadyEnvelope, Arc<[u8]>, Vec<u8>);
type Reader = (Arc<dyn SecretStore>, SecretId);
type Writer = (EnvelopeStore, SecretId, SecretValue);

/// Every operation ran before: tables have grown, symbols are bound.
const WARM_UP: usize = 32;

fn envelope() -> Envelope {
    let envelope = ReadyEnvelope::new(&[7; 32], &store_id(), &secret_id(), first_version());
    let sealed = (0..WARM_UP).map(|_| envelope.seal(&NONCE, &value(BYTES)).expect("seals")).next_back().expect("some");
    assert_eq!(envelope.open(&NONCE, &sealed).expect("authentic").expose_secret(), value(BYTES));
    (envelope, sealed, value(BYTES))
}

fn reading(store: Arc<dyn SecretStore>) -> Reader {
    (0..WARM_UP).for_each(|_| drop(now(store.get(&secret_id())).expect("stored")));
    (store, secret_id())
}

fn warm() -> Reader {
    reading(warm_store(BYTES).1)
}

fn cached() -> Reader {
    reading(cached_store(BYTES))
}

fn writer() -> Writer {
    let builder = EnvelopeStore::builder(memory_keys(), memory_records()).store_id(store_id()).master_key("main");
    let store = builder.history(HistoryRetention::None).build().expect("valid");
    for _ in 0..WARM_UP {
        now(store.put(&secret_id(), SecretValue::new(value(BYTES)))).expect("stored");
        now(store.protect(&secret_id(), SecretValue::new(value(BYTES)), ProtectOptions::default())).expect("protects");
    }
    (store, secret_id(), SecretValue::new(value(BYTES)))
}

// What is measured with is handed back, so that its end is not counted; the end of the result is.

#[library_benchmark]
#[bench::kib(envelope())]
fn open((envelope, sealed, plaintext): Envelope) -> Envelope {
    drop(black_box(black_box(&envelope).open(&NONCE, black_box(&sealed)).expect("authentic")));
    (envelope, sealed, plaintext)
}

#[library_benchmark]
#[bench::kib(envelope())]
fn seal((envelope, sealed, plaintext): Envelope) -> Envelope {
    drop(black_box(black_box(&envelope).seal(&NONCE, black_box(&plaintext)).expect("seals")));
    (envelope, sealed, plaintext)
}

#[library_benchmark]
#[bench::kib(warm())]
fn get((store, id): Reader) -> Reader {
    drop(black_box(now(black_box(&store).get(black_box(&id))).expect("stored")));
    (store, id)
}

#[library_benchmark]
#[bench::kib(cached())]
fn cached_get((store, id): Reader) -> Reader {
    drop(black_box(now(black_box(&store).get(black_box(&id))).expect("stored")));
    (store, id)
}

#[library_benchmark]
#[bench::kib(writer())]
fn protect((store, id, value): Writer) -> EnvelopeStore {
    drop(black_box(now(store.protect(black_box(&id), value, ProtectOptions::default())).expect("protects")));
    store
}

#[library_benchmark]
#[bench::kib(writer())]
fn put((store, id, value): Writer) -> EnvelopeStore {
    drop(black_box(now(store.put(black_box(&id), value)).expect("stored")));
    store
}

library_benchmark_group!(name = operations, benchmarks = [open, seal, get, cached_get, protect, put]);
main!(library_benchmark_groups = operations);
