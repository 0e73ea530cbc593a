//! One table and one master key for the original Secret Store and for us. Its document keys are raw ciphertexts of KMS, made
//! without an encryption context.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use aws_lc_rs::cipher::{AES_128, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secret_store_core::{
    ApplicationConfig, ApplicationName, Clock, Consistency, EnvelopeStore, ErrorKind, Legacy, Persistence,
    Precondition, PutOptions, RecordKey, SecretId, SecretStore, SecretStoreExt, Value, Write,
};
use secret_store_dynamo::KmsKeyProvider;
use secret_store_dynamo_emulator::{Fault, Patience, REGION};

use crate::support::{APPLICATION, Item, Table, id, key, text, value};

const SIX: [&str; 6] = [
    "ApplicationName",
    "InitialisationVector",
    "MasterKeyId",
    "ProtectedDocumentKey",
    "ProtectedSecretValue",
    "SecretName",
];

fn bytes(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

fn item(place: [&str; 2], master_key: &str, document_key: &[u8], iv: &[u8], value: &[u8]) -> Item {
    Item::from([
        ("ApplicationName".to_owned(), text(place[0])),
        ("SecretName".to_owned(), text(place[1])),
        ("MasterKeyId".to_owned(), text(master_key)),
        ("ProtectedDocumentKey".to_owned(), bytes(document_key)),
        ("InitialisationVector".to_owned(), bytes(iv)),
        ("ProtectedSecretValue".to_owned(), bytes(value)),
    ])
}

/// An item with the attributes of the original's, which nobody can open.
pub(crate) fn original(application: &str, name: &str, number: u8) -> Item {
    item([application, name], "alias/original", &[number; 184], &[number; 16], &[number; 32])
}

fn names(item: &Item) -> BTreeSet<&str> {
    item.keys().map(String::as_str).collect()
}

const ALIAS: &str = "alias/original";

/// Fifty times as fast as others.
#[derive(Debug)]
struct FastClock(Instant);

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed() * 50
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / 50).await;
    }
}

/// The original stores whatever its master key was called in its configuration.
async fn legacy_store(table: &Table, legacy: Legacy) -> EnvelopeStore {
    table.kms.set_alias(ALIAS, table.master_key.as_str());
    let client = Patience::default().kms_client(REGION, &table.proxy.url());
    let keys = KmsKeyProvider::builder(client).key(table.master_key.as_str()).key(ALIAS).build().await;
    let application = ApplicationName::new(APPLICATION).expect("a valid name");
    let builder = table.builder(keys.expect("both exist"), table.proxied(Patience::default()));
    let builder = builder.clock(Arc::new(FastClock(Instant::now())));
    let config = ApplicationConfig::default().with_legacy(legacy);
    builder.application(application, config).build().expect("a complete configuration")
}

/// A client of the original's: nothing of ours is in between.
fn kms(table: &Table) -> aws_sdk_kms::Client {
    Patience::default().kms_client(REGION, &table.kms.url())
}

/// The values that the original's own code sealed, under document keys that stand there as raw ciphertexts.
async fn write_as_the_original_does(table: &Table) -> Vec<(SecretId, Vec<u8>)> {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../backend-rsa-file/tests/vectors/secretstore-legacy.json"))
            .expect("JSON");
    let field = |vector: &serde_json::Value, name: &str| {
        STANDARD.decode(vector[name].as_str().expect("a text")).expect("base64")
    };
    let mut expected = Vec::new();
    for (number, vector) in vectors["written"].as_array().expect("a list").iter().enumerate() {
        let name = format!("Original-{}", vector["id"].as_str().expect("a text"));
        let document_key = aws_sdk_kms::primitives::Blob::new(field(vector, "expected_data_key"));
        let request = kms(table).encrypt().key_id(table.master_key.as_str()).plaintext(document_key);
        let blob = request.send().await.expect("encrypted").ciphertext_blob.expect("a ciphertext").into_inner();
        let (iv, sealed) = (field(vector, "InitialisationVector"), field(vector, "ProtectedSecretValue"));
        let master_key = if number % 2 == 0 { ALIAS } else { table.master_key.as_str() };
        table.put_raw(item([APPLICATION, &name], master_key, &blob, &iv, &sealed)).await;
        expected.push((id(&name), field(vector, "expected_plaintext_base64")));
    }
    expected.sort_by(|(a, _), (b, _)| a.name().as_str().cmp(b.name().as_str()));
    expected
}

