//! Creating the table, and telling what is wrong with it.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{BillingMode, ScalarAttributeType};
use secret_store_core::{Error, ErrorKind, SystemClock};
use secret_store_dynamo::{Protection, TableOptions, TableProblem, check_table, create_table};
use secret_store_dynamo_emulator::{DynamoDbEmulator, Fault, FaultProxy, Patience, Response, create_table_with_keys};
use serde_json::json;

use crate::persistence_faults::{FAULTS, kind_of, patience};
use crate::support::{once, plain};

const TABLE: &str = "Secrets";
/// One request that hangs, and the rest of a busy machine.
const BOUND: Duration = Duration::from_secs(10);
const NO_BACKUPS: &str = "com.amazonaws.dynamodb.v20120810#ContinuousBackupsUnavailableException";

fn answer(body: &serde_json::Value) -> Fault {
    Fault::Answer(Response::json(200, body))
}

/// The emulator knows no backups: these answers are as the service documents them.
fn backups(status: &str) -> Fault {
    let recovery = json!({ "PointInTimeRecoveryStatus": status });
    answer(&json!({ "ContinuousBackupsDescription": {
        "ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery,
    } }))
}

fn behind_a_proxy() -> (DynamoDbEmulator, FaultProxy, Client) {
    let emulator = DynamoDbEmulator::start();
    let proxy = FaultProxy::start(emulator.address());
    let client = once().dynamodb_client(&proxy.url());
    (emulator, proxy, client)
}

