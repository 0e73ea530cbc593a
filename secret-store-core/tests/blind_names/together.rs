//! Everything that keeps records, over blind names at once: tenants, rotations, audit.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::IdleTime;
use secret_store_core::audit::{AuditFilter, AuditKey, AuditLog, AuditedStore, PersistenceSink, Verifier};
use secret_store_core::rotation::ReencryptionId;
use secret_store_core::{
    ApplicationConfig, ApplicationName, BlindNames, BlindedKeys, Blinding, DeleteOptions, EnvelopeStore, KeyProvider,
    ListOptions, Metadata, Persistence, PutOptions, SecretId, SecretStore, SecretStoreExt, TenantId, TenantKeyVersion,
    TenantKeys,
};

use super::eyes::{assert_blind, database, shows, told};
use super::support::{APPLICATION, STORE, World, application, id, key, master_key, next_master_key};

const TENANT: &str = "acme-corporation";
const OWNED: &str = "Acme.Production";
const NAMES: [&str; 6] = [APPLICATION, OWNED, TENANT, STORE, "MainDbPassword", "Smtp/Relay#2"];

/// Two applications, one of them a tenant's, behind an audit layer; every part over the same records and keys.
struct House {
    time: IdleTime,
    records: Arc<dyn Persistence>,
    tenants: TenantKeys,
    store: EnvelopeStore,
    audited: AuditedStore,
}

fn tenant() -> TenantId {
    TenantId::new(TENANT).expect("valid")
}

fn owned() -> ApplicationName {
    ApplicationName::new(OWNED).expect("valid")
}

fn applications() -> [ApplicationName; 2] {
    [application(), owned()]
}

fn ids() -> [SecretId; 4] {
    let owned = |name| SecretId::parse(OWNED, name).expect("valid");
    [id("MainDbPassword"), id("Smtp/Relay#2"), owned("MainDbPassword"), owned("Smtp/Relay#2")]
}

impl House {
    fn new(records: impl Persistence, keys: impl KeyProvider) -> Self {
        let time = IdleTime::new();
        let (records, keys) = (time.records(records), time.keys(keys));
        let tenants = TenantKeys::builder(keys, records.clone()).store_id(STORE).master_key(master_key());
        let tenants = tenants.wrap_with([master_key(), next_master_key()]).clock(time.clock());
        let tenants = tenants.build().expect("valid");
        let store = EnvelopeStore::builder(Arc::new(tenants.clone()), records.clone()).store_id(STORE);
        let store = store.master_key(master_key()).wrap_with([master_key(), next_master_key()]).clock(time.clock());
        let config = ApplicationConfig::default();
        let store = store.application(application(), config.clone());
        let store = store.application(owned(), config.with_tenant(tenant())).build().expect("valid");
        let sink = Arc::new(PersistenceSink::new(records.clone()));
        let audited = AuditedStore::builder(Arc::new(store.clone()), sink).environment("production").actor("billing");
        let audited = audited.key(audit_key()).clock(time.clock()).build().expect("valid");
        Self { time, records, tenants, store, audited }
    }

    async fn use_everything(&self) {
        for id in ids() {
            for value in ["one", "two", "three"] {
                let metadata = Metadata::new().with("about", format!("{} of {TENANT}", id.name().as_str()));
                let options = PutOptions::default().with_metadata(metadata);
                let options = options.with_idempotency_token(format!("{}-{value}", id.name().as_str()));
                drop(self.audited.put_with(&id, value.into(), options).await.expect("stored"));
            }
            assert_eq!(self.audited.get(&id).await.expect("opens").text().expect("text"), "three");
            assert_eq!(self.audited.history(&id).await.expect("a page").items.len(), 2);
        }
        self.audited.get_many(&ids()).await.map(drop).expect("opens");
        for application in applications() {
            self.audited.get_all(&application).await.map(drop).expect("opens");
            let after = ListOptions::default().with_after("MainDbPassword");
            assert_eq!(self.audited.list_with(&application, after).await.expect("a page").items.len(), 1);
        }
        let gone = id("Smtp/Relay#2");
        self.audited.delete_with(&gone, DeleteOptions::default()).await.expect("deleted");
        self.audited.get(&gone).await.map(drop).expect_err("deleted");
        self.audited.put(&gone, "four".into()).await.map(drop).expect("stored");
    }

