//! The allow-list: what may be named, and that nothing leaves for any other key.

use crate::setup::{Region, client, context, id, provider, renamed};
use secret_store_core::{DocumentKey, ErrorKind, KeyProvider};
use secret_store_dynamo::KmsKeyProvider;
use secret_store_dynamo_emulator::{ACCOUNT, KeyState};

#[tokio::test]
async fn nothing_is_sent_for_a_key_outside() {
    let kms = Region::start("eu-central-1");
    let (inside, outside) = (kms.create_key(), kms.create_key());
    kms.set_alias("alias/outside", &outside);
    let strangers = provider(&kms, &[&outside]).await;
    let wrapped = strangers.generate_key(&id(&outside), &context("a")).await.expect("generated").wrapped;
    let keys = provider(&kms, &[&inside]).await;
    let own = keys.generate_key(&id(&inside), &context("a")).await.expect("generated").wrapped;
    kms.proxy.forget();

    let uuid = inside.rsplit('/').next().expect("an id");
    let forged = [outside.as_str(), "alias/outside", "alias/inside", uuid, "x", &inside.to_uppercase()];
    let key = DocumentKey::from_bytes(&[1; 32]).expect("32 bytes");
    for name in forged {
        assert!(!keys.accepts(&id(name)), "{name}");
        let named = renamed(&wrapped, name);
        let outcomes = [
            keys.generate_key(&id(name), &context("a")).await.map(drop),
            keys.wrap_key(&id(name), &key, &context("a")).await.map(drop),
            keys.unwrap_key(&named, &context("a")).await.map(drop),
            keys.rewrap_key(&named, &context("a"), &id(&inside), &context("a")).await.map(drop),
            keys.rewrap_key(&own, &context("a"), &id(name), &context("a")).await.map(drop),
        ];
        for outcome in outcomes {
            let error = outcome.expect_err("not allowed");
            assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
            assert!(error.to_string().contains("allow-list"), "{error}");
        }
    }
    assert!(kms.proxy.exchanges().is_empty(), "no request may leave");
}

#[tokio::test]
async fn a_forged_name_inside_the_allow_list_opens_nothing() {
    let kms = Region::start("eu-central-1");
    let (inside, outside) = (kms.create_key(), kms.create_key());
    let strangers = provider(&kms, &[&outside]).await;
    let wrapped = strangers.generate_key(&id(&outside), &context("a")).await.expect("generated").wrapped;
    kms.proxy.forget();
    let keys = provider(&kms, &[&inside]).await;
    // KMS alone would open it, as the ciphertext names its key. The pinned key prevents it.
    let error = keys.unwrap_key(&renamed(&wrapped, &inside), &context("a")).await.expect_err("of another key");
    assert_eq!(error.kind(), ErrorKind::Integrity);
    let body = String::from_utf8(kms.proxy.exchanges()[0].request.body.clone()).expect("text");
    assert!(body.contains(&inside) && !body.contains(&outside), "{body}");
}

#[tokio::test]
async fn every_configured_name_is_accepted_and_every_wrap_names_the_arn() {
    let kms = Region::start("eu-central-1");
    let (first, second) = (kms.create_key(), kms.create_key());
    kms.set_alias("alias/prod", &first);
    kms.set_alias("alias/other", &first);
    let alias_arn = format!("arn:aws:kms:eu-central-1:{ACCOUNT}:alias/other");
    let key_id = second.rsplit('/').next().expect("an id").to_owned();
    let keys = provider(&kms, &["alias/prod", &alias_arn, &key_id]).await;
    assert_eq!(kms.proxy.operations(), ["DescribeKey", "DescribeKey", "DescribeKey"]);
    for (name, arn) in [("alias/prod", &first), (&*alias_arn, &first), (&*key_id, &second), (&*first, &first)] {
        assert!(keys.accepts(&id(name)), "{name}");
        let generated = keys.generate_key(&id(name), &context("a")).await.expect("generated");
        assert_eq!(generated.wrapped.master_key_id().as_str(), arn);
        // The original stored whatever name it was configured with.
        let opened = keys.unwrap_key(&renamed(&generated.wrapped, name), &context("a")).await.expect("opens");
        assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    }
    assert!(!keys.accepts(&id("alias/other")), "only the ARN of that alias is configured");
}

#[tokio::test]
async fn an_alias_is_resolved_once() {
    let kms = Region::start("eu-central-1");
    let (first, second) = (kms.create_key(), kms.create_key());
    kms.set_alias("alias/prod", &first);
    let keys = provider(&kms, &["alias/prod"]).await;
    kms.set_alias("alias/prod", &second);
    let wrapped = keys.generate_key(&id("alias/prod"), &context("a")).await.expect("generated").wrapped;
    assert_eq!(wrapped.master_key_id().as_str(), first);
    assert_eq!(kms.proxy.operations(), ["DescribeKey", "GenerateDataKey"]);
    assert!(!keys.accepts(&id(&second)));
}

#[tokio::test]
async fn arns_are_not_looked_up() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    kms.deny("kms:DescribeKey");
    provider(&kms, &[&arn]).await;
    assert!(kms.proxy.exchanges().is_empty());
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_with_the_fix() {
    let kms = Region::start("eu-central-1");
    let (arn, rsa) = (kms.create_key(), kms.create_rsa_key());
    kms.set_alias("alias/rsa", &rsa);
    let foreign = format!("arn:aws:kms:us-east-1:{ACCOUNT}:key/1234");
    let unknown = format!("arn:aws:kms:eu-central-1:{ACCOUNT}:alias/none");
    let build = |name: &str| KmsKeyProvider::builder(client(&kms)).key(name).build();
    for (name, kind, words) in [
        ("a key", ErrorKind::InvalidInput, vec!["alias/NAME"]),
        ("", ErrorKind::InvalidInput, vec!["empty"]),
        (&foreign, ErrorKind::InvalidInput, vec!["us-east-1", "eu-central-1", "`client`"]),
        ("alias/rsa", ErrorKind::InvalidInput, vec!["alias/rsa", "SYMMETRIC_DEFAULT"]),
        ("alias/none", ErrorKind::KeyUnavailable, vec!["alias/none", "eu-central-1", "check"]),
        (&unknown, ErrorKind::KeyUnavailable, vec!["alias/none", "eu-central-1"]),
    ] {
        let error = build(name).await.expect_err(name);
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(words.iter().all(|word| error.to_string().contains(word)), "{name}: {error}");
    }
    kms.deny("kms:DescribeKey");
    let error = build("alias/rsa").await.expect_err("denied");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    for word in ["kms:DescribeKey", "alias/rsa", "eu-central-1", "IAM policy"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    let empty = KmsKeyProvider::builder(client(&kms)).build().await.expect_err("an empty allow-list");
    assert_eq!(empty.kind(), ErrorKind::InvalidInput);
    let twice = KmsKeyProvider::builder(client(&kms)).client(client(&kms)).key(&arn).build().await;
    assert!(twice.expect_err("two clients of one region").to_string().contains("two KMS clients"));
}

#[tokio::test]
async fn a_disabled_key_stays_in_the_allow_list() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    kms.set_alias("alias/prod", &arn);
    kms.set_state(&arn, KeyState::Disabled);
    let keys = provider(&kms, &["alias/prod"]).await;
    let error = keys.generate_key(&id(&arn), &context("a")).await.expect_err("disabled");
    assert_eq!(error.kind(), ErrorKind::KeyUnavailable);
    kms.set_state(&arn, KeyState::Enabled);
    keys.generate_key(&id(&arn), &context("a")).await.expect("enabled again");
}
