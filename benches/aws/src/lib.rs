//! The store over the AWS backend, and beside it a program that sends the same requests with the AWS SDK itself.
//!
//! `cargo run --release -p secret-store-benches-aws` measures both in turns and writes `benches/aws.md`, which is a part of
//! `docs/performance.md`. That the requests are the same is tested in `benches/aws/tests/same_requests.rs`.

mod direct;

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
pub use direct::Direct;
use secret_store_core::{EnvelopeStore, SecretId, SecretStoreExt, SecretValue, StoreId, SystemClock};
use secret_store_dynamo::{Connection, DynamoPersistence, KmsKeyProvider, Protection, TableOptions, create_table};
use secret_store_dynamo_emulator::{DynamoDbEmulator, FaultProxy, KmsEmulator, REGION};

/// The table of both.
pub const TABLE: &str = "Secrets";
const STORE: &str = "prod";

/// The stand-ins of both services in this process, with a table and a key.
#[derive(Debug)]
pub struct Stage {
    dynamodb: DynamoDbEmulator,
    kms: KmsEmulator,
    key: String,
}

impl Stage {
    /// Starts them.
    ///
    /// # Panics
    ///
    /// When they do not start.
    pub async fn new() -> Self {
        let (dynamodb, kms) = (DynamoDbEmulator::start(), KmsEmulator::start(REGION));
        let options = TableOptions::default().with_point_in_time_recovery(Protection::Off);
        create_table(&dynamodb.client(), TABLE, &options, &SystemClock).await.expect("a new table");
        let key = kms.create_key();
        Self { dynamodb, kms, key }
    }

    /// A proxy that records what both programs send.
    #[must_use]
    pub fn proxy(&self) -> FaultProxy {
        FaultProxy::of_account(&self.dynamodb, &[&self.kms])
    }

    /// Both programs, with clients of the same configuration, each with a secret of so many bytes.
    ///
    /// # Panics
    ///
    /// When the secrets cannot be stored.
    pub async fn programs(&self, bytes: usize) -> (Ours, Direct) {
        self.programs_at(&self.dynamodb.url(), &self.kms.url(), bytes).await
    }

    /// The same, at other endpoints.
    ///
    /// # Panics
    ///
    /// When the secrets cannot be stored.
    pub async fn programs_at(&self, dynamodb: &str, kms: &str, bytes: usize) -> (Ours, Direct) {
        let (dynamodb, kms) = (connection(dynamodb), connection(kms));
        let clients = || (dynamodb.dynamodb().expect("a client"), kms.kms().expect("a client"));
        let ours = Ours::new(clients(), &self.key, bytes).await;
        // The same names' lengths and value's size, in an application of its own.
        let seed = Ours { id: id("Direct.Service", bytes), ..ours.clone() };
        seed.put().await;
        (ours, Direct::new(clients(), &self.key, id("Direct.Service", bytes)))
    }
}

/// Plain HTTP, as the stand-ins speak it; everything else as a program would have it.
fn connection(url: &str) -> Connection {
    Connection::new(REGION)
        .with_endpoint(url)
        .with_credentials(Credentials::new("AKIDEXAMPLE", "secret", None, None, "benchmark"))
        .with_http_client(aws_smithy_http_client::Builder::new().build_http())
}

fn id(application: &str, bytes: usize) -> SecretId {
    SecretId::parse(application, &format!("MainDatabasePassword{bytes:06}")).expect("valid names")
}

fn store_id() -> StoreId {
    StoreId::new(STORE).expect("a valid id")
}

/// A program that uses the store. No document key is kept: every get asks KMS.
#[derive(Clone, Debug)]
pub struct Ours {
    store: EnvelopeStore,
    id: SecretId,
    bytes: usize,
}

impl Ours {
    async fn new((dynamodb, kms): (aws_sdk_dynamodb::Client, aws_sdk_kms::Client), key: &str, bytes: usize) -> Self {
        let keys = KmsKeyProvider::builder(kms).key(key).build().await.expect("a provider");
        let store = EnvelopeStore::builder(Arc::new(keys), Arc::new(DynamoPersistence::new(dynamodb, TABLE)));
        let store = store.store_id(store_id()).master_key(key).key_cache(0, Duration::ZERO).build();
        let ours = Self { store: store.expect("a store"), id: id("OurOwn.Service", bytes), bytes };
        ours.put().await;
        ours
    }

    /// One get.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn get(&self) {
        let secret = self.store.get(&self.id).await.expect("a get");
        assert_eq!(secret.expose_secret().len(), self.bytes);
    }

    /// One put over what is there.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn put(&self) {
        let value = SecretValue::new(vec![b'v'; self.bytes]);
        self.store.put(&self.id, value).await.expect("a put");
    }
}
