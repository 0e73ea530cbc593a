//! The database and the holder of master keys fail at every call, answers get lost, and calls are dropped at every await: what was
//! answered holds, what is there is whole, and the same call again gets on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use secret_store_conformance::fault::{Fault, TimingOut};
use secret_store_core::{
    Consistency, ErrorKind, KeyProvider, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored,
    TenantKeyInfo, TenantKeyState, TenantKeys, Write,
};
use secret_store_memory::MemoryPersistence;

use super::support::{
    ACME, APP, MAIN, Pausing, PausingKeys, SECOND, STORE, World, acme, active_at, app, context, dropped_everywhere,
    key_of, kind, master, version, version_at, wait,
};

/// No call makes more calls than this.
const MOST_CALLS: usize = 30;

/// Every step of a tenant's life, each on a world of its own that is ready for it.
type Step = (&'static str, fn(&TenantKeys), fn(&TenantKeys) -> Result<()>);

fn steps() -> [Step; 9] {
    [
        ("generate", nothing, |keys| wait(keys.generate_key(&key_of(ACME), &context("Db"))).map(drop)),
        ("create", nothing, |keys| wait(keys.create(&acme())).map(drop)),
        ("activate", created, |keys| {
            let activated = wait(keys.activate_next(&acme(), version(1)))?;
            assert_eq!(activated, version(2));
            Ok(())
        }),
        ("retire", two, |keys| wait(keys.retire(&acme(), version(1)))),
        ("destroy", retired, |keys| wait(keys.destroy_version(&acme(), version(1)))),
        ("destroy tenant", two, |keys| wait(keys.destroy_tenant(&acme()))),
        ("repair", created, |keys| wait(keys.repair(&acme())).map(drop)),
        ("list", two, |keys| {
            assert_eq!(wait(keys.versions(&acme()))?.len(), 2);
            wait(keys.applications(&acme())).map(drop)
        }),
        ("rewrap", two, |keys| {
            let info = listed(keys, 1)?;
            wait(keys.rewrap_version(&info, &master(SECOND))).map(drop)
        }),
    ]
}

fn nothing(_: &TenantKeys) {}

fn created(keys: &TenantKeys) {
    wait(keys.create(&acme())).expect("creates");
}

fn two(keys: &TenantKeys) {
    created(keys);
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
}

fn retired(keys: &TenantKeys) {
    two(keys);
    wait(keys.retire(&acme(), version(1))).expect("retires");
}

fn listed(keys: &TenantKeys, number: u32) -> Result<TenantKeyInfo> {
    let versions = wait(keys.versions(&acme()))?;
    Ok(versions.into_iter().find(|info| info.version == version(number)).expect("it is there"))
}

/// What is there is whole: versions and the active record agree, and every key that is there opens.
fn is_whole(world: &World, what: &str) {
    let keys = world.keys();
    match wait(keys.active_version(&acme())) {
        Ok(active) => {
            let versions = wait(keys.versions(&acme())).expect("lists");
            assert_eq!(versions.last().map(|info| info.version), active, "{what}: the newest is active");
            for info in versions.iter().filter(|info| info.state != TenantKeyState::Destroyed) {
                let wrapped = info.wrapped_key().expect("a key that is not destroyed");
                let store = secret_store_core::StoreId::new(STORE).expect("valid");
                let context = secret_store_core::EncryptionContext::tenant_key(&store, &acme(), info.version);
                wait(world.master_keys.unwrap_key(wrapped, &context)).unwrap_or_else(|e| panic!("{what}: {e}"));
            }
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::KeyDestroyed, "{what}: {error}");
            assert!(world.record(&active_at(ACME)).get("State").is_some());
        }
    }
}

#[test]
fn every_step_survives_each_failing_call_of_the_database_and_of_the_inner_provider() {
    for (name, prepare, step) in steps() {
        for kind in [ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::PermissionDenied] {
            for of_records in [true, false] {
                let mut struck = 0;
                for spared in 0..MOST_CALLS {
                    let world = World::new();
                    prepare(&world.keys());
                    let keys = world.keys();
                    let fault = Fault::new(kind).after(spared);
                    let (before, failed): (usize, &dyn Fn() -> usize) = if of_records {
                        world.records.fail(fault);
                        (world.records.failed(), &|| world.records.failed())
                    } else {
                        world.failing_keys.fail(fault);
                        (world.failing_keys.failed(), &|| world.failing_keys.failed())
                    };
                    let answer = step(&keys);
                    let hit = failed() > before;
                    world.records.heal();
                    world.failing_keys.heal();
                    let what = format!("{name}, call {spared} {kind:?}");
                    match answer {
                        Ok(()) => assert!(!hit || kind == ErrorKind::Unavailable, "{what}: a failure is passed over"),
                        Err(error) => assert_eq!(error.kind(), kind, "{what}: {error}"),
                    }
                    is_whole(&world, &what);
                    step(&keys).unwrap_or_else(|error| panic!("{what}, again: {error}"));
                    is_whole(&world, &what);
                    struck += usize::from(hit);
                    if !hit {
                        break;
                    }
                }
                assert!(struck < MOST_CALLS, "{name} makes more calls than {MOST_CALLS}");
                assert!(struck > 0 || !of_records, "{name} asks the database");
            }
        }
    }
}

