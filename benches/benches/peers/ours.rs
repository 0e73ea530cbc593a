//! This library, with the implementation that was compiled in.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use secret_store_benches::bare::{Bare, floor};
use secret_store_benches::turns::Contender;
use secret_store_benches::{
    cached_store, first_version, memory_keys, memory_records, now, secret_id, store, store_id, value, warm_store,
};
use secret_store_core::bench::ReadyEnvelope;
use secret_store_core::{
    EnvelopeStore, EnvelopeStoreBuilder, HistoryRetention, ProtectOptions, SecretStore, SecretStoreExt, SecretValue,
};

use crate::bare::{KEY, NONCE, associated_data};

pub(crate) fn contenders(bytes: usize) -> Vec<Contender> {
    [cipher(bytes), envelope(bytes), reads(bytes), writes(bytes)].into_iter().flatten().collect()
}

/// The cipher that was compiled in, and what no write can do without.
fn cipher(bytes: usize) -> Vec<Contender> {
    let ciphers = || Bare::new(&KEY);
    let (opening, sealing, master) = (ciphers(), ciphers(), ciphers());
    let (aad, mut sealed) = (associated_data(), value(bytes));
    let tag = sealing.seal(NONCE, &aad, &mut sealed);
    let [mut opened, mut buffer, mut written] = [(); 3].map(|()| value(bytes));
    let [seal_aad, floor_aad] = [(); 2].map(|()| aad.clone());
    vec![
        Contender::new("bare open", move || {
            opening.open(NONCE, &aad, black_box(&sealed), &tag, black_box(&mut opened))
        }),
        Contender::new("bare seal", move || sealing.seal(NONCE, &seal_aad, black_box(&mut buffer))),
        Contender::new("random draw", || {
            let mut drawn = [0_u8; 56];
            getrandom::fill(&mut drawn).expect("random bytes");
            drawn
        }),
        Contender::new("floor of a write", move || floor(&master, &floor_aad, black_box(&mut written))),
    ]
}

/// The envelope alone, its key ready.
fn envelope(bytes: usize) -> Vec<Contender> {
    let envelope = Arc::new(ReadyEnvelope::new(&KEY, &store_id(), &secret_id(), first_version()));
    let plaintext = value(bytes);
    let sealed = envelope.seal(&NONCE, &plaintext).expect("seals");
    assert_eq!(envelope.open(&NONCE, &sealed).expect("authentic").expose_secret(), plaintext);
    let sealing = Arc::clone(&envelope);
    vec![
        Contender::new("envelope open", move || envelope.open(&NONCE, black_box(&sealed)).expect("authentic")),
        Contender::new("envelope seal", move || sealing.seal(&NONCE, black_box(&plaintext)).expect("seals")),
    ]
}

fn reads(bytes: usize) -> Vec<Contender> {
    let id = secret_id();
    let (_, warm) = warm_store(bytes);
    let cached = cached_store(bytes);
    let unkept = builder().key_cache(0, Duration::ZERO).build().expect("valid");
    now(unkept.put(&id, SecretValue::new(value(bytes)))).expect("stored");
    let unkept: Arc<dyn SecretStore> = Arc::new(unkept);
    let reading = |name, store: Arc<dyn SecretStore>| {
        let id = secret_id();
        assert_eq!(now(store.get(&id)).expect("read").expose_secret(), value(bytes));
        Contender::new(name, move || now(store.get(black_box(&id))).expect("stored"))
    };
    vec![reading("get", warm), reading("get, no key cache", unkept), reading("cached get", cached)]
}

fn writes(bytes: usize) -> Vec<Contender> {
    let (protecting, putting) = (store(memory_keys(), memory_records()), builder().build().expect("valid"));
    let (protected, put) = (secret_id(), secret_id());
    let template = value(bytes);
    // Copied, not counted up anew: what is done between two turns is to leave the processor's predictions alone.
    let new_value = move || SecretValue::new(template.clone());
    vec![
        Contender::with_input("protect", new_value.clone(), move |value| {
            now(protecting.protect(&protected, value, ProtectOptions::default())).expect("protects")
        }),
        Contender::with_input("put", new_value, move |value| now(putting.put(&put, value)).expect("stored")),
    ]
}

/// Without history, so that the memory does not fill with versions.
fn builder() -> EnvelopeStoreBuilder {
    let builder = EnvelopeStore::builder(memory_keys(), memory_records()).store_id(store_id()).master_key("main");
    builder.history(HistoryRetention::None)
}
