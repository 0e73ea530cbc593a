//! Upper bounds on what an operation costs: allocations, random draws of the operating system, provider calls, round trips.
//!
//! Counted, not timed, so that they hold on every machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use secret_store_benches::operations::operations;
use secret_store_benches::{memory_keys, memory_records, now, secret_id, store, store_id, value};
use secret_store_core::bench::os_draws;
use secret_store_core::{
    CachedStore, Consistency, DocumentKey, EncryptionContext, EnvelopeStore, GeneratedKey, KeyProvider, Limits,
    ListQuery, MasterKeyId, Page, Persistence, ProtectOptions, RecordKey, Result, Revision, SecretStore,
    SecretStoreExt, SecretValue, Stored, TracedKeys, TracedRecords, TracedStore, WrappedKey, Write,
};
use secret_store_memory::MemoryKeyProvider;

/// What was counted of the operations beneath a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Calls {
    generate: u64,
    wrap: u64,
    unwrap: u64,
    load: u64,
    load_many: u64,
    list: u64,
    commit: u64,
}

#[derive(Debug, Default)]
struct Counters {
    generate: AtomicU64,
    wrap: AtomicU64,
    unwrap: AtomicU64,
    load: AtomicU64,
    load_many: AtomicU64,
    list: AtomicU64,
    commit: AtomicU64,
}

