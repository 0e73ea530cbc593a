//! The provider against moto, where moto is right. Run by `.ci/moto-smoke`, which starts it.
//!
//! Where it is not, and the stand-in is asked instead: moto answers `AccessDeniedException` for a pinned key that is not the
//! ciphertext's, where KMS answers `IncorrectKeyException`.

use std::time::Duration;

use aws_credential_types::Credentials;
use secret_store_core::{
    DocumentKey, EncryptionContext, ErrorKind, KeyProvider, MasterKeyId, SecretId, SecretVersion, StoreId,
};
use secret_store_dynamo::{Connection, KmsKeyProvider, Timeouts};

fn client() -> aws_sdk_kms::Client {
    let url = std::env::var("SECRET_STORE_MOTO_URL").expect("SECRET_STORE_MOTO_URL, as .ci/moto-smoke sets it");
    let connection = Connection::new("eu-central-1")
        .with_endpoint(url)
        .with_credentials(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .with_http_client(aws_smithy_http_client::Builder::new().build_http())
        .with_timeouts(Timeouts::default().with_connect(Duration::from_secs(5)));
    connection.kms().expect("a complete connection")
}

async fn create_key(client: &aws_sdk_kms::Client) -> MasterKeyId {
    let created = client.create_key().send().await.expect("created").key_metadata.expect("metadata");
    MasterKeyId::new(created.arn().expect("an ARN")).expect("valid")
}

fn context(name: &str) -> EncryptionContext {
    let store = StoreId::new("store").expect("valid");
    EncryptionContext::document_key(&store, &SecretId::parse("app", name).expect("valid"), SecretVersion::FIRST)
}

#[tokio::test]
#[ignore = "needs moto: run .ci/moto-smoke"]
async fn generate_wrap_unwrap_and_move() {
    let client = client();
    let (first, second) = (create_key(&client).await, create_key(&client).await);
    client.create_alias().alias_name("alias/prod").target_key_id(first.as_str()).send().await.expect("named");
    let builder = KmsKeyProvider::builder(client).key("alias/prod").key(second.as_str());
    let keys = builder.build().await.expect("resolved");
    let alias = MasterKeyId::new("alias/prod").expect("valid");

    let generated = keys.generate_key(&alias, &context("a")).await.expect("generated");
    assert_eq!(generated.wrapped.master_key_id(), &first);
    let opened = keys.unwrap_key(&generated.wrapped, &context("a")).await.expect("opens");
    assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    let error = keys.unwrap_key(&generated.wrapped, &context("b")).await.expect_err("another context");
    assert_eq!(error.kind(), ErrorKind::Integrity);

    let moved = keys.rewrap_key(&generated.wrapped, &context("a"), &second, &context("a")).await.expect("moved");
    assert_eq!(moved.master_key_id(), &second);
    let opened = keys.unwrap_key(&moved, &context("a")).await.expect("opens");
    assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    assert!(keys.unwrap_key(&moved, &context("b")).await.is_err());

    let key = DocumentKey::from_bytes(&[7; 32]).expect("32 bytes");
    let wrapped = keys.wrap_key(&second, &key, &context("c")).await.expect("wrapped");
    assert_eq!(keys.unwrap_key(&wrapped, &context("c")).await.expect("opens").expose_secret(), [7; 32]);
}

#[tokio::test]
#[ignore = "needs moto: run .ci/moto-smoke"]
async fn format_0_and_missing_names() {
    let client = client();
    let arn = create_key(&client).await;
    let keys = KmsKeyProvider::builder(client.clone()).key(arn.as_str()).build().await.expect("valid");
    let legacy = EncryptionContext::legacy();
    let generated = keys.generate_key(&arn, &legacy).await.expect("generated");
    assert_eq!(generated.document_key.expose_secret().len(), 16);
    let opened = keys.unwrap_key(&generated.wrapped, &legacy).await.expect("opens");
    assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    assert!(keys.unwrap_key(&generated.wrapped, &context("a")).await.is_err());

    let error = KmsKeyProvider::builder(client).key("alias/none").build().await.expect_err("no such alias");
    assert_eq!(error.kind(), ErrorKind::KeyUnavailable);
}
