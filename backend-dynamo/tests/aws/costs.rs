//! What operations cost, in requests and in capacity.

use secret_store_core::SecretStoreExt;
use secret_store_dynamo_emulator::{Exchange, Patience, Service};

use crate::support::{Table, id, value};

/// The capacity units of the requests to DynamoDB, all of which were answered.
pub(crate) fn capacity(exchanges: &[Exchange]) -> f64 {
    let units = |exchange: &Exchange| {
        let response = exchange.response.as_ref().expect("answered");
        let body: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
        let consumed = &body["ConsumedCapacity"];
        let all = consumed.as_array().cloned().unwrap_or_else(|| vec![consumed.clone()]);
        all.iter().map(|one| one["CapacityUnits"].as_f64().expect("capacity is asked for")).sum::<f64>()
    };
    let of_dynamodb = exchanges.iter().filter(|exchange| exchange.request.service() == Some(Service::DynamoDb));
    of_dynamodb.map(units).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_is_one_read_and_a_put_is_one_read_and_one_transaction() {
    let table = Table::new().await;
    let store = table.store(Patience::default()).await;
    // Of the current record and the last version, and twice a minute of the application's settings, strongly consistent; two
    // units to write each item in a transaction: the new one, the check or the earlier one.
    for (written, units) in [("first", 3.0 + 4.0), ("second", 2.0 + 4.0)] {
        store.put(&id("MainDb"), value(written)).await.expect("a put");
        let exchanges = table.proxy.take_exchanges();
        let requests: Vec<_> = exchanges.iter().map(|exchange| exchange.request.operation()).collect();
        assert_eq!(requests, ["BatchGetItem", "GenerateDataKey", "TransactWriteItems"], "{written}");
        assert!((capacity(&exchanges) - units).abs() < 1e-9, "{written}: {}", capacity(&exchanges));
    }
    let reader = table.store(Patience::default()).await;
    for requests in [&["GetItem", "Decrypt"][..], &["GetItem"]] {
        assert_eq!(reader.get(&id("MainDb")).await.expect("a get").text().expect("text"), "second");
        let exchanges = table.proxy.take_exchanges();
        // The document key stays at hand.
        assert_eq!(exchanges.iter().map(|exchange| exchange.request.operation()).collect::<Vec<_>>(), requests);
        // An item of less than 4 KB, read eventually consistent.
        assert!((capacity(&exchanges) - 0.5).abs() < 1e-9, "{}", capacity(&exchanges));
    }
    store.delete(&id("MainDb")).await.expect("a delete");
    assert_eq!(table.proxy.take_operations(), ["BatchGetItem", "TransactWriteItems"]);
}
