//! Creating the table, and telling what is wrong with it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use secret_store_core::{ErrorKind, SystemClock};
use secret_store_dynamo::{Protection, TableOptions, TableProblem, check_table, create_table};
use secret_store_dynamo_emulator::{DynamoDbEmulator, Fault, FaultProxy, Patience, Response};
use serde_json::json;

use crate::support::{once, plain};

const TABLE: &str = "Secrets";
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

/// (partition key, sort key or none)
async fn with_keys(client: &Client, partition: (&str, ScalarAttributeType), sort: Option<(&str, ScalarAttributeType)>) {
    let mut request = client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
    let keys = [(Some(partition), KeyType::Hash), (sort, KeyType::Range)];
    for (key, role) in keys.into_iter().filter_map(|(key, role)| key.map(|key| (key, role))) {
        let (name, kind) = key;
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
        let element = KeySchemaElement::builder().attribute_name(name).key_type(role);
        request = request.attribute_definitions(definition.build().expect("complete"));
        request = request.key_schema(element.build().expect("complete"));
    }
    request.send().await.expect("a table");
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
        with_keys(&client, partition.clone(), sort.clone()).await;
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
