//! Where all is well: everything passes, nothing changes, and no more is asked for than the role has.

use std::collections::BTreeSet;
use std::sync::Arc;

use secret_store_core::{ApplicationName, EnvelopeStore, SecretStoreExt};
use secret_store_dynamo::check::{Outcome, RoleCheck};
use secret_store_dynamo_emulator::Service;

use crate::setup::{APPLICATION, Account, SEALING, TABLE, application, id, store};

const VALUE: &str = "hunter2-hunter2-hunter2";

/// A store with two versions of a secret in it.
async fn with_secrets(account: &Account) {
    let keys = account.keys().key(&account.key).build().await.expect("a provider");
    let store = EnvelopeStore::builder(Arc::new(keys), Arc::new(account.records()));
    let store = store.store_id("prod").master_key(account.key.as_str()).build().expect("a store");
    let app = store.application(APPLICATION).expect("an application");
    app.put("check", VALUE).await.expect("stored");
    app.put("check", VALUE).await.expect("stored again");
}

fn complete(role: RoleCheck) -> RoleCheck {
    role.with_history().with_deletes().with_pruning().with_audit_log().with_format_0()
}

#[tokio::test]
async fn every_role_is_ready_and_nothing_changes() {
    let account = Account::new().await;
    with_secrets(&account).await;
    let before = account.scan().await;
    assert!(before.contains("SecretName"), "there is something to change");
    let all = account.roles().into_iter().chain(account.roles().map(complete));
    for role in all.chain(account.servers()).chain(account.servers().map(RoleCheck::with_audit_log)) {
        let report = role.check(&account.records()).await;
        assert!(report.is_ok(), "{report}");
        assert!(report.findings().iter().all(|finding| finding.outcome() == Outcome::Passed), "{report}");
        assert!(report.to_string().starts_with(&format!("{role}: ready\n")), "{report}");
        assert_eq!(account.scan().await, before, "{report}");
    }
}

/// Nothing of a secret comes out of KMS or DynamoDB: dry runs have no answer, and no read finds a record.
#[tokio::test]
async fn nothing_is_read() {
    let account = Account::new().await;
    with_secrets(&account).await;
    account.proxy.forget();
    for role in account.roles().map(complete).into_iter().chain(account.servers()) {
        assert!(role.check(&account.records()).await.is_ok(), "{role}");
    }
    let exchanges = account.proxy.exchanges();
    assert!(exchanges.len() > 40, "{}", exchanges.len());
    for exchange in exchanges {
        let (request, response) = (exchange.request, exchange.response.expect("answered"));
        let answered = String::from_utf8(response.body.clone()).expect("text");
        match request.service() {
            Some(Service::Kms) => {
                assert_eq!(request.json()["DryRun"], true, "{}", request.action());
                assert!(answered.contains("DryRunOperationException"), "{answered}");
                assert!(request.json().get("CiphertextBlob").is_none(), "{}", request.action());
            }
            _ => assert!(!answered.contains("ProtectedSecretValue"), "{answered}"),
        }
    }
}

fn needed(account: &Account) -> BTreeSet<(String, String)> {
    account.take_needed().into_iter().collect()
}

/// (action, partition or key); the two descriptions, which may be denied, aside.
fn expected(rights: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    let described = [("dynamodb:DescribeTable", TABLE), ("dynamodb:DescribeContinuousBackups", TABLE)]
        .into_iter()
        .chain(rights.iter().copied());
    described.map(|(action, on)| (action.to_owned(), on.to_owned())).collect()
}

#[tokio::test]
async fn a_reader_is_asked_for_no_write() {
    let account = Account::new().await;
    assert!(account.reader().with_history().check(&account.records()).await.is_ok());
    let rights = [
        ("dynamodb:GetItem", APPLICATION),
        ("dynamodb:Query", APPLICATION),
        ("dynamodb:BatchGetItem", APPLICATION),
        ("dynamodb:GetItem", "~h~Shop.Production"),
        ("dynamodb:Query", "~h~Shop.Production"),
        ("kms:Decrypt", &account.key),
    ];
    assert_eq!(needed(&account), expected(&rights));
}

#[tokio::test]
async fn a_writer_is_asked_for_no_decrypt() {
    let account = Account::new().await;
    let recovery = account.kms.create_key();
    let keys = account.keys().key(&account.key).key(&recovery);
    let writer = account.writer().with_keys(keys).with_recovery_key(id(&recovery));
    assert!(writer.check(&account.records()).await.is_ok());
    let history = "~h~Shop.Production";
    let rights = [
        ("dynamodb:GetItem", APPLICATION),
        ("dynamodb:GetItem", history),
        ("dynamodb:GetItem", "~s~Shop.Production"),
        ("dynamodb:Query", history),
        ("dynamodb:PutItem", APPLICATION),
        ("dynamodb:PutItem", history),
        ("dynamodb:ConditionCheckItem", APPLICATION),
        ("dynamodb:ConditionCheckItem", history),
        ("dynamodb:BatchGetItem", APPLICATION),
        ("kms:GenerateDataKey", &account.key),
        ("kms:Encrypt", &recovery),
    ];
    assert_eq!(needed(&account), expected(&rights));
}

#[tokio::test]
async fn an_auditor_is_asked_for_no_key() {
    let account = Account::new().await;
    assert!(account.auditor().check(&account.records()).await.is_ok());
    let rights = [("dynamodb:Query", APPLICATION), ("dynamodb:Query", "~h~Shop.Production")];
    assert_eq!(needed(&account), expected(&rights));
}

/// Whoever takes it over finds nothing to open.
#[tokio::test]
async fn a_server_that_takes_credentials_is_asked_for_no_key_and_no_secret() {
    let account = Account::new().await;
    assert!(RoleCheck::credential_intake(store(), application()).check(&account.records()).await.is_ok());
    let credentials = "~c~Shop.Production";
    let rights = ["Get", "Put", "ConditionCheck", "BatchGet"].map(|action| format!("dynamodb:{action}Item"));
    assert_eq!(needed(&account), expected(&rights.each_ref().map(|action| (action.as_str(), credentials))));
}

#[tokio::test]
async fn a_server_that_takes_sealed_secrets_is_asked_for_no_decrypt_of_them() {
    let account = Account::new().await;
    let keys = ApplicationName::new(SEALING).expect("valid");
    let intake = RoleCheck::intake(store(), application(), keys).with_keys(account.keys().key(&account.key));
    assert!(intake.with_master_key(id(&account.key)).check(&account.records()).await.is_ok());
    let decrypted: Vec<_> =
        account.proxy.exchanges().into_iter().filter(|it| it.request.operation() == "Decrypt").collect();
    assert!(!decrypted.is_empty());
    for exchange in decrypted {
        assert_eq!(exchange.request.json()["EncryptionContext"]["ss:application"], SEALING);
    }
    let (history, marks) = ("~h~Shop.Production", "~n~Shop.Production");
    let rights = [
        ("dynamodb:GetItem", APPLICATION),
        ("dynamodb:GetItem", history),
        ("dynamodb:GetItem", "~s~Shop.Production"),
        ("dynamodb:GetItem", SEALING),
        ("dynamodb:GetItem", marks),
        ("dynamodb:PutItem", APPLICATION),
        ("dynamodb:PutItem", history),
        ("dynamodb:PutItem", marks),
        ("dynamodb:ConditionCheckItem", history),
        ("dynamodb:BatchGetItem", APPLICATION),
        ("kms:GenerateDataKey", &account.key),
        ("kms:Decrypt", &account.key),
    ];
    assert_eq!(needed(&account), expected(&rights));
}
