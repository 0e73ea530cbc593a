//! Keys change over RSA key files and a directory of records: within one key provider, and between two in a ring.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::rotation::{self, Instance};
use secret_store_core::{KeyProvider, KeyRing, MasterKeyId, Result};
use secret_store_memory::MemoryKeyProvider;
use secret_store_rsa_file::{DirectoryPersistence, RsaKeyProvider, RsaKeyProviderBuilder, SigningKeyId};

use crate::vectors::vectors;

const OLD: &str = "rsa-2025";
const NEW: &str = "rsa-2026";

fn ids() -> Result<[MasterKeyId; 2]> {
    Ok([MasterKeyId::new(OLD)?, MasterKeyId::new(NEW)?])
}

/// Signs with a key of its own.
fn signing(signing_key: &str) -> Result<RsaKeyProviderBuilder> {
    Ok(RsaKeyProvider::builder().signing_key_pem(SigningKeyId::new(signing_key)?, vectors().pem(signing_key)))
}

async fn old_alone(signing_key: &str) -> Result<RsaKeyProvider> {
    signing(signing_key)?.master_key_pem(MasterKeyId::new(OLD)?, vectors().pem("enc2048")).build().await
}

async fn new_alone(signing_key: &str) -> Result<RsaKeyProvider> {
    signing(signing_key)?.master_key_pem(MasterKeyId::new(NEW)?, vectors().pem("enc4096")).build().await
}

/// Over a directory of its own, which is removed when the case is over.
async fn over_a_directory(both: impl KeyProvider, remaining: impl KeyProvider) -> Result<Instance> {
    let place = tempfile::tempdir().expect("a directory");
    let records = DirectoryPersistence::open(place.path().join("records")).await?;
    Ok(Instance::new(records, both, ids()?, remaining).keeping(place))
}

/// Both keys in one key directory; then the file of the old one is gone.
#[test]
fn from_one_rsa_key_to_another() {
    let report = block_on(rotation::run(|| async {
        let vectors = vectors();
        let both = signing("sign2048")?
            .master_key_pem(MasterKeyId::new(OLD)?, vectors.pem("enc2048"))
            .master_key_pem(MasterKeyId::new(NEW)?, vectors.pem("enc4096"))
            .build()
            .await?;
        over_a_directory(both, new_alone("sign2048").await?).await
    }));
    report.assert_complete();
}

/// Each key with a signing key of its own that the other provider does not know: what is left needs nothing of the old provider.
#[test]
fn from_one_key_directory_to_another_by_a_ring() {
    let report = block_on(rotation::run(|| async {
        let (old, new) = (old_alone("sign2048").await?, Arc::new(new_alone("sign4096").await?));
        let ring = KeyRing::new(Arc::<RsaKeyProvider>::clone(&new)).with_wrapping(Arc::new(old));
        over_a_directory(ring, new).await
    }));
    report.assert_complete();
}

/// The provider in memory stands for a KMS.
#[test]
fn from_rsa_to_another_kind_of_provider() {
    let report = block_on(rotation::run(|| async {
        let new = Arc::new(MemoryKeyProvider::new().with_generated(&MasterKeyId::new(NEW)?)?);
        let ring =
            KeyRing::new(Arc::<MemoryKeyProvider>::clone(&new)).with_wrapping(Arc::new(old_alone("sign2048").await?));
        over_a_directory(ring, new).await
    }));
    report.assert_complete();
}