#[tokio::test]
async fn a_new_table_is_on_demand_protected_and_right() {
    let (_emulator, proxy, client) = behind_a_proxy();
    proxy.fail_operation("UpdateContinuousBackups", backups("ENABLED"));
    proxy.fail_operation("DescribeContinuousBackups", backups("ENABLED"));
    create_table(&client, TABLE, &TableOptions::default(), &SystemClock).await.expect("a new table");
    let operations = proxy.take_exchanges();
    let update = operations.iter().find(|exchange| exchange.request.operation() == "UpdateContinuousBackups");
    let body: serde_json::Value = serde_json::from_slice(&update.expect("asked for").request.body).expect("JSON");
    assert_eq!(body["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    let described = client.describe_table().table_name(TABLE).send().await.expect("described").table.expect("a table");
    let billing = described.billing_mode_summary().and_then(|summary| summary.billing_mode());
    assert_eq!(billing, Some(&BillingMode::PayPerRequest));
    assert_eq!(described.deletion_protection_enabled(), Some(true));
    assert_eq!(check_table(&client, TABLE).await.expect("checked"), []);
}

#[tokio::test]
async fn a_second_creation_says_that_the_table_exists() {
    let emulator = DynamoDbEmulator::start();
    let client = emulator.client();
    create_table(&client, TABLE, &plain(), &SystemClock).await.expect("a new table");
    let error = create_table(&client, TABLE, &plain(), &SystemClock).await.expect_err("it exists");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("check it with `check_table`"), "{error}");
}

#[tokio::test]
async fn a_missing_table_is_told() {
    let emulator = DynamoDbEmulator::start();
    let problems = check_table(&emulator.client(), TABLE).await.expect("checked");
    assert_eq!(problems, [TableProblem::Missing]);
    assert!(problems[0].is_fatal());
}

#[tokio::test]
async fn missing_protections_are_told() {
    let (_emulator, proxy, client) = behind_a_proxy();
    let options = plain().with_deletion_protection(Protection::Off);
    create_table(&client, TABLE, &options, &SystemClock).await.expect("a new table");
    proxy.fail_operation("DescribeContinuousBackups", backups("DISABLED"));
    let problems = check_table(&client, TABLE).await.expect("checked");
    assert_eq!(problems, [TableProblem::NoDeletionProtection, TableProblem::NoPointInTimeRecovery]);
    assert!(!problems.iter().any(TableProblem::is_fatal));
}

#[tokio::test]
async fn another_key_schema_is_told() {
    use ScalarAttributeType::{B, N, S};
    let cases = [
        (("ApplicationName", S), None),
        (("SecretName", S), Some(("ApplicationName", S))),
        (("ApplicationName", S), Some(("Name", S))),
        (("ApplicationName", S), Some(("SecretName", B))),
        (("ApplicationName", N), Some(("SecretName", S))),
    ];
    for (partition, sort) in cases {
        let (_emulator, proxy, client) = behind_a_proxy();
        proxy.fail_operation("DescribeContinuousBackups", backups("ENABLED"));
        create_table_with_keys(&client, TABLE, partition.clone(), sort.clone()).await;
        let problems = check_table(&client, TABLE).await.expect("checked");
        assert!(problems.contains(&TableProblem::KeySchema), "{partition:?} {sort:?}: {problems:?}");
    }
}

#[tokio::test]
async fn a_table_that_is_not_active_is_told() {
    let (_emulator, proxy, client) = behind_a_proxy();
    proxy.fail_operation("DescribeContinuousBackups", backups("ENABLED"));
    for (status, usable) in
        [("ACTIVE", true), ("UPDATING", true), ("CREATING", false), ("DELETING", false), ("ARCHIVED", false)]
    {
        let keys = json!([
            { "AttributeName": "ApplicationName", "KeyType": "HASH" },
            { "AttributeName": "SecretName", "KeyType": "RANGE" },
        ]);
        let definitions = json!([
            { "AttributeName": "SecretName", "AttributeType": "S" },
            { "AttributeName": "ApplicationName", "AttributeType": "S" },
        ]);
        let table = json!({
            "TableName": TABLE, "TableStatus": status, "KeySchema": keys, "AttributeDefinitions": definitions,
            "DeletionProtectionEnabled": true,
        });
        proxy.fail_operation("DescribeTable", answer(&json!({ "Table": table })));
        let expected = if usable { Vec::new() } else { vec![TableProblem::NotActive] };
        assert_eq!(check_table(&client, TABLE).await.expect("checked"), expected, "{status}");
    }
}

/// The service enables backups of a new table a moment after the table itself.
#[tokio::test]
async fn backups_that_are_not_ready_are_asked_for_again() {
    let (_emulator, proxy, client) = behind_a_proxy();
    proxy.fail_operation("UpdateContinuousBackups", backups("ENABLED"));
    // After the creation and one description.
    proxy.fail_call(2, &Fault::Answer(Response::error(400, NO_BACKUPS, "Backups are being enabled")));
    create_table(&client, TABLE, &TableOptions::default(), &SystemClock).await.expect("a new table");
    let operations = proxy.take_operations();
    let expected = ["CreateTable", "DescribeTable", "UpdateContinuousBackups", "UpdateContinuousBackups"];
    assert_eq!(operations, expected);
}

#[tokio::test]
async fn a_denied_action_is_named() {
    let actions = ["CreateTable", "DescribeTable", "UpdateContinuousBackups", "DescribeContinuousBackups"];
    for action in actions {
        let (_emulator, proxy, client) = behind_a_proxy();
        proxy.fail_operation("UpdateContinuousBackups", backups("ENABLED"));
        proxy.fail_operation("DescribeContinuousBackups", backups("ENABLED"));
        proxy.fail_operation(action, Fault::Denied);
        let created = create_table(&client, TABLE, &TableOptions::default(), &SystemClock).await;
        let error = match created {
            Err(error) => error,
            Ok(()) => check_table(&client, TABLE).await.expect_err(action),
        };
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{action}: {error}");
        assert!(error.to_string().starts_with(&format!("dynamodb:{action} on table Secrets")), "{action}: {error}");
    }
}

/// A check in a region that does not answer is an error, not a missing table.
#[tokio::test]
async fn an_outage_is_no_missing_table() {
    let (_emulator, proxy, _) = behind_a_proxy();
    let client = Patience::default().dynamodb_client(&proxy.url());
    proxy.fail_always(Fault::ServerError);
    assert_eq!(check_table(&client, TABLE).await.expect_err("an outage").kind(), ErrorKind::Unavailable);
}

/// A table that may be there afterwards, a kind that says what went wrong, and no table that is taken for right and is not.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_creating_and_checking_with_every_fault() {
    let create = ["CreateTable", "DescribeTable", "UpdateContinuousBackups"];
    let check = ["DescribeTable", "DescribeContinuousBackups"];
    for fault in FAULTS {
        // What neither operation knows passes.
        let expected = kind_of(&fault).filter(|_| !matches!(fault, Fault::Conflict));
        for call in 0..create.len() {
            let (_emulator, proxy, healthy) = behind_a_proxy();
            let client = patience(&fault, once()).dynamodb_client(&proxy.url());
            proxy.fail_operation("UpdateContinuousBackups", backups("ENABLED"));
            proxy.fail_operation("DescribeContinuousBackups", backups("ENABLED"));
            proxy.fail_call(call, &fault);
            let began = Instant::now();
            let outcome = create_table(&client, TABLE, &TableOptions::default(), &SystemClock).await;
            assert!(began.elapsed() < BOUND, "{call}, {fault:?} took {:?}", began.elapsed());
            assert_eq!(outcome.as_ref().err().map(Error::kind), expected, "{call}, {fault:?}: {outcome:?}");
            assert_eq!(proxy.take_operations().last().map(String::as_str), Some(create[outcome.map_or(call, |()| 2)]));
            let problems = check_table(&healthy, TABLE).await.expect("checked");
            let may_be_missing = call == 0 && expected.is_some();
            assert!(problems.is_empty() || may_be_missing && problems == [TableProblem::Missing], "{problems:?}");
            for (call, action) in check.into_iter().enumerate().filter(|_| problems.is_empty()) {
                proxy.forget();
                proxy.fail_call(call, &fault);
                let outcome = check_table(&client, TABLE).await;
                assert_eq!(outcome.as_ref().err().map(Error::kind), expected, "{action}, {fault:?}: {outcome:?}");
                assert!(outcome.unwrap_or_default().is_empty(), "{action}, {fault:?}");
            }
        }
    }
}
