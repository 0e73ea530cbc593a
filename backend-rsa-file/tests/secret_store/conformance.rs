//! The published suites over this crate's backends.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::{key_provider, persistence};
use secret_store_core::MasterKeyId;
use secret_store_rsa_file::{DirectoryPersistence, RsaKeyProvider, SigningKeyId};

use crate::vectors::vectors;

#[test]
fn a_directory_of_records() {
    let report = block_on(persistence::run(|| async {
        let directory = Arc::new(tempfile::tempdir().expect("a directory"));
        let path = directory.path().join("records");
        let records = DirectoryPersistence::open(&path).await?;
        Ok(persistence::Instance::from(records).with_reopen(move || {
            let path = directory.path().join("records");
            async move { DirectoryPersistence::open(path).await }
        }))
    }));
    report.assert_complete();
}

#[test]
fn rsa_keys() {
    let vectors = vectors();
    let report = block_on(key_provider::run(|| async {
        let ids = [MasterKeyId::new("first")?, MasterKeyId::new("second")?];
        let provider = RsaKeyProvider::builder()
            .master_key_pem(ids[0].clone(), vectors.pem("enc2048"))
            .master_key_pem(ids[1].clone(), vectors.pem("sign2048"))
            .signing_key_pem(SigningKeyId::new("signer")?, vectors.pem("sign4096"))
            .build()
            .await?;
        Ok(key_provider::Instance::new(provider, ids))
    }));
    report.assert_complete();
}
