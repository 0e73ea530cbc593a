//! Wraps: bound to their context and key, checked in size, and readable both ways with the original.

use crate::setup::{Region, context, id, provider, renamed};
use secret_store_core::{DocumentKey, EncryptionContext, ErrorKind, KeyProvider, WrappedKey};

#[tokio::test]
async fn a_generated_key_opens_under_its_context_and_key_alone() {
    let kms = Region::start("eu-central-1");
    let (arn, other) = (kms.create_key(), kms.create_key());
    let keys = provider(&kms, &[&arn, &other]).await;

    let generated = keys.generate_key(&id(&arn), &context("a")).await.expect("generated");
    assert_eq!(generated.wrapped.master_key_id().as_str(), arn);
    assert_eq!(generated.document_key.expose_secret().len(), 32);
    let opened = keys.unwrap_key(&generated.wrapped, &context("a")).await.expect("opens");
    assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());

    let elsewhere = renamed(&generated.wrapped, &other);
    for (wrapped, under) in [
        (&generated.wrapped, context("b")),
        (&generated.wrapped, EncryptionContext::legacy()),
        (&elsewhere, context("a")),
    ] {
        let error = keys.unwrap_key(wrapped, &under).await.expect_err("another context or key");
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert!(std::error::Error::source(&error).is_none(), "an integrity failure has no cause");
    }
}

#[tokio::test]
async fn every_flipped_bit_and_every_cut_is_refused() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let keys = provider(&kms, &[&arn]).await;
    let wrapped = keys.generate_key(&id(&arn), &context("a")).await.expect("generated").wrapped;
    for at in 0..wrapped.as_bytes().len() {
        let mut flipped = wrapped.as_bytes().to_vec();
        flipped[at] ^= 1 << (at % 8);
        for bytes in [flipped, wrapped.as_bytes()[..at].to_vec()] {
            let error = keys.unwrap_key(&WrappedKey::new(id(&arn), bytes), &context("a")).await.expect_err("altered");
            assert_eq!(error.kind(), ErrorKind::Integrity, "byte {at}: {error}");
        }
    }
    keys.unwrap_key(&wrapped, &context("a")).await.expect("the unaltered one opens still");
}

#[tokio::test]
async fn decrypt_pins_the_key_and_sends_the_pairs() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let keys = provider(&kms, &[&arn]).await;
    let wrapped = keys.generate_key(&id(&arn), &context("db")).await.expect("generated").wrapped;
    keys.unwrap_key(&wrapped, &context("db")).await.expect("opens");

    let sent = kms.proxy.exchanges();
    let body = |at: usize| -> serde_json::Value { serde_json::from_slice(&sent[at].request.body).expect("JSON") };
    let pairs = serde_json::json!({
        "ss:store": "store", "ss:application": "app", "ss:name": "db", "ss:version": "1", "ss:purpose": "3", "ss:suite": "1",
    });
    assert_eq!(kms.proxy.operations(), ["GenerateDataKey", "Decrypt"]);
    assert_eq!(body(0)["EncryptionContext"], pairs);
    assert_eq!(body(0)["KeySpec"], "AES_256");
    assert_eq!(body(1)["EncryptionContext"], pairs);
    assert_eq!(body(1)["KeyId"], arn);
}

#[tokio::test]
async fn wrapping_an_existing_key_gives_it_back() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let keys = provider(&kms, &[&arn]).await;
    let key = DocumentKey::from_bytes(&[7; 32]).expect("32 bytes");
    let wrapped = keys.wrap_key(&id(&arn), &key, &context("a")).await.expect("wrapped");
    assert_eq!(wrapped.master_key_id().as_str(), arn);
    let opened = keys.unwrap_key(&wrapped, &context("a")).await.expect("opens");
    assert_eq!(opened.expose_secret(), [7; 32]);
    assert_eq!(
        keys.unwrap_key(&wrapped, &context("b")).await.expect_err("another context").kind(),
        ErrorKind::Integrity
    );
}

