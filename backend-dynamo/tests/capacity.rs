//! Consumed capacity is told through tracing.
//!
//! Alone in its process: another test that first comes to the same event at the same moment could switch it off.

use std::sync::{Arc, Mutex, PoisonError};

use secret_store_core::{Consistency, ListQuery, Persistence, Precondition, RecordKey, SystemClock, Value, Write};
use secret_store_dynamo::{DynamoPersistence, Protection, TableOptions, create_table};
use secret_store_dynamo_emulator::DynamoDbEmulator;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

const TABLE: &str = "Secrets";
const APPLICATION: &str = "YourApp.Production";

fn key(sort: &str) -> RecordKey {
    RecordKey::new(APPLICATION, sort)
}

fn record(text: &str) -> secret_store_core::Record {
    secret_store_core::Record::new().with("Text", Value::from(text))
}

/// What was told: (operation, table, capacity units).
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(String, String, f64)>>>);

#[derive(Default)]
struct Fields {
    operation: Option<String>,
    table: Option<String>,
    units: Option<f64>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "operation" => self.operation = Some(value.to_owned()),
            "table" => self.table = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "capacity_units" {
            self.units = Some(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Subscriber for Told {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("secret_store_dynamo")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let (Some(operation), Some(table), Some(units)) = (fields.operation, fields.table, fields.units) {
            assert_eq!(*event.metadata().level(), Level::DEBUG);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((operation, table, units));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn every_operation_tells_what_it_consumed() {
    let emulator = DynamoDbEmulator::start();
    let options = TableOptions::default().with_point_in_time_recovery(Protection::Off);
    create_table(&emulator.client(), TABLE, &options, &SystemClock).await.expect("a new table");
    let records = DynamoPersistence::new(emulator.client(), TABLE);
    let told = Told::default();
    let subscribed = tracing::subscriber::set_default(told.clone());
    let create = Write::put(key("a"), record("x"), Precondition::Absent);
    let revision = records.commit(vec![create]).await.expect("a create").remove(0).expect("a revision");
    let put = Write::put(key("a"), record("y"), Precondition::Revision(revision));
    records.commit(vec![put]).await.expect("a put");
    records.load(&key("a"), Consistency::Strong).await.expect("a read");
    records.load_many(&[key("a"), key("b")], Consistency::Eventual).await.expect("a read");
    records.list(&ListQuery::new(APPLICATION)).await.expect("a page");
    drop(subscribed);
    let told = told.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let expected =
        [("TransactWriteItems", 2.0), ("PutItem", 1.0), ("GetItem", 1.0), ("BatchGetItem", 1.0), ("Query", 0.5)];
    assert_eq!(told, expected.map(|(operation, units)| (operation.to_owned(), TABLE.to_owned(), units)));
}
