//! What the caches beneath found: in the spans of the operations that asked them, and in the metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::executor::block_on;
use futures::{FutureExt, future};
use secret_store_core::{
    ApplicationConfig, CacheOptions, CachedStore, Consistency, EnvelopeStore, Error, ErrorKind, GetOptions, Limits,
    ListQuery, Page, Persistence, RecordKey, Result, Revision, SecretStore, SecretStoreExt, Stored, TenantKeys,
    TracedStore, Write,
};
use secret_store_memory::MemoryPersistence;
use tracing::Level;

use super::recorder::Recorder;
use super::{ManualClock, Slow, VALUE, application, envelope, forge, id, keys, operation, over};

/// What one read says of one cache.
fn found(recorder: &Recorder, cache: &str, read: impl FnOnce()) -> Option<String> {
    recorder.take();
    read();
    operation(&recorder.take()).get(cache).map(str::to_owned)
}

#[test]
fn document_keys() {
    let (recorder, _guard) = Recorder::listen(Level::INFO);
    let store = over(Arc::new(MemoryPersistence::new()));
    block_on(store.put(&id("a"), VALUE.into())).expect("stored");
    block_on(store.put(&id("b"), VALUE.into())).expect("stored");
    let get = |name: &str| drop(block_on(store.get(&id(name))).expect("opens"));
    let key_cache = |read: &dyn Fn()| found(&recorder, "key_cache", read);
    assert_eq!(key_cache(&|| get("a")).as_deref(), Some("miss"));
    assert_eq!(key_cache(&|| get("a")).as_deref(), Some("hit"));
    assert_eq!(key_cache(&|| drop(block_on(store.get_all(&application())))).as_deref(), Some("mixed"));
    assert_eq!(key_cache(&|| drop(block_on(store.list(&application())))), None);
    assert_eq!(found(&recorder, "cache", || get("a")), None, "nobody has a cache of secrets");
}

/// A refusal is remembered for a moment, so that a forged record cannot buy a provider call with every read.
#[test]
fn refused_keys() {
    let (recorder, _guard) = Recorder::listen(Level::INFO);
    let records = Arc::new(MemoryPersistence::new());
    let store = over(records.clone());
    block_on(store.put(&id("Db"), VALUE.into())).expect("stored");
    forge(&records, "ProtectedDocumentKey", vec![7; 60]);
    let get = || drop(block_on(store.get(&id("Db"))).expect_err("forged"));
    let key_cache = |read: &dyn Fn()| {
        recorder.take();
        read();
        recorder.take().iter().find(|seen| !seen.is_event).and_then(|span| span.get("key_cache").map(str::to_owned))
    };
    assert_eq!(key_cache(&get).as_deref(), Some("miss"));
    assert_eq!(key_cache(&get).as_deref(), Some("negative"));
}

#[test]
fn a_cache_that_is_off_is_not_asked() {
    let (recorder, _guard) = Recorder::listen(Level::INFO);
    let builder = EnvelopeStore::builder(Arc::new(keys()), Arc::new(MemoryPersistence::new()));
    let store = builder.store_id("prod").master_key("main").key_cache(0, Duration::ZERO).build().expect("valid");
    let off = CacheOptions::default().with_capacity(0);
    let store = TracedStore::new(Arc::new(CachedStore::with_options(store, &off)), "test");
    block_on(store.put(&id("Db"), VALUE.into())).expect("stored");
    recorder.take();
    block_on(store.get(&id("Db"))).expect("opens");
    let seen = recorder.take();
    assert_eq!((operation(&seen).get("cache"), operation(&seen).get("key_cache")), (None, None));
}

/// A persistence that can be made unavailable.
#[derive(Debug, Default)]
struct Away {
    records: MemoryPersistence,
    away: AtomicBool,
}

impl Away {
    fn check(&self) -> Result<()> {
        let away = self.away.load(Ordering::SeqCst);
        if away { Err(Error::new(ErrorKind::Unavailable, "the test made this call fail")) } else { Ok(()) }
    }
}