    async fn rotate_everything(&self) {
        let (rotator, applications) = (self.store.rotator(), applications());
        let master = rotator.rotate_master_key(&master_key(), &next_master_key()).application(&application());
        assert!(master.run().await.expect("rotated").is_complete());
        let first = TenantKeyVersion::FIRST;
        let of_tenant = rotator.rotate_tenant_key(&self.tenants, &tenant(), first).application(&owned());
        assert!(of_tenant.run().await.expect("rotated").is_complete());
        let of_tenants = rotator.rotate_master_key_of_tenants(&self.tenants, &next_master_key(), &master_key());
        assert!(of_tenants.tenants([tenant()]).run().await.expect("rotated").is_complete());
        let documents = rotator.rotate_document_keys(ReencryptionId::generate().expect("random"));
        assert!(documents.applications(applications).run().await.expect("rotated").is_complete());
        let retired = rotator.check_retirement(&master_key()).application(&application()).run().await;
        assert!(retired.expect("counted").is_proven());
        assert_eq!(self.tenants.applications(&tenant()).await.expect("lists"), [owned()]);
    }

    async fn holds_everything(&self) {
        for id in ids() {
            let expected = if id == ids()[1] { "four" } else { "three" };
            assert_eq!(self.store.get(&id).await.expect("opens").text().expect("text"), expected);
            for info in self.store.history(&id).await.expect("a page").items {
                drop(self.store.get_version(&id, info.version).await.expect("opens"));
            }
        }
        // Its true names are in the log for who reads it through blind names.
        let log = AuditLog::new(self.records.clone());
        for application in applications() {
            let verified = log.verify(&application, Verifier::new().with_key(audit_key())).await.expect("reads");
            assert!(verified.is_intact() && verified.entries() > 15, "{verified:?}");
            let mut reader = log.read(&application, AuditFilter::new()).with_key(audit_key());
            let mut named = 0;
            while let Some(entry) = reader.next().await.expect("authentic") {
                named += usize::from(entry.secrets().iter().any(|secret| secret.name.as_str() == "MainDbPassword"));
            }
            assert!(named > 5);
        }
    }

    fn live(&self) {
        block_on(self.time.run(async {
            self.use_everything().await;
            self.rotate_everything().await;
            self.holds_everything().await;
        }));
    }
}

fn audit_key() -> Arc<AuditKey> {
    Arc::new(AuditKey::from_bytes(&[3; 32]))
}

#[test]
fn a_whole_store_shows_no_name() {
    let (world, blinding) = (World::new(), Blinding::new(&key(1)));
    let names = block_on(BlindNames::open(world.records.clone(), blinding.clone())).expect("the first");
    House::new(names, BlindedKeys::new(world.keys.clone(), blinding)).live();
    let (database, told) = (database(&world), told(&world));
    assert!(database.len() > 100_000 && told.len() > 10_000, "{} and {}", database.len(), told.len());
    assert_blind("the database", &database, &NAMES);
    assert_blind("what the key provider is told", &told, &NAMES);
}

/// The same without blind names shows every one of them, to the database and to the key provider.
#[test]
fn a_whole_store_without_blind_names_shows_all() {
    let world = World::new();
    House::new(world.records.clone(), world.keys.clone()).live();
    let (database, told) = (database(&world), told(&world));
    for name in NAMES {
        assert!(shows(&database, name) || name == STORE, "the database: {name}");
        // What is under a tenant's key has no context that a key provider sees.
        assert!(shows(&told, name) || name == OWNED, "the key provider: {name}");
    }
}

/// With one key, and while a key is replaced.
#[test]
fn a_whole_store_lives_through_a_change_of_keys() {
    let world = World::new();
    let [old, new] = [1, 2].map(|n| Blinding::new(&key(n)));
    for blinding in
        [old.clone(), old.with_next(&key(2)).expect("another"), new.with_previous(&key(1)).expect("another")]
    {
        let world = World::new();
        let names = BlindNames::unchecked(world.records.clone(), blinding.clone());
        House::new(names, BlindedKeys::new(world.keys.clone(), blinding)).live();
    }
    // And what one wrote the next one moves.
    let process = |blinding: Blinding| {
        let names = BlindNames::unchecked(world.records.clone(), blinding.clone());
        (names.clone(), House::new(names, BlindedKeys::new(world.keys.clone(), blinding)))
    };
    process(Blinding::new(&key(1))).1.live();
    let both = Blinding::new(&key(2)).with_previous(&key(1)).expect("another");
    let (names, house) = process(both.clone());
    let (keys, store_id) = (BlindedKeys::new(world.keys.clone(), both), super::support::store_id());
    block_on(house.time.run(async {
        house.holds_everything().await;
        let mover = names.mover().with_keys(&keys, &store_id);
        for application in applications() {
            let report = mover.application(&application).await.expect("a report");
            assert!(report.finished && report.moved > 20, "{report:?}");
        }
        let report = mover.tenant(&tenant()).await.expect("a report");
        assert!(report.finished && report.moved >= 4, "two versions, which is active, an application: {report:?}");
        house.holds_everything().await;
    }));
    let (_, house) = process(Blinding::new(&key(2)));
    block_on(house.time.run(house.holds_everything()));
}
