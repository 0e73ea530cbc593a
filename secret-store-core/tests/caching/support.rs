//! A store beneath the cache that counts what it is asked, fails when told and answers when let.

#[path = "../envelope_store/support/clock.rs"]
mod clock;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Shared;
use secret_store_core::{
    ApplicationName, CacheOptions, CachedStore, DeleteOptions, EnvelopeStore, Error, ErrorKind, GetOptions,
    ListOptions, Page, PutOptions, Result, Secret, SecretId, SecretInfo, SecretStore, SecretStoreExt, SecretValue,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};

pub(crate) use clock::ManualClock;
pub(crate) use futures::executor::block_on as wait;

pub(crate) const APP: &str = "YourApp.Production";
pub(crate) const TTL: Duration = Duration::from_secs(60);
pub(crate) const TICK: Duration = Duration::from_micros(1);
/// The shortest life of a value: a tenth less.
pub(crate) const SHORTEST: Duration = Duration::from_secs(54);

pub(crate) fn id(name: &str) -> SecretId {
    SecretId::parse(APP, name).expect("a valid name")
}

#[track_caller]
pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.expect_err("this must be refused").kind()
}

/// What was asked of the store beneath.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) gets: usize,
    pub(crate) many: usize,
    pub(crate) lists: usize,
    pub(crate) alls: usize,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not made.
    Before(ErrorKind),
    /// It is made, and its answer is lost.
    After(ErrorKind),
}

#[derive(Debug, Default)]
struct Counts {
    gets: AtomicUsize,
    many: AtomicUsize,
    lists: AtomicUsize,
    alls: AtomicUsize,
}

pub(crate) struct Backend {
    pub(crate) store: EnvelopeStore,
    counts: Counts,
    fault: Mutex<Option<Fault>>,
    gate: Mutex<Option<Shared<oneshot::Receiver<()>>>>,
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Backend")
    }
}

/// Lets through what waits when it is dropped.
pub(crate) struct Gate(#[expect(dead_code, reason = "its drop opens the gate")] oneshot::Sender<()>);

impl Backend {
    pub(crate) fn asked(&self) -> Asked {
        let read = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        let Counts { gets, many, lists, alls } = &self.counts;
        Asked { gets: read(gets), many: read(many), lists: read(lists), alls: read(alls) }
    }

    pub(crate) fn gets(&self) -> usize {
        self.asked().gets
    }

    pub(crate) fn fail(&self, fault: impl Into<Option<Fault>>) {
        *self.fault.lock().expect("no panic under this lock") = fault.into();
    }

    /// From now on calls do what they are asked to, and then wait with their answer.
    pub(crate) fn hold(&self) -> Gate {
        let (open, gate) = oneshot::channel();
        *self.gate.lock().expect("no panic under this lock") = Some(gate.shared());
        Gate(open)
    }

    /// What is asked from now on waits for no gate.
    pub(crate) fn hold_no_more(&self) {
        *self.gate.lock().expect("no panic under this lock") = None;
    }

    async fn meet<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let fault = *self.fault.lock().expect("no panic under this lock");
        let gate = self.gate.lock().expect("no panic under this lock").clone();
        let failure = |kind| Error::new(kind, "the test made this call fail");
        let answer = match fault {
            Some(Fault::Before(kind)) => Err(failure(kind)),
            Some(Fault::After(kind)) => call.await.and(Err(failure(kind))),
            None => call.await,
        };
        if let Some(gate) = gate {
            // Dropped is open, too.
            gate.await.ok();
        }
        answer
    }
}

#[async_trait]
impl SecretStore for Backend {
    async fn get_with(&self, id: &SecretId, options: GetOptions) -> Result<Secret> {
        self.counts.gets.fetch_add(1, Ordering::SeqCst);
        self.meet(self.store.get_with(id, options)).await
    }

    async fn put_with(&self, id: &SecretId, value: SecretValue, options: PutOptions) -> Result<SecretInfo> {
        self.meet(self.store.put_with(id, value, options)).await
    }

