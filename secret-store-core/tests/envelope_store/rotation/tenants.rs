//! Rotation of a tenant's key.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Shared;
use secret_store_core::rotation::{JobState, Rotation, RotationTarget};
use secret_store_core::{
    ApplicationConfig, DocumentKey, EncryptionContext, EnvelopeStore, ErrorKind, GeneratedKey, KeyProvider, Legacy,
    MasterKeyId, Persistence, ProtectedSecret, RecordKey, Result, SecretId, SecretStoreExt, TenantId, TenantKeyVersion,
    TenantKeys, Value, WrappedKey,
};

use super::super::legacy::original;
use super::super::support::{
    APP, Commits, DOCUMENT_KEY, KeyCall, MAIN, MASTER_KEY_ID, World, app, current, id, kind, last, refusal, wait,
};
use super::{SECOND, check_values, drive, fill, job, records, step, steps};

fn acme() -> TenantId {
    TenantId::new("acme").expect("valid")
}

fn number(version: u32) -> TenantKeyVersion {
    TenantKeyVersion::new(version).expect("not zero")
}

fn tenant_keys(world: &World) -> TenantKeys {
    let builder = TenantKeys::builder(world.keys.clone(), world.records.clone()).store_id("prod").master_key(MAIN);
    builder.clock(world.clock.clone()).build().expect("valid")
}

/// A process: tenant keys of its own, and a store over them.
fn process(world: &World) -> (TenantKeys, EnvelopeStore) {
    let keys = tenant_keys(world);
    let store = over(world, Arc::new(keys.clone()), world.records.clone());
    (keys, store)
}

fn over(world: &World, keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>) -> EnvelopeStore {
    let builder = EnvelopeStore::builder(keys, records).store_id("prod").clock(world.clock.clone());
    let owned = ApplicationConfig::default().with_tenant(acme());
    builder.application(app(APP), owned).commit_timeout(60 * SECOND).build().expect("valid")
}

fn rotation(keys: &TenantKeys, store: &EnvelopeStore, from: u32) -> Rotation {
    store.rotator().rotate_tenant_key(keys, &acme(), number(from))
}

/// Where wraps are under a version of the tenant's key.
fn under(world: &World, version: u32) -> Vec<RecordKey> {
    let is_under = |record: &secret_store_core::Record| {
        let Some(name) = record.text("SecretName") else { return false };
        let application = record.text("ApplicationName").expect("text");
        let id = SecretId::parse(application, name).expect("valid");
        let protected = ProtectedSecret::from_record(&id, record).expect("well-formed");
        TenantKeys::version_of(protected.wrapped_key()).expect("well-formed") == Some(number(version))
    };
    records(world).into_iter().filter(|(_, record)| is_under(record)).map(|(place, _)| place).collect()
}

#[test]
fn document_keys_move_to_one_new_version_without_a_master_key() {
    let world = World::new();
    let (keys, store) = process(&world);
    fill(&store);
    let before = records(&world);
    world.keys.take_asked();
    let census = wait(rotation(&keys, &store, 1).dry_run()).expect("counted");
    assert_eq!((census.original(), world.keys.take_asked()), (16, vec![]));
    let report = drive(&world, rotation(&keys, &store, 1).run()).expect("rotated");
    assert_eq!((report.changed(), report.is_complete()), (16, true));
    // The new version is made; the old one was ready.
    assert_eq!(world.keys.take_asked(), [(KeyCall::Generate, MAIN.to_owned())]);
    assert_eq!((under(&world, 1).len(), under(&world, 2).len()), (0, 16));
    let after = records(&world);
    for (key, record) in before.iter().filter(|(key, _)| !key.partition().starts_with("~k~")) {
        let mut changed = after[key].clone();
        if *key != last(&id("gone")) {
            assert_ne!(record.get(DOCUMENT_KEY), changed.get(DOCUMENT_KEY), "{key:?}");
            changed.set(DOCUMENT_KEY, record.get(DOCUMENT_KEY).expect("there").clone());
        }
        assert_eq!(*record, changed, "{key:?}");
    }
    check_values(&process(&world).1);
    assert_eq!(job(&world).target, RotationTarget::TenantKey { tenant: acme(), from: number(1) });
    let settings = wait(store.settings(&app(APP))).expect("read");
    assert_eq!((settings.tenant(), settings.sequence()), (Some(&acme()), 1), "the owner is recorded");
    // Again: nothing is left to do, and no further version is made.
    let report = drive(&world, rotation(&keys, &store, 1).run()).expect("rotated");
    assert_eq!((report.changed(), report.is_complete()), (0, true));
    assert_eq!(wait(store.settings(&app(APP))).expect("read"), settings);
    assert_eq!(wait(keys.versions(&acme())).expect("listed").len(), 2);
    wait(store.put(&id("a"), "a4".into())).expect("stored");
    assert_eq!(under(&world, 1), []);
}

