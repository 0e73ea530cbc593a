//! Client-encrypted credentials: the bare cipher and signature, and what the library makes of them.
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use ed25519_dalek::{Signer as _, SigningKey};
use secret_store_benches::bare::{Bare, NONCE_BYTES};
use secret_store_benches::{IMPLEMENTATION, memory_keys, now, store, value};
use secret_store_core::{ApplicationName, SecretValue, TenantId};
use secret_store_memory::MemoryPersistence;
use secret_store_transport::credential::{
    CredentialIntake, CredentialKey, CredentialKeyVersion, CredentialKeys, CredentialOwner, CredentialPlace, Domain,
    NewCredential, decrypt_credential, encrypt_credential,
};
use secret_store_transport::{AuthorityKey, Message as _, Trust};

const SIZES: [usize; 2] = [256, 64 * 1024];
const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];

fn tenant() -> TenantId {
    TenantId::new("alice").expect("valid")
}

fn credential(revision: u64) -> NewCredential {
    let place = CredentialPlace::parse("github", "password").expect("valid");
    NewCredential::new(place, Domain::new("example.com").expect("valid"), revision)
}

/// Seal and open, beside the bare AES-256-GCM and the bare signature of as many bytes.
fn seal_and_open(criterion: &mut Criterion) {
    let key = CredentialKey::generate(tenant(), CredentialKeyVersion::FIRST).expect("random");
    let (bare, signing) = (Bare::new(&[7; 32]), SigningKey::from_bytes(&[7; 32]));
    let mut group = criterion.benchmark_group(format!("{IMPLEMENTATION} credential"));
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    for bytes in SIZES {
        let plaintext = value(bytes);
        let mut buffer = plaintext.clone();
        group.bench_function(BenchmarkId::new("bare seal", bytes), |bencher| {
            bencher.iter(|| bare.seal(NONCE, b"place", black_box(&mut buffer)));
        });
        let mut ciphertext = plaintext.clone();
        let tag = bare.seal(NONCE, b"place", &mut ciphertext);
        group.bench_function(BenchmarkId::new("bare open", bytes), |bencher| {
            bencher.iter(|| bare.open(NONCE, b"place", black_box(&ciphertext), &tag, black_box(&mut buffer)));
        });
        group.bench_function(BenchmarkId::new("bare sign", bytes), |bencher| {
            bencher.iter(|| signing.sign(black_box(&plaintext)));
        });
        let secret = SecretValue::from(&plaintext[..]);
        group.bench_function(BenchmarkId::new("seal", bytes), |bencher| {
            bencher.iter(|| encrypt_credential(&key, &credential(1), black_box(&secret)).expect("encrypts"));
        });
        let sealed = encrypt_credential(&key, &credential(1), &secret).expect("encrypts");
        group.bench_function(BenchmarkId::new("open", bytes), |bencher| {
            bencher.iter(|| decrypt_credential(&key, black_box(&sealed)).expect("authentic"));
        });
    }
    group.finish();
}

/// Ingestion beside the bare verification of a signature over as many bytes.
fn ingest(criterion: &mut Criterion) {
    let records = Arc::new(MemoryPersistence::new());
    let authority = Arc::new(AuthorityKey::generate().expect("random"));
    let owner = CredentialOwner::new(tenant(), ApplicationName::new("Vault.alice").expect("valid"));
    let secrets = Arc::new(store(memory_keys(), records.clone()));
    let keys = CredentialKeys::new(secrets, records.clone()).with_authority(authority.clone());
    let key = now(keys.create(&owner)).expect("created");
    let intake = CredentialIntake::new(records, Trust::Authority(authority.public_key()));
    let signing = SigningKey::from_bytes(&[7; 32]);
    let verifying = signing.verifying_key();
    let mut revision = 0;
    let mut group = criterion.benchmark_group("ingest");
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(2));
    for bytes in SIZES {
        let mut next = || {
            revision += 1;
            encrypt_credential(&key, &credential(revision), &SecretValue::from(value(bytes))).expect("encrypts")
        };
        let sealed = next();
        let signature = signing.sign(sealed.as_bytes());
        group.bench_function(BenchmarkId::new("bare verify", bytes), |bencher| {
            bencher.iter(|| verifying.verify_strict(black_box(sealed.as_bytes()), &signature).expect("authentic"));
        });
        group.bench_function(BenchmarkId::new("verify", bytes), |bencher| {
            bencher.iter(|| key.verify_key().verify(black_box(&sealed)).expect("authentic"));
        });
        group.bench_function(BenchmarkId::new("ingest", bytes), |bencher| {
            bencher.iter_batched(
                &mut next,
                |sealed| now(intake.ingest(&owner, sealed)).expect("taken"),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, seal_and_open, ingest);
criterion_main!(benches);