#[async_trait]
impl Persistence for Away {
    fn limits(&self) -> Limits {
        self.records.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.check()?;
        self.records.load(key, consistency).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        self.check()?;
        self.records.load_many(keys, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.check()?;
        self.records.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.check()?;
        self.records.commit(writes).await
    }
}

#[test]
fn clear_secrets() {
    let (recorder, _guard) = Recorder::listen(Level::INFO);
    let (records, clock) = (Arc::new(Away::default()), Arc::new(ManualClock::default()));
    let options = CacheOptions::default().with_clock(clock.clone());
    let cached = CachedStore::with_options(envelope(records.clone()), &options);
    let store = TracedStore::new(Arc::new(cached.clone()), "test");
    block_on(store.put(&id("Db"), VALUE.into())).expect("stored");
    let cache = |name: &str, options: GetOptions| {
        let name = id(name);
        found(&recorder, "cache", || drop(block_on(store.get_with(&name, options))))
    };
    let plain = GetOptions::default;
    assert_eq!(cache("Db", plain()).as_deref(), Some("miss"));
    assert_eq!(cache("Db", plain()).as_deref(), Some("hit"));
    assert_eq!(cache("None", plain()).as_deref(), Some("miss"));
    assert_eq!(cache("None", plain()).as_deref(), Some("negative"));
    assert_eq!(cache("Db", plain().with_consistency(Consistency::Strong)), None, "it goes past the entries");
    let many = || drop(block_on(store.get_many(&[id("Db"), id("Db")])));
    assert_eq!(found(&recorder, "cache", many).as_deref(), Some("hit"));

    clock.advance(Duration::from_secs(60));
    records.away.store(true, Ordering::SeqCst);
    assert_eq!(cache("Db", plain()).as_deref(), Some("stale"), "asked for in vain");
    assert_eq!(cache("Db", plain()).as_deref(), Some("stale"), "not asked for again yet");
    assert_eq!(cache("Other", plain()).as_deref(), Some("miss"));
    let metrics = cached.metrics();
    assert_eq!((metrics.hits, metrics.stale_served), (4, 2));
}

/// Two that need the same answer: the one that began has the call beneath, the other one waited.
#[test]
fn one_question_of_two_reads_is_within_the_first() {
    let (recorder, _guard) = Recorder::listen(Level::DEBUG);
    let cached = CachedStore::new(envelope(Arc::new(Slow::default())));
    let store = TracedStore::new(Arc::new(cached), "test");
    block_on(store.put(&id("Db"), VALUE.into())).expect("stored");
    recorder.take();
    let db = id("Db");
    let (first, second) = block_on(future::join(store.get(&db), store.get(&db)));
    drop((first.expect("opens"), second.expect("opens")));
    let seen = recorder.take();
    let reads: Vec<_> = seen.iter().filter(|seen| seen.name == "secret_store" && seen.get("cache").is_some()).collect();
    assert_eq!(reads.iter().map(|read| read.get("cache")).collect::<Vec<_>>(), [Some("miss"), Some("miss")]);
    let loads: Vec<_> = seen.iter().filter(|seen| seen.get("operation") == Some("load")).collect();
    assert_eq!((loads.len(), loads[0].within), (1, Some("secret_store")));
    let capacities: Vec<_> = reads.iter().map(|read| read.get("capacity")).collect();
    assert_eq!(capacities, [Some("0.5"), None], "counted once");
}

/// A read that is given up still says that it had to wait.
#[test]
fn a_wait_that_is_given_up_is_a_miss() {
    let (recorder, _guard) = Recorder::listen(Level::INFO);
    let cached = CachedStore::new(envelope(Arc::new(Slow::default())));
    let store = TracedStore::new(Arc::new(cached), "test");
    block_on(store.put(&id("Db"), VALUE.into())).expect("stored");
    recorder.take();
    let db = id("Db");
    assert!(store.get(&db).now_or_never().is_none());
    let seen = recorder.take();
    let get = operation(&seen);
    assert_eq!((get.get("outcome"), get.get("cache")), (Some("cancelled"), Some("miss")));
}

#[test]
fn tenant_keys() {
    let (recorder, _guard) = Recorder::listen(Level::INFO);
    let records: Arc<dyn Persistence> = Arc::new(MemoryPersistence::new());
    let tenants = TenantKeys::builder(Arc::new(keys()), records.clone()).store_id("prod").master_key("main");
    let tenants = tenants.build().expect("valid");
    let tenant = ApplicationConfig::default().with_tenant("acme".parse().expect("valid"));
    let builder = EnvelopeStore::builder(Arc::new(tenants.clone()), records).store_id("prod").master_key("main");
    let store = builder.application(application(), tenant).key_cache(0, Duration::ZERO).build().expect("valid");
    let store = TracedStore::new(Arc::new(store), "test");
    block_on(store.put(&id("Db"), VALUE.into())).expect("stored");
    let get = || drop(block_on(store.get(&id("Db"))).expect("opens"));
    assert_eq!(found(&recorder, "tenant_key_cache", get).as_deref(), Some("hit"));
    tenants.purge();
    assert_eq!(found(&recorder, "tenant_key_cache", get).as_deref(), Some("miss"));
    assert_eq!(found(&recorder, "tenant_key_cache", get).as_deref(), Some("hit"));
}
