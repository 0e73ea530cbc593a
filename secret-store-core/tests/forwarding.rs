//! An `Arc` of an implementation is that implementation: every method, the provided ones too, reaches it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_core::{
    ApplicationName, Consistency, DeleteOptions, DocumentKey, EncryptionContext, EnvelopeStore, Error, ErrorKind,
    Format, GeneratedKey, GetOptions, KeyEncryptionKey, KeyProvider, Limits, ListOptions, ListQuery, MasterKeyId,
    MockKeyProvider, MockPersistence, MockSecretStore, Page, Persistence, PutOptions, RecordKey, Result, Revision,
    Secret, SecretId, SecretInfo, SecretStore, SecretStoreExt, SecretValue, SecretVersion, StoreId, Stored, WrappedKey,
    Write,
};

/// Keeps the names of the methods that reached it.
#[derive(Debug, Default)]
struct Reached(Mutex<Vec<&'static str>>);

impl Reached {
    fn keep(&self, method: &'static str) {
        self.0.lock().expect("no panic under this lock").push(method);
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.lock().expect("no panic under this lock"))
    }
}

fn sentinel() -> Error {
    Error::new(ErrorKind::Throttled, "reached")
}

const LIMITS: Limits = Limits::DEFAULT.with_record_bytes(12_345);

#[async_trait]
impl Persistence for Reached {
    fn limits(&self) -> Limits {
        self.keep("limits");
        LIMITS
    }

    async fn load(&self, _: &RecordKey, _: Consistency) -> Result<Option<Stored>> {
        self.keep("load");
        Err(sentinel())
    }

    async fn load_many(&self, _: &[RecordKey], _: Consistency) -> Result<Vec<Option<Stored>>> {
        self.keep("load_many");
        Err(sentinel())
    }

    async fn list(&self, _: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.keep("list");
        Err(sentinel())
    }

    async fn commit(&self, _: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.keep("commit");
        Err(sentinel())
    }
}

#[async_trait]
impl KeyProvider for Reached {
    fn accepts(&self, _: &MasterKeyId) -> bool {
        self.keep("accepts");
        true
    }

    async fn generate_key(&self, _: &MasterKeyId, _: &EncryptionContext) -> Result<GeneratedKey> {
        self.keep("generate_key");
        Err(sentinel())
    }

    async fn wrap_key(&self, _: &MasterKeyId, _: &DocumentKey, _: &EncryptionContext) -> Result<WrappedKey> {
        self.keep("wrap_key");
        Err(sentinel())
    }

    async fn unwrap_key(&self, _: &WrappedKey, _: &EncryptionContext) -> Result<DocumentKey> {
        self.keep("unwrap_key");
        Err(sentinel())
    }

    async fn rewrap_key(
        &self,
        _: &WrappedKey,
        _: &EncryptionContext,
        _: &MasterKeyId,
        _: &EncryptionContext,
    ) -> Result<WrappedKey> {
        self.keep("rewrap_key");
        Err(sentinel())
    }
}

#[async_trait]
impl SecretStore for Reached {
    async fn get_with(&self, _: &SecretId, _: GetOptions) -> Result<Secret> {
        self.keep("get_with");
        Err(sentinel())
    }

    async fn put_with(&self, _: &SecretId, _: SecretValue, _: PutOptions) -> Result<SecretInfo> {
        self.keep("put_with");
        Err(sentinel())
    }

    async fn delete_with(&self, _: &SecretId, _: DeleteOptions) -> Result<()> {
        self.keep("delete_with");
        Err(sentinel())
    }

    async fn list_with(&self, _: &ApplicationName, _: ListOptions) -> Result<Page<SecretInfo>> {
        self.keep("list_with");
        Err(sentinel())
    }

    async fn history_with(&self, _: &SecretId, _: ListOptions) -> Result<Page<SecretInfo>> {
        self.keep("history_with");
        Err(sentinel())
    }

    async fn get_many_with(&self, _: &[SecretId], _: GetOptions) -> Result<Vec<Secret>> {
        self.keep("get_many_with");
        Err(sentinel())
    }

    async fn get_all_with(&self, _: &ApplicationName, _: GetOptions) -> Result<Vec<Secret>> {
        self.keep("get_all_with");
        Err(sentinel())
    }
}

#[track_caller]
fn reached<T: std::fmt::Debug>(result: Result<T>) {
    assert_eq!(result.expect_err("the sentinel").to_string(), "reached");
}

fn id() -> SecretId {
    SecretId::parse("App", "Db").expect("valid")
}

fn main_key() -> MasterKeyId {
    MasterKeyId::new("main").expect("valid")
}

fn context() -> EncryptionContext {
    EncryptionContext::document_key(&StoreId::new("prod").expect("valid"), &id(), SecretVersion::FIRST)
}

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
    let short = [
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
    let of_handle = [
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
    assert_eq!(inner.take(), [short, of_handle].concat());
}

/// The traits' provided methods, over an implementation that has none of its own.
#[derive(Debug)]
struct Bare(KeyEncryptionKey);

#[async_trait]
impl KeyProvider for Bare {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        *id == main_key()
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        let (document_key, wrap) = self.0.generate_key(context)?;
        Ok(GeneratedKey { document_key, wrapped: WrappedKey::new(id.clone(), wrap) })
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        Ok(WrappedKey::new(id.clone(), self.0.wrap(key, context)?))
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.0.unwrap(key.as_bytes(), context)
    }
}