/// An application that no configuration lists by name is found in the tenant's records.
#[test]
fn all_applications_of_the_tenant() {
    let world = World::new();
    let keys = tenant_keys(&world);
    let builder = EnvelopeStore::builder(Arc::new(keys.clone()), world.records.clone()).store_id("prod");
    let builder = builder.clock(world.clock.clone()).other_applications(|name| {
        let tenant = TenantId::new(if name.as_str() == "Other" { "other" } else { "acme" })?;
        Ok(Arc::new(ApplicationConfig::default().with_tenant(tenant)))
    });
    let store = builder.build().expect("valid");
    let of = |application: &str| SecretId::parse(application, "Db").expect("valid");
    for application in ["One", "Two", "Other"] {
        wait(store.put(&of(application), application.into())).expect("stored");
    }
    let report = drive(&world, rotation(&keys, &store, 1).run()).expect("rotated");
    let names: Vec<_> = report.applications.iter().map(|of| of.application.as_str()).collect();
    assert_eq!((names, report.changed(), report.is_complete()), (vec!["One", "Two"], 2, true));
    assert_eq!(under(&world, 1), [current(&of("Other"))]);
    for application in ["One", "Two", "Other"] {
        assert_eq!(wait(store.get(&of(application))).expect("opens").text().expect("text"), application);
    }
}

/// Its key is made, and then it waits.
#[derive(Debug)]
struct Paused {
    keys: TenantKeys,
    gate: Shared<oneshot::Receiver<()>>,
}

