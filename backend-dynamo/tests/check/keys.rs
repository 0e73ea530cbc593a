//! What is wrong with a key is found, and said with the fix; keys outside the allow-list are not called.

use secret_store_dynamo::check::{Cause, CheckReport, Finding, Outcome, RoleCheck};
use secret_store_dynamo::{DynamoPersistence, KmsKeyProvider};
use secret_store_dynamo_emulator::{FaultProxy, KeyState, KmsEmulator, REGION, Response};

use crate::setup::{Account, application, connection, id, only_failure, store};

/// Why the one key cannot be used, found by a reader and by a writer, and what they are told.
async fn told(account: &Account) -> (Cause, String) {
    let mut told = Vec::new();
    for role in [account.reader(), account.writer()] {
        let report = role.check(&account.records()).await;
        let failure = only_failure(&report);
        assert!(failure.fix().contains(&account.key) && failure.fix().contains(REGION), "{report}");
        told.push((failure.cause().expect("a cause"), failure.fix().to_owned()));
    }
    assert_eq!(told[0], told[1]);
    told.remove(0)
}

#[tokio::test]
async fn a_disabled_key() {
    let account = Account::new().await;
    account.kms.set_state(&account.key, KeyState::Disabled);
    let (cause, fix) = told(&account).await;
    assert_eq!(cause, Cause::KeyDisabled);
    assert!(fix.contains("aws kms enable-key"), "{fix}");
}

/// KMS may answer `DisabledException` for it, too: `DescribeKey` tells, where it is permitted.
#[tokio::test]
async fn a_key_that_is_pending_deletion() {
    let account = Account::new().await;
    account.kms.set_state(&account.key, KeyState::PendingDeletion);
    let (cause, fix) = told(&account).await;
    assert_eq!(cause, Cause::KeyPendingDeletion);
    assert!(fix.contains("aws kms cancel-key-deletion"), "{fix}");

    account.proxy.set_gate(|request| {
        let uses = matches!(request.operation(), "Decrypt" | "GenerateDataKey");
        uses.then(|| Response::error(400, "DisabledException", "it is disabled"))
    });
    assert_eq!(told(&account).await.0, Cause::KeyPendingDeletion);

    account.deny("kms:DescribeKey", "");
    let (cause, fix) = told(&account).await;
    assert_eq!(cause, Cause::KeyUnavailable);
    assert!(fix.contains("aws kms describe-key"), "{fix}");
}

#[tokio::test]
async fn a_key_that_does_not_exist() {
    let account = Account::new().await;
    account.kms.destroy(&account.key);
    let (cause, fix) = told(&account).await;
    assert_eq!(cause, Cause::KeyMissing);
    assert!(fix.contains("check the key's name, the region and the account"), "{fix}");
}

#[tokio::test]
async fn a_key_of_another_kind() {
    let mut account = Account::new().await;
    account.key = account.kms.create_rsa_key();
    let (cause, fix) = told(&account).await;
    assert_eq!(cause, Cause::KeyUsage);
    assert!(fix.contains("SYMMETRIC_DEFAULT"), "{fix}");
}

async fn of_names(account: &Account, allowed: &str) -> CheckReport {
    let reader = RoleCheck::reader(store(), application()).with_keys(account.keys().key(allowed));
    reader.with_master_key(id(allowed)).check(&account.records()).await
}

/// A name that cannot be looked up: the program could not begin with it either.
#[tokio::test]
async fn an_alias_that_does_not_exist() {
    let account = Account::new().await;
    let report = of_names(&account, "alias/prod").await;
    let failure = only_failure(&report);
    assert_eq!(failure.cause(), Some(Cause::KeyMissing));
    assert!(failure.fix().contains("alias/prod in region eu-central-1 does not exist there"), "{failure}");
}

/// The configuration names a key of a region that it has no client for.
#[tokio::test]
async fn a_key_of_another_region() {
    let account = Account::new().await;
    let other = account.key.replace(REGION, "us-west-2");
    let report = of_names(&account, &other).await;
    let failure = only_failure(&report);
    assert_eq!(failure.cause(), Some(Cause::Configuration));
    let fix = failure.fix();
    assert!(fix.contains("is in region us-west-2, and there are KMS clients for eu-central-1 only: add one"), "{fix}");
}

fn without_call_of(account: &Account, key: &str) -> bool {
    let exchanges = account.proxy.exchanges();
    !exchanges.iter().any(|exchange| String::from_utf8_lossy(&exchange.request.body).contains(key))
}

#[tokio::test]
async fn a_key_outside_the_allow_list_is_not_called() {
    let account = Account::new().await;
    let foreign = account.kms.create_key();
    for role in [account.reader(), account.writer(), account.rotator()] {
        let role = match role.to_string().starts_with("rotator") {
            true => role.with_target_key(id(&foreign)),
            false => role.with_master_key(id(&foreign)),
        };
        let report = role.check(&account.records()).await;
        let failure = only_failure(&report);
        assert_eq!(failure.cause(), Some(Cause::KeyNotAllowed), "{report}");
        assert!(failure.resource().contains(&foreign) && failure.fix().contains("add it by `key`"), "{report}");
        assert!(without_call_of(&account, &foreign), "{report}");
        assert!(!without_call_of(&account, &account.key), "the other key was tried");
        account.proxy.forget();
    }
}

