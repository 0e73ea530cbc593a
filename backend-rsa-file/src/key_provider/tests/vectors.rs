//! What was written once opens for ever.

use secret_store_core::{EncryptionContext, ErrorKind, Result, WrappedKey};
use serde::Deserialize;

use super::{LegacyRecord, context, decode, keys, legacy_vectors, master_id};
use crate::key_provider::rsa_ops::RsaOps;

/// `sr1.json`: wraps made by Python's `cryptography`.
#[derive(Deserialize)]
struct Sr1Vectors {
    wraps: Vec<Sr1Wrap>,
}

#[derive(Deserialize)]
struct Sr1Wrap {
    id: String,
    encryption_key: String,
    signing_key: String,
    master_key_id: String,
    signing_key_id: String,
    store: String,
    application: String,
    name: String,
    version: String,
    document_key: String,
    wrapped: String,
}

fn frozen_wraps_open<R: RsaOps>() {
    let vectors: Sr1Vectors =
        serde_json::from_str(include_str!("../../../tests/vectors/sr1.json")).expect("the vectors are JSON");
    assert_eq!(vectors.wraps.len(), 5);
    for vector in vectors.wraps {
        let keys =
            keys::<R>((&vector.master_key_id, &vector.encryption_key), (&vector.signing_key_id, &vector.signing_key));
        let version = vector.version.parse().expect("a number");
        let wrapped = WrappedKey::new(master_id(&vector.master_key_id), decode(&vector.wrapped));
        let open = |version| keys.unwrap(&wrapped, &context(&vector.store, &vector.application, &vector.name, version));
        assert_eq!(open(version).expect(&vector.id).expose_secret(), decode(&vector.document_key), "{}", vector.id);
        assert_eq!(open(version / 2 + 5).expect_err("another version").kind(), ErrorKind::Integrity);
    }
}

/// `written.json`: wraps made by this code, opened by Python's `cryptography` when they were frozen.
#[derive(Deserialize)]
struct WrittenVectors {
    wraps: Vec<WrittenWrap>,
}

#[derive(Deserialize)]
struct WrittenWrap {
    kind: String,
    made_by: String,
    encryption_key: String,
    signing_key: String,
    master_key_id: String,
    signing_key_id: String,
    document_key: String,
    wrapped: String,
}

fn what_this_code_wrote_opens<R: RsaOps>() {
    let vectors: WrittenVectors =
        serde_json::from_str(include_str!("../../../tests/vectors/written.json")).expect("the vectors are JSON");
    assert_eq!(vectors.wraps.len(), 12);
    for vector in vectors.wraps {
        let keys =
            keys::<R>((&vector.master_key_id, &vector.encryption_key), (&vector.signing_key_id, &vector.signing_key));
        let context = match &*vector.kind {
            "sr1" => context("prod", "YourApp.Production", "パスワード / 🔑", 7),
            _ => EncryptionContext::legacy(),
        };
        let wrapped = WrappedKey::new(master_id(&vector.master_key_id), decode(&vector.wrapped));
        let opened = keys.unwrap(&wrapped, &context).expect(&vector.made_by);
        assert_eq!(opened.expose_secret(), decode(&vector.document_key), "{} by {}", vector.kind, vector.made_by);
    }
}

fn open_legacy<R: RsaOps>(record: &LegacyRecord) -> Result<Vec<u8>> {
    let keys = keys::<R>((&record.master_key_id, &record.encryption_key), ("original", &record.signing_key));
    let wrapped = WrappedKey::new(master_id(&record.master_key_id), decode(&record.protected_document_key));
    keys.unwrap(&wrapped, &EncryptionContext::legacy()).map(|key| key.expose_secret().to_vec())
}

fn what_the_original_wrote_opens<R: RsaOps>() {
    let written = legacy_vectors().written;
    assert_eq!(written.len(), 8);
    for record in written {
        let expected = decode(record.expected_data_key.as_ref().expect("every written record has one"));
        assert_eq!(open_legacy::<R>(&record).expect(&record.id), expected, "{}", record.id);
    }
}

/// Key sizes of the segments that open, error kinds of those that do not. Where the fault lies in the value or its
/// initialisation vector, the segment is a good one.
fn what_others_made_opens_or_is_refused<R: RsaOps>() {
    let expected = [
        ("reverse-aes128-2048", Ok(16)),
        ("reverse-aes256-2048", Ok(32)),
        ("neg-flip-ct", Err(ErrorKind::Integrity)),
        ("neg-trailing", Err(ErrorKind::Integrity)),
        ("neg-trunc7", Err(ErrorKind::Integrity)),
        ("neg-boundary", Err(ErrorKind::Integrity)),
        ("neg-negative-keyid-len", Err(ErrorKind::InvalidInput)),
        ("neg-wrong-signer", Err(ErrorKind::Integrity)),
        ("neg-oaep-sha256", Err(ErrorKind::Integrity)),
        ("neg-iv12", Ok(16)),
        ("neg-ct-17", Ok(16)),
        ("neg-padding", Ok(16)),
        ("swap-whole-record", Ok(16)),
    ];
    let foreign = legacy_vectors().foreign;
    assert_eq!(foreign.len(), expected.len());
    for (record, (id, outcome)) in foreign.iter().zip(expected) {
        assert_eq!(record.id, id);
        let opened = open_legacy::<R>(record);
        assert_eq!(opened.map(|key| key.len()).map_err(|error| error.kind()), outcome, "{id}");
    }
}

through_both!(
    frozen_wraps_open,
    what_this_code_wrote_opens,
    what_the_original_wrote_opens,
    what_others_made_opens_or_is_refused,
);
