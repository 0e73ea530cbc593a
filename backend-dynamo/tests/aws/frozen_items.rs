//! Items that were written once are read for ever, and are written to the very same attributes: `docs/format.md` shows them,
//! another implementation made them.

use std::sync::Arc;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secret_store_core::{
    ApplicationConfig, ApplicationName, Consistency, EnvelopeStore, ErrorKind, Format, Legacy, ListQuery, Persistence,
    Precondition, Record, RecordKey, SecretStoreExt, SecretVersion, Stored, Write,
};
use secret_store_dynamo::KmsKeyProvider;
use secret_store_dynamo_emulator::{Patience, REGION, Request, Response, Service};
use serde_json::{Value, json};

use crate::support::{APPLICATION, ELSEWHERE, Item, Table, id};

/// In the order of the file.
const CURRENT: usize = 0;
const ORIGINAL: usize = 1;
const EARLIER: usize = 2;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/items.json")).expect("the vectors parse")
}

fn items() -> Vec<Value> {
    vectors()["items"].as_array().expect("a list").clone()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("hexadecimal"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}

fn key(vector: &Value) -> RecordKey {
    RecordKey::new(text(&vector["partition"]), text(&vector["sort"]))
}

fn record(vector: &Value) -> Record {
    Record::from_bytes(&bytes(text(&vector["record"]))).expect("a frozen record parses")
}

/// An attribute as the service sends it.
fn attribute(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().and_then(|value| value.iter().next()).expect("a type and a value");
    let value = text(value);
    match kind.as_str() {
        "S" => AttributeValue::S(value.to_owned()),
        "N" => AttributeValue::N(value.to_owned()),
        "B" => AttributeValue::B(Blob::new(STANDARD.decode(value).expect("base64"))),
        other => panic!("no record has a {other}"),
    }
}

fn item(vector: &Value) -> Item {
    let item = vector["item"].as_object().expect("an item");
    item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

async fn frozen_table() -> Table {
    let table = Table::new().await;
    for vector in items() {
        table.put_raw(item(&vector)).await;
    }
    table
}

#[tokio::test]
async fn our_reader_reads_exactly_these_items() {
    let (table, vectors) = (frozen_table().await, items());
    let records = table.direct();
    let keys: Vec<_> = vectors.iter().map(key).collect();
    let batch = records.load_many(&keys, Consistency::Strong).await.expect("a read");
    let assert_read = |stored: &Stored, vector: &Value| {
        assert_eq!(stored.record.to_bytes(), bytes(text(&vector["record"])), "{}", vector["what"]);
        assert_eq!(stored.revision.as_text(), text(&vector["revision"]), "{}", vector["what"]);
    };
    for (vector, in_batch) in vectors.iter().zip(batch) {
        let loaded = records.load(&key(vector), Consistency::Strong).await.expect("a read").expect("there");
        let page = records.list(&ListQuery::new(text(&vector["partition"]))).await.expect("a page");
        let (_, listed) = page.items.iter().find(|(sort, _)| **sort == *text(&vector["sort"])).expect("listed");
        for stored in [&loaded, &in_batch.expect("there"), listed] {
            assert_read(stored, vector);
        }
    }
}

/// The item on the wire, with the frozen revision in the place of the new one, which is random.
fn sent(request: &Request, vector: &Value, revision: &str) -> Value {
    let body = request.json();
    let mut item = match request.operation() {
        "PutItem" => body["Item"].clone(),
        _ => body["TransactItems"][0]["Put"]["Item"].clone(),
    };
    if let Some(own) = item.get_mut("~rev") {
        assert_eq!(*own, json!({ "S": revision }), "its revision");
        assert!(revision.len() == 32 && revision.bytes().all(|byte| b"0123456789abcdef".contains(&byte)), "{revision}");
        *own = json!({ "S": vector["revision"] });
    } else {
        assert_eq!(revision, text(&vector["revision"]), "a digest");
    }
    item
}

#[tokio::test]
async fn our_writer_makes_exactly_these_items() {
    for vector in items() {
        let table = Table::new().await;
        let records = table.proxied(Patience::default());
        let mut precondition = Precondition::Absent;
        // By a transaction, and by a put on a revision.
        for operation in ["TransactWriteItems", "PutItem"] {
            table.proxy.forget();
            let put = Write::put(key(&vector), record(&vector), precondition);
            let revision = records.commit(vec![put]).await.expect("a put").remove(0).expect("a revision");
            let exchanges = table.proxy.take_exchanges();
            let request = &exchanges.last().expect("a request").request;
            assert_eq!(request.operation(), operation);
            assert_eq!(sent(request, &vector, &revision.as_text()), vector["item"], "{}", vector["what"]);
            precondition = Precondition::Revision(revision);
        }
    }
}

/// KMS as far as these wraps go: a wrap gives its document key to who names its key and its context.
fn decrypt(request: &Request) -> Option<Response> {
    if request.service() != Some(Service::Kms) {
        return None;
    }
    let body = request.json();
    let blob = STANDARD.decode(text(&body["CiphertextBlob"])).expect("base64");
    let context = body.get("EncryptionContext").cloned().unwrap_or_else(|| json!({}));
    let arn = text(&body["KeyId"]);
    let opens = |vector: &&Value| {
        let wrap = vector["wraps"].get(arn).map(|wrap| bytes(text(wrap)));
        wrap.as_ref() == Some(&blob) && vector["context"] == context
    };
    let vectors = items();
    let Some(vector) = vectors.iter().find(opens) else {
        return Some(Response::error(400, "InvalidCiphertextException", ""));
    };
    let plaintext = STANDARD.encode(bytes(text(&vector["document_key"])));
    Some(Response::json(200, &json!({ "KeyId": arn, "Plaintext": plaintext })))
}

/// A reader of these records with keys of these regions.
async fn reader(table: &Table, regions: &[&str]) -> EnvelopeStore {
    let current = items().swap_remove(CURRENT);
    let arns = current["wraps"].as_object().expect("two wraps").keys();
    let arns = arns.filter(|arn| regions.iter().any(|region| arn.contains(&format!(":{region}:"))));
    let client = |region: &&str| Patience::default().kms_client(region, &table.proxy.url());
    let builder = KmsKeyProvider::builder(client(&regions[0]));
    let builder = regions[1..].iter().map(client).fold(builder, |builder, client| builder.client(client));
    let keys = arns.fold(builder, |builder, arn| builder.key(arn)).build().await.expect("valid");
    let application = ApplicationName::new(APPLICATION).expect("valid");
    let config = ApplicationConfig::default().with_legacy(Legacy::Read);
    let builder = EnvelopeStore::builder(Arc::new(keys), Arc::new(table.proxied(Patience::default())));
    let builder = builder.store_id(text(&vectors()["store"])).application(application, config);
    builder.build().expect("complete")
}

#[tokio::test]
async fn the_frozen_items_open() {
    let (table, vectors) = (frozen_table().await, items());
    assert_eq!(vectors.len(), 4);
    table.proxy.set_gate(decrypt);
    for regions in [&[REGION, ELSEWHERE][..], &[REGION], &[ELSEWHERE]] {
        let store = reader(&table, regions).await;
        let current = store.get(&id("MainDb")).await.expect("opens");
        assert_eq!(current.text().expect("text"), text(&vectors[CURRENT]["value"]));
        let info = current.info();
        assert_eq!((info.version.get(), info.format, info.metadata.get("owner")), (2, Format::One, Some("team-a")));
        assert_eq!(info.also_wrapped_with.len(), 1);
        if regions.contains(&REGION) {
            let earlier = store.get_version(&id("MainDb"), SecretVersion::FIRST).await.expect("opens");
            assert_eq!(earlier.text().expect("text"), text(&vectors[EARLIER]["value"]));
            let original = store.get(&id("OldDb")).await.expect("opens");
            assert_eq!(
                (original.text().expect("text"), original.info().format),
                (text(&vectors[ORIGINAL]["value"]), Format::Zero)
            );
        }
    }
    // The number that a deleted name had stays taken.
    let gone = reader(&table, &[REGION]).await.get(&id("Gone")).await.expect_err("deleted");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}

/// No attribute is there for nothing: without it, or with that of another item, nothing is read as if it were right.
#[tokio::test]
async fn an_item_that_lacks_or_exchanges_an_attribute_does_not_open() {
    let (table, vectors) = (frozen_table().await, items());
    table.proxy.set_gate(decrypt);
    let store = reader(&table, &[REGION]).await;
    let (right, other) = (item(&vectors[CURRENT]), item(&vectors[EARLIER]));
    let sealed =
        ["InitialisationVector", "MasterKeyId", "Metadata", "ProtectedDocumentKey", "ProtectedSecretValue", "Version"];
    for name in sealed {
        let mut lacking = right.clone();
        lacking.remove(name);
        let mut exchanged = lacking.clone();
        if let Some(attribute) = other.get(name).filter(|_| name != "MasterKeyId") {
            exchanged.insert(name.to_owned(), attribute.clone());
        }
        for wrong in [lacking, exchanged] {
            table.put_raw(wrong).await;
            store.purge_keys();
            let error = store.get(&id("MainDb")).await.expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Integrity, "{name}: {error}");
        }
    }
    table.put_raw(right).await;
    store.purge_keys();
    store.get(&id("MainDb")).await.expect("the right one opens still");
}
