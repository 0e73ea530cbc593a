//! Moving wraps between keys: inside KMS in one region, by replicas across regions.

use crate::replicas::{Replicated, replicated};
use crate::setup::{Region, client, context, id, provider};
use secret_store_core::{DocumentKey, EncryptionContext, ErrorKind, KeyProvider};
use secret_store_dynamo::KmsKeyProvider;
use secret_store_dynamo_emulator::Canary;

#[tokio::test]
async fn a_rewrap_is_one_request_and_the_key_stays_in_kms() {
    let kms = Region::start("eu-central-1");
    let (old, new) = (kms.create_key(), kms.create_key());
    let keys = provider(&kms, &[&old, &new]).await;
    let generated = keys.generate_key(&id(&old), &context("a")).await.expect("generated");
    kms.proxy.forget();

    let moved = keys.rewrap_key(&generated.wrapped, &context("a"), &id(&new), &context("a")).await.expect("moved");
    assert_eq!(kms.proxy.operations(), ["ReEncrypt"]);
    let exchange = &kms.proxy.exchanges()[0];
    let canary = generated.document_key.expose_secret();
    let (found, answer) = (Canary::new(canary), exchange.response.as_ref().expect("answered"));
    assert!(!found.is_in_request(&exchange.request) && !found.is_in_response(answer), "not even the answer holds it");
    let body = exchange.request.json();
    assert_eq!(body["SourceKeyId"], old);
    assert_eq!(body["DestinationKeyId"], new);
    assert_eq!(body["SourceEncryptionContext"], body["DestinationEncryptionContext"]);

    assert_eq!(moved.master_key_id().as_str(), new);
    let opened = keys.unwrap_key(&moved, &context("a")).await.expect("opens");
    assert_eq!(opened.expose_secret(), canary);
    assert_eq!(keys.unwrap_key(&moved, &context("b")).await.expect_err("bound").kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn a_rewrap_needs_the_right_context() {
    let kms = Region::start("eu-central-1");
    let (old, new) = (kms.create_key(), kms.create_key());
    let keys = provider(&kms, &[&old, &new]).await;
    let generated = keys.generate_key(&id(&old), &context("a")).await.expect("generated");
    let error = keys.rewrap_key(&generated.wrapped, &context("b"), &id(&new), &context("b")).await;
    assert_eq!(error.expect_err("another context").kind(), ErrorKind::Integrity);
    let moved = keys.rewrap_key(&generated.wrapped, &context("a"), &id(&new), &context("b")).await.expect("moved");
    let opened = keys.unwrap_key(&moved, &context("b")).await.expect("under the new context");
    assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    assert!(keys.unwrap_key(&moved, &context("a")).await.is_err(), "and no longer under the old one");
}

#[tokio::test]
async fn a_legacy_key_does_not_slip_into_a_context_that_its_size_does_not_fit() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let keys = provider(&kms, &[&arn]).await;
    let legacy = EncryptionContext::legacy();
    let short = keys.generate_key(&id(&arn), &legacy).await.expect("16 bytes").wrapped;
    let error = keys.rewrap_key(&short, &legacy, &id(&arn), &context("a")).await.expect_err("16 bytes in format 1");
    assert_eq!(error.kind(), ErrorKind::Integrity);
    let again = keys.rewrap_key(&short, &legacy, &id(&arn), &legacy).await.expect("format 0 stays format 0");
    assert_eq!(keys.unwrap_key(&again, &legacy).await.expect("opens").expose_secret().len(), 16);
}

struct TwoRegions {
    here: Region,
    there: Region,
    keys: KmsKeyProvider,
    home_key: String,
    far_key: String,
}

async fn two_regions() -> TwoRegions {
    let (here, there) = (Region::start("eu-central-1"), Region::start("us-east-1"));
    let (home_key, far_key) = (here.create_key(), there.create_key());
    let builder = KmsKeyProvider::builder(client(&here)).client(client(&there)).key(&home_key).key(&far_key);
    let keys = builder.build().await.expect("valid");
    TwoRegions { here, there, keys, home_key, far_key }
}

#[tokio::test]
async fn across_regions_it_is_decrypt_and_encrypt() {
    let TwoRegions { here, there, keys, home_key, far_key } = two_regions().await;
    let generated = keys.generate_key(&id(&home_key), &context("a")).await.expect("generated");
    here.proxy.forget();
    let moved = keys.rewrap_key(&generated.wrapped, &context("a"), &id(&far_key), &context("a")).await.expect("moved");
    assert_eq!(here.proxy.operations(), ["Decrypt"]);
    assert_eq!(there.proxy.operations(), ["Encrypt"]);
    let canary = Canary::new(generated.document_key.expose_secret());
    assert!(canary.is_in_request(&there.proxy.exchanges()[0].request), "the one exception");
    let opened = keys.unwrap_key(&moved, &context("a")).await.expect("opens");
    assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
}

#[tokio::test]
async fn one_document_key_under_several_regional_keys() {
    let TwoRegions { here, there, keys, home_key, far_key } = two_regions().await;
    let key = DocumentKey::from_bytes(&[9; 32]).expect("32 bytes");
    let near = keys.wrap_key(&id(&home_key), &key, &context("a")).await.expect("wrapped");
    let far = keys.wrap_key(&id(&far_key), &key, &context("a")).await.expect("wrapped");
    drop(here);
    assert_eq!(
        keys.unwrap_key(&near, &context("a")).await.expect_err("the region is down").kind(),
        ErrorKind::Unavailable
    );
    let opened = keys.unwrap_key(&far, &context("a")).await.expect("the other region opens");
    assert_eq!(opened.expose_secret(), [9; 32]);
    drop(there);
}

#[tokio::test]
async fn a_rewrap_between_a_replica_and_a_regional_key_is_one_request() {
    let Replicated { primary, second, arn, replica } = replicated();
    let regional = second.create_key();
    let builder = KmsKeyProvider::builder(client(&second)).multi_region_key([&replica, &arn]).key(&regional);
    let keys = builder.build().await.expect("valid");
    let wrapped =
        provider(&primary, &[&arn]).await.generate_key(&id(&arn), &context("a")).await.expect("generated").wrapped;
    let moved = keys.rewrap_key(&wrapped, &context("a"), &id(&regional), &context("a")).await.expect("moved");
    assert_eq!(second.proxy.operations(), ["ReEncrypt"]);
    keys.unwrap_key(&moved, &context("a")).await.expect("opens");
}
