//! An emulated table behind a proxy, and what stands on it.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use secret_store_core::{
    EnvelopeStore, EnvelopeStoreBuilder, MasterKeyId, Record, RecordKey, SecretId, SecretValue, SystemClock, Value,
};
use secret_store_dynamo::{DynamoPersistence, Protection, TableOptions, create_table};
use secret_store_dynamo_emulator::{DynamoDbEmulator, FaultProxy, Patience};
use secret_store_memory::MemoryKeyProvider;

pub(crate) const TABLE: &str = "Secrets";
pub(crate) const APPLICATION: &str = "YourApp.Production";
const MASTER_KEY: &str = "main";

pub(crate) type Item = HashMap<String, AttributeValue>;

/// One table, and the keys for what is in it.
pub(crate) struct Table {
    pub(crate) emulator: DynamoDbEmulator,
    pub(crate) proxy: FaultProxy,
    pub(crate) keys: Arc<MemoryKeyProvider>,
}

impl Table {
    pub(crate) async fn new() -> Self {
        let emulator = DynamoDbEmulator::start();
        create_table(&emulator.client(), TABLE, &plain(), &SystemClock).await.expect("a new table");
        let proxy = FaultProxy::start(emulator.address());
        let keys = MemoryKeyProvider::new().with_generated(&master_key()).expect("a master key");
        Self { emulator, proxy, keys: Arc::new(keys) }
    }

    /// Straight to the emulator: what is really there.
    pub(crate) fn direct(&self) -> DynamoPersistence {
        DynamoPersistence::new(self.emulator.client(), TABLE)
    }

    /// Through the proxy.
    pub(crate) fn proxied(&self, patience: Patience) -> DynamoPersistence {
        DynamoPersistence::new(patience.dynamodb_client(&self.proxy.url()), TABLE)
    }

    pub(crate) fn store(&self, records: DynamoPersistence) -> EnvelopeStore {
        self.builder(records).build().expect("a complete configuration")
    }

    pub(crate) fn builder(&self, records: DynamoPersistence) -> EnvelopeStoreBuilder {
        let keys = Arc::clone(&self.keys);
        EnvelopeStore::builder(keys, Arc::new(records)).store_id("test").master_key(MASTER_KEY)
    }

    /// An item as it is stored.
    pub(crate) async fn raw(&self, partition: &str, sort: &str) -> Option<Item> {
        let request = self.emulator.client().get_item().table_name(TABLE).consistent_read(true);
        let request = request.key("ApplicationName", text(partition)).key("SecretName", text(sort));
        request.send().await.expect("a read").item
    }

    /// Writes an item without any condition, as the original does.
    pub(crate) async fn put_raw(&self, item: Item) {
        let request = self.emulator.client().put_item().table_name(TABLE).set_item(Some(item));
        request.send().await.expect("a write");
    }

    /// Everything in the table.
    pub(crate) async fn scan(&self) -> Vec<Item> {
        self.emulator.client().scan().table_name(TABLE).send().await.expect("a scan").items.unwrap_or_default()
    }
}

/// The emulator knows no backups.
pub(crate) fn plain() -> TableOptions {
    TableOptions::default().with_point_in_time_recovery(Protection::Off)
}

/// One attempt, so that a fault is seen and not repaired.
pub(crate) fn once() -> Patience {
    Patience::default().with_attempts(1)
}

pub(crate) fn master_key() -> MasterKeyId {
    MasterKeyId::new(MASTER_KEY).expect("a valid id")
}

pub(crate) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn key(sort: &str) -> RecordKey {
    RecordKey::new(APPLICATION, sort)
}

pub(crate) fn record(text: &str) -> Record {
    Record::new().with("Text", Value::from(text))
}

pub(crate) fn id(name: &str) -> SecretId {
    SecretId::parse(APPLICATION, name).expect("a valid id")
}

pub(crate) fn value(text: &str) -> SecretValue {
    SecretValue::new(text.as_bytes())
}
