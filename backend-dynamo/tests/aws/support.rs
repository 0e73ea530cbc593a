//! An emulated table and two regions of KMS behind one proxy, and what stands on them.

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

/// The region of KMS that is not the table's.
pub(crate) const ELSEWHERE: &str = "us-east-1";

/// Which master keys a store has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Keys {
    /// One, in the table's region.
    One,
    /// One in each of two regions: document keys are wrapped under both.
    Regional,
    /// One, with a replica in the other region.
    Replicated,
}

/// One table and two regions of KMS at one endpoint.
pub(crate) struct Table {
    pub(crate) dynamodb: DynamoDbEmulator,
    pub(crate) kms: KmsEmulator,
    pub(crate) far: KmsEmulator,
    pub(crate) proxy: FaultProxy,
    pub(crate) keys: Keys,
    /// The ARN of the master key, in the table's region.
    pub(crate) master_key: MasterKeyId,
    /// The ARN of the second one, in the other region; `master_key` where there is none.
    pub(crate) far_key: MasterKeyId,
}

impl Table {
    pub(crate) async fn new() -> Self {
        Self::with(Keys::One).await
    }

    pub(crate) async fn with(keys: Keys) -> Self {
        let (dynamodb, kms, far) =
            (DynamoDbEmulator::start(), KmsEmulator::start(REGION), KmsEmulator::start(ELSEWHERE));
        create_table(&dynamodb.client(), TABLE, &plain(), &SystemClock).await.expect("a new table");
        let proxy = FaultProxy::of_account(&dynamodb, &[&kms, &far]);
        let near_key = if keys == Keys::Replicated { kms.create_multi_region_key() } else { kms.create_key() };
        let far_key = match keys {
            Keys::One => near_key.clone(),
            Keys::Regional => far.create_key(),
            Keys::Replicated => kms.replicate(&near_key, &far),
        };
        let [master_key, far_key] = [near_key, far_key].map(|arn| MasterKeyId::new(arn).expect("a valid id"));
        Self { dynamodb, kms, far, proxy, keys, master_key, far_key }
    }

    /// Straight to the emulator: what is really there.
    pub(crate) fn direct(&self) -> DynamoPersistence {
        DynamoPersistence::new(self.dynamodb.client(), TABLE)
    }

    /// Through the proxy.
    pub(crate) fn proxied(&self, patience: Patience) -> DynamoPersistence {
        DynamoPersistence::new(patience.dynamodb_client(&self.proxy.url()), TABLE)
    }

    /// Straight to the stand-ins.
    pub(crate) async fn direct_keys(&self) -> KmsKeyProvider {
        self.provider([&self.kms.url(), &self.far.url()], Patience::default()).await
    }

    /// Through the proxy.
    pub(crate) async fn proxied_keys(&self, patience: Patience) -> KmsKeyProvider {
        let url = self.proxy.url();
        self.provider([&url, &url], patience).await
    }

    /// With the endpoints of both regions. ARNs are not looked up: nothing is sent.
    pub(crate) async fn provider(&self, urls: [&str; 2], patience: Patience) -> KmsKeyProvider {
        let [near, far] =
            [(REGION, urls[0]), (ELSEWHERE, urls[1])].map(|(region, url)| patience.kms_client(region, url));
        let (near_key, far_key) = (self.master_key.as_str(), self.far_key.as_str());
        let builder = KmsKeyProvider::builder(near);
        let builder = match self.keys {
            Keys::One => builder.key(near_key),
            Keys::Regional => builder.client(far).key(near_key).key(far_key),
            Keys::Replicated => builder.client(far).multi_region_key([near_key, far_key]),
        };
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
        let builder = EnvelopeStore::builder(Arc::new(keys), Arc::new(records)).store_id("test");
        let further = (self.keys == Keys::Regional).then(|| self.far_key.clone());
        builder.master_key(self.master_key.clone()).also_wrap_with(further)
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
