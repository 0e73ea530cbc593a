//! Several records in one request: all of them or an error.

use std::time::Duration;

use secret_store_core::{Consistency, ErrorKind, Persistence, Precondition, RecordKey, Result, Stored, Write};
use secret_store_dynamo_emulator::{Fault, Patience};

use crate::support::{Table, key, record};

const COUNT: usize = 120;

fn keys() -> Vec<RecordKey> {
    (0..COUNT).map(|number| key(&format!("{number:03}"))).collect()
}

/// With every other of the records there.
async fn filled() -> Table {
    let table = Table::new().await;
    let put = |key: &RecordKey| Write::put(key.clone(), record(key.sort()), Precondition::Absent);
    let writes = keys().iter().step_by(2).map(put).collect();
    table.direct().commit(writes).await.expect("records");
    table
}

fn assert_complete(found: &Result<Vec<Option<Stored>>>) {
    let found = found.as_ref().expect("all records");
    assert_eq!(found.len(), COUNT);
    for (number, found) in found.iter().enumerate() {
        let expected = number.is_multiple_of(2).then(|| record(&format!("{number:03}")));
        assert_eq!(found.as_ref().map(|stored| &*stored.record), expected.as_ref(), "{number}");
    }
}

#[tokio::test]
async fn unprocessed_keys_are_asked_for_again() {
    let table = filled().await;
    let records = table.proxied(Patience::default());
    table.proxy.fail_calls(0, 3, &Fault::Partial);
    assert_complete(&records.load_many(&keys(), Consistency::Strong).await);
    // One key each in the first three, then what is left of the first hundred, then the others.
    assert_eq!(table.proxy.take_operations(), ["BatchGetItem"; 5]);
}

#[tokio::test]
async fn keys_that_stay_unprocessed_are_an_error_and_no_absence() {
    let table = filled().await;
    let records = table.proxied(Patience::default());
    table.proxy.fail_always(Fault::Partial);
    let error = records.load_many(&keys(), Consistency::Strong).await.expect_err("never all");
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert_eq!(table.proxy.take_operations().len(), 10);
}

#[tokio::test]
async fn a_role_without_batches_reads_one_by_one() {
    let table = filled().await;
    let records = table.proxied(Patience::default());
    table.proxy.fail_operation("BatchGetItem", Fault::Denied);
    assert_complete(&records.load_many(&keys(), Consistency::Strong).await);
    let operations = table.proxy.take_operations();
    assert_eq!(operations.iter().filter(|operation| *operation == "GetItem").count(), COUNT);
    // Whoever may read neither is told what is missing.
    table.proxy.fail_operation("GetItem", Fault::Denied);
    let error = records.load_many(&keys(), Consistency::Strong).await.expect_err("denied");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("dynamodb:GetItem on table Secrets in eu-central-1"), "{error}");
}

#[tokio::test]
async fn expired_credentials_do_not_become_many_requests() {
    let table = filled().await;
    let records = table.proxied(Patience::default());
    table.proxy.fail_always(Fault::ExpiredCredentials);
    let error = records.load_many(&keys(), Consistency::Strong).await.expect_err("expired");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("expired"), "{error}");
    assert_eq!(table.proxy.take_operations(), ["BatchGetItem"]);
}

#[tokio::test]
async fn repeated_keys_are_asked_for_once() {
    let table = filled().await;
    let records = table.proxied(Patience::default());
    let twice: Vec<_> = keys().into_iter().take(60).chain(keys().into_iter().take(60)).collect();
    let found = records.load_many(&twice, Consistency::Strong).await.expect("all");
    assert_eq!(found.len(), 120);
    assert_eq!(found[0].as_ref().map(|stored| &stored.revision), found[60].as_ref().map(|stored| &stored.revision));
    assert_eq!(table.proxy.take_operations(), ["BatchGetItem"]);
}

#[tokio::test]
async fn a_slow_answer_is_an_answer() {
    let table = filled().await;
    let records = table.proxied(Patience::default());
    table.proxy.fail_call(0, &Fault::Delay(Duration::from_millis(50)));
    assert_complete(&records.load_many(&keys(), Consistency::Strong).await);
}