#[async_trait]
impl KeyProvider for Paused {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.keys.accepts(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        let generated = self.keys.generate_key(id, context).await?;
        self.gate.clone().await.expect("somebody opens it");
        Ok(generated)
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        self.keys.wrap_key(id, key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.keys.unwrap_key(key, context).await
    }
}

/// All but the last moment: it trusts the active version for most of a minute (that varies), its settings for another, and its
/// commit takes as long again.
#[test]
fn the_latest_writer_is_met() {
    let world = World::new();
    let (keys, store) = process(&world);
    fill(&store);
    let (finish, sealed) = oneshot::channel();
    let (records, land) = Commits::held(world.records.clone());
    let late_keys = tenant_keys(&world);
    let warm = over(&world, Arc::new(late_keys.clone()), world.records.clone());
    wait(warm.put(&id("warm"), "v".into())).expect("it knows the active version now");
    let paused = Arc::new(Paused { keys: late_keys, gate: sealed.shared() });
    let writer = over(&world, paused, records);
    let mut running = Box::pin(rotation(&keys, &store, 1).run());
    step(&mut running);
    assert_eq!(under(&world, 1), [], "the early pass is through");
    steps(&world, &mut running, 50 * SECOND);
    let late = id("late");
    let mut put = writer.put(&late, "v".into());
    step(&mut put);
    steps(&world, &mut running, 59 * SECOND);
    finish.send(()).expect("it waits");
    step(&mut put);
    steps(&world, &mut running, 59 * SECOND);
    land.send(()).expect("it waits");
    wait(put).expect("stored");
    assert_eq!(under(&world, 1), [current(&late)], "168 seconds after the new version");
    let report = drive(&world, running).expect("rotated");
    assert_eq!((report.changed(), report.is_complete()), (18, true));
    assert_eq!(under(&world, 1), []);
    check_values(&store);
}

/// Killed anywhere it goes on, and there is one new version.
#[test]
fn it_is_killed_anywhere() {
    for polls in (0..).step_by(3) {
        let world = World::new();
        let (keys, store) = process(&world);
        for (name, value) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
            wait(store.put(&id(name), value.into())).expect("stored");
        }
        world.records.suspend();
        let mut running = Box::pin(rotation(&keys, &store, 1).run());
        let mut ended = false;
        for _ in 0..polls {
            if let Some(report) = running.as_mut().now_or_never() {
                assert!(report.expect("rotated").is_complete());
                ended = true;
                break;
            }
            world.clock.advance(SECOND);
        }
        drop(running);
        let (keys, store) = process(&world);
        assert_eq!(drive(&world, store.get(&id("a"))).expect("opens").expose_secret(), b"a2");
        assert!(drive(&world, rotation(&keys, &store, 1).run()).expect("it goes on").is_complete());
        assert_eq!((under(&world, 1).len(), under(&world, 2).len()), (0, 3), "killed after {polls} polls");
        assert_eq!(drive(&world, keys.versions(&acme())).expect("listed").len(), 2);
        assert_eq!(drive(&world, store.get(&id("a"))).expect("opens").expose_secret(), b"a2");
        if ended {
            assert!(polls > 90, "there were many places to be killed at: {polls}");
            break;
        }
    }
}

#[test]
fn the_old_version_is_proved_to_be_needed_no_more_and_destroyed() {
    let world = World::new();
    let (keys, store) = process(&world);
    fill(&store);
    let check = |version| store.rotator().check_tenant_key_retirement(&keys, &acme(), number(version)).run();
    let before = drive(&world, check(1)).expect("checked");
    assert_eq!((before.is_proven(), before.version), (false, Some(number(1))));
    assert_eq!((before.applications[0].needed_by.count(), before.applications[0].is_replaced), (16, false));
    drive(&world, rotation(&keys, &store, 1).run()).expect("rotated");
    let began = world.clock_seconds();
    assert!(drive(&world, check(1)).expect("checked").is_proven());
    assert!(world.clock_seconds() - began >= 190);
    assert!(!drive(&world, check(2)).expect("checked").is_proven(), "it is active");
    wait(keys.retire(&acme(), number(1))).expect("retired");
    wait(keys.destroy_version(&acme(), number(1))).expect("destroyed");
    check_values(&process(&world).1);
    // An application of the tenant that the configuration does not name counts too.
    let other = RecordKey::new("~k~acme", "APP#Unlisted");
    let recorded = world.record(&RecordKey::new("~k~acme", format!("APP#{APP}")));
    world.plant(&other, recorded);
    let unlisted = drive(&world, check(1)).expect("checked");
    assert_eq!(unlisted.applications.len(), 2);
}