/// As the original reads: `Decrypt` with the blob alone, then AES-128 in CBC mode with PKCS #7 padding.
async fn read_as_the_original_does(table: &Table, item: &Item) -> Vec<u8> {
    let blob = |name: &str| item[name].as_b().expect("bytes").as_ref().to_vec();
    let request =
        kms(table).decrypt().ciphertext_blob(aws_sdk_kms::primitives::Blob::new(blob("ProtectedDocumentKey")));
    let document_key = request.send().await.expect("decrypted").plaintext.expect("a key").into_inner();
    let key = UnboundCipherKey::new(&AES_128, &document_key).expect("16 bytes");
    let iv: [u8; 16] = blob("InitialisationVector").try_into().expect("16 bytes");
    let mut value = blob("ProtectedSecretValue");
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).expect("a key");
    key.decrypt(&mut value, DecryptionContext::Iv128(iv.into())).expect("padded").to_vec()
}

#[tokio::test]
async fn records_of_the_original_are_read() {
    let table = Table::new().await;
    let expected = write_as_the_original_does(&table).await;
    assert!(expected.len() >= 8, "the vectors are there");
    let store = legacy_store(&table, Legacy::Read).await;
    for (id, plaintext) in &expected {
        let secret = store.get(id).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(secret.expose_secret(), plaintext.as_slice(), "{id}");
    }
    let all = store.get_all(&ApplicationName::new(APPLICATION).expect("valid")).await.expect("all");
    let found: Vec<_> = all.iter().map(|secret| (secret.id().clone(), secret.expose_secret().to_vec())).collect();
    assert_eq!(found, expected);
    // Only where it is configured.
    let strict = table.direct_store().await;
    assert_eq!(strict.get(&expected[0].0).await.expect_err("format 0").kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn ours_in_format_0_have_exactly_the_six_attributes_and_the_original_opens_them() {
    let table = Table::new().await;
    let store = legacy_store(&table, Legacy::ReadWrite).await;
    for written in ["first", "second"] {
        let info = store.put(&id("MainDb"), value(written)).await.expect("a put");
        let stored = table.raw(APPLICATION, "MainDb").await.expect("there");
        assert_eq!(names(&stored), BTreeSet::from(SIX));
        for (name, value) in &stored {
            let right = match name.as_str() {
                "ApplicationName" | "SecretName" | "MasterKeyId" => value.is_s(),
                _ => value.is_b(),
            };
            assert!(right, "{name}: {value:?}");
        }
        assert_eq!(stored["InitialisationVector"].as_b().expect("bytes").as_ref().len(), 16);
        assert_eq!(read_as_the_original_does(&table, &stored).await, written.as_bytes());
        let secret = store.get(&id("MainDb")).await.expect("a get");
        assert_eq!((secret.text().expect("text"), &secret.info().revision), (written, &info.revision));
    }
    assert_eq!(table.scan().await.len(), 1, "nothing beside it");
}

#[tokio::test]
async fn a_concurrent_write_of_the_original_is_a_conflict_and_stays() {
    let table = Table::new().await;
    table.put_raw(original(APPLICATION, "Shared", 1)).await;
    let records = table.proxied(Patience::default());
    let read = records.load(&key("Shared"), Consistency::Strong).await.expect("a read").expect("there");
    table.put_raw(original(APPLICATION, "Shared", 2)).await;
    let on_read = || Precondition::Revision(read.revision.clone());
    let put = Write::put(key("Shared"), (*read.record).clone(), on_read());
    let new = records.load(&key("Shared"), Consistency::Strong).await.expect("a read").expect("there").revision;
    let others = [Write::delete(key("Shared"), on_read()), Write::check(key("Shared"), on_read()), put];
    for write in others {
        let error = records.commit(vec![write.clone()]).await.expect_err("another came first");
        assert_eq!(
            (error.kind(), error.revision(), error.failed_write()),
            (ErrorKind::Conflict, Some(&new), Some(0)),
            "{write:?}"
        );
        assert_eq!(table.raw(APPLICATION, "Shared").await, Some(original(APPLICATION, "Shared", 2)));
    }
}

/// The original writes after the digest was compared here and before the write reaches DynamoDB.
#[tokio::test]
async fn the_attributes_are_compared_by_dynamodb_as_well() {
    for change in ["replaced", "deleted", "one attribute", "ours"] {
        let table = Table::new().await;
        table.put_raw(original(APPLICATION, "Shared", 1)).await;
        let records = table.proxied(Patience::default());
        let read = records.load(&key("Shared"), Consistency::Strong).await.expect("a read").expect("there");
        drop(table.proxy.take_operations());
        table.proxy.fail_call(1, &Fault::Delay(Duration::from_millis(400)));
        let put =
            Write::put(key("Shared"), crate::support::record("mine"), Precondition::Revision(read.revision.clone()));
        let commit = tokio::spawn(async move { records.commit(vec![put]).await });
        tokio::time::sleep(Duration::from_millis(150)).await;
        let mut other = original(APPLICATION, "Shared", 2);
        match change {
            "deleted" => drop(table.direct().commit(vec![Write::delete(key("Shared"), Precondition::Any)]).await),
            "ours" => {
                let put = Write::put(
                    key("Shared"),
                    (*read.record).clone().with("Version", Value::from(1)),
                    Precondition::Any,
                );
                drop(table.direct().commit(vec![put]).await.expect("a put"));
            }
            "one attribute" => {
                other = original(APPLICATION, "Shared", 1);
                other.insert("ProtectedDocumentKey".to_owned(), bytes([2; 184]));
                table.put_raw(other.clone()).await;
            }
            _ => table.put_raw(other.clone()).await,
        }
        let there = table.raw(APPLICATION, "Shared").await;
        let error = commit.await.expect("no panic").expect_err("another came first");
        assert_eq!(error.kind(), ErrorKind::Conflict, "{change}: {error}");
        assert_eq!(table.proxy.take_operations(), ["GetItem", "PutItem"], "{change}");
        assert_eq!(table.raw(APPLICATION, "Shared").await, there, "{change}: it stays");
    }
}

#[tokio::test]
async fn an_update_of_the_original_is_not_overwritten_by_a_store() {
    let table = Table::new().await;
    let (first, _) = write_as_the_original_does(&table).await.swap_remove(0);
    for legacy in [Legacy::Read, Legacy::ReadWrite] {
        let store = legacy_store(&table, legacy).await;
        let read = store.get(&first).await.expect("a get").info().revision.clone();
        let theirs = original(APPLICATION, first.name().as_str(), 9);
        let before = table.raw(APPLICATION, first.name().as_str()).await.expect("there");
        table.put_raw(theirs.clone()).await;
        let options = PutOptions::default().with_precondition(Precondition::Revision(read));
        let error = store.put_with(&first, value("mine"), options).await.expect_err("lost");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(table.raw(APPLICATION, first.name().as_str()).await, Some(theirs));
        table.put_raw(before).await;
    }
}

#[tokio::test]
async fn auxiliary_records_keep_out_of_the_partition_of_the_application() {
    let table = Table::new().await;
    write_as_the_original_does(&table).await;
    let store = legacy_store(&table, Legacy::Read).await;
    let all = store.get_all(&ApplicationName::new(APPLICATION).expect("valid")).await.expect("all");
    for secret in &all {
        // Format 1 over format 0: the old one moves to the history.
        store.put(secret.id(), value("migrated")).await.expect("a put");
    }
    for written in ["first", "second", "third"] {
        store.put(&id("Fresh"), value(written)).await.expect("a put");
    }
    store.delete(&id("Fresh")).await.expect("a delete");
    store.put(&id("Fresh"), value("again")).await.expect("a put");
    store.delete(all[0].id()).await.expect("a delete");
    let items = table.scan().await;
    let partition = |item: &Item| item["ApplicationName"].as_s().expect("text").clone();
    assert!(items.iter().any(|item| partition(item) != APPLICATION), "there are auxiliary records");
    for item in &items {
        if partition(item) == APPLICATION {
            // The original fails on a record that lacks one of its attributes.
            assert!(SIX.iter().all(|name| item.contains_key(*name)), "{item:?}");
        } else {
            assert!(partition(item).starts_with("~h~"), "{item:?}");
        }
    }
    let current = items.iter().filter(|item| partition(item) == APPLICATION).count();
    assert_eq!(current, all.len(), "one current record for each secret: all but one, and the fresh one");
}

#[tokio::test]
async fn an_item_without_any_attribute_of_its_own_is_still_conditional() {
    let table = Table::new().await;
    let bare = Item::from([("ApplicationName".to_owned(), text(APPLICATION)), ("SecretName".to_owned(), text("bare"))]);
    table.put_raw(bare).await;
    let records = table.proxied(Patience::default());
    let revision = records.load(&key("bare"), Consistency::Strong).await.expect("a read").expect("there").revision;
    drop(table.proxy.take_operations());
    table.proxy.fail_call(1, &Fault::Delay(Duration::from_millis(400)));
    let records = Arc::new(records);
    let put = Write::put(key("bare"), crate::support::record("mine"), Precondition::Revision(revision.clone()));
    let commit = tokio::spawn({
        let records = Arc::clone(&records);
        async move { records.commit(vec![put]).await }
    });
    tokio::time::sleep(Duration::from_millis(150)).await;
    table.direct().commit(vec![Write::delete(key("bare"), Precondition::Any)]).await.expect("a delete");
    assert_eq!(commit.await.expect("no panic").expect_err("deleted").kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn items_of_a_type_that_no_record_has_are_an_error_and_no_absence() {
    let table = Table::new().await;
    let odd = [
        ("~rev", AttributeValue::N("1".to_owned())),
        ("~unknown", text("x")),
        ("Flag", AttributeValue::Bool(true)),
        ("Null", AttributeValue::Null(true)),
        ("List", AttributeValue::L(Vec::new())),
        ("Negative", AttributeValue::N("-1".to_owned())),
        ("Fraction", AttributeValue::N("1.5".to_owned())),
        ("Huge", AttributeValue::N("18446744073709551616".to_owned())),
    ];
    for (name, value) in odd {
        let mut item = original(APPLICATION, "odd", 1);
        item.insert(name.to_owned(), value);
        table.put_raw(item).await;
        let records = table.direct();
        let keys = [key("odd"), RecordKey::new(APPLICATION, "absent")];
        let load = records.load(&keys[0], Consistency::Strong).await.expect_err(name);
        let batch = records.load_many(&keys, Consistency::Strong).await.expect_err(name);
        let list = records.list(&secret_store_core::ListQuery::new(APPLICATION)).await.expect_err(name);
        assert!([load, batch, list].iter().all(|error| error.kind() == ErrorKind::Integrity), "{name}");
    }
}

/// The original leaves, and comes back: its items go to format 1 in place and back, on digests one way and on write ids the other.
#[tokio::test]
async fn items_of_the_original_go_to_format_1_and_back() {
    let table = Table::new().await;
    let expected = write_as_the_original_does(&table).await;
    let count = expected.len() as u64;
    let application = ApplicationName::new(APPLICATION).expect("valid");
    let (reads, writes) = (legacy_store(&table, Legacy::Read).await, legacy_store(&table, Legacy::ReadWrite).await);
    for round in 1..=2 {
        let census = reads.rotator().migrate(&application).dry_run().await.expect("counted");
        assert_eq!(census.original(), count);
        let report = reads.rotator().migrate(&application).run().await.expect("migrated");
        assert_eq!((report.changed(), report.is_complete()), (count, true), "{report:?}");
        let strict = legacy_store(&table, Legacy::Off).await;
        for (id, plaintext) in &expected {
            let secret = strict.get(id).await.expect("opens");
            assert_eq!((secret.expose_secret(), secret.info().version.get()), (&**plaintext, round), "{id}");
        }
        let report = writes.rotator().revert_migration(&application).run().await.expect("reverted");
        assert_eq!((report.changed(), report.is_complete()), (count, true), "{report:?}");
        for (id, plaintext) in &expected {
            let stored = table.raw(APPLICATION, id.name().as_str()).await.expect("there");
            assert_eq!(names(&stored), BTreeSet::from(SIX));
            assert_eq!(&read_as_the_original_does(&table, &stored).await, plaintext, "{id}");
        }
    }
}
