//! The published suites over this crate's backends, each alone and both together.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::executor::block_on;
use secret_store_conformance::{key_provider, persistence, store};
use secret_store_core::{
    ApplicationConfig, EnvelopeStore, KeyProvider, MasterKeyId, Persistence, Result, TenantId, TenantKeys,
};
use secret_store_rsa_file::{DirectoryPersistence, RsaKeyProvider, SigningKeyId};
use tempfile::TempDir;

use crate::vectors::vectors;

/// Directories of records, removed when the test is over.
struct Places {
    root: TempDir,
    taken: AtomicU32,
}

impl Places {
    fn new() -> Self {
        Self { root: tempfile::tempdir().expect("a directory"), taken: AtomicU32::new(0) }
    }

    fn next(&self) -> PathBuf {
        self.root.path().join(self.taken.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

async fn two_keys() -> Result<([MasterKeyId; 2], RsaKeyProvider)> {
    let vectors = vectors();
    let ids = [MasterKeyId::new("first")?, MasterKeyId::new("second")?];
    let provider = RsaKeyProvider::builder()
        .master_key_pem(ids[0].clone(), vectors.pem("enc2048"))
        .master_key_pem(ids[1].clone(), vectors.pem("enc4096"))
        .signing_key_pem(SigningKeyId::new("signer")?, vectors.pem("sign2048"))
        .build()
        .await?;
    Ok((ids, provider))
}

fn envelope_store(keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>) -> Result<EnvelopeStore> {
    EnvelopeStore::builder(keys, records).store_id("conformance").master_key("first").build()
}

#[test]
fn a_directory_of_records() {
    let places = Places::new();
    let report = block_on(persistence::run(|| async {
        let path = places.next();
        let records = DirectoryPersistence::open(&path).await?;
        Ok(persistence::Instance::from(records).with_reopen(move || DirectoryPersistence::open(path.clone())))
    }));
    report.assert_complete();
}

#[test]
fn rsa_keys() {
    let report = block_on(key_provider::run(|| async {
        let (ids, provider) = two_keys().await?;
        Ok(key_provider::Instance::new(provider, ids))
    }));
    report.assert_complete();
}

#[test]
fn a_store_over_both() {
    let places = Places::new();
    let report = block_on(store::run(|| async {
        let ([_, second], provider) = two_keys().await?;
        let (keys, path): (Arc<dyn KeyProvider>, _) = (Arc::new(provider), places.next());
        let records = DirectoryPersistence::open(&path).await?;
        let store = envelope_store(Arc::clone(&keys), Arc::new(records))?;
        let reopen = move || {
            let (keys, path) = (Arc::clone(&keys), path.clone());
            async move { envelope_store(keys, Arc::new(DirectoryPersistence::open(path).await?)) }
        };
        Ok(store::Instance::from(store).with_other_master_key(second).with_reopen(reopen))
    }));
    report.assert_complete();
}

#[test]
fn a_store_over_both_when_the_directory_is_hostile() {
    let (_, provider) = block_on(two_keys()).expect("the keys are good");
    let keys: Arc<dyn KeyProvider> = Arc::new(provider);
    let places = Places::new();
    let report = block_on(store::run_hostile(
        || DirectoryPersistence::open(places.next()),
        move |records| std::future::ready(envelope_store(Arc::clone(&keys), records)),
    ));
    report.assert_complete();
}

fn tenant_keys(keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>) -> Result<TenantKeys> {
    TenantKeys::builder(keys, records).store_id("conformance").master_key("first").build()
}

/// Tenant keys under RSA, their records in a directory.
#[test]
fn tenant_keys_over_both() {
    let places = Places::new();
    let report = block_on(key_provider::run(|| async {
        let (_, provider) = two_keys().await?;
        let records = DirectoryPersistence::open(places.next()).await?;
        let keys = tenant_keys(Arc::new(provider), Arc::new(records))?;
        let tenants = [TenantId::new("first")?, TenantId::new("second")?];
        let ids = tenants.iter().map(MasterKeyId::for_tenant);
        Ok(key_provider::Instance::new(keys, ids).without_legacy("format 0 has no tenant keys"))
    }));
    report.assert_passed();
    let legacy =
        |name: &str| name.starts_with("legacy::") || name == "moving::a_short_legacy_key_does_not_become_modern";
    assert!(report.skipped().all(legacy), "{report}");
}

#[test]
fn a_store_in_the_tenant_tier_over_both() {
    let places = Places::new();
    let report = block_on(store::run(|| async {
        let (_, provider) = two_keys().await?;
        let (keys, path): (Arc<dyn KeyProvider>, _) = (Arc::new(provider), places.next());
        let owned = Arc::new(ApplicationConfig::default().with_tenant(TenantId::new("acme")?));
        let open = move |records: DirectoryPersistence| {
            let (records, owned): (Arc<dyn Persistence>, _) = (Arc::new(records), Arc::clone(&owned));
            EnvelopeStore::builder(Arc::new(tenant_keys(Arc::clone(&keys), Arc::clone(&records))?), records)
                .store_id("conformance")
                .other_applications(move |_| Ok(Arc::clone(&owned)))
                .build()
        };
        let store = open(DirectoryPersistence::open(&path).await?)?;
        let reopen = move || {
            let (open, path) = (open.clone(), path.clone());
            async move { open(DirectoryPersistence::open(path).await?) }
        };
        Ok(store::Instance::from(store).with_reopen(reopen))
    }));
    report.assert_passed();
    assert!(report.skipped().count() <= 1, "{report}");
}
