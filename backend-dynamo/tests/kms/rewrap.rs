//! Moving wraps between keys: inside KMS in one region, by replicas across regions.

use crate::setup::{Region, client, context, id, provider};
use secret_store_core::{DocumentKey, EncryptionContext, ErrorKind, KeyProvider};
use secret_store_dynamo::KmsKeyProvider;
use secret_store_dynamo_emulator::{Canary, Fault};

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

struct Replicated {
    primary: Region,
    second: Region,
    arn: String,
    replica: String,
}

fn replicated() -> Replicated {
    let (primary, second) = (Region::start("us-east-1"), Region::start("eu-west-1"));
    let arn = primary.create_multi_region_key();
    let replica = primary.replicate(&arn, &second);
    Replicated { primary, second, arn, replica }
}

#[tokio::test]
async fn a_replica_opens_what_the_primary_wrapped() {
    let Replicated { primary, second, arn, replica } = replicated();
    let writer = provider(&primary, &[&arn]).await;
    let generated = writer.generate_key(&id(&arn), &context("a")).await.expect("generated");
    assert_eq!(generated.wrapped.master_key_id().as_str(), arn);
    primary.proxy.forget();

    let builder = KmsKeyProvider::builder(client(&second)).multi_region_key([&replica, &arn]);
    let reader = builder.build().await.expect("valid");
    assert!(reader.accepts(&id(&arn)) && reader.accepts(&id(&replica)));
    let opened = reader.unwrap_key(&generated.wrapped, &context("a")).await.expect("opens");
    assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    assert!(primary.proxy.exchanges().is_empty(), "the other region is not needed");
    let body: serde_json::Value = serde_json::from_slice(&second.proxy.exchanges()[0].request.body).expect("JSON");
    assert_eq!(body["KeyId"], replica, "the replica is pinned");
    assert!(reader.unwrap_key(&generated.wrapped, &context("b")).await.is_err());

    let new = reader.generate_key(&id(&arn), &context("a")).await.expect("generated by the replica");
    assert_eq!(new.wrapped.master_key_id().as_str(), replica, "the ARN that KMS answered");
}

#[tokio::test]
async fn without_the_table_a_replica_is_not_used() {
    let Replicated { primary, second, arn, replica } = replicated();
    let writer = provider(&primary, &[&arn]).await;
    let wrapped = writer.generate_key(&id(&arn), &context("a")).await.expect("generated").wrapped;
    let reader = provider(&second, &[&replica]).await;
    let error = reader.unwrap_key(&wrapped, &context("a")).await.expect_err("only the replica is listed");
    assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
    assert!(second.proxy.exchanges().is_empty());
}

#[tokio::test]
async fn when_a_region_is_down_the_next_replica_is_called() {
    let Replicated { primary, second, arn, replica } = replicated();
    let builder = KmsKeyProvider::builder(client(&primary)).client(client(&second)).multi_region_key([&arn, &replica]);
    let keys = builder.build().await.expect("valid");
    let generated = keys.generate_key(&id(&arn), &context("a")).await.expect("generated");
    assert!(second.proxy.exchanges().is_empty());
    primary.proxy.fail_always(Fault::ResetBefore);
    let opened = keys.unwrap_key(&generated.wrapped, &context("a")).await.expect("the replica opens");
    assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    assert_eq!(second.proxy.operations(), ["Decrypt"]);
    // A refusal is no outage: no second opinion is asked for.
    primary.proxy.heal();
    assert!(keys.unwrap_key(&generated.wrapped, &context("b")).await.is_err());
    assert_eq!(second.proxy.operations(), ["Decrypt"]);
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

#[tokio::test]
async fn a_wrong_table_is_refused() {
    let Replicated { primary, arn, .. } = replicated();
    let other = primary.create_multi_region_key();
    let single = primary.create_key();
    let refused = |arns: Vec<String>| KmsKeyProvider::builder(client(&primary)).multi_region_key(arns).build();
    for (arns, word) in [
        (vec![arn.clone(), other], "no replicas"),
        (vec![single.clone(), single.replace("us-east-1", "eu-west-1")], "no replicas"),
        (vec![arn.replace("us-east-1", "eu-west-1")], "`client`"),
        (vec!["alias/prod".to_owned()], "no key ARN"),
        (vec![], "at least one"),
    ] {
        let error = refused(arns).await.expect_err(word);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(word), "{error}");
    }
}
