//! Keys change underneath, without downtime.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::IdleTime;
use secret_store_core::audit::{AuditRecorder, TracingSink};
use secret_store_core::{
    ApplicationConfig, ApplicationName, EnvelopeStore, MasterKeyId, SecretStoreExt as _, TenantKeys,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence, Snapshot};
use secret_store_transport::{
    AuthorityKey, Freshness, KeySpec, Once, OrganisationKeys, Places, SealedIntake, SealedRequest, SealingKey, Trust,
};

use super::support::{DAY, KEYS, id, place, target, tenant};

/// Organisations in the tenant tier: their secrets under the organisation's (tenant's) key, their sealing keys under the master key.
struct World {
    time: IdleTime,
    records: Arc<MemoryPersistence>,
    tenants: TenantKeys,
    /// As every server is configured before the master key of the tenant tier moves: new versions under the new one.
    moving: TenantKeys,
    store: Arc<EnvelopeStore>,
    keys: OrganisationKeys,
    intake: SealedIntake,
    authority: AuthorityKey,
}

const ORGANISATIONS: [&str; 3] = ["acme", "evil", "third"];

fn master_keys() -> [MasterKeyId; 2] {
    ["2025", "2026"].map(|id| MasterKeyId::new(id).expect("valid"))
}

fn application(organisation: &str) -> ApplicationName {
    ApplicationName::new(format!("{organisation}.prod")).expect("valid")
}

impl World {
    async fn new() -> Self {
        let (time, records, [old, new]) = (IdleTime::new(), Arc::new(MemoryPersistence::new()), master_keys());
        let master =
            MemoryKeyProvider::new().with_generated(&old).expect("random").with_generated(&new).expect("random");
        let (master, seen) = (time.keys(master), time.records(Arc::clone(&records)));
        let tenant_keys = |new_under: &MasterKeyId| {
            let keys = TenantKeys::builder(Arc::clone(&master), Arc::clone(&seen) as _).store_id("demo");
            let keys = keys.master_key(new_under).wrap_with([old.clone(), new.clone()]).clock(time.clock());
            keys.build().expect("tenant keys")
        };
        let (tenants, moving) = (tenant_keys(&old), tenant_keys(&new));
        let store = EnvelopeStore::builder(Arc::new(tenants.clone()), Arc::clone(&seen) as _)
            .store_id("demo")
            .master_key(&old)
            .wrap_with([old.clone(), new.clone()])
            .clock(time.clock());
        let store = ORGANISATIONS.iter().fold(store, |store, organisation| {
            let config = ApplicationConfig::default().with_tenant(tenant(organisation));
            store.application(application(organisation), config)
        });
        let store = Arc::new(store.build().expect("a store"));
        let keys = ApplicationName::new(KEYS).expect("valid");
        let keys = OrganisationKeys::new(Arc::clone(&store) as _, keys).with_clock(time.clock());
        let places = ORGANISATIONS.iter().fold(Places::new(), |places, organisation| {
            places.with(place(organisation, "prod"), application(organisation)).expect("free")
        });
        let recorder = AuditRecorder::builder(Arc::new(TracingSink)).environment("prod").actor("server").build();
        let once = Once::new(seen as _).with_clock(time.clock());
        let recorder = recorder.expect("a recorder");
        let intake = SealedIntake::new(Arc::clone(&store) as _, keys.clone(), places, once, recorder);
        let intake = intake.with_clock(time.clock());
        let authority = AuthorityKey::generate().expect("random");
        let world = Self { time, records, tenants, moving, store, keys, intake, authority };
        for organisation in ORGANISATIONS {
            world.keys.create(&tenant(organisation), KeySpec::X25519, 90 * DAY).await.expect("creates");
            world.submit(organisation, "hunter2").await;
        }
        world
    }

    async fn key(&self, organisation: &str) -> SealingKey {
        let organisation = tenant(organisation);
        let record = self.keys.records(&organisation, &self.authority).await.expect("records").sealing;
        let trust = Trust::Authority(self.authority.public_key());
        SealingKey::from_record(&record, &trust, &organisation, self.time.clock()).expect("trusted")
    }

    async fn submit(&self, organisation: &str, value: &str) {
        let key = self.key(organisation).await;
        self.submit_with(&key, organisation, value).await;
    }

    async fn submit_with(&self, key: &SealingKey, organisation: &str, value: &str) {
        let of = place(organisation, "prod").secret(target("MainDb").name);
        let nonce = self.intake.issue_nonce(&of.place).await.expect("issues");
        let sealed = key.seal(&of, &Freshness::Nonce(nonce), &value.into()).expect("seals");
        self.intake.put_sealed(&of, SealedRequest::new(sealed)).await.expect("stored");
    }

    async fn reads(&self, organisation: &str) -> String {
        let read = self.store.get(&id(application(organisation).as_str(), "MainDb")).await.expect("reads");
        read.text().expect("text").to_owned()
    }
}

/// The records of a partition: key, whole record, and the record without its wrap.
fn partition(snapshot: &Snapshot, partition: &str) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let own = snapshot.iter().filter(|(key, _)| key.partition().as_ref() == partition);
    own.map(|(key, stored)| {
        let record = &stored.record;
        let other = |name: &str| !matches!(name, "MasterKeyId" | "ProtectedDocumentKey");
        let rest = record
            .iter()
            .filter(|(name, _)| other(name))
            .flat_map(|(name, value)| format!("{name}={value:?};").into_bytes());
        (format!("{key:?}"), record.to_bytes(), rest.collect())
    })
    .collect()
}