#[tokio::test]
async fn sizes_belong_to_contexts() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let keys = provider(&kms, &[&arn]).await;
    for size in [16, 24, 32] {
        let key = DocumentKey::from_bytes(&vec![1; size]).expect("a key size");
        let legacy =
            keys.wrap_key(&id(&arn), &key, &EncryptionContext::legacy()).await.expect("format 0 takes all three");
        let opened = keys.unwrap_key(&legacy, &EncryptionContext::legacy()).await.expect("and reads all three");
        assert_eq!(opened.expose_secret().len(), size);
        let wrapped = keys.wrap_key(&id(&arn), &key, &context("a")).await;
        assert_eq!(wrapped.is_ok(), size == 32);
    }
}

#[tokio::test]
async fn a_key_of_the_wrong_size_is_refused_also_when_kms_opens_it() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let keys = provider(&kms, &[&arn]).await;
    let bound = context("a");
    let pairs = bound.pairs().into_iter().map(|(name, value)| (name.to_owned(), value.into_owned()));
    let pairs: std::collections::HashMap<_, _> = pairs.collect();
    for (size, opens) in [(16, false), (31, false), (32, true), (33, false), (1024, false)] {
        let plaintext = aws_sdk_kms::primitives::Blob::new(vec![3; size]);
        let request = crate::setup::client(&kms).encrypt().key_id(&arn).plaintext(plaintext);
        let answer = request.set_encryption_context(Some(pairs.clone())).send().await.expect("KMS encrypts all sizes");
        let wrapped = WrappedKey::new(id(&arn), answer.ciphertext_blob.expect("a ciphertext").into_inner());
        let opened = keys.unwrap_key(&wrapped, &context("a")).await;
        assert_eq!(
            opened.as_ref().map_err(|error| error.kind()).err(),
            (!opens).then_some(ErrorKind::Integrity),
            "{size}"
        );
    }
}

#[tokio::test]
async fn format_0_has_no_context_and_16_bytes() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let keys = provider(&kms, &[&arn]).await;
    let legacy = EncryptionContext::legacy();
    let generated = keys.generate_key(&id(&arn), &legacy).await.expect("generated");
    assert_eq!(generated.document_key.expose_secret().len(), 16);
    let opened = keys.unwrap_key(&generated.wrapped, &legacy).await.expect("opens");
    assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    for exchange in kms.proxy.exchanges() {
        let body: serde_json::Value = serde_json::from_slice(&exchange.request.body).expect("JSON");
        assert!(body.get("EncryptionContext").is_none(), "{body}");
        assert_eq!(body["KeyId"], arn);
    }
    let error = keys.unwrap_key(&generated.wrapped, &context("a")).await.expect_err("a format-0 wrap in format 1");
    assert_eq!(error.kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn what_cannot_be_a_ciphertext_is_not_sent() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let keys = provider(&kms, &[&arn]).await;
    for size in [0, 6145, 400_000] {
        let wrapped = WrappedKey::new(id(&arn), vec![0; size]);
        let error = keys.unwrap_key(&wrapped, &context("a")).await.expect_err("no ciphertext");
        assert_eq!(error.kind(), ErrorKind::Integrity);
        let error =
            keys.rewrap_key(&wrapped, &context("a"), &id(&arn), &context("a")).await.expect_err("no ciphertext");
        assert_eq!(error.kind(), ErrorKind::Integrity);
    }
    assert!(kms.proxy.exchanges().is_empty());
    let largest = WrappedKey::new(id(&arn), vec![0; 6144]);
    let error = keys.unwrap_key(&largest, &context("a")).await.expect_err("KMS refuses it");
    assert_eq!((error.kind(), kms.proxy.exchanges().len()), (ErrorKind::Integrity, 1));
}

#[tokio::test]
async fn a_rotated_key_opens_what_it_wrapped_before() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let keys = provider(&kms, &[&arn]).await;
    let old = keys.generate_key(&id(&arn), &context("a")).await.expect("generated");
    crate::setup::client(&kms).rotate_key_on_demand().key_id(&arn).send().await.expect("rotated");
    let new = keys.generate_key(&id(&arn), &context("a")).await.expect("generated");
    for generated in [old, new] {
        let opened = keys.unwrap_key(&generated.wrapped, &context("a")).await.expect("opens");
        assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    }
}
