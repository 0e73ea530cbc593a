//! Every test here runs through both RSA implementations.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secret_store_core::{EncryptionContext, MasterKeyId, SecretId, SecretVersion, StoreId};
use serde::Deserialize;

use super::keys::Keys;
use super::pem::{self, Cost, Key, PrivateKey};
use super::rsa_ops::RsaOps;
use super::signing_key_id::SigningKeyId;

/// Makes a test of each function for each implementation.
macro_rules! through_both {
    ($($test:ident),* $(,)?) => {
        mod aws_lc {
            $(#[test] fn $test() { super::$test::<crate::key_provider::rsa_ops::aws_lc::AwsLc>(); })*
        }
        mod rust_crypto {
            $(#[test] fn $test() { super::$test::<crate::key_provider::rsa_ops::rust_crypto::RustCrypto>(); })*
        }
    };
}

mod attacks;
mod implementations;
mod key_files;
mod vectors;
mod wycheproof;

/// `secretstore-legacy.json`: records of the original, and the throw-away keys of these tests.
#[derive(Deserialize)]
struct LegacyVectors {
    keys: BTreeMap<String, LegacyKey>,
    written: Vec<LegacyRecord>,
    foreign: Vec<LegacyRecord>,
}

#[derive(Deserialize)]
struct LegacyKey {
    pkcs8_pem: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LegacyRecord {
    #[serde(rename = "id")]
    id: String,
    #[serde(rename = "encryption_key")]
    encryption_key: String,
    #[serde(rename = "signing_key")]
    signing_key: String,
    master_key_id: String,
    protected_document_key: String,
    #[serde(rename = "expected_data_key")]
    expected_data_key: Option<String>,
}

fn legacy_vectors() -> LegacyVectors {
    serde_json::from_str(include_str!("../../tests/vectors/secretstore-legacy.json")).expect("the vectors are JSON")
}

fn private_key(name: &str) -> PrivateKey {
    let vectors = legacy_vectors();
    match pem::parse(vectors.keys[name].pkcs8_pem.as_bytes(), None, name, Cost::USUAL).expect("a key") {
        Key::Private(key) => key,
        Key::Public(_) => panic!("{name} is private"),
    }
}

/// One master key that can do everything, one signing key.
fn keys<R: RsaOps>(master: (&str, &str), signer: (&str, &str)) -> Keys<R> {
    let mut keys = Keys::new("none");
    add_master(&mut keys, master);
    let key = private_key(signer.1);
    keys.add_verifier(signer_id(signer.0), &key.public).expect("a good key");
    keys.set_signer(signer_id(signer.0), Ok(&key)).expect("a good key");
    keys
}

fn add_master<R: RsaOps>(keys: &mut Keys<R>, (id, name): (&str, &str)) {
    let key = private_key(name);
    keys.add_master(master_id(id), &key.public, Ok(&key)).expect("a good key");
}

fn usual_keys<R: RsaOps>() -> Keys<R> {
    keys(("Test", "enc2048"), ("signer-1", "sign2048"))
}

fn master_id(text: &str) -> MasterKeyId {
    MasterKeyId::new(text).expect("a valid id")
}

fn signer_id(text: &str) -> SigningKeyId {
    SigningKeyId::new(text).expect("a valid id")
}

fn context(store: &str, application: &str, name: &str, version: u64) -> EncryptionContext {
    let id = SecretId::parse(application, name).expect("valid names");
    let version = SecretVersion::new(version).expect("not zero");
    EncryptionContext::document_key(&StoreId::new(store).expect("a valid id"), &id, version)
}

fn usual_context() -> EncryptionContext {
    context("prod", "YourApp.Production", "MainDb", 1)
}

fn decode(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("the vectors are base64")
}
