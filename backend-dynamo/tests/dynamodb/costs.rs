//! What operations cost, in requests and in capacity.

use std::sync::Arc;

use secret_store_core::{
    ApplicationName, EnvelopeStore, GetOptions, Persistence, Precondition, ProtectOptions, Record, RecordKey,
    SecretStore, SecretStoreExt, SecretValue, Value, Write,
};
use secret_store_dynamo_emulator::{Exchange, Patience};
use secret_store_memory::MemoryPersistence;

use crate::support::{APPLICATION, Table, id, master_key, value};

const MEGABYTE: usize = 1024 * 1024;
const SECRETS: usize = 5_000;

fn capacity(exchanges: &[Exchange]) -> f64 {
    let units = |exchange: &Exchange| {
        let response = exchange.response.as_ref().expect("answered");
        let body: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
        let consumed = &body["ConsumedCapacity"];
        let all = consumed.as_array().cloned().unwrap_or_else(|| vec![consumed.clone()]);
        all.iter().map(|one| one["CapacityUnits"].as_f64().expect("capacity is asked for")).sum::<f64>()
    };
    exchanges.iter().map(units).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_is_one_request_and_a_put_is_two() {
    let table = Table::new().await;
    let store = table.store(table.proxied(Patience::default()));
    for written in ["first", "second"] {
        store.put(&id("MainDb"), value(written)).await.expect("a put");
        assert_eq!(table.proxy.take_operations(), ["BatchGetItem", "TransactWriteItems"], "{written}");
    }
    assert_eq!(store.get(&id("MainDb")).await.expect("a get").text().expect("text"), "second");
    let exchanges = table.proxy.take_exchanges();
    assert_eq!(exchanges.iter().map(|exchange| exchange.request.operation()).collect::<Vec<_>>(), ["GetItem"]);
    // An item of less than 4 KB, read eventually consistent.
    assert!((capacity(&exchanges) - 0.5).abs() < 1e-9, "{}", capacity(&exchanges));
    store.delete(&id("MainDb")).await.expect("a delete");
    assert_eq!(table.proxy.take_operations(), ["BatchGetItem", "TransactWriteItems"]);
}

/// As DynamoDB counts: names and values, numbers at half a byte a digit and one; with the revision, of 32 characters.
fn item_size(record: &Record) -> usize {
    let size = |(name, value): (&str, &Value)| {
        name.len()
            + match value {
                Value::Text(text) => text.len(),
                Value::Bytes(bytes) => bytes.len(),
                Value::Number(number) => number.to_string().len().div_ceil(2) + 1,
            }
    };
    record.iter().map(size).sum::<usize>() + "~rev".len() + 32
}

/// Sealed without the table, which is not what is measured here; written a hundred at a time.
async fn fill(table: &Table) -> usize {
    let keys = Arc::clone(&table.keys);
    let sealing = EnvelopeStore::builder(keys, Arc::new(MemoryPersistence::new())).store_id("test");
    let sealing = sealing.master_key(master_key()).build().expect("a complete configuration");
    let records = table.direct();
    let mut bytes = 0;
    let mut writes = Vec::new();
    for number in 0..SECRETS {
        let name = format!("Secret-{number:05}");
        let value = SecretValue::new(format!("{number:01000}").into_bytes());
        let protected = sealing.protect(&id(&name), value, ProtectOptions::default()).await.expect("sealed");
        let record = protected.to_record();
        bytes += item_size(&record);
        writes.push(Write::put(RecordKey::new(APPLICATION, name), record, Precondition::Absent));
        if writes.len() == 100 {
            records.commit(std::mem::take(&mut writes)).await.expect("a hundred records");
        }
    }
    assert!(writes.is_empty(), "all are written");
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn get_all_is_complete_and_costs_one_query_for_each_megabyte() {
    let table = Table::new().await;
    let bytes = fill(&table).await;
    let store = table.store(table.proxied(Patience::default()));
    let application = ApplicationName::new(APPLICATION).expect("a valid name");
    let secrets = store.get_all_with(&application, GetOptions::default()).await.expect("all secrets");
    let exchanges = table.proxy.take_exchanges();
    assert_eq!(secrets.len(), SECRETS);
    for (number, secret) in secrets.iter().enumerate() {
        assert_eq!(secret.id().name().as_str(), format!("Secret-{number:05}"));
        assert_eq!(secret.text().expect("text"), format!("{number:01000}"));
    }
    assert!(exchanges.iter().all(|exchange| exchange.request.operation() == "Query"), "nothing but queries");
    assert_eq!(exchanges.len(), bytes.div_ceil(MEGABYTE), "for {bytes} bytes");
    for exchange in &exchanges {
        let page = exchange.response.as_ref().expect("answered").body.len();
        // Bytes travel as base64, a third longer, and with their types.
        assert!(page < 2 * MEGABYTE, "a page of {page} bytes");
    }
    let expected = bytes as f64 / 4096.0 * 0.5;
    let consumed = capacity(&exchanges);
    assert!((consumed / expected - 1.0).abs() < 0.01, "{consumed} units for {bytes} bytes, expected {expected}");
}
