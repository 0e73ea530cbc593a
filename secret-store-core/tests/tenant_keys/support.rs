//! Tenant keys over memory whose every part a test can reach: records, master keys, clock, faults.

mod clock;
mod pausing;
mod slow;

use std::sync::Arc;

use secret_store_conformance::fault::{Failing, FailingKeyProvider, RecordingKeyProvider};
use secret_store_core::{
    ApplicationConfig, ApplicationName, Consistency, EncryptionContext, EnvelopeStore, EnvelopeStoreBuilder, Error,
    ErrorKind, KeyProvider, MasterKeyId, Persistence, Precondition, Record, RecordKey, Result, SecretId, SecretVersion,
    StoreId, Stored, TenantId, TenantKeyVersion, TenantKeys, TenantKeysBuilder, WrappedKey, Write,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};

pub(crate) use clock::ManualClock;
pub(crate) use futures::executor::block_on as wait;
pub(crate) use pausing::{Pausing, PausingKeys, dropped_everywhere};
pub(crate) use slow::Slow;

pub(crate) const STORE: &str = "prod";
pub(crate) const APP: &str = "Acme.Production";
pub(crate) const ACME: &str = "acme";
pub(crate) const OTHER: &str = "other";
pub(crate) const MAIN: &str = "main";
pub(crate) const SECOND: &str = "second";

pub(crate) fn app(name: &str) -> ApplicationName {
    ApplicationName::new(name).expect("a valid application name")
}

pub(crate) fn id(name: &str) -> SecretId {
    SecretId::parse(APP, name).expect("a valid name")
}

pub(crate) fn master(id: &str) -> MasterKeyId {
    MasterKeyId::new(id).expect("a valid master key id")
}

pub(crate) fn tenant(text: &str) -> TenantId {
    TenantId::new(text).expect("a valid tenant id")
}

pub(crate) fn acme() -> TenantId {
    tenant(ACME)
}

/// The key of a tenant, as records name it.
pub(crate) fn key_of(text: &str) -> MasterKeyId {
    MasterKeyId::for_tenant(&tenant(text))
}

pub(crate) fn version(number: u32) -> TenantKeyVersion {
    TenantKeyVersion::new(number).expect("not zero")
}

/// The context of the document key of a secret of the usual application.
pub(crate) fn context(name: &str) -> EncryptionContext {
    context_in(APP, name)
}

pub(crate) fn context_in(application: &str, name: &str) -> EncryptionContext {
    let store = StoreId::new(STORE).expect("valid");
    let id = SecretId::parse(application, name).expect("a valid name");
    EncryptionContext::document_key(&store, &id, SecretVersion::FIRST)
}

/// Where a version of a tenant's key stands.
pub(crate) fn version_at(tenant: &str, number: u32) -> RecordKey {
    RecordKey::new(format!("~k~{tenant}"), format!("v{number:010}"))
}

/// Where it stands which version is active.
pub(crate) fn active_at(tenant: &str) -> RecordKey {
    RecordKey::new(format!("~k~{tenant}"), "ACTIVE")
}

pub(crate) fn active(number: u64) -> Record {
    Record::new().with("Version", number.into())
}

pub(crate) fn tombstone() -> Record {
    Record::new().with("DestroyedAt", 1.into()).with("State", "Destroyed".into())
}

/// The kind of an error that must have come.
#[track_caller]
pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    refusal(result).kind()
}

/// The error that must have come.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T>) -> Error {
    result.expect_err("this must be refused")
}

/// One database, one holder of master keys, one clock; any number of processes over them.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) memory: Arc<MemoryPersistence>,
    /// Over [`World::memory`]: what tenant keys use.
    pub(crate) records: Arc<Failing>,
    /// What the inner provider was asked.
    pub(crate) asked: Arc<RecordingKeyProvider>,
    pub(crate) failing_keys: Arc<FailingKeyProvider>,
    pub(crate) master_keys: Arc<MemoryKeyProvider>,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) fn new() -> Self {
        let generate = |keys: MemoryKeyProvider, id| keys.with_generated(&master(id)).expect("random bytes");
        let master_keys = Arc::new([MAIN, SECOND].into_iter().fold(MemoryKeyProvider::new(), generate));
        let failing_keys = Arc::new(FailingKeyProvider::new(master_keys.clone()));
        let memory = Arc::new(MemoryPersistence::new());
        Self {
            records: Arc::new(Failing::new(memory.clone())),
            memory,
            asked: Arc::new(RecordingKeyProvider::new(failing_keys.clone())),
            failing_keys,
            master_keys,
            clock: Arc::new(ManualClock::default()),
        }
    }

    pub(crate) fn builder(&self) -> TenantKeysBuilder {
        self.builder_over(self.records.clone())
    }

    pub(crate) fn builder_over(&self, records: Arc<dyn Persistence>) -> TenantKeysBuilder {
        TenantKeys::builder(self.asked.clone(), records).store_id(STORE).master_key(MAIN).clock(self.clock.clone())
    }

    /// Tenant keys that know nothing yet, as in a process that has just begun.
    pub(crate) fn keys(&self) -> TenantKeys {
        self.builder().build().expect("a valid configuration")
    }

    pub(crate) fn store_builder(&self, keys: &TenantKeys) -> EnvelopeStoreBuilder {
        EnvelopeStore::builder(Arc::new(keys.clone()), self.memory.clone())
            .store_id(STORE)
            .clock(self.clock.clone())
            .application(app(APP), ApplicationConfig::default().with_tenant(acme()))
    }

    /// A store whose usual application belongs to the usual tenant.
    pub(crate) fn store(&self, keys: &TenantKeys) -> EnvelopeStore {
        self.store_builder(keys).build().expect("a valid configuration")
    }

    pub(crate) fn stored(&self, key: &RecordKey) -> Option<Stored> {
        wait(self.memory.load(key, Consistency::Strong)).expect("memory answers")
    }

    pub(crate) fn record(&self, key: &RecordKey) -> Record {
        Record::clone(&self.stored(key).expect("a record stands there").record)
    }

    /// Writes past the library, as whoever may write to the database.
    pub(crate) fn plant(&self, key: &RecordKey, record: Record) {
        wait(self.memory.commit(vec![Write::put(key.clone(), record, Precondition::Any)])).expect("memory takes it");
    }

    pub(crate) fn erase(&self, key: &RecordKey) {
        wait(self.memory.commit(vec![Write::delete(key.clone(), Precondition::Any)])).expect("memory takes it");
    }
}

/// A new document key of the usual application under a tenant's key: in clear and wrapped.
#[track_caller]
pub(crate) fn generated(keys: &TenantKeys, tenant: &str, name: &str) -> (Vec<u8>, WrappedKey) {
    let generated = wait(keys.generate_key(&key_of(tenant), &context(name))).expect("generates");
    (generated.document_key.expose_secret().to_vec(), generated.wrapped)
}

/// Demands that a wrap opens to this key.
#[track_caller]
pub(crate) fn opens(keys: &TenantKeys, wrapped: &WrappedKey, name: &str, key: &[u8]) {
    let opened = wait(keys.unwrap_key(wrapped, &context(name))).expect("opens");
    assert_eq!(opened.expose_secret(), key);
}

/// How a wrap is refused.
#[track_caller]
pub(crate) fn refused(keys: &TenantKeys, wrapped: &WrappedKey, name: &str) -> ErrorKind {
    kind(wait(keys.unwrap_key(wrapped, &context(name))))
}