    async fn delete_with(&self, id: &SecretId, options: DeleteOptions) -> Result<()> {
        self.meet(self.store.delete_with(id, options)).await
    }

    async fn list_with(&self, application: &ApplicationName, options: ListOptions) -> Result<Page<SecretInfo>> {
        self.counts.lists.fetch_add(1, Ordering::SeqCst);
        self.meet(self.store.list_with(application, options)).await
    }

    async fn history_with(&self, id: &SecretId, options: ListOptions) -> Result<Page<SecretInfo>> {
        self.meet(self.store.history_with(id, options)).await
    }

    async fn get_many_with(&self, ids: &[SecretId], options: GetOptions) -> Result<Vec<Secret>> {
        self.counts.many.fetch_add(1, Ordering::SeqCst);
        self.meet(self.store.get_many_with(ids, options)).await
    }

    async fn get_all_with(&self, application: &ApplicationName, options: GetOptions) -> Result<Vec<Secret>> {
        self.counts.alls.fetch_add(1, Ordering::SeqCst);
        self.meet(self.store.get_all_with(application, options)).await
    }
}

pub(crate) type Cached = CachedStore<Arc<Backend>>;

/// A store that counts, and a clock. What is written to `backend.store` is another process's write.
pub(crate) struct World {
    pub(crate) backend: Arc<Backend>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) keys: Arc<MemoryKeyProvider>,
    pub(crate) records: Arc<MemoryPersistence>,
}

impl World {
    /// With `Db` in it.
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let keys = ["main", "second"].iter().fold(MemoryKeyProvider::new(), |keys, id| {
            keys.with_generated(&id.parse().expect("a valid master key id")).expect("random bytes")
        });
        let (keys, records) = (Arc::new(keys), Arc::new(MemoryPersistence::new()));
        // The cache of document keys is off, so that each read beneath asks the key provider.
        let store = EnvelopeStore::builder(keys.clone(), records.clone())
            .store_id("prod")
            .master_key("main")
            .key_cache(0, Duration::ZERO)
            .clock(clock.clone())
            .build()
            .expect("a valid configuration");
        wait(store.put(&id("Db"), "one".into())).expect("stored");
        let backend = Backend { store, counts: Counts::default(), fault: Mutex::default(), gate: Mutex::default() };
        Self { backend: Arc::new(backend), clock, keys, records }
    }

    pub(crate) fn options(&self) -> CacheOptions {
        CacheOptions::default().with_clock(self.clock.clone())
    }

    /// 60 s, nothing ahead, nothing stale.
    pub(crate) fn strict(&self) -> CacheOptions {
        self.options().with_refresh_ahead(Duration::ZERO).with_stale(Duration::ZERO)
    }

    pub(crate) fn cached(&self, options: &CacheOptions) -> Cached {
        CachedStore::with_options(self.backend.clone(), options)
    }

    /// Another process writes.
    pub(crate) fn elsewhere(&self, name: &str, value: &str) {
        wait(self.backend.store.put(&id(name), value.into())).expect("stored");
    }
}

#[track_caller]
pub(crate) fn reads(store: &Cached, name: &str) -> String {
    let secret = wait(store.get(&id(name))).expect("reads");
    secret.text().expect("text").to_owned()
}

pub(crate) type Call<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// A call that has begun and waits.
#[track_caller]
pub(crate) fn begun<T>(call: impl Future<Output = Result<T>> + Send + 'static) -> Call<T> {
    let mut call: Call<T> = Box::pin(call);
    assert!(poll(&mut call).is_pending());
    call
}

/// A read that has begun and waits.
#[track_caller]
pub(crate) fn begun_read(store: &Cached, name: &str) -> Call<Secret> {
    let (store, id) = (store.clone(), id(name));
    begun(async move { store.get(&id).await })
}

pub(crate) fn poll<T>(call: &mut Call<T>) -> Poll<Result<T>> {
    call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}
