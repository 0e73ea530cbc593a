//! How a client that this crate makes reaches AWS.

use std::time::Duration;

use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::timeout::TimeoutConfig;
use aws_sdk_kms::config::{
    BehaviorVersion, HttpClient, IntoShared, ProvideCredentials, Region, SharedCredentialsProvider, SharedHttpClient,
};
use secret_store_core::{Error, Result};

/// How long a client waits. The AWS SDK itself limits the connect alone: a server that accepts and then says nothing
/// would hold a call for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// For a connection, TLS included; 3 seconds by default.
    pub connect: Duration,
    /// From the end of the request to the first byte of the answer; 5 seconds by default.
    pub read: Duration,
    /// For one attempt as a whole; 8 seconds by default.
    pub attempt: Duration,
    /// For a call with all its attempts and the pauses between them; 20 seconds by default.
    pub operation: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(3), read: seconds(5), attempt: seconds(8), operation: seconds(20) }
    }
}

impl Timeouts {
    /// Limits the connect.
    #[must_use]
    pub fn with_connect(mut self, limit: Duration) -> Self {
        self.connect = limit;
        self
    }

    /// Limits the wait for the first byte of the answer.
    #[must_use]
    pub fn with_read(mut self, limit: Duration) -> Self {
        self.read = limit;
        self
    }

    /// Limits one attempt.
    #[must_use]
    pub fn with_attempt(mut self, limit: Duration) -> Self {
        self.attempt = limit;
        self
    }

    /// Limits the whole call.
    #[must_use]
    pub fn with_operation(mut self, limit: Duration) -> Self {
        self.operation = limit;
        self
    }

    fn to_config(self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.connect)
            .read_timeout(self.read)
            .operation_attempt_timeout(self.attempt)
            .operation_timeout(self.operation)
            .build()
    }
}

/// Explicit configuration of the clients this crate makes: nothing is read from the environment.
///
/// Calls are tried three times by default (the SDK's standard mode: exponential backoff with jitter, from a budget) within
/// the [`Timeouts`].
#[derive(Clone, Debug)]
pub struct Connection {
    region: Region,
    endpoint: Option<String>,
    credentials: Option<SharedCredentialsProvider>,
    http_client: Option<SharedHttpClient>,
    timeouts: Timeouts,
    attempts: u32,
}

impl Connection {
    /// To a region, such as `eu-central-1`.
    #[must_use]
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            region: Region::new(region.into()),
            endpoint: None,
            credentials: None,
            http_client: None,
            timeouts: Timeouts::default(),
            attempts: 3,
        }
    }

    /// Region and credentials as the AWS command line finds them: environment, profiles, SSO, containers, instance roles.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) when no region is configured.
    #[cfg(feature = "config")]
    pub async fn from_env() -> Result<Self> {
        let http_client = tls_client();
        let timeouts = Timeouts::default();
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http_client.clone());
        let config = loader.timeout_config(timeouts.to_config()).load().await;
        let region = config.region().cloned().ok_or_else(|| {
            Error::invalid_input("no AWS region is configured: set AWS_REGION, or `region` in the AWS profile")
        })?;
        Ok(Self {
            region,
            endpoint: config.endpoint_url().map(str::to_owned),
            credentials: config.credentials_provider(),
            http_client: Some(http_client),
            timeouts,
            attempts: 3,
        })
    }

    /// Another endpoint than the region's own: a VPC endpoint, a FIPS endpoint, an emulator. The same for every service.
    #[must_use]
    pub fn with_endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Who calls. Required, save after `from_env`.
    #[must_use]
    pub fn with_credentials(mut self, credentials: impl ProvideCredentials + 'static) -> Self {
        self.credentials = Some(SharedCredentialsProvider::new(credentials));
        self
    }

    /// Another HTTP client than the one of the feature `tls`.
    #[must_use]
    pub fn with_http_client(mut self, client: impl HttpClient + 'static) -> Self {
        self.http_client = Some(client.into_shared());
        self
    }

    /// How long to wait.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How often a call is tried at most, the first time included; 3 by default, at least 1.
    #[must_use]
    pub fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// The name of the region.
    #[must_use]
    pub fn region(&self) -> &str {
        self.region.as_ref()
    }

    /// A KMS client. Nothing is contacted.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) without credentials or without an HTTP client.
    pub fn kms(&self) -> Result<aws_sdk_kms::Client> {
        let config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(self.region.clone())
            .credentials_provider(self.credentials()?)
            .http_client(self.http_client()?)
            .timeout_config(self.timeouts.to_config())
            .retry_config(RetryConfig::standard().with_max_attempts(self.attempts));
        let config = match &self.endpoint {
            Some(url) => config.endpoint_url(url),
            None => config,
        };
        Ok(aws_sdk_kms::Client::from_conf(config.build()))
    }

    /// A DynamoDB client. Nothing is contacted.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) without credentials or without an HTTP client.
    pub fn dynamodb(&self) -> Result<aws_sdk_dynamodb::Client> {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(self.region.clone())
            .credentials_provider(self.credentials()?)
            .http_client(self.http_client()?)
            .timeout_config(self.timeouts.to_config())
            .retry_config(RetryConfig::standard().with_max_attempts(self.attempts));
        let config = match &self.endpoint {
            Some(url) => config.endpoint_url(url),
            None => config,
        };
        Ok(aws_sdk_dynamodb::Client::from_conf(config.build()))
    }

    fn credentials(&self) -> Result<SharedCredentialsProvider> {
        self.credentials.clone().ok_or_else(|| {
            Error::invalid_input("no AWS credentials are set: give the connection some with `with_credentials`")
        })
    }

    fn http_client(&self) -> Result<SharedHttpClient> {
        match &self.http_client {
            Some(client) => Ok(client.clone()),
            None => default_http_client(),
        }
    }
}

#[cfg(feature = "tls")]
fn tls_client() -> SharedHttpClient {
    use aws_smithy_http_client::{Builder, tls};
    Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc)).build_https()
}

#[cfg(feature = "tls")]
fn default_http_client() -> Result<SharedHttpClient> {
    Ok(tls_client())
}

#[cfg(not(feature = "tls"))]
fn default_http_client() -> Result<SharedHttpClient> {
    Err(Error::invalid_input(
        "there is no HTTP client: enable the feature `tls`, or give the connection one with `with_http_client`",
    ))
}
