//! An `Arc` of an implementation is that implementation: every method, the provided ones too, reaches it.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_core::{
    Consistency, DeleteOptions, DocumentKey, GetOptions, KeyProvider, ListOptions, ListQuery, Persistence, PutOptions,
    RecordKey, SecretStore, SecretStoreExt, SecretVersion, WrappedKey,
};

use super::reached::{LIMITS, Reached, reached};
use super::{context, id, main_key};

fn call_persistence(records: &impl Persistence) {
    assert_eq!(records.limits(), LIMITS);
    let key = RecordKey::new("p", "s");
    reached(block_on(records.load(&key, Consistency::Strong)));
    reached(block_on(records.load_many(std::slice::from_ref(&key), Consistency::Strong)));
    reached(block_on(records.list(&ListQuery::new("p"))));
    reached(block_on(records.commit(Vec::new())));
}

fn call_keys(keys: &impl KeyProvider) {
    let (main, context) = (main_key(), context());
    let wrapped = WrappedKey::new(main.clone(), vec![1]);
    let key = DocumentKey::from_bytes(&[1; 32]).expect("32 bytes");
    assert!(keys.accepts(&main));
    reached(block_on(keys.generate_key(&main, &context)));
    reached(block_on(keys.wrap_key(&main, &key, &context)));
    reached(block_on(keys.unwrap_key(&wrapped, &context)));
    reached(block_on(keys.rewrap_key(&wrapped, &context, &main, &context)));
}

fn call_store(store: &impl SecretStore) {
    let id = id();
    reached(block_on(store.get_with(&id, GetOptions::default())));
    reached(block_on(store.put_with(&id, "v".into(), PutOptions::default())));
    reached(block_on(store.delete_with(&id, DeleteOptions::default())));
    reached(block_on(store.list_with(id.application(), ListOptions::default())));
    reached(block_on(store.history_with(&id, ListOptions::default())));
    reached(block_on(store.get_many_with(std::slice::from_ref(&id), GetOptions::default())));
    reached(block_on(store.get_all_with(id.application(), GetOptions::default())));
}

const OF_PERSISTENCE: [&str; 5] = ["limits", "load", "load_many", "list", "commit"];
const OF_KEYS: [&str; 5] = ["accepts", "generate_key", "wrap_key", "unwrap_key", "rewrap_key"];

const OF_STORE: [&str; 7] =
    ["get_with", "put_with", "delete_with", "list_with", "history_with", "get_many_with", "get_all_with"];

#[test]
fn every_method_reaches_the_one_inside() {
    let inner = Arc::new(Reached::default());
    call_persistence(&Arc::clone(&inner));
    assert_eq!(inner.take(), OF_PERSISTENCE);
    call_persistence(&(inner.clone() as Arc<dyn Persistence>));
    assert_eq!(inner.take(), OF_PERSISTENCE);
    call_persistence(&Arc::new(inner.clone() as Arc<dyn Persistence>));
    assert_eq!(inner.take(), OF_PERSISTENCE, "twice wrapped");
    call_keys(&Arc::clone(&inner));
    assert_eq!(inner.take(), OF_KEYS);
    call_keys(&(inner.clone() as Arc<dyn KeyProvider>));
    assert_eq!(inner.take(), OF_KEYS);
    call_store(&Arc::clone(&inner));
    assert_eq!(inner.take(), OF_STORE);
    call_store(&(inner.clone() as Arc<dyn SecretStore>));
    assert_eq!(inner.take(), OF_STORE);
}

/// The short forms and the application handle go through the same doors.
#[test]
fn the_short_forms_reach_the_methods_of_the_trait() {
    let inner = Arc::new(Reached::default());
    let store: Arc<dyn SecretStore> = inner.clone();
    let (id, version) = (id(), SecretVersion::FIRST);
    reached(block_on(store.get(&id)));
    reached(block_on(store.get_version(&id, version)));
    reached(block_on(store.put(&id, "v".into())));
    reached(block_on(store.delete(&id)));
    reached(block_on(store.list(id.application())));
    reached(block_on(store.history(&id)));
    reached(block_on(store.get_many(std::slice::from_ref(&id))));
    reached(block_on(store.get_all(id.application())));
    reached(block_on(store.restore(&id, version)));
    let app = store.application("App").expect("valid");
    reached(block_on(app.get("Db")));
    reached(block_on(app.get_version("Db", version)));
    reached(block_on(app.put("Db", "v")));
    reached(block_on(app.delete("Db")));
    reached(block_on(app.list(ListOptions::default())));
    reached(block_on(app.history("Db", ListOptions::default())));
    reached(block_on(app.get_many(["Db"])));
    reached(block_on(app.get_all()));
    reached(block_on(app.restore("Db", version)));
    let doors = [
        "get_with",
        "get_with",
        "put_with",
        "delete_with",
        "list_with",
        "history_with",
        "get_many_with",
        "get_all_with",
        "get_with",
    ];
    assert_eq!(inner.take(), [doors, doors].concat());
}
