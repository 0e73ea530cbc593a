//! A store over memory whose every part a test can reach: records, keys, clock, faults.

mod clock;
mod commits;
mod keys;
mod records;

use std::sync::Arc;

use secret_store_core::{
    ApplicationConfig, ApplicationName, Clock, Consistency, EnvelopeStore, EnvelopeStoreBuilder, Error, ErrorKind,
    Legacy, MasterKeyId, Persistence, Precondition, Record, RecordKey, Result, SecretId, SecretName, SecretVersion,
    Stored, Value, Write,
};
use secret_store_memory::MemoryPersistence;

pub(crate) use clock::ManualClock;
pub(crate) use commits::Commits;
pub(crate) use futures::executor::block_on as wait;
pub(crate) use keys::{KeyCall, Keys};
pub(crate) use records::{Call, Records, ShortPages, Strike};

pub(crate) const STORE: &str = "prod";
pub(crate) const APP: &str = "YourApp.Production";
pub(crate) const MAIN: &str = "main";

/// The six attributes of the original.
pub(crate) const APPLICATION_NAME: &str = "ApplicationName";
pub(crate) const SECRET_NAME: &str = "SecretName";
pub(crate) const MASTER_KEY_ID: &str = "MasterKeyId";
pub(crate) const DOCUMENT_KEY: &str = "ProtectedDocumentKey";
pub(crate) const VALUE: &str = "ProtectedSecretValue";
pub(crate) const IV: &str = "InitialisationVector";
/// Ours.
pub(crate) const VERSION: &str = "Version";
pub(crate) const CREATED_AT: &str = "CreatedAt";
pub(crate) const METADATA: &str = "Metadata";
pub(crate) const WRAPS: &str = "Wraps";

pub(crate) fn app(name: &str) -> ApplicationName {
    ApplicationName::new(name).expect("a valid application name")
}

pub(crate) fn id(name: &str) -> SecretId {
    SecretId::parse(APP, name).expect("a valid name")
}

pub(crate) fn lenient(name: &str) -> SecretId {
    SecretId::new(app(APP), SecretName::lenient(name).expect("a leniently valid name"))
}

pub(crate) fn master(id: &str) -> MasterKeyId {
    MasterKeyId::new(id).expect("a valid master key id")
}

pub(crate) fn version(number: u64) -> SecretVersion {
    SecretVersion::new(number).expect("not zero")
}

/// Where a current record stands.
pub(crate) fn current(id: &SecretId) -> RecordKey {
    RecordKey::new(id.application().as_str(), id.name().as_str())
}

/// Where an earlier version stands.
pub(crate) fn slot(id: &SecretId, number: u64) -> RecordKey {
    RecordKey::new(format!("~h~{}", id.application().as_str()), format!("{}\u{1f}{number:020}", id.name().as_str()))
}

/// Where the last number stands.
pub(crate) fn last(id: &SecretId) -> RecordKey {
    RecordKey::new(format!("~h~{}", id.application().as_str()), format!("{}\u{1f}", id.name().as_str()))
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

/// One database, one key provider, one clock; any number of stores (processes) over them.
pub(crate) struct World {
    pub(crate) keys: Arc<Keys>,
    pub(crate) records: Arc<Records>,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::over(MemoryPersistence::new())
    }

    /// With these master keys instead.
    pub(crate) fn with_keys(ids: &[&str]) -> Self {
        Self { keys: Arc::new(Keys::new(ids)), ..Self::new() }
    }

    pub(crate) fn over(memory: MemoryPersistence) -> Self {
        Self {
            keys: Arc::new(Keys::new(&[MAIN, "second"])),
            records: Arc::new(Records::new(memory)),
            clock: Arc::new(ManualClock::default()),
        }
    }

    pub(crate) fn builder(&self) -> EnvelopeStoreBuilder {
        self.builder_over(self.records.clone())
    }

    /// The same over the records as this one process sees them.
    pub(crate) fn builder_over(&self, records: Arc<dyn Persistence>) -> EnvelopeStoreBuilder {
        EnvelopeStore::builder(self.keys.clone(), records).store_id(STORE).master_key(MAIN).clock(self.clock.clone())
    }

    /// A store that knows nothing yet, as a process that has just begun.
    pub(crate) fn store(&self) -> EnvelopeStore {
        self.builder().build().expect("a valid configuration")
    }

    /// A new store that wraps every document key under the second master key too.
    pub(crate) fn two_wraps(&self) -> EnvelopeStore {
        self.builder().also_wrap_with([master("second")]).build().expect("a valid configuration")
    }

    /// A new store whose application admits format 0.
    pub(crate) fn legacy(&self, legacy: Legacy) -> EnvelopeStore {
        let config = ApplicationConfig::default().with_legacy(legacy);
        self.builder().application(app(APP), config).build().expect("a valid configuration")
    }

    pub(crate) fn clock_seconds(&self) -> u64 {
        Clock::monotonic(&*self.clock).as_secs()
    }

    pub(crate) fn memory(&self) -> &MemoryPersistence {
        self.records.memory()
    }

    pub(crate) fn stored(&self, key: &RecordKey) -> Option<Stored> {
        wait(self.memory().load(key, Consistency::Strong)).expect("memory answers")
    }

    pub(crate) fn record(&self, key: &RecordKey) -> Record {
        Record::clone(&self.stored(key).expect("a record stands there").record)
    }

    /// Writes past the store, as whoever may write to the database.
    pub(crate) fn plant(&self, key: &RecordKey, record: Record) {
        wait(self.memory().commit(vec![Write::put(key.clone(), record, Precondition::Any)])).expect("memory takes it");
    }

    pub(crate) fn erase(&self, key: &RecordKey) {
        wait(self.memory().commit(vec![Write::delete(key.clone(), Precondition::Any)])).expect("memory takes it");
    }
}

/// Where the application's settings stand.
pub(crate) fn settings_key() -> RecordKey {
    settings_key_of(APP)
}

pub(crate) fn settings_key_of(application: &str) -> RecordKey {
    RecordKey::new(format!("~s~{application}"), "SETTINGS")
}

/// Settings as whoever may write to the database makes them: few replacements of short ids.
pub(crate) fn settings(sequence: u64, replaced: &[(&str, &str)]) -> Record {
    let record = Record::new().with("Sequence", sequence.into());
    if replaced.is_empty() {
        return record;
    }
    let short = |length: usize| u8::try_from(length).ok().filter(|length| *length < 24).expect("short");
    let mut map = vec![0xa0 + short(replaced.len())];
    for text in replaced.iter().flat_map(|(from, to)| [from, to]) {
        map.push(0x60 + short(text.len()));
        map.extend_from_slice(text.as_bytes());
    }
    record.with("Replaced", map.into())
}

/// Settings that admit no format below 1.
pub(crate) fn raised(sequence: u64) -> Record {
    settings(sequence, &[]).with("MinimumFormat", Value::from(1))
}
