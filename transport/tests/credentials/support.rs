//! A service with users' keys in the tenant tier, one that takes credentials, clients, and a database whose every record and every
//! commit a test can reach.

mod killed;
mod time;

use std::sync::Arc;

use secret_store_conformance::fault::{KeyCall, RecordingKeyProvider};
use secret_store_core::{
    ApplicationConfig, ApplicationName, Consistency, EnvelopeStore, Error, ErrorKind, MasterKeyId, Persistence,
    RecordKey, Result, SecretValue, TenantId, TenantKeys,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use secret_store_transport::credential::{
    Credential, CredentialIntake, CredentialKey, CredentialKeyVersion, CredentialKeys, CredentialOwner,
    CredentialPlace, CredentialUse, CredentialVault, Domain, Host, NewCredential, TrialOpenIntake, encrypt_credential,
};
use secret_store_transport::{AuthorityKey, Message as _, Trust};

pub(crate) use futures::executor::block_on as wait;
pub(crate) use killed::{Blow, Killed};
pub(crate) use time::ManualClock;

pub(crate) const DOMAIN: &str = "example.com";

/// The kind of an error that must have come.
#[track_caller]
pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    refusal(result).kind()
}

#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T>) -> Error {
    result.expect_err("this must be refused")
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("a valid tenant")
}

pub(crate) fn owner(name: &str) -> CredentialOwner {
    CredentialOwner::new(tenant(name), ApplicationName::new(format!("Vault.{name}")).expect("valid"))
}

pub(crate) fn place(field: &str) -> CredentialPlace {
    CredentialPlace::parse("github", field).expect("valid")
}

pub(crate) fn version(number: u32) -> CredentialKeyVersion {
    CredentialKeyVersion::new(number).expect("not zero")
}

pub(crate) fn new(field: &str, revision: u64) -> NewCredential {
    NewCredential::new(place(field), Domain::new(DOMAIN).expect("valid"), revision)
}

pub(crate) fn encrypt(key: &CredentialKey, field: &str, revision: u64, value: &str) -> Credential {
    encrypt_credential(key, &new(field, revision), &SecretValue::from(value)).expect("encrypts")
}

pub(crate) fn here() -> CredentialUse {
    CredentialUse::at(Host::new(DOMAIN).expect("valid"))
}

