//! The operations whose allocations are counted, each with the most it may make.
//!
//! The memory backend's own are counted too: it is what stands beneath.

use std::sync::Arc;

use secret_store_core::bench::ReadyEnvelope;
use secret_store_core::{
    EnvelopeStore, MasterKeyId, ProtectOptions, SecretId, SecretStore, SecretStoreExt, SecretValue,
};
use secret_store_memory::MemoryKeyProvider;

use crate::bare::NONCE_BYTES;
use crate::{cached, cached_store, first_version, memory_keys, memory_records, now, secret_id, store, store_id, value};

/// The size of the values, in bytes.
pub const BYTES: usize = 1024;
/// How many secrets an operation on several of them has.
const SEVERAL: usize = 100;

/// Something that allocates.
#[expect(missing_debug_implementations, reason = "it is a function")]
pub struct Operation {
    /// As the table calls it.
    pub name: &'static str,
    /// How many secrets it has at once.
    pub secrets: usize,
    /// The most allocations of one run.
    pub most: u64,
    /// Runs it once.
    pub run: Box<dyn FnMut()>,
}

impl Operation {
    fn one<T>(name: &'static str, most: u64, mut operation: impl FnMut() -> T + 'static) -> Self {
        Self { name, secrets: 1, most, run: Box::new(move || drop(operation())) }
    }

    fn several<T>(name: &'static str, most: u64, operation: impl FnMut() -> T + 'static) -> Self {
        Self { secrets: SEVERAL, ..Self::one(name, most, operation) }
    }
}

fn secret() -> SecretValue {
    SecretValue::new(value(BYTES))
}

/// All of them.
#[must_use]
pub fn operations() -> Vec<Operation> {
    [envelope(), reads(), reads_of_several(), writes()].into_iter().flatten().collect()
}

fn envelope() -> Vec<Operation> {
    let nonce = [9; NONCE_BYTES];
    let envelope = Arc::new(ReadyEnvelope::new(&[7; 32], &store_id(), &secret_id(), first_version()));
    let sealed = envelope.seal(&nonce, &value(BYTES)).expect("seals");
    let (opening, plaintext) = (Arc::clone(&envelope), value(BYTES));
    vec![
        // The value takes up the buffer of the last one.
        Operation::one("envelope open", 0, move || opening.open(&nonce, &sealed).expect("authentic")),
        // The sealed value.
        Operation::one("envelope seal", 1, move || envelope.seal(&nonce, &plaintext).expect("seals")),
    ]
}

fn reads() -> Vec<Operation> {
    let store = store(memory_keys(), memory_records());
    now(store.put(&secret_id(), secret())).expect("stored");
    let protected = now(store.protect(&secret_id(), secret(), ProtectOptions::default())).expect("protected");
    let get = |name, most, store: Arc<dyn SecretStore>| {
        let id = secret_id();
        Operation::one(name, most, move || now(store.get(&id)).expect("read"))
    };
    vec![
        // The secret, and one boxed future each of the store and the persistence. Its value takes up the buffer of the last one.
        get("get", 3, Arc::new(store.clone())),
        // Not the shortest way: a future of it, the record's parts, what is parsed of the second wrap, and its place in the answer.
        get("get, wrapped under two keys", 11, store_with_two_wraps()),
        // The boxed future.
        get("cached get", 1, cached_store(BYTES)),
        // The secret alone: it is no trait method.
        Operation::one("unprotect", 1, move || now(store.unprotect(&protected)).expect("opened")),
    ]
}

/// Wraps every document key under a second master key too.
fn store_with_two_wraps() -> Arc<dyn SecretStore> {
    let ids = ["main", "second"].map(|id| MasterKeyId::new(id).expect("valid"));
    let keys = ids.iter().fold(MemoryKeyProvider::new(), |keys, id| keys.with_generated(id).expect("random bytes"));
    let builder = EnvelopeStore::builder(Arc::new(keys), memory_records()).store_id(store_id()).master_key("main");
    let [_, second] = ids;
    let store = builder.also_wrap_with([second]).build().expect("valid");
    now(store.put(&secret_id(), secret())).expect("stored");
    Arc::new(store)
}

fn reads_of_several() -> Vec<Operation> {
    let application = secret_id().application().clone();
    let name = |number| SecretId::parse(application.as_str(), &format!("Secret-{number:03}")).expect("valid");
    let ids: Arc<[SecretId]> = (0..SEVERAL).map(name).collect();
    let store = store(memory_keys(), memory_records());
    for id in &*ids {
        now(store.put(id, secret())).expect("stored");
    }
    let cached = cached(store.clone());
    let [many, all, list]: [Arc<dyn SecretStore>; 3] =
        [(); 3].map(|()| -> Arc<dyn SecretStore> { Arc::new(store.clone()) });
    let (cached_ids, listed) = (Arc::clone(&ids), application.clone());
    vec![
        // Of each: the secret, its value, the task that opens it beside others.
        Operation::several("get_many", 316, move || now(many.get_many(&ids)).expect("read")),
        Operation::several("cached get_many", 115, move || now(cached.get_many(&cached_ids)).expect("read")),
        Operation::several("get_all", 315, move || now(all.get_all(&application)).expect("read")),
        Operation::several("list", 14, move || now(list.list(&listed)).expect("read")),
    ]
}

fn writes() -> Vec<Operation> {
    let (protecting, putting) = (store(memory_keys(), memory_records()), store(memory_keys(), memory_records()));
    let putting: Arc<dyn SecretStore> = Arc::new(putting);
    let (protected, put) = (secret_id(), secret_id());
    vec![
        Operation::one("protect", 11, move || {
            now(protecting.protect(&protected, secret(), ProtectOptions::default())).expect("protected")
        }),
        // A new version; the one before goes to the history.
        Operation::one("put", 22, move || now(putting.put(&put, secret())).expect("stored")),
    ]
}