#[test]
fn a_commit_whose_answer_is_lost_is_recognised_or_made_again() {
    for (name, prepare, step) in steps() {
        let world = World::new();
        prepare(&world.keys());
        let losing = Arc::new(TimingOut::new(world.memory.clone()));
        let keys = world.builder_over(losing.clone()).build().expect("valid");
        losing.lose(Fault::new(ErrorKind::Unavailable));
        let answer = step(&keys);
        let commits = !matches!(name, "repair" | "list");
        assert_eq!(losing.lost(), usize::from(commits), "{name}");
        answer.unwrap_or_else(|error| panic!("{name}: {error} although it landed"));
        is_whole(&world, name);
        step(&keys).unwrap_or_else(|error| panic!("{name}, again: {error}"));
        let versions = wait(world.keys().versions(&acme())).expect("lists");
        assert!(versions.len() <= 2, "{name}: nothing was made twice");
    }
}

fn pausing(world: &World) -> TenantKeys {
    TenantKeys::builder(Arc::new(PausingKeys(world.asked.clone())), Arc::new(Pausing(world.memory.clone())))
        .store_id(STORE)
        .master_key(MAIN)
        .clock(world.clock.clone())
        .build()
        .expect("valid")
}

#[test]
fn wraps_and_unwraps_are_dropped_at_every_await() {
    let world = World::new();
    let key_of = key_of(ACME);
    let context = context("Db");
    // Cold each time: what a dropped call left in the database stays.
    let (polls, made) = dropped_everywhere(
        || {
            let keys = pausing(&world);
            let (id, context) = (key_of.clone(), context.clone());
            async move { keys.generate_key(&id, &context).await }
        },
        || is_whole(&world, "a dropped wrap"),
    );
    let made = made.expect("the last one ends");
    assert!(polls > 4, "{polls}");
    assert_eq!(wait(world.keys().versions(&acme())).expect("lists").len(), 1);
    assert_eq!(wait(world.keys().applications(&acme())).expect("lists"), [app(APP)]);
    // On one instance: a dropped call leaves nobody waiting.
    let keys = pausing(&world);
    let (polls, opened) = dropped_everywhere(|| keys.unwrap_key(&made.wrapped, &context), || {});
    assert!(polls > 2, "{polls}");
    assert_eq!(opened.expect("opens").expose_secret(), made.document_key.expose_secret());
    let keys = pausing(&world);
    let (polls, again) = dropped_everywhere(|| keys.generate_key(&key_of, &context), || {});
    assert!(polls > 4, "{polls}");
    drop(again.expect("generates"));
}

#[test]
fn every_step_is_dropped_at_every_await() {
    for of in ["activate", "retire", "destroy", "destroy tenant", "rewrap"] {
        let world = World::new();
        let calm = world.keys();
        match of {
            "activate" => created(&calm),
            "destroy" => retired(&calm),
            _ => two(&calm),
        }
        let call = || {
            let (keys, info) = (pausing(&world), listed(&calm, 1).expect("it is there"));
            async move {
                match of {
                    "activate" => keys.activate_next(&acme(), version(1)).await.map(drop),
                    "retire" => keys.retire(&acme(), version(1)).await,
                    "destroy" => keys.destroy_version(&acme(), version(1)).await,
                    "destroy tenant" => keys.destroy_tenant(&acme()).await,
                    _ => keys.rewrap_version(&info, &master(SECOND)).await.map(drop),
                }
            }
        };
        let (polls, answer) = dropped_everywhere(call, || is_whole(&world, of));
        answer.unwrap_or_else(|error| panic!("{of}: {error}"));
        assert!(polls > 2, "{of}: {polls}");
        let versions = wait(world.keys().versions(&acme())).expect("lists");
        assert_eq!(versions.len(), 2, "{of}: nothing was made twice");
        if of == "rewrap" {
            assert_eq!(world.record(&version_at(ACME, 1)).text("MasterKeyId").map(|id| &**id), Some(SECOND));
        }
    }
}

/// Records that answer reads, and no commit ever.
#[derive(Debug)]
struct Deaf(Arc<MemoryPersistence>);

#[async_trait]
impl Persistence for Deaf {
    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.0.load(key, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.0.list(query).await
    }

    async fn commit(&self, _: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        std::future::pending().await
    }
}

/// Nobody waits for ever for a tenant's key, nor holds the lease of a rotation for ever.
#[test]
fn a_commit_that_never_ends_is_given_up() {
    fn given_up<T: std::fmt::Debug>(world: &World, work: impl Future<Output = Result<T>>) {
        let mut work = Box::pin(work);
        assert!(work.as_mut().now_or_never().is_none(), "it waits for its commit");
        world.clock.advance(Duration::from_secs(29));
        assert!(work.as_mut().now_or_never().is_none(), "it has 30 seconds");
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(kind(work.now_or_never().expect("its time is over")), ErrorKind::Unavailable);
    }
    let world = World::new();
    let deaf = || world.builder_over(Arc::new(Deaf(world.memory.clone()))).build().expect("valid");
    given_up(&world, deaf().create(&acme()));
    wait(world.keys().create(&acme())).expect("created");
    given_up(&world, deaf().activate_next(&acme(), version(1)));
    // The application is to be recorded first.
    given_up(&world, deaf().generate_key(&key_of(ACME), &context("MainDb")));
}
