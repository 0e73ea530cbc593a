//! DynamoDB in the test process: `dynoxide` behind its HTTP server, and clients for it.

use std::net::SocketAddr;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use dynoxide::Database;
use tokio::net::TcpListener;

use crate::server_thread::ServerThread;

/// The region that clients of the emulator name.
pub const REGION: &str = "eu-central-1";

/// An empty DynamoDB that listens on a free port of 127.0.0.1 and stops when it is dropped.
#[derive(Debug)]
pub struct DynamoDbEmulator {
    server: ServerThread,
}

impl DynamoDbEmulator {
    /// Starts one, on a thread and a runtime of its own.
    ///
    /// # Panics
    ///
    /// When the machine gives no port, no thread or no memory: a test cannot go on without.
    #[must_use]
    pub fn start() -> Self {
        let database = Database::memory().expect("a database in memory");
        Self { server: ServerThread::start(move |listener| serve(listener, database)) }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// A client with the default patience.
    #[must_use]
    pub fn client(&self) -> Client {
        Patience::default().dynamodb_client(&self.url())
    }
}

async fn serve(listener: TcpListener, database: Database) {
    let served = dynoxide::server::serve_with_shutdown(listener, database, std::future::pending());
    served.await.expect("the emulator serves until it is stopped");
}

/// How long a client of a stand-in waits and how often it tries.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Patience {
    /// For one attempt.
    pub attempt: Duration,
    /// For a whole operation, retries included.
    pub operation: Duration,
    /// Attempts of one operation, the first included.
    pub attempts: u32,
}

impl Default for Patience {
    /// Enough for a busy machine.
    fn default() -> Self {
        Self { attempt: Duration::from_secs(10), operation: Duration::from_secs(30), attempts: 3 }
    }
}

impl Patience {
    /// Another time for one attempt; four of them for a whole operation.
    #[must_use]
    pub fn with_attempt(mut self, time: Duration) -> Self {
        self.attempt = time;
        self.operation = time * 4;
        self
    }

    /// Another number of attempts.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// A client of DynamoDB at a URL, with credentials that mean nothing.
    #[must_use]
    pub fn dynamodb_client(self, url: &str) -> Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(credentials())
            .endpoint_url(url)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .timeout_config(self.timeouts())
            .retry_config(self.retries())
            .build();
        Client::from_conf(config)
    }

    /// A client of KMS in a region at a URL, with credentials that mean nothing.
    #[must_use]
    pub fn kms_client(self, region: &str, url: &str) -> aws_sdk_kms::Client {
        let config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(credentials())
            .endpoint_url(url)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .timeout_config(self.timeouts())
            .retry_config(self.retries())
            .build();
        aws_sdk_kms::Client::from_conf(config)
    }

    fn timeouts(self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.attempt)
            .read_timeout(self.attempt)
            .operation_attempt_timeout(self.attempt)
            .operation_timeout(self.operation)
            .build()
    }

    fn retries(self) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(self.attempts)
            .with_initial_backoff(Duration::from_millis(5))
            .with_max_backoff(Duration::from_millis(50))
    }
}

fn credentials() -> Credentials {
    Credentials::new("AKIDTEST", "test", None, None, "emulator")
}

/// Creates a table with a partition key and, where there is one, a sort key of these names and types: also one that no store can
/// use.
///
/// # Panics
///
/// When the table is not created: a test cannot go on without.
pub async fn create_table_with_keys(
    client: &Client,
    table: &str,
    partition: (&str, ScalarAttributeType),
    sort: Option<(&str, ScalarAttributeType)>,
) {
    let mut request = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    let keys = [(Some(partition), KeyType::Hash), (sort, KeyType::Range)];
    for (key, role) in keys.into_iter().filter_map(|(key, role)| key.map(|key| (key, role))) {
        let (name, kind) = key;
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
        let element = KeySchemaElement::builder().attribute_name(name).key_type(role);
        request = request.attribute_definitions(definition.build().expect("complete"));
        request = request.key_schema(element.build().expect("complete"));
    }
    request.send().await.expect("a table");
}
