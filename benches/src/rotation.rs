//! A tenant's key that is rotated over many secrets in memory.

use std::sync::Arc;

use secret_store_conformance::IdleTime;
use secret_store_core::{
    ApplicationConfig, ApplicationName, EnvelopeStore, SecretId, SecretStoreExt, TenantId, TenantKeyVersion, TenantKeys,
};

use crate::{memory_keys, memory_records, now, store_id};

/// The numbers of secrets that are measured.
pub const SECRETS: [usize; 2] = [1_000, 10_000];

const APPLICATION: &str = "YourApp.Production";
const TENANT: &str = "acme";

/// An application in the tenant tier, and the version of its tenant's key that is in use.
#[derive(Debug)]
pub struct Rotating {
    keys: TenantKeys,
    store: EnvelopeStore,
    tenant: TenantId,
    version: TenantKeyVersion,
    secrets: usize,
    time: IdleTime,
}

impl Rotating {
    /// With so many secrets of a password's size.
    ///
    /// # Panics
    ///
    /// When the memory backend refuses something.
    #[must_use]
    pub fn new(secrets: usize) -> Self {
        let (time, records) = (IdleTime::new(), memory_records());
        let tenant = TenantId::new(TENANT).expect("valid");
        let keys = TenantKeys::builder(memory_keys(), Arc::clone(&records)).store_id(store_id()).master_key("main");
        let keys = keys.clock(time.clock()).build().expect("valid");
        let owned = ApplicationConfig::default().with_tenant(tenant.clone());
        let application = ApplicationName::new(APPLICATION).expect("valid");
        let builder = EnvelopeStore::builder(Arc::new(keys.clone()), records).store_id(store_id()).clock(time.clock());
        let store = builder.application(application, owned).build().expect("valid");
        for number in 0..secrets {
            let id = SecretId::parse(APPLICATION, &format!("Secret-{number:06}")).expect("valid");
            now(store.put(&id, "correct horse battery staple".into())).expect("stored");
        }
        Self { keys, store, tenant, version: TenantKeyVersion::FIRST, secrets, time }
    }

    /// Moves every secret to the next version of the tenant's key, and proves that.
    ///
    /// # Panics
    ///
    /// When a record does not move.
    pub fn rotate(&mut self) {
        let rotation = self.store.rotator().rotate_tenant_key(&self.keys, &self.tenant, self.version);
        let report = futures::executor::block_on(self.time.run(rotation.run())).expect("rotated");
        assert!(report.is_complete() && report.changed() == self.secrets as u64, "{report:?}");
        self.version = self.version.next().expect("few versions");
    }
}