/// What does not open, or is another tenant's, is reported and left as it is.
#[test]
fn what_is_neither_is_reported() {
    let world = World::new();
    let (keys, store) = process(&world);
    fill(&store);
    let good = world.record(&current(&id("a")));
    let mut flipped = good.bytes(DOCUMENT_KEY).expect("bytes").to_vec();
    *flipped.last_mut().expect("not empty") ^= 1;
    let mut absurd = flipped.clone();
    absurd[0] ^= 1;
    let planted = [
        (current(&id("a")), good.with(DOCUMENT_KEY, Value::from(flipped)), ErrorKind::Integrity),
        (current(&id("b")), world.record(&current(&id("b"))).with(DOCUMENT_KEY, absurd.into()), ErrorKind::Integrity),
    ];
    for (key, record, _) in &planted {
        world.plant(key, record.clone());
    }
    let foreign = world.record(&current(&id("c"))).with(MASTER_KEY_ID, "~t~other".into());
    world.plant(&current(&id("c")), foreign.clone());
    let report = drive(&world, rotation(&keys, &store, 1).run()).expect("it runs to its end");
    let neither = &report.applications[0].neither;
    for (key, record, expected) in &planted {
        assert_eq!(world.record(key), *record);
        let found = neither.iter().find(|found| found.key == *key).expect("reported");
        assert_eq!(found.kind, Some(*expected));
    }
    // Another tenant's key is not this rotation's business.
    assert_eq!(world.record(&current(&id("c"))), foreign);
    assert_eq!((report.changed(), neither.count(), report.is_complete()), (13, 2, false));
}

#[test]
fn what_cannot_go_well_is_refused() {
    let world = World::new();
    let (keys, store) = process(&world);
    assert_eq!(kind(drive(&world, rotation(&keys, &store, 1).run())), ErrorKind::NotFound);
    fill(&store);
    let error = refusal(drive(&world, rotation(&keys, &store, 2).run()));
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("above the active version"), "{error}");
    let nobody = TenantId::new("nobody").expect("valid");
    let elsewhere = store.rotator().rotate_tenant_key(&keys, &nobody, number(1));
    assert_eq!(kind(drive(&world, elsewhere.run())), ErrorKind::InvalidInput);
    assert!(world.stored(&super::job_key()).is_none());
    // An unfinished job of another version.
    let mut dies = Box::pin(rotation(&keys, &store, 1).run());
    step(&mut dies);
    drop(dies);
    let error = refusal(drive(&world, rotation(&keys, &store, 2).run()));
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("version 1 of the key of tenant acme"), "{error}");
    drive(&world, rotation(&keys, &store, 1).run()).expect("it goes on");
    assert_eq!(job(&world).state, JobState::Finished);
    drive(&world, rotation(&keys, &store, 2).run()).expect("the next one");
    assert_eq!(under(&world, 3).len(), 16);
}

/// A forger puts the old active version back while the rotation works.
#[test]
fn an_active_version_that_is_put_back_spoils_the_proof() {
    let world = World::new();
    let (keys, store) = process(&world);
    fill(&store);
    let active = RecordKey::new("~k~acme", "ACTIVE");
    let old = world.record(&active);
    let mut running = Box::pin(rotation(&keys, &store, 1).run());
    step(&mut running);
    world.plant(&active, old);
    let refused = refusal(drive(&world, running)).kind();
    assert!(matches!(refused, ErrorKind::RollbackDetected | ErrorKind::Conflict), "{refused:?}");
    assert_eq!(job(&world).state, JobState::Released);
}

/// Format 0 knows no tenants: what a master key wrapped goes under the tenant's key.
#[test]
fn a_migration_goes_to_the_tenant_tier() {
    let world = World::new();
    world.plant(&current(&id("a")), original(&world, &id("a"), "a1"));
    let keys = tenant_keys(&world);
    let owned = ApplicationConfig::default().with_tenant(acme()).with_legacy(Legacy::Read);
    let builder = EnvelopeStore::builder(Arc::new(keys), world.records.clone()).store_id("prod");
    let store = builder.clock(world.clock.clone()).application(app(APP), owned).build().expect("valid");
    let report = drive(&world, store.rotator().migrate(&app(APP)).run()).expect("migrated");
    assert_eq!((report.changed(), report.is_complete()), (1, true));
    assert_eq!(under(&world, 1), [current(&id("a"))]);
    let (_, strict) = process(&world);
    assert_eq!(wait(strict.get(&id("a"))).expect("opens").text().expect("text"), "a1");
}