/// One database, one holder of master keys, one authority, one clock; any number of processes over them.
pub(crate) struct World {
    pub(crate) memory: Arc<MemoryPersistence>,
    pub(crate) keys: Arc<RecordingKeyProvider>,
    pub(crate) authority: Arc<AuthorityKey>,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) fn new() -> Self {
        let main = MasterKeyId::new("main").expect("valid");
        let keys = MemoryKeyProvider::new().with_generated(&main).expect("random");
        Self {
            memory: Arc::new(MemoryPersistence::new()),
            keys: Arc::new(RecordingKeyProvider::new(keys)),
            authority: Arc::new(AuthorityKey::generate().expect("random")),
            clock: Arc::new(ManualClock::default()),
        }
    }

    /// A store that knows nothing yet, as a process that has just begun, over the database or something in front of it. Every
    /// application belongs to the tenant in its name.
    pub(crate) fn store_over(&self, records: Arc<dyn Persistence>) -> Arc<EnvelopeStore> {
        let builder = TenantKeys::builder(self.keys.clone(), records.clone()).store_id("prod").master_key("main");
        let tenants = builder.clock(self.clock.clone()).build().expect("valid");
        let of_tenant = |name: &ApplicationName| {
            let tenant = name.as_str().strip_prefix("Vault.").expect("an application of a user");
            Ok(Arc::new(ApplicationConfig::default().with_tenant(TenantId::new(tenant)?)))
        };
        let store = EnvelopeStore::builder(Arc::new(tenants), records).store_id("prod").clock(self.clock.clone());
        Arc::new(store.other_applications(of_tenant).build().expect("valid"))
    }

    pub(crate) fn keys_over(&self, records: Arc<dyn Persistence>) -> CredentialKeys {
        CredentialKeys::new(self.store_over(records.clone()), records)
            .with_authority(self.authority.clone())
            .with_clock(self.clock.clone())
    }

    pub(crate) fn keys(&self) -> CredentialKeys {
        self.keys_over(self.memory.clone())
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::Authority(self.authority.public_key())
    }

    pub(crate) fn intake_over(&self, records: Arc<dyn Persistence>) -> CredentialIntake {
        CredentialIntake::new(records, self.trust()).with_clock(self.clock.clone())
    }

    pub(crate) fn intake(&self) -> CredentialIntake {
        self.intake_over(self.memory.clone())
    }

    pub(crate) fn trial(&self) -> TrialOpenIntake {
        let store = self.store_over(self.memory.clone());
        TrialOpenIntake::new(store, self.memory.clone()).with_clock(self.clock.clone())
    }

    pub(crate) fn vault_over(&self, records: Arc<dyn Persistence>) -> CredentialVault {
        CredentialVault::new(self.store_over(records.clone()), records).with_clock(self.clock.clone())
    }

    pub(crate) fn vault(&self) -> CredentialVault {
        self.vault_over(self.memory.clone())
    }

    /// A user with a first key, which the user's client has.
    pub(crate) fn user(&self, name: &str) -> (CredentialOwner, CredentialKey) {
        let owner = owner(name);
        let key = wait(self.keys().create(&owner)).expect("created");
        (owner, key)
    }

    pub(crate) fn ingest(&self, owner: &CredentialOwner, credential: &Credential) {
        wait(self.intake().ingest(owner, credential.clone())).expect("taken");
    }

    /// What a field holds, opened as an agent opens it.
    pub(crate) fn value(&self, owner: &CredentialOwner, field: &str) -> Result<String> {
        let read = |view: &secret_store_transport::credential::CredentialView| view.text().expect("text").to_owned();
        wait(self.vault().with_credential(owner, &place(field), &here(), read))
    }

    /// The bytes of a field as they are stored.
    pub(crate) fn stored(&self, owner: &CredentialOwner, field: &str) -> Option<Vec<u8>> {
        let stored = wait(self.memory.load(&at(owner, field), Consistency::Strong)).expect("memory answers");
        stored.map(|stored| stored.record.bytes("Credential").expect("a credential").to_vec())
    }

    /// Puts these bytes where a field's are, as somebody who can write to the database does.
    pub(crate) fn plant(&self, owner: &CredentialOwner, field: &str, bytes: &[u8]) {
        use secret_store_core::{Precondition, Record, Value, Write};
        let record = Record::new().with("Credential", Value::from(bytes));
        wait(self.memory.commit(vec![Write::put(at(owner, field), record, Precondition::Any)])).expect("planted");
    }

    /// Every record of the database, with its revision.
    pub(crate) fn dump(&self) -> Vec<(RecordKey, Vec<u8>, String)> {
        let snapshot = self.memory.snapshot();
        snapshot
            .iter()
            .map(|(key, stored)| (key, stored.record.to_bytes(), stored.revision.as_text().into_owned()))
            .collect()
    }

    /// In how many records of the whole database these bytes stand.
    pub(crate) fn count(&self, bytes: &[u8]) -> usize {
        let contains = |record: &[u8]| record.windows(bytes.len()).any(|window| window == bytes);
        self.dump().iter().filter(|(_, record, _)| contains(record)).count()
    }

    /// Decryptions and encryptions that the holder of master keys was asked for since the last time.
    pub(crate) fn key_calls(&self) -> Vec<KeyCall> {
        self.keys.take()
    }
}

/// Where a field stands.
pub(crate) fn at(owner: &CredentialOwner, field: &str) -> RecordKey {
    let sort = format!("CREDENTIAL\u{1f}github\u{1f}{field}");
    RecordKey::new(format!("~c~{}", owner.application().as_str()), sort)
}

/// Where the state of a version of a key stands.
pub(crate) fn key_at(owner: &CredentialOwner, number: u32) -> RecordKey {
    RecordKey::new(format!("~c~{}", owner.application().as_str()), format!("KEY\u{1f}{number:010}"))
}

/// A credential with other bytes: `None` where they have no credential's form.
pub(crate) fn parsed(bytes: Vec<u8>) -> Option<Credential> {
    Credential::from_bytes(bytes).ok()
}
