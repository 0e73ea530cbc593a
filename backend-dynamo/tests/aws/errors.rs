//! Every answer of DynamoDB becomes a kind, and a message that names action, table, region and fix.

use std::error::Error as _;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use secret_store_core::{Consistency, Error, ErrorKind, ListQuery, Persistence, Precondition, Write};
use secret_store_dynamo::DynamoPersistence;
use secret_store_dynamo_emulator::{DynamoDbEmulator, Fault, Patience, Response};

use crate::support::{APPLICATION, Table, key, once, record};

async fn load(records: &DynamoPersistence) -> Error {
    records.load(&key("name"), Consistency::Strong).await.expect_err("a fault")
}

async fn put(records: &DynamoPersistence) -> Error {
    records.commit(vec![Write::put(key("name"), record("x"), Precondition::Any)]).await.expect_err("a fault")
}

#[tokio::test]
async fn codes_become_kinds() {
    let table = Table::new().await;
    let records = table.proxied(once());
    let codes = [
        ("AccessDeniedException", ErrorKind::PermissionDenied),
        ("ExpiredTokenException", ErrorKind::PermissionDenied),
        ("UnrecognizedClientException", ErrorKind::PermissionDenied),
        ("InvalidSignatureException", ErrorKind::PermissionDenied),
        ("MissingAuthenticationTokenException", ErrorKind::PermissionDenied),
        ("ProvisionedThroughputExceededException", ErrorKind::Throttled),
        ("ThrottlingException", ErrorKind::Throttled),
        ("RequestLimitExceeded", ErrorKind::Throttled),
        ("TransactionConflictException", ErrorKind::Contention),
        ("ResourceNotFoundException", ErrorKind::InvalidInput),
        ("ValidationException", ErrorKind::InvalidInput),
        ("ItemCollectionSizeLimitExceededException", ErrorKind::InvalidInput),
        ("TransactionInProgressException", ErrorKind::Unavailable),
        ("InternalServerError", ErrorKind::Unavailable),
        ("NobodyKnowsThisException", ErrorKind::Unavailable),
    ];
    for (code, kind) in codes {
        for namespace in ["", "com.amazonaws.dynamodb.v20120810#"] {
            let response = Response::error(400, &format!("{namespace}{code}"), "a message of the service");
            table.proxy.fail_always(Fault::Answer(response));
            for error in [load(&records).await, put(&records).await] {
                assert_eq!(error.kind(), kind, "{code}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn bare_statuses_become_kinds() {
    let table = Table::new().await;
    let records = table.proxied(once());
    let statuses = [
        (429, ErrorKind::Throttled),
        (500, ErrorKind::Unavailable),
        (502, ErrorKind::Unavailable),
        (503, ErrorKind::Unavailable),
        (504, ErrorKind::Unavailable),
        (403, ErrorKind::Unavailable),
        (200, ErrorKind::Unavailable),
    ];
    for (status, kind) in statuses {
        table.proxy.fail_always(Fault::Answer(Response::bare(status)));
        for error in [load(&records).await, put(&records).await] {
            assert_eq!(error.kind(), kind, "{status}: {error}");
        }
    }
}

#[tokio::test]
async fn messages_name_action_table_region_and_fix_and_escape_what_is_foreign() {
    let table = Table::new().await;
    let denied = Fault::Answer(Response::error(400, "AccessDeniedException", "evil\u{1b}[2J message"));
    table.proxy.fail_always(denied);
    let client = once().dynamodb_client(&table.proxy.url());
    let records = DynamoPersistence::new(client, "Sec\u{1b}rets");
    let error = load(&records).await;
    let expected = "dynamodb:GetItem on table Sec\\u{1b}rets in eu-central-1 failed: allow the action on this table in the role's policy";
    assert_eq!(error.to_string(), expected);
    assert!(error.source().is_some(), "the cause is kept");
    let error = put(&records).await.to_string();
    assert!(error.starts_with("dynamodb:TransactWriteItems on table "), "{error}");
    let error = records.list(&ListQuery::new(APPLICATION)).await.expect_err("denied").to_string();
    assert!(error.starts_with("dynamodb:Query on table "), "{error}");
}

#[tokio::test]
async fn a_missing_table_is_named() {
    let emulator = DynamoDbEmulator::start();
    let records = DynamoPersistence::new(emulator.client(), "Nowhere");
    let error = load(&records).await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("table Nowhere in eu-central-1 failed: the table does not exist"), "{error}");
}

#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("nobody is logged in")))
    }
}

#[tokio::test]
async fn missing_credentials_are_no_outage() {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .endpoint_url("http://127.0.0.1:9")
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    let client = |config: aws_sdk_dynamodb::config::Builder| Client::from_conf(config.build());
    let error =
        load(&DynamoPersistence::new(client(config.clone().credentials_provider(NoCredentials)), "Secrets")).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error} {:?}", error.source());
    assert!(error.to_string().contains("there are no credentials"), "{error}");
    // Without any provider the SDK does not say so in a type; the message covers it.
    let error = load(&DynamoPersistence::new(client(config), "Secrets")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("credentials"), "{error}");
}

#[tokio::test]
async fn nobody_listening_is_an_outage() {
    // Bound and dropped at once: nobody else has it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let client = Patience::default().dynamodb_client(&format!("http://{address}"));
    let error = load(&DynamoPersistence::new(client, "Secrets")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn reasons_of_a_cancelled_transaction_become_kinds() {
    let table = Table::new().await;
    let records = table.proxied(once());
    let cases = [
        (vec!["None", "TransactionConflict"], ErrorKind::Contention),
        (vec!["ConditionalCheckFailed", "TransactionConflict"], ErrorKind::Conflict),
        (vec!["TransactionConflict", "ConditionalCheckFailed"], ErrorKind::Conflict),
        (vec!["ThrottlingError", "None"], ErrorKind::Throttled),
        (vec!["None", "ProvisionedThroughputExceeded"], ErrorKind::Throttled),
        (vec!["ItemCollectionSizeLimitExceeded", "None"], ErrorKind::InvalidInput),
        (vec!["None", "ValidationError"], ErrorKind::InvalidInput),
        (vec!["SomethingNew", "None"], ErrorKind::Unavailable),
        (vec![], ErrorKind::Unavailable),
    ];
    for (codes, kind) in cases {
        let reasons: Vec<_> = codes.iter().map(|code| serde_json::json!({ "Code": code })).collect();
        let body = serde_json::json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "cancelled",
            "CancellationReasons": reasons,
        });
        table.proxy.fail_always(Fault::Answer(Response::json(400, &body)));
        let put = |sort: &str| Write::put(key(sort), record("x"), Precondition::Absent);
        let error = records.commit(vec![put("a"), put("b")]).await.expect_err("cancelled");
        assert_eq!(error.kind(), kind, "{codes:?}: {error}");
        let failed = codes.iter().position(|code| *code == "ConditionalCheckFailed");
        assert_eq!(error.failed_write(), failed, "{codes:?}");
    }
}
