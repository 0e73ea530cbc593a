//! Sealing and opening to a public key, by suite, against the bare primitives of the same run.
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use futures::executor::block_on;
use secret_store_benches::bare::{Bare, NONCE_BYTES};
use secret_store_benches::{IMPLEMENTATION, value};
use secret_store_transport::{KeySpec, RecipientKeyPair};
use x25519_dalek::{PublicKey, StaticSecret};

const KEY: [u8; 32] = [7; 32];
const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];
const SIZES: [usize; 2] = [256, 65536];

/// The curve arithmetic and the cipher alone: two multiplications to seal, two to open (the recipient's public key is one).
fn hpke(criterion: &mut Criterion) {
    let (private, public) = (StaticSecret::from(KEY), PublicKey::from([9; 32]));
    let (bare, pair) = (Bare::new(&KEY), block_on(RecipientKeyPair::generate(KeySpec::X25519)).expect("random"));
    let mut group = criterion.benchmark_group(format!("{IMPLEMENTATION} sealed to X25519"));
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    for bytes in SIZES {
        let message = value(bytes);
        let mut buffer = message.clone();
        group.bench_function(BenchmarkId::new("bare seal", bytes), |bencher| {
            bencher.iter(|| {
                let ephemeral = PublicKey::from(black_box(&private));
                let shared = private.diffie_hellman(black_box(&public));
                (ephemeral, shared, bare.seal(NONCE, b"aad", black_box(&mut buffer)))
            });
        });
        let mut sealed = message.clone();
        let tag = bare.seal(NONCE, b"aad", &mut sealed);
        group.bench_function(BenchmarkId::new("bare open", bytes), |bencher| {
            bencher.iter(|| {
                let own = PublicKey::from(black_box(&private));
                let shared = private.diffie_hellman(black_box(&public));
                bare.open(NONCE, b"aad", black_box(&sealed), &tag, &mut buffer);
                (own, shared)
            });
        });
        let_it_seal(&mut group, &pair, bytes);
    }
    group.finish();
}

fn rsa(criterion: &mut Criterion) {
    let key = PrivateDecryptingKey::generate(KeySize::Rsa3072).expect("random");
    let (pkcs8, spki): (Pkcs8V1Der<'_>, PublicKeyX509Der<'_>) =
        (key.as_der().expect("serialises"), key.public_key().as_der().expect("serialises"));
    let public = PublicEncryptingKey::from_der(spki.as_ref()).expect("a key");
    let public = OaepPublicEncryptingKey::new(public).expect("a key");
    let private = OaepPrivateDecryptingKey::new(key.clone()).expect("a key");
    let (bare, pair) = (Bare::new(&KEY), RecipientKeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key"));
    let mut group = criterion.benchmark_group(format!("{IMPLEMENTATION} sealed to RSA-3072"));
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    for bytes in SIZES {
        let message = value(bytes);
        let (mut buffer, mut wrapped) = (message.clone(), vec![0; 384]);
        group.bench_function(BenchmarkId::new("bare seal", bytes), |bencher| {
            bencher.iter(|| {
                public.encrypt(&OAEP_SHA256_MGF1SHA256, &KEY, &mut wrapped, Some(&KEY)).expect("encrypts");
                bare.seal(NONCE, b"aad", black_box(&mut buffer))
            });
        });
        let mut sealed = message.clone();
        let tag = bare.seal(NONCE, b"aad", &mut sealed);
        let mut opened = vec![0; 384];
        group.bench_function(BenchmarkId::new("bare open", bytes), |bencher| {
            bencher.iter(|| {
                private.decrypt(&OAEP_SHA256_MGF1SHA256, &wrapped, &mut opened, Some(&KEY)).expect("decrypts");
                bare.open(NONCE, b"aad", black_box(&sealed), &tag, &mut buffer);
            });
        });
        let_it_seal(&mut group, &pair, bytes);
    }
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn let_it_seal(group: &mut Group<'_>, pair: &RecipientKeyPair, bytes: usize) {
    let (message, key) = (value(bytes), pair.public_key());
    group.bench_function(BenchmarkId::new("seal", bytes), |bencher| {
        bencher.iter(|| key.seal(b"info", b"aad", black_box(&message)).expect("seals"));
    });
    let sealed = key.seal(b"info", b"aad", &message).expect("seals");
    group.bench_function(BenchmarkId::new("open", bytes), |bencher| {
        bencher.iter(|| block_on(pair.open(b"info", b"aad", black_box(&sealed))).expect("opens"));
    });
}

criterion_group!(benches, hpke, rsa);
criterion_main!(benches);
