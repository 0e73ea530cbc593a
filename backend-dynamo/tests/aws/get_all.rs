//! Five thousand secrets of one application: all of them, in pages, at a known price and in bounded memory.

use std::num::NonZeroUsize;

use futures_util::{StreamExt, stream};
use secret_store_core::{
    ApplicationName, EnvelopeStore, GetOptions, ListQuery, Persistence, Precondition, ProtectOptions, Record,
    RecordKey, Secret, SecretId, SecretStore, SecretValue, Value, Write,
};
use secret_store_dynamo_emulator::{Exchange, Patience, Service};
use tokio::runtime::{Builder, Runtime};

use crate::costs::capacity;
use crate::support::Table;

const MEGABYTE: usize = 1024 * 1024;
const MANY: usize = 5_000;
/// Enough for two pages.
const FEW: usize = 1_500;
/// Transient memory that does not come from pages: requests, the growth of a vector.
const SLACK: u64 = 512 * 1024;

fn application(count: usize) -> ApplicationName {
    ApplicationName::new(format!("App.{count}")).expect("a valid name")
}

fn value(number: usize) -> String {
    format!("{number:01000}")
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

/// Sealed for secrets that are not there, which saves reading them; written a hundred at a time. Answers their size.
async fn fill(table: &Table, count: usize) -> usize {
    let sealing = table.direct_store().await;
    let application = application(count);
    let seal = |number| {
        let id = SecretId::parse(application.as_str(), &format!("Secret-{number:05}")).expect("a valid id");
        let (sealing, value) = (&sealing, SecretValue::new(value(number).into_bytes()));
        async move { sealing.protect(&id, value, ProtectOptions::default()).await.expect("sealed").to_record() }
    };
    let records: Vec<Record> = stream::iter(0..count).map(seal).buffered(32).collect().await;
    let put = |record: &Record| {
        let name = record.text("SecretName").expect("a name").clone();
        Write::put(RecordKey::new(application.as_str(), name), record.clone(), Precondition::Absent)
    };
    for hundred in records.chunks(100) {
        table.direct().commit(hundred.iter().map(put).collect()).await.expect("a hundred records");
    }
    records.iter().map(item_size).sum()
}

fn of(service: Service, exchanges: &[Exchange]) -> Vec<&Exchange> {
    exchanges.iter().filter(|exchange| exchange.request.service() == Some(service)).collect()
}

fn assert_complete(secrets: &[Secret], count: usize) {
    assert_eq!(secrets.len(), count);
    for (number, secret) in secrets.iter().enumerate() {
        assert_eq!(secret.id().name().as_str(), format!("Secret-{number:05}"));
        assert_eq!(secret.text().expect("text"), value(number));
    }
}

fn assert_priced(exchanges: &[Exchange], bytes: usize) {
    let (reads, unwraps) = (of(Service::DynamoDb, exchanges), of(Service::Kms, exchanges));
    assert!(reads.iter().all(|exchange| exchange.request.operation() == "Query"), "nothing but queries");
    assert_eq!(reads.len(), bytes.div_ceil(MEGABYTE), "for {bytes} bytes");
    assert!(unwraps.iter().all(|exchange| exchange.request.operation() == "Decrypt"), "nothing but decryptions");
    assert_eq!(unwraps.len(), MANY, "one for each document key");
    for exchange in &reads {
        let page = exchange.response.as_ref().expect("answered").body.len();
        // Bytes travel as base64, a third longer, and with their types.
        assert!(page < 2 * MEGABYTE, "a page of {page} bytes");
    }
    let expected = bytes as f64 / 4096.0 * 0.5;
    let consumed = capacity(exchanges);
    assert!((consumed / expected - 1.0).abs() < 0.01, "{consumed} units for {bytes} bytes, expected {expected}");
}

/// The most memory that was held at any moment beyond what is held at the end, of this thread: the stand-ins have threads of
/// their own, and a runtime of one thread does everything here.
fn transient<T>(runtime: &Runtime, work: impl Future<Output = T>) -> (T, u64) {
    let mut answer = None;
    let counted = allocation_counter::measure(|| answer = Some(runtime.block_on(work)));
    let kept = u64::try_from(counted.bytes_current).expect("an answer is kept");
    (answer.expect("it ran"), counted.bytes_max - kept)
}

async fn get_all(store: &EnvelopeStore, count: usize) -> Vec<Secret> {
    store.get_all_with(&application(count), GetOptions::default()).await.expect("all secrets")
}

/// What keeps every page until the last has come.
async fn keep_pages(table: &Table, count: usize) -> usize {
    let records = table.direct();
    let limit = NonZeroUsize::new(1_000).expect("not zero");
    let mut query = ListQuery::new(application(count).as_str()).with_limit(limit);
    let mut pages = Vec::new();
    loop {
        let page = records.list(&query).await.expect("a page");
        let next = page.next.clone();
        pages.push(page);
        match next {
            Some(next) => query = query.continued(next),
            None => return pages.len(),
        }
    }
}

#[test]
fn get_all_is_complete_in_pages_at_a_known_price_and_in_bounded_memory() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (table, bytes) = runtime.block_on(async {
        let table = Table::new().await;
        fill(&table, FEW).await;
        let bytes = fill(&table, MANY).await;
        (table, bytes)
    });
    let store = || runtime.block_on(table.store(Patience::default()));
    // What is made once, and not again for every call, is made before.
    let (warm, cold) = (store(), store());
    assert_complete(&runtime.block_on(get_all(&warm, FEW)), FEW);
    let (few, of_few) = transient(&runtime, get_all(&warm, FEW));
    assert_complete(&few, FEW);
    table.proxy.forget();
    let (many, of_many) = transient(&runtime, get_all(&cold, MANY));
    assert_complete(&many, MANY);
    assert_priced(&table.proxy.take_exchanges(), bytes);
    assert!(of_many <= of_few + SLACK, "{of_many} bytes for {MANY} secrets, {of_few} for {FEW}");
    // The measure sees what grows with the number of pages.
    let (pages, kept_few) = transient(&runtime, keep_pages(&table, FEW));
    let (more_pages, kept_many) = transient(&runtime, keep_pages(&table, MANY));
    assert!(more_pages >= 2 * pages && kept_many > kept_few + 2 * SLACK, "{kept_few} {kept_many}");
}