impl Counters {
    /// What was counted since the last call.
    fn take(&self) -> Calls {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Calls {
            generate: take(&self.generate),
            wrap: take(&self.wrap),
            unwrap: take(&self.unwrap),
            load: take(&self.load),
            load_many: take(&self.load_many),
            list: take(&self.list),
            commit: take(&self.commit),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[derive(Debug)]
struct CountingKeys(Arc<dyn KeyProvider>, Arc<Counters>);

#[async_trait]
impl KeyProvider for CountingKeys {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.0.accepts(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        count(&self.1.generate);
        self.0.generate_key(id, context).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        count(&self.1.wrap);
        self.0.wrap_key(id, key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        count(&self.1.unwrap);
        self.0.unwrap_key(key, context).await
    }

    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        self.0.rewrap_key(key, from, to, to_context).await
    }
}

#[derive(Debug)]
struct CountingRecords(Arc<dyn Persistence>, Arc<Counters>);

#[async_trait]
impl Persistence for CountingRecords {
    fn limits(&self) -> Limits {
        self.0.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        count(&self.1.load);
        self.0.load(key, consistency).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        count(&self.1.load_many);
        self.0.load_many(keys, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        count(&self.1.list);
        self.0.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        count(&self.1.commit);
        self.0.commit(writes).await
    }
}

fn counted_store() -> (EnvelopeStore, Arc<Counters>) {
    let counters = Arc::new(Counters::default());
    let keys = CountingKeys(memory_keys(), Arc::clone(&counters));
    let records = CountingRecords(memory_records(), Arc::clone(&counters));
    (store(Arc::new(keys), Arc::new(records)), counters)
}

fn secret() -> SecretValue {
    SecretValue::new(value(1024))
}

/// How many random draws an operation makes.
fn draws<T>(operation: impl FnOnce() -> T) -> (T, u64) {
    let before = os_draws();
    let result = operation();
    (result, os_draws() - before)
}

#[test]
fn a_put_is_one_load_one_key_one_commit_one_draw() {
    let (store, counters) = counted_store();
    let expected = Calls { load_many: 1, generate: 1, commit: 1, ..Calls::default() };
    for what in ["the first version", "the second, which moves the first to the history"] {
        let (info, drawn) = draws(|| now(store.put(&secret_id(), secret())));
        info.expect("stored");
        assert_eq!((counters.take(), drawn), (expected, 1), "{what}");
    }
}

#[test]
fn a_get_is_one_load_and_one_unwrap_unless_the_key_is_ready_and_draws_nothing() {
    let (store, counters) = counted_store();
    now(store.put(&secret_id(), secret())).expect("stored");
    counters.take();
    for unwrap in [1, 0, 0] {
        let (read, drawn) = draws(|| now(store.get(&secret_id())));
        assert_eq!(read.expect("read").expose_secret(), value(1024));
        assert_eq!((counters.take(), drawn), (Calls { load: 1, unwrap, ..Calls::default() }, 0));
    }
    store.purge_keys();
    now(store.get(&secret_id())).expect("read");
    assert_eq!(counters.take(), Calls { load: 1, unwrap: 1, ..Calls::default() });
}

#[test]
fn protect_and_unprotect_make_no_round_trip_beyond_their_own() {
    let (store, counters) = counted_store();
    let (protected, drawn) = draws(|| now(store.protect(&secret_id(), secret(), ProtectOptions::default())));
    let protected = protected.expect("protected");
    assert_eq!((counters.take(), drawn), (Calls { load_many: 1, generate: 1, ..Calls::default() }, 1));
    now(store.save(&protected)).expect("saved");
    assert_eq!(counters.take(), Calls { commit: 1, ..Calls::default() });
    for unwrap in [1, 0] {
        let (read, drawn) = draws(|| now(store.unprotect(&protected)));
        read.expect("opened");
        assert_eq!((counters.take(), drawn), (Calls { unwrap, ..Calls::default() }, 0));
    }
}

/// A store that wraps every document key under a second master key too.
fn store_with_two_wraps() -> (EnvelopeStore, Arc<Counters>) {
    let ids = ["main", "second"].map(|id| MasterKeyId::new(id).expect("valid"));
    let keys = ids.iter().fold(MemoryKeyProvider::new(), |keys, id| keys.with_generated(id).expect("random bytes"));
    let counters = Arc::new(Counters::default());
    let keys = CountingKeys(Arc::new(keys), Arc::clone(&counters));
    let builder = EnvelopeStore::builder(Arc::new(keys), memory_records()).store_id(store_id()).master_key("main");
    let [_, second] = ids;
    (builder.also_wrap_with([second]).build().expect("valid"), counters)
}

#[test]
fn a_second_wrap_is_one_call_of_a_put_and_none_of_a_get() {
    let (store, counters) = store_with_two_wraps();
    let (stored, drawn) = draws(|| now(store.put(&secret_id(), secret())));
    stored.expect("stored");
    // The memory backend draws a nonce for each wrap.
    assert_eq!((counters.take(), drawn), (Calls { generate: 1, wrap: 1, ..Calls::default() }, 2));
    for unwrap in [1, 0, 0] {
        let (read, drawn) = draws(|| now(store.get(&secret_id())));
        read.expect("read");
        assert_eq!((counters.take(), drawn), (Calls { unwrap, ..Calls::default() }, 0));
    }
}

#[test]
fn many_secrets_are_loaded_at_once() {
    let (store, counters) = counted_store();
    let app = store.application("App").expect("valid");
    let names: Vec<String> = (0..100).map(|n| format!("name-{n:03}")).collect();
    for name in &names {
        now(app.put(name.as_str(), "value")).expect("stored");
    }
    counters.take();
    let (read, drawn) = draws(|| now(app.get_many(names.iter().map(String::as_str))));
    assert_eq!(read.expect("read").len(), 100);
    assert_eq!((counters.take(), drawn), (Calls { load_many: 1, unwrap: 100, ..Calls::default() }, 0));
    assert_eq!(now(app.get_all()).expect("read").len(), 100);
    assert_eq!(counters.take(), Calls { list: 1, ..Calls::default() });
}

/// The most of several runs; the first ones fill caches and grow maps.
fn allocations(mut operation: impl FnMut()) -> u64 {
    (0..16).for_each(|_| operation());
    (0..16).map(|_| allocation_counter::measure(&mut operation).count_total).max().expect("several runs")
}

#[test]
fn allocations_are_bounded() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(0)))), 1, "what is counted");
    let beyond: Vec<String> = operations()
        .into_iter()
        .filter_map(|mut operation| {
            let (counted, most) = (allocations(&mut operation.run), operation.most);
            (counted > most).then(|| format!("{}: {counted} allocations, at most {most}", operation.name))
        })
        .collect();
    assert!(beyond.is_empty(), "{beyond:#?}");
}

/// Layers that trace, of which nobody wants to hear anything: not one allocation more, of the store nor of a hit in a cache.
#[test]
fn tracing_to_nobody_allocates_nothing() {
    let plain: Arc<dyn SecretStore> = Arc::new(store(memory_keys(), memory_records()));
    let (keys, records) = (TracedKeys::new(memory_keys(), "k"), TracedRecords::new(memory_records(), "r"));
    let beneath = store(Arc::new(keys), Arc::new(records));
    let traced: Arc<dyn SecretStore> = Arc::new(TracedStore::new(Arc::new(beneath), "s"));
    let id = secret_id();
    let get = |store: &Arc<dyn SecretStore>| allocations(|| drop(now(store.get(&id)).expect("read")));
    let put = |store: &Arc<dyn SecretStore>| allocations(|| drop(now(store.put(&id, secret())).expect("stored")));
    assert_eq!(put(&traced), put(&plain));
    assert_eq!(get(&traced), get(&plain));
    let cached: Arc<dyn SecretStore> = Arc::new(CachedStore::new(plain));
    let hit = get(&cached);
    let traced: Arc<dyn SecretStore> = Arc::new(TracedStore::new(cached, "s"));
    assert_eq!((get(&traced), hit), (hit, 1), "the boxed future of the trait");
}
