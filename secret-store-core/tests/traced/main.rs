//! What the tracing layers tell, and what they never tell.

mod blind;
mod caches;
mod canary;
mod metered;
mod outcomes;
mod recorder;
mod rotations;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use futures::executor::block_on;
use recorder::{Recorder, Seen};
use secret_store_core::observe::{self, Cache, Lookup};
use secret_store_core::{
    ApplicationName, Clock, Consistency, DeleteOptions, EnvelopeStore, ErrorKind, GetOptions, KeyProvider, Limits,
    ListOptions, ListQuery, Page, Persistence, Precondition, PutOptions, RecordKey, Result, Revision, SecretId,
    SecretStore, SecretStoreExt, SecretValue, Stored, SystemClock, TracedKeys, TracedRecords, TracedStore, Value,
    Write,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use tracing::Level;

const VALUE: &str = "canary-value-QZ7";

fn id(name: &str) -> SecretId {
    SecretId::parse("App", name).expect("valid")
}

fn application() -> ApplicationName {
    ApplicationName::new("App").expect("valid")
}

fn keys() -> MemoryKeyProvider {
    MemoryKeyProvider::new().with_generated(&"main".parse().expect("valid")).expect("random")
}

fn envelope(records: Arc<dyn Persistence>) -> EnvelopeStore {
    let keys = TracedKeys::new(Arc::new(keys()), "test-keys");
    let store = EnvelopeStore::builder(Arc::new(keys), Arc::new(TracedRecords::new(records, "test-records")));
    store.store_id("prod").master_key("main").build().expect("valid")
}

fn over(records: Arc<dyn Persistence>) -> TracedStore {
    TracedStore::new(Arc::new(envelope(records)), "test")
}

/// The one span of a store operation among what was seen.
#[track_caller]
fn operation(seen: &[Seen]) -> &Seen {
    let spans: Vec<_> = seen.iter().filter(|seen| seen.name == "secret_store").collect();
    assert_eq!(spans.len(), 1, "{seen:#?}");
    spans[0]
}

#[test]
fn every_operation_has_its_span() {
    let (recorder, _guard) = Recorder::listen(Level::INFO);
    let store = over(Arc::new(MemoryPersistence::new()));
    let (db, application) = (id("Db"), application());
    block_on(async {
        let check = |name: &str, outcome: &str| {
            let seen = recorder.take();
            let span = operation(&seen);
            assert_eq!((span.target.as_str(), span.level, seen.len()), ("secret_store", Level::INFO, 1), "{seen:#?}");
            assert_eq!(span.get("operation"), Some(name));
            assert_eq!(span.get("backend"), Some("test"));
            assert_eq!(span.get("application"), Some("App"));
            assert_eq!(span.get("outcome"), Some(outcome));
            assert_eq!(span.get("attempts"), Some("1"));
            assert!(span.get("duration_us").expect("a duration").parse::<u64>().is_ok());
            assert!(!format!("{span:?}").contains("Db"), "no name of a secret: {span:?}");
        };
        drop(store.put(&db, VALUE.into()).await.expect("stored"));
        check("put", "ok");
        drop(store.get(&db).await.expect("there"));
        check("get", "ok");
        drop(store.get(&id("None")).await.expect_err("absent"));
        check("get", "not_found");
        drop(store.put_with(&db, VALUE.into(), PutOptions::default().with_precondition(Precondition::Absent)).await);
        check("put", "conflict");
        drop(store.put_with(&db, SecretValue::new(vec![0; 100_000]), PutOptions::default()).await);
        check("put", "too_large");
        drop(store.list_with(&application, ListOptions::default()).await.expect("a page"));
        check("list", "ok");
        drop(store.history_with(&db, ListOptions::default()).await.expect("a page"));
        check("history", "ok");
        drop(store.get_many_with(std::slice::from_ref(&db), GetOptions::default()).await.expect("all"));
        check("get_many", "ok");
        drop(store.get_all_with(&application, GetOptions::default()).await.expect("all"));
        check("get_all", "ok");
        store.delete_with(&db, DeleteOptions::default()).await.expect("deleted");
        check("delete", "ok");
    });
}

#[test]
fn the_parts_of_an_operation_lie_within_it() {
    let (recorder, _guard) = Recorder::listen(Level::DEBUG);
    let store = over(Arc::new(MemoryPersistence::new()));
    block_on(store.put(&id("Db"), VALUE.into())).expect("stored");
    let seen = recorder.take();
    let parts: Vec<_> =
        seen[1..].iter().map(|seen| (seen.get("operation"), seen.get("backend"), seen.within)).collect();
    let within = Some("secret_store");
    assert_eq!(
        parts,
        [
            (Some("load_many"), Some("test-records"), within),
            (Some("generate_key"), Some("test-keys"), within),
            (Some("commit"), Some("test-records"), within)
        ]
    );
    for part in &seen[1..] {
        assert_eq!((part.level, part.get("outcome")), (Level::DEBUG, Some("ok")));
        assert!(part.get("duration_us").is_some());
        assert!(!format!("{part:?}").contains("App"), "no application: {part:?}");
    }
    assert_eq!(seen[3].get("records"), Some("2"));
}

/// A persistence whose commits lose so many races, and which reports what it consumed.
#[derive(Debug)]
struct Contended(MemoryPersistence, std::sync::atomic::AtomicU32);

#[async_trait]
impl Persistence for Contended {
    fn limits(&self) -> Limits {
        self.0.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        observe::capacity(0.5);
        self.0.load(key, consistency).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        observe::capacity(1.0);
        self.0.load_many(keys, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.0.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        observe::capacity(2.0);
        if self
            .1
            .fetch_update(std::sync::atomic::Ordering::SeqCst, std::sync::atomic::Ordering::SeqCst, |left| {
                left.checked_sub(1)
            })
            .is_ok()
        {
            return Err(secret_store_core::Error::new(ErrorKind::Contention, "another write is in progress"));
        }
        self.0.commit(writes).await
    }
}

#[test]
fn attempts_and_capacity_add_up() {
    let (recorder, _guard) = Recorder::listen(Level::DEBUG);
    let store = over(Arc::new(Contended(MemoryPersistence::new(), 2.into())));
    block_on(store.put(&id("Db"), VALUE.into())).expect("the third try");
    let seen = recorder.take();
    let put = operation(&seen);
    assert_eq!((put.get("attempts"), put.get("outcome"), put.get("capacity")), (Some("3"), Some("ok"), Some("9.0")));
    let commits: Vec<_> = seen.iter().filter(|seen| seen.get("operation") == Some("commit")).collect();
    let outcomes: Vec<_> = commits.iter().map(|commit| (commit.get("outcome"), commit.get("capacity"))).collect();
    assert_eq!(
        outcomes,
        [(Some("contention"), Some("2.0")), (Some("contention"), Some("2.0")), (Some("ok"), Some("2.0"))]
    );
    // Nothing is carried over.
    block_on(store.get(&id("Db"))).expect("opens");
    assert_eq!(operation(&recorder.take()).get("capacity"), Some("0.5"));
}

#[test]
fn what_is_alarming_is_heard_also_where_nothing_else_is() {
    let (recorder, _guard) = Recorder::listen(Level::WARN);
    let records = Arc::new(MemoryPersistence::new());
    let store = over(records.clone());
    block_on(store.put(&id("Db"), VALUE.into())).expect("stored");
    assert!(recorder.take().is_empty());
    forge(&records, "ProtectedSecretValue", vec![0; 80]);
    block_on(store.get(&id("Db"))).expect_err("forged");
    let seen = recorder.take();
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert!(seen[0].is_event && seen[0].level == Level::WARN);
    assert_eq!((seen[0].get("outcome"), seen[0].get("operation")), (Some("integrity"), Some("get")));
    assert_eq!((seen[0].get("backend"), seen[0].get("application")), (Some("test"), Some("App")));
}

/// Puts other bytes into the record of `Db`.
fn forge(records: &MemoryPersistence, attribute: &'static str, bytes: Vec<u8>) {
    let key = RecordKey::new("App", "Db");
    let honest = block_on(records.load(&key, Consistency::Strong)).expect("answers").expect("there").record;
    let forged = (*honest).clone().with(attribute, Value::from(bytes));
    block_on(records.commit(vec![Write::put(key, forged, Precondition::Any)])).expect("taken");
}

fn yield_once() -> impl Future<Output = ()> {
    let mut has_yielded = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut has_yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
}

/// A persistence whose reads are answered when they are polled once more, and which reports what it consumed.
#[derive(Debug, Default)]
struct Slow(MemoryPersistence);

#[async_trait]
impl Persistence for Slow {
    fn limits(&self) -> Limits {
        self.0.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        yield_once().await;
        observe::capacity(0.5);
        self.0.load(key, consistency).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        self.0.load_many(keys, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.0.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.0.commit(writes).await
    }
}

/// A store whose reads never end.
#[derive(Debug)]
struct Endless;

#[async_trait]
impl SecretStore for Endless {
    async fn get_with(&self, _: &SecretId, _: GetOptions) -> Result<secret_store_core::Secret> {
        observe::cache(Cache::Secrets, Lookup::Miss);
        std::future::pending().await
    }

    async fn put_with(&self, _: &SecretId, _: SecretValue, _: PutOptions) -> Result<secret_store_core::SecretInfo> {
        std::future::pending().await
    }

    async fn delete_with(&self, _: &SecretId, _: DeleteOptions) -> Result<()> {
        std::future::pending().await
    }

    async fn list_with(&self, _: &ApplicationName, _: ListOptions) -> Result<Page<secret_store_core::SecretInfo>> {
        std::future::pending().await
    }

    async fn history_with(&self, _: &SecretId, _: ListOptions) -> Result<Page<secret_store_core::SecretInfo>> {
        std::future::pending().await
    }
}

/// A clock that a test moves.
#[derive(Debug, Default)]
struct ManualClock(std::sync::atomic::AtomicU64);

impl ManualClock {
    fn advance(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).expect("a short time");
        self.0.fetch_add(micros, std::sync::atomic::Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> std::time::SystemTime {
        SystemClock.now()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }

    async fn sleep(&self, _: Duration) {}
}

#[test]
fn a_dropped_operation_was_cancelled() {
    let (recorder, _guard) = Recorder::listen(Level::INFO);
    let clock = Arc::new(ManualClock::default());
    let store = TracedStore::new(Arc::new(Endless), "test").with_clock(clock.clone());
    let db = id("Db");
    {
        let mut get = pin!(store.get(&db));
        assert!(get.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        clock.advance(Duration::from_micros(1_500));
        // Between polls nobody is inside: what is reported belongs to nothing.
        observe::cache(Cache::Secrets, Lookup::Hit);
    }
    let seen = recorder.take();
    let get = operation(&seen);
    assert_eq!((get.get("outcome"), get.get("duration_us")), (Some("cancelled"), Some("1500")));
    assert_eq!(get.get("cache"), Some("miss"));
}

/// Every method, the provided ones too, reaches what is beneath: no layer falls back to a provided method.
#[test]
fn provided_methods_are_forwarded() {
    use secret_store_core::{MockKeyProvider, MockPersistence, MockSecretStore};
    let reached = || secret_store_core::Error::new(ErrorKind::Throttled, "reached");
    let mut store = MockSecretStore::new();
    store.expect_get_many_with().once().returning(move |_, _| Err(reached()));
    store.expect_get_all_with().once().returning(move |_, _| Err(reached()));
    let store = TracedStore::new(Arc::new(store), "mock");
    assert_eq!(block_on(store.get_many(&[])).expect_err("reached").to_string(), "reached");
    assert_eq!(block_on(store.get_all(&application())).expect_err("reached").to_string(), "reached");

    let mut records = MockPersistence::new();
    records.expect_limits().once().return_const(Limits::DEFAULT.with_batch(7));
    records.expect_load_many().once().returning(move |_, _| Err(reached()));
    let records = TracedRecords::new(Arc::new(records), "mock");
    assert_eq!(records.limits().batch, 7);
    assert_eq!(block_on(records.load_many(&[], Consistency::Strong)).expect_err("reached").to_string(), "reached");

    let mut keys = MockKeyProvider::new();
    keys.expect_accepts().once().return_const(true);
    keys.expect_rewrap_key().once().returning(move |_, _, _, _| Err(reached()));
    let keys = TracedKeys::new(Arc::new(keys), "mock");
    let (main, context) = ("main".parse().expect("valid"), secret_store_core::EncryptionContext::legacy());
    assert!(keys.accepts(&main));
    let wrapped = secret_store_core::WrappedKey::new(main.clone(), vec![1]);
    let rewrapped = block_on(keys.rewrap_key(&wrapped, &context, &main, &context));
    assert_eq!(rewrapped.expect_err("reached").to_string(), "reached");
}