#[test]
fn a_provided_rewrap_moves_the_same_key() {
    let keys: Arc<dyn KeyProvider> = Arc::new(Bare(KeyEncryptionKey::generate().expect("random")));
    let generated = block_on(keys.generate_key(&main_key(), &context())).expect("generates");
    let other = SecretId::parse("App", "Other").expect("valid");
    let to = EncryptionContext::document_key(&StoreId::new("prod").expect("valid"), &other, SecretVersion::FIRST);
    let moved = block_on(keys.rewrap_key(&generated.wrapped, &context(), &main_key(), &to)).expect("rewrapped");
    let opened = block_on(keys.unwrap_key(&moved, &to)).expect("opens");
    assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    assert_eq!(
        block_on(keys.unwrap_key(&moved, &context())).expect_err("another context").kind(),
        ErrorKind::Integrity
    );
    let wrong = block_on(keys.rewrap_key(&generated.wrapped, &to, &main_key(), &to));
    assert_eq!(wrong.expect_err("it is not wrapped for that").kind(), ErrorKind::Integrity);
}

fn info() -> SecretInfo {
    SecretInfo::new(id(), SecretVersion::FIRST, Revision::from(1), main_key())
}

/// The mocks as a user of the library writes them.
#[test]
fn a_mocked_store_serves_a_program() {
    async fn program(store: Arc<dyn SecretStore>) -> Result<String> {
        let app = store.application("App")?;
        app.put("Db", "hunter2").await?;
        Ok(app.get("Db").await?.text()?.to_owned())
    }
    let mut store = MockSecretStore::new();
    store
        .expect_put_with()
        .withf(|id, value, _| id.name().as_str() == "Db" && value.expose_secret() == b"hunter2")
        .once()
        .returning(|_, _, _| Ok(info()));
    store.expect_get_with().once().returning(|_, _| Ok(Secret::new("hunter2".into(), info())));
    assert_eq!(block_on(program(Arc::new(store))).expect("served"), "hunter2");
    assert_eq!(info().format, Format::One);
}

#[test]
fn mocked_backends_serve_an_envelope_store() {
    let kek = Arc::new(KeyEncryptionKey::generate().expect("random"));
    let mut keys = MockKeyProvider::new();
    keys.expect_accepts().return_const(true);
    let wrapping = Arc::clone(&kek);
    keys.expect_generate_key().once().returning(move |id, context| {
        let (document_key, wrap) = wrapping.generate_key(context)?;
        Ok(GeneratedKey { document_key, wrapped: WrappedKey::new(id.clone(), wrap) })
    });
    keys.expect_unwrap_key().once().returning(move |key, context| kek.unwrap(key.as_bytes(), context));

    let stored = Arc::new(Mutex::new(None));
    let mut records = MockPersistence::new();
    records.expect_limits().return_const(Limits::default());
    records.expect_load_many().once().returning(|keys, _| Ok(vec![None; keys.len()]));
    let slot = Arc::clone(&stored);
    records.expect_commit().once().returning(move |mut writes| {
        let answers = writes.iter().map(|w| matches!(w, Write::Put { .. }).then(|| Revision::from(1))).collect();
        let Write::Put { record, .. } = writes.remove(0) else { return Err(sentinel()) };
        *slot.lock().expect("no panic") = Some(Stored { record, revision: Revision::from(1) });
        Ok(answers)
    });
    records.expect_load().once().returning(move |_, _| Ok(stored.lock().expect("no panic").clone()));

    let store = EnvelopeStore::builder(Arc::new(keys), Arc::new(records)).store_id("prod").master_key("main");
    let store = store.build().expect("valid");
    block_on(store.put(&id(), "hunter2".into())).expect("stored");
    assert_eq!(block_on(store.get(&id())).expect("opens").text().expect("text"), "hunter2");
}

/// Compiles only while the type does not implement the trait: with two implementations that fit, the marker is ambiguous.
macro_rules! never {
    ($type:ty: $($bound:path),+) => {$(
        const _: () = {
            trait Ambiguous<Marker> {
                const HOLDS: () = ();
            }
            struct Implements;
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + $bound> Ambiguous<Implements> for T {}
            <$type as Ambiguous<_>>::HOLDS
        };
    )+};
}

never!(SecretValue: Clone, PartialEq, serde::Serialize, serde::de::DeserializeOwned, std::fmt::Display, AsRef<[u8]>, std::ops::Deref);
never!(Secret: Clone, PartialEq, serde::Serialize, serde::de::DeserializeOwned, std::fmt::Display, AsRef<[u8]>, std::ops::Deref);
never!(DocumentKey: Clone, PartialEq, serde::Serialize, serde::de::DeserializeOwned, std::fmt::Display, AsRef<[u8]>, std::ops::Deref);
never!(GeneratedKey: Clone, PartialEq, serde::Serialize, serde::de::DeserializeOwned);
never!(KeyEncryptionKey: Clone, PartialEq, serde::Serialize, serde::de::DeserializeOwned, std::fmt::Display);

/// What a program moves between its tasks.
#[test]
fn futures_and_handles_may_be_sent() {
    fn sent<T: Send + Sync + 'static>() {}
    sent::<EnvelopeStore>();
    sent::<Arc<dyn SecretStore>>();
    sent::<Secret>();
    sent::<Error>();
    fn sendable<T: Send>(_: T) {}
    let store: Arc<dyn SecretStore> = Arc::new(Reached::default());
    sendable(store.get_with(&id(), GetOptions::default()));
    sendable(store.get_many(&[]));
}
