//! What is measured against sends what the store sends: the same operations, members and attributes, in as many bytes.

use secret_store_benches_aws::Stage;
use secret_store_dynamo_emulator::Request;
use serde_json::Value;

/// The structure of a request: names of members, types, and of texts how long they are.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(shape).collect();
            // The keys of a batch stand in any order.
            items.sort_by_key(Value::to_string);
            items.into()
        }
        Value::String(text) => text.len().into(),
        other => other.clone(),
    }
}

fn shapes(requests: &[Request]) -> Vec<(String, Value)> {
    requests.iter().map(|request| (request.action(), shape(&request.json()))).collect()
}

#[tokio::test]
async fn both_send_the_same() {
    let stage = Stage::new().await;
    let proxy = stage.proxy();
    let (ours, direct) = stage.programs_at(&proxy.url(), &proxy.url(), 1000).await;
    let taken = || -> Vec<Request> { proxy.take_exchanges().into_iter().map(|exchange| exchange.request).collect() };
    // The first put of the store has been made; from the second on there is a version to move.
    for _ in 0..3 {
        drop(taken());
        ours.get().await;
        ours.put().await;
        let sent = taken();
        direct.get().await;
        direct.put().await;
        let sent_directly = taken();
        let actions: Vec<_> = sent.iter().map(Request::action).collect();
        let expected = [
            "dynamodb:GetItem",
            "kms:Decrypt",
            "dynamodb:BatchGetItem",
            "kms:GenerateDataKey",
            "dynamodb:TransactWriteItems",
        ];
        assert_eq!(actions, expected);
        assert_eq!(shapes(&sent), shapes(&sent_directly));
        let headers =
            |requests: &[Request]| -> Vec<usize> { requests.iter().map(|request| request.headers.len()).collect() };
        assert_eq!(headers(&sent), headers(&sent_directly));
    }
}