fn wrapped_under(records: &MemoryPersistence, application: &str) -> Vec<String> {
    let snapshot = records.snapshot();
    let own = snapshot.iter().filter(|(key, _)| key.partition().as_ref() == application);
    own.map(|(_, stored)| format!("{:?}", stored.record.get("MasterKeyId").expect("a wrap"))).collect()
}

#[test]
fn master_rotation_rewraps_every_organisation_key_with_secret_records_byte_identical() {
    block_on(async {
        let world = World::new().await;
        let [old, new] = master_keys();
        let rotator = world.store.rotator();
        let before = world.records.snapshot();
        let (in_use, stale) = (world.key("acme").await, wrapped_under(&world.records, KEYS));
        assert!(stale.len() == 3 && stale.iter().all(|id| id.contains("2025")), "{stale:?}");

        let tenants = ORGANISATIONS.map(tenant);
        let tier = rotator.rotate_master_key_of_tenants(&world.moving, &old, &new).tenants(tenants);
        assert!(world.time.run(tier.run()).await.expect("runs").is_complete());
        let sealing = rotator.rotate_master_key(&old, &new).application(world.keys.application());
        assert!(world.time.run(sealing.run()).await.expect("runs").is_complete());

        let after = world.records.snapshot();
        let moved = wrapped_under(&world.records, KEYS);
        assert!(moved.len() == 3 && moved.iter().all(|id| id.contains("2026")), "{moved:?}");
        for organisation in ORGANISATIONS {
            for of in [application(organisation).as_str().to_owned(), format!("~h~{}", application(organisation))] {
                assert_eq!(partition(&before, &of), partition(&after, &of), "byte-identical");
            }
            assert_eq!(partition(&before, application(organisation).as_str()).len(), 1);
            assert_eq!(world.reads(organisation).await, "hunter2");
        }
        let without_wraps =
            |snapshot| partition(snapshot, KEYS).into_iter().map(|(key, _, rest)| (key, rest)).collect::<Vec<_>>();
        assert_eq!(without_wraps(&before), without_wraps(&after), "the keys themselves stay");
        // A client that has the record from before goes on.
        world.submit_with(&in_use, "acme", "hunter3").await;
        assert_eq!(world.reads("acme").await, "hunter3");
    });
}

#[test]
fn organisation_rotation_changes_only_wrapped_document_keys() {
    block_on(async {
        let world = World::new().await;
        world.submit("acme", "hunter3").await;
        let (before, acme) = (world.records.snapshot(), tenant("acme"));
        let from = world.tenants.active_version(&acme).await.expect("reads").expect("a key");
        let rotation = world.store.rotator().rotate_tenant_key(&world.tenants, &acme, from);
        assert!(world.time.run(rotation.run()).await.expect("runs").is_complete());
        let after = world.records.snapshot();
        for (of, count) in [("acme.prod", 1), ("~h~acme.prod", 1)] {
            let (old, new) = (partition(&before, of), partition(&after, of));
            assert_eq!(old.len(), count);
            for ((key, bytes, rest), (same_key, other_bytes, same_rest)) in old.iter().zip(&new) {
                assert_eq!((key, rest), (same_key, same_rest));
                assert_ne!(bytes, other_bytes, "the wrapped document key");
            }
            assert_eq!(new.len(), count);
        }
        for of in ["evil.prod", "third.prod", KEYS] {
            assert_eq!(partition(&before, of), partition(&after, of));
        }
        assert_eq!(world.reads("acme").await, "hunter3");
    });
}

#[test]
fn mixed_versions_are_readable_throughout() {
    block_on(async {
        let world = World::new().await;
        let [old, new] = master_keys();
        let acme = tenant("acme");
        let (first, from) = (world.key("acme").await, world.tenants.active_version(&acme).await.expect("reads"));
        // Of each kind of key two versions at once: sealing keys 1 and 2, tenant keys 1 and 2, master keys 2025 and 2026.
        world.keys.rotate(&acme, KeySpec::X25519, 90 * DAY).await.expect("rotates");
        let (second, rotator) = (world.key("acme").await, world.store.rotator());
        let moving = async {
            let rotation = rotator.rotate_tenant_key(&world.tenants, &acme, from.expect("a key"));
            rotation.run().await.expect("runs");
            let rotation = rotator.rotate_master_key(&old, &new).application(world.keys.application());
            rotation.run().await.expect("runs");
        };
        let using = async {
            for round in 0..20 {
                for (key, of) in [(&first, "old"), (&second, "new")] {
                    let value = format!("{of} {round}");
                    world.submit_with(key, "acme", &value).await;
                    assert_eq!(world.reads("acme").await, value);
                }
                let first_version = secret_store_core::SecretVersion::FIRST;
                let secret = id("acme.prod", "MainDb");
                let earliest = world.store.get_version(&secret, first_version).await.expect("reads");
                assert_eq!(earliest.text().expect("text"), "hunter2");
                assert_eq!(world.reads("evil").await, "hunter2");
            }
        };
        world.time.run(async { futures::join!(moving, using) }).await;
    });
}
