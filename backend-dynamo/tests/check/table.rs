//! What is wrong with the table is found, whether or not it may be described, and said with the fix.

use aws_sdk_dynamodb::types::ScalarAttributeType;
use secret_store_dynamo::check::{Cause, Outcome};
use secret_store_dynamo::{DynamoPersistence, Protection, TableProblem};
use secret_store_dynamo_emulator::{Fault, Response, create_table_with_keys};
use serde_json::json;

use crate::setup::{Account, TABLE, needed_by, only_failure};

/// What each role is told of a table that cannot be used, described or not.
async fn told(account: &Account, problem: TableProblem) -> Vec<String> {
    let mut fixes = Vec::new();
    for denied in ["nothing", "dynamodb:DescribeTable"] {
        account.deny(denied, "");
        for role in account.roles() {
            let report = role.check(&account.records()).await;
            let failures: Vec<_> = report.problems().filter(|finding| finding.is_required()).collect();
            assert!(failures.len() == 1 && !report.is_ok(), "{report}");
            assert_eq!(failures[0].cause(), Some(Cause::Table(problem)), "{report}");
            assert!(failures[0].resource().ends_with("table Secrets in eu-central-1"), "{report}");
            let keys = report.findings().iter().filter(|finding| finding.action().starts_with("kms:"));
            assert!(keys.into_iter().all(|finding| finding.outcome() == Outcome::Passed), "keys are checked: {report}");
            fixes.push(failures[0].fix().to_owned());
        }
    }
    fixes
}

#[tokio::test]
async fn a_missing_table() {
    let account = Account::empty();
    for fix in told(&account, TableProblem::Missing).await {
        assert!(fix.contains("does not exist: create it with `create_table`"), "{fix}");
    }
}

#[tokio::test]
async fn another_key_schema() {
    use ScalarAttributeType::{B, N, S};
    let cases = [
        (("ApplicationName", S), None),
        (("SecretName", S), Some(("ApplicationName", N))),
        (("ApplicationName", S), Some(("Name", S))),
        (("ApplicationName", S), Some(("SecretName", B))),
    ];
    for (partition, sort) in cases {
        let account = Account::empty();
        create_table_with_keys(&account.dynamodb.client(), TABLE, partition.clone(), sort.clone()).await;
        for fix in told(&account, TableProblem::KeySchema).await {
            assert!(fix.contains("partition key ApplicationName and the sort key SecretName"), "{fix}");
        }
        assert_eq!(account.scan().await, "", "nothing was written: {partition:?} {sort:?}");
    }
}

#[tokio::test]
async fn a_table_that_is_not_active() {
    let account = Account::new().await;
    let keys = json!([
        { "AttributeName": "ApplicationName", "KeyType": "HASH" },
        { "AttributeName": "SecretName", "KeyType": "RANGE" },
    ]);
    let definitions = json!([
        { "AttributeName": "ApplicationName", "AttributeType": "S" },
        { "AttributeName": "SecretName", "AttributeType": "S" },
    ]);
    for (status, is_usable) in [("UPDATING", true), ("CREATING", false), ("DELETING", false), ("ARCHIVED", false)] {
        let table = json!({
            "TableName": TABLE, "TableStatus": status, "KeySchema": keys, "AttributeDefinitions": definitions,
            "DeletionProtectionEnabled": true,
        });
        account.proxy.fail_operation("DescribeTable", Fault::Answer(Response::json(200, &json!({ "Table": table }))));
        let report = account.reader().check(&account.records()).await;
        assert_eq!(report.is_ok(), is_usable, "{status}: {report}");
        if !is_usable {
            assert_eq!(only_failure(&report).cause(), Some(Cause::Table(TableProblem::NotActive)));
        }
    }
}

/// Advice: the role works without.
#[tokio::test]
async fn missing_protections_are_advice() {
    let account = Account::with_table(Protection::Off).await;
    account.backups_are("DISABLED");
    for role in account.roles() {
        let report = role.check(&account.records()).await;
        assert!(report.is_ok(), "{report}");
        let advice: Vec<_> = report.problems().map(|finding| (finding.is_required(), finding.cause())).collect();
        let expected = [TableProblem::NoDeletionProtection, TableProblem::NoPointInTimeRecovery];
        assert_eq!(advice, expected.map(|problem| (false, Some(Cause::Table(problem)))), "{report}");
        let said = report.to_string();
        for text in ["advice", "deletion protection is off: turn it on", "point-in-time recovery is off: turn it on"] {
            assert!(said.contains(text), "{said}");
        }
    }
}

/// The emulator as it is knows no backups: that is said, and nothing is concluded from it.
#[tokio::test]
async fn what_an_endpoint_does_not_know_is_not_checked() {
    let account = Account::new().await;
    account.proxy.heal();
    let report = account.reader().check(&account.records()).await;
    assert!(report.is_ok(), "{report}");
    let open: Vec<_> = report.not_checked().map(|finding| (finding.action(), finding.cause())).collect();
    assert_eq!(open, [("dynamodb:DescribeContinuousBackups", Some(Cause::NotSupported))]);
}

#[tokio::test]
async fn a_name_that_no_table_can_have() {
    let account = Account::new().await;
    let records = DynamoPersistence::new(account.connection().dynamodb().expect("a client"), "a b");
    let report = account.auditor().check(&records).await;
    assert_eq!(only_failure(&report).cause(), Some(Cause::Configuration), "{report}");
}

/// What cannot work is not tried on and on.
#[tokio::test]
async fn a_missing_table_ends_the_checks_of_the_table() {
    let account = Account::empty();
    let report = account.writer().check(&account.records()).await;
    let exchanges = account.proxy.exchanges();
    let tried: Vec<_> = exchanges.iter().flat_map(|exchange| needed_by(&exchange.request)).collect();
    assert_eq!(tried.iter().filter(|(action, _)| action.starts_with("dynamodb:")).count(), 1, "{report}");
    let blocked = report.not_checked().filter(|finding| finding.cause() == Some(Cause::Blocked)).count();
    assert!(blocked >= 8, "{report}");
}