/// Nothing is silently left out.
#[tokio::test]
async fn a_check_without_keys_says_so() {
    let account = Account::new().await;
    let keys = || account.keys().key(&account.key);
    let checks = [
        (RoleCheck::reader(store(), application()), "with_master_key"),
        (RoleCheck::writer(store(), application()).with_keys(keys()), "with_master_key"),
        (RoleCheck::reader(store(), application()).with_master_key(id(&account.key)), "with_keys"),
        (
            RoleCheck::rotator(store(), application()).with_keys(keys()).with_master_key(id(&account.key)),
            "with_target_key",
        ),
    ];
    for (check, method) in checks {
        let report = check.check(&account.records()).await;
        let failure = only_failure(&report);
        assert_eq!(failure.cause(), Some(Cause::Configuration));
        assert!(failure.fix().contains(method), "{report}");
    }
}

fn on(report: &CheckReport, action: &str) -> Vec<Finding> {
    report.findings().iter().filter(|finding| finding.action() == action).cloned().collect()
}

/// Two regions of KMS behind one endpoint.
struct Regions {
    near: KmsEmulator,
    far: KmsEmulator,
    proxy: FaultProxy,
    account: Account,
}

const FAR: &str = "eu-west-1";

impl Regions {
    async fn new() -> Self {
        let account = Account::new().await;
        let (near, far) = (KmsEmulator::start(REGION), KmsEmulator::start(FAR));
        let proxy = FaultProxy::of_account(&account.dynamodb, &[&near, &far]);
        Self { near, far, proxy, account }
    }

    fn client(&self, region: &str) -> aws_sdk_kms::Client {
        let client = connection(&self.proxy.url()).kms().expect("a complete connection");
        let config = client.config().to_builder().region(aws_sdk_kms::config::Region::new(region.to_owned()));
        aws_sdk_kms::Client::from_conf(config.build())
    }

    fn keys(&self) -> secret_store_dynamo::KmsKeyProviderBuilder {
        KmsKeyProvider::builder(self.client(REGION)).client(self.client(FAR))
    }

    fn records(&self) -> DynamoPersistence {
        self.account.records()
    }
}

/// A replica that cannot be used is no failure, as the first is preferred; and the other way round it is.
#[tokio::test]
async fn every_replica_of_a_multi_region_key_is_tried() {
    let regions = Regions::new().await;
    let first = regions.near.create_multi_region_key();
    let second = regions.near.replicate(&first, &regions.far);
    let reader = RoleCheck::reader(store(), application())
        .with_keys(regions.keys().multi_region_key([&first, &second].map(String::as_str)))
        .with_master_key(id(&first));
    assert!(reader.check(&regions.records()).await.is_ok());

    regions.far.set_state(&second, KeyState::Disabled);
    let report = reader.check(&regions.records()).await;
    let tried = on(&report, "kms:Decrypt");
    assert_eq!(tried.iter().map(Finding::outcome).collect::<Vec<_>>(), [Outcome::Passed, Outcome::Failed]);
    assert!(tried[1].resource().contains(FAR) && !tried[1].is_required() && report.is_ok(), "{report}");

    regions.far.set_state(&second, KeyState::Enabled);
    regions.near.set_state(&first, KeyState::Disabled);
    let report = reader.check(&regions.records()).await;
    assert!(only_failure(&report).resource().contains(REGION), "{report}");
}

/// There a rotation is a decryption and an encryption.
#[tokio::test]
async fn a_rotation_between_regions_needs_other_rights() {
    let regions = Regions::new().await;
    let (near, far) = (regions.near.create_key(), regions.far.create_key());
    let rotator = RoleCheck::rotator(store(), application())
        .with_keys(regions.keys().key(&near).key(&far))
        .with_master_key(id(&near))
        .with_target_key(id(&far));
    let report = rotator.check(&regions.records()).await;
    assert!(report.is_ok(), "{report}");
    let [decrypt, encrypt] = ["kms:Decrypt", "kms:Encrypt"].map(|action| on(&report, action));
    assert!(decrypt.len() == 1 && decrypt[0].resource().contains(&near), "{report}");
    assert!(encrypt.len() == 1 && encrypt[0].resource().contains(&far), "{report}");
    assert!(on(&report, "kms:ReEncryptFrom").is_empty());

    regions.far.set_state(&far, KeyState::Disabled);
    let report = rotator.check(&regions.records()).await;
    assert_eq!(only_failure(&report).action(), "kms:Encrypt");
}

/// The key to move to is the one that is disabled.
#[tokio::test]
async fn a_disabled_target_is_not_taken_for_the_source() {
    let account = Account::new().await;
    let target = account.kms.create_key();
    let rotator = account.rotator_to(&target);
    for (key, action) in [(&target, "kms:ReEncryptTo"), (&account.key, "kms:ReEncryptFrom")] {
        account.kms.set_state(key, KeyState::Disabled);
        let report = rotator.check(&account.records()).await;
        let failure = only_failure(&report);
        assert_eq!((failure.action(), failure.cause()), (action, Some(Cause::KeyDisabled)), "{report}");
        assert!(failure.resource().contains(key.as_str()), "{report}");
        account.kms.set_state(key, KeyState::Enabled);
    }
}
