//! An emulated table and region of KMS behind one proxy, and what stands on them.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use secret_store_core::{
    EnvelopeStore, EnvelopeStoreBuilder, MasterKeyId, Record, RecordKey, SecretId, SecretValue, SystemClock, Value,
};
use secret_store_dynamo::{DynamoPersistence, KmsKeyProvider, Protection, TableOptions, create_table};
use secret_store_dynamo_emulator::{DynamoDbEmulator, FaultProxy, KmsEmulator, Patience, REGION};

pub(crate) const TABLE: &str = "Secrets";
pub(crate) const APPLICATION: &str = "YourApp.Production";

pub(crate) type Item = HashMap<String, AttributeValue>;

/// One table and one region of KMS with one master key, at one endpoint.
pub(crate) struct Table {
    pub(crate) dynamodb: DynamoDbEmulator,
    pub(crate) kms: KmsEmulator,
    pub(crate) proxy: FaultProxy,
    /// The ARN of the master key.
    pub(crate) master_key: MasterKeyId,
}

impl Table {
    pub(crate) async fn new() -> Self {
        Self::beside(&[]).await
    }

    /// With other regions of KMS at the same endpoint.
    pub(crate) async fn beside(others: &[&KmsEmulator]) -> Self {
        let (dynamodb, kms) = (DynamoDbEmulator::start(), KmsEmulator::start(REGION));
        create_table(&dynamodb.client(), TABLE, &plain(), &SystemClock).await.expect("a new table");
        let regions: Vec<_> = std::iter::once(&kms).chain(others.iter().copied()).collect();
        let proxy = FaultProxy::of_account(&dynamodb, &regions);
        let master_key = MasterKeyId::new(kms.create_key()).expect("a valid id");
        Self { dynamodb, kms, proxy, master_key }
    }

    /// Straight to the emulator: what is really there.
    pub(crate) fn direct(&self) -> DynamoPersistence {
        DynamoPersistence::new(self.dynamodb.client(), TABLE)
    }

    /// Through the proxy.
    pub(crate) fn proxied(&self, patience: Patience) -> DynamoPersistence {
        DynamoPersistence::new(patience.dynamodb_client(&self.proxy.url()), TABLE)
    }

    /// Straight to the stand-in.
    pub(crate) async fn direct_keys(&self) -> KmsKeyProvider {
        self.keys(Patience::default().kms_client(REGION, &self.kms.url())).await
    }

    /// Through the proxy.
    pub(crate) async fn proxied_keys(&self, patience: Patience) -> KmsKeyProvider {
        self.keys(patience.kms_client(REGION, &self.proxy.url())).await
    }

    /// An ARN is not looked up: nothing is sent.
    async fn keys(&self, client: aws_sdk_kms::Client) -> KmsKeyProvider {
        let builder = KmsKeyProvider::builder(client).key(self.master_key.as_str());
        builder.build().await.expect("a valid configuration")
    }

    /// A store that the proxy does not see.
    pub(crate) async fn direct_store(&self) -> EnvelopeStore {
        let builder = self.builder(self.direct_keys().await, self.direct());
        builder.build().expect("a complete configuration")
    }

    /// A store that reaches both services through the proxy.
    pub(crate) async fn store(&self, patience: Patience) -> EnvelopeStore {
        let builder = self.builder(self.proxied_keys(patience).await, self.proxied(patience));
        builder.build().expect("a complete configuration")
    }

    pub(crate) fn builder(&self, keys: KmsKeyProvider, records: DynamoPersistence) -> EnvelopeStoreBuilder {
        EnvelopeStore::builder(Arc::new(keys), Arc::new(records)).store_id("test").master_key(self.master_key.clone())
    }

    /// An item as it is stored.
    pub(crate) async fn raw(&self, partition: &str, sort: &str) -> Option<Item> {
        let request = self.dynamodb.client().get_item().table_name(TABLE).consistent_read(true);
        let request = request.key("ApplicationName", text(partition)).key("SecretName", text(sort));
        request.send().await.expect("a read").item
    }

    /// Writes an item without any condition, as the original does.
    pub(crate) async fn put_raw(&self, item: Item) {
        let request = self.dynamodb.client().put_item().table_name(TABLE).set_item(Some(item));
        request.send().await.expect("a write");
    }

    /// Everything in the table.
    pub(crate) async fn scan(&self) -> Vec<Item> {
        self.dynamodb.client().scan().table_name(TABLE).send().await.expect("a scan").items.unwrap_or_default()
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
