//! What every test of the KMS provider begins with.

use std::ops::Deref;
use std::time::Duration;

use aws_credential_types::Credentials;
use secret_store_core::{EncryptionContext, MasterKeyId, SecretId, SecretVersion, StoreId, WrappedKey};
use secret_store_dynamo::{Connection, KmsKeyProvider, Timeouts};
use secret_store_dynamo_emulator::{FaultProxy, KmsEmulator};

/// One region of KMS, and the way there.
pub(crate) struct Region {
    kms: KmsEmulator,
    pub(crate) proxy: FaultProxy,
}

impl Region {
    pub(crate) fn start(name: &str) -> Self {
        let kms = KmsEmulator::start(name);
        let proxy = FaultProxy::start(kms.address());
        Self { kms, proxy }
    }
}

impl Deref for Region {
    type Target = KmsEmulator;

    fn deref(&self) -> &KmsEmulator {
        &self.kms
    }
}

/// One attempt and waits that a busy machine keeps and no test suffers from, over plain HTTP.
pub(crate) fn connection(kms: &Region) -> Connection {
    let short = Duration::from_secs(2);
    let timeouts = Timeouts::default().with_connect(short).with_read(short).with_attempt(short).with_operation(short);
    Connection::new(kms.region())
        .with_endpoint(kms.proxy.url())
        .with_credentials(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .with_http_client(aws_smithy_http_client::Builder::new().build_http())
        .with_timeouts(timeouts)
        .with_max_attempts(1)
}

pub(crate) fn client(kms: &Region) -> aws_sdk_kms::Client {
    connection(kms).kms().expect("a complete connection")
}

/// A provider that may use these keys of one region.
pub(crate) async fn provider(kms: &Region, keys: &[&str]) -> KmsKeyProvider {
    let mut builder = KmsKeyProvider::builder(client(kms));
    for key in keys {
        builder = builder.key(*key);
    }
    builder.build().await.expect("a valid configuration")
}

pub(crate) fn id(text: &str) -> MasterKeyId {
    MasterKeyId::new(text).expect("a valid id")
}

/// The context of version 1 of a secret.
pub(crate) fn context(name: &str) -> EncryptionContext {
    let store = StoreId::new("store").expect("valid");
    let secret = SecretId::parse("app", name).expect("valid");
    EncryptionContext::document_key(&store, &secret, SecretVersion::FIRST)
}

/// The same bytes as if another key had made them.
pub(crate) fn renamed(wrapped: &WrappedKey, to: &str) -> WrappedKey {
    WrappedKey::new(id(to), wrapped.as_bytes().to_vec())
}
