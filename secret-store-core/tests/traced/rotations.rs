//! A rotation tells that it works and what is in its way, and names neither: the report does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_core::{
    ApplicationName, BlindNames, BlindedKeys, Blinding, BlindingKey, Clock, EnvelopeStore, KeyProvider, Persistence,
    Precondition, Record, RecordKey, SecretId, SecretStoreExt, Value, Write,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use tracing::Level;

use super::recorder::{Recorder, Seen};

const APPLICATION: &str = "Canary-Application";
const SECRET: &str = "Canary-Name";
const IN_THE_WAY: &str = "Canary-In-The-Way";

/// A clock by which whoever sleeps has slept.
#[derive(Debug, Default)]
struct Hurried(AtomicU64);

#[async_trait]
impl Clock for Hurried {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        self.0.fetch_add(u64::try_from(duration.as_millis()).expect("short") + 1, Ordering::SeqCst);
    }
}

fn rotated(keys: Arc<dyn KeyProvider>, records: &Arc<dyn Persistence>) {
    let allowed = ["main", "other"].map(|key| key.parse().expect("valid"));
    let builder = EnvelopeStore::builder(keys, records.clone()).store_id("prod").master_key("main");
    let builder = builder.wrap_with(allowed.clone()).unwrap_with(allowed.clone());
    let store = builder.clock(Arc::<Hurried>::default()).build().expect("valid");
    let application = ApplicationName::new(APPLICATION).expect("valid");
    let id = SecretId::new(application.clone(), SECRET.parse().expect("valid"));
    let foreign = Record::new().with("Note", Value::from("no secret"));
    let foreign = Write::put(RecordKey::new(APPLICATION, IN_THE_WAY), foreign, Precondition::Absent);
    block_on(async {
        store.put(&id, "value".into()).await.expect("stored");
        records.commit(vec![foreign]).await.expect("stored");
        let rotation = || store.rotator().rotate_master_key(&allowed[0], &allowed[1]).application(&application);
        let census = rotation().dry_run().await.expect("counted");
        let report = rotation().run().await.expect("rotated");
        for found in [format!("{census:?}"), format!("{report:?}")] {
            assert!(found.contains(IN_THE_WAY), "whoever rotates is told: {found}");
        }
    });
}

fn keys() -> MemoryKeyProvider {
    ["main", "other", "third"]
        .iter()
        .fold(MemoryKeyProvider::new(), |keys, id| keys.with_generated(&id.parse().expect("valid")).expect("random"))
}

#[track_caller]
fn check(seen: &[Seen]) {
    let about: Vec<_> = seen.iter().filter(|seen| seen.target.contains("rotation")).collect();
    assert!(about.iter().any(|seen| seen.level == Level::WARN), "what is in the way is told: {seen:?}");
    assert!(about.iter().any(|seen| seen.level == Level::INFO), "the end is told: {seen:?}");
    let told = format!("{seen:?}");
    for name in [APPLICATION, "Canary"] {
        assert!(!told.contains(name) && !told.contains(&hex::encode(name)), "{name} in {told}");
    }
}

#[test]
fn a_rotation_traces_no_name() {
    let (recorder, _guard) = Recorder::listen(Level::TRACE);
    let records: Arc<dyn Persistence> = Arc::new(MemoryPersistence::new());
    rotated(Arc::new(keys()), &records);
    check(&recorder.take());
}

#[test]
fn a_rotation_under_blind_names_traces_no_name() {
    let (recorder, _guard) = Recorder::listen(Level::TRACE);
    let (key, _bytes) = BlindingKey::generate().expect("random");
    let blinding = Blinding::new(&key);
    let records = block_on(BlindNames::open(Arc::new(MemoryPersistence::new()), blinding.clone())).expect("new");
    let records: Arc<dyn Persistence> = Arc::new(records);
    rotated(Arc::new(BlindedKeys::new(Arc::new(keys()), blinding)), &records);
    check(&recorder.take());
}
