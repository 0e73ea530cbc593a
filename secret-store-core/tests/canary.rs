//! No value and no key in anything that is shown: `Debug`, `Display`, causes, panics, and events down to TRACE.
//!
//! A test binary of its own: the subscriber and the panic hook are the process's.

use std::fmt::{Debug, Display, Write as _};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_core::{
    ApplicationConfig, Consistency, DocumentKey, EncryptionContext, EnvelopeStore, Error, GeneratedKey, GetOptions,
    KeyEncryptionKey, KeyProvider, Legacy, ListOptions, MasterKeyId, Metadata, Persistence, Precondition,
    ProtectOptions, ProtectedSecret, PutOptions, RecordKey, Result, SecretId, SecretStore, SecretStoreExt, SecretValue,
    Value, WrappedKey, Write,
};
use secret_store_memory::MemoryPersistence;
use tracing::field::{Field, Visit};
use tracing::span;

/// As long as no other text happens to contain it.
const VALUE: &[u8] = b"canary-value-QZ7";
const KEY: &[u8; 32] = b"canary-key-XK9-0123456789abcdef0";

/// The ways in which bytes are usually shown.
fn shapes(bytes: &[u8]) -> Vec<String> {
    let decimal = bytes[..6].iter().map(u8::to_string).collect::<Vec<_>>();
    vec![
        String::from_utf8(bytes[..12].to_vec()).expect("text"),
        hex::encode(&bytes[..8]),
        hex::encode_upper(&bytes[..8]),
        decimal.join(", "),
        decimal.join(","),
    ]
}

fn find_canary(text: &str) -> Option<String> {
    shapes(VALUE).into_iter().chain(shapes(KEY)).find(|shape| text.contains(shape.as_str()))
}

#[track_caller]
fn check(what: &str, text: &str) {
    if let Some(shape) = find_canary(text) {
        panic!("{what} shows {shape:?}");
    }
}

#[track_caller]
fn check_debug(what: &str, shown: &impl Debug) {
    check(what, &format!("{shown:?} {shown:#?}"));
}

#[track_caller]
fn check_error(what: &str, error: &Error) {
    fn check_shown(what: &str, shown: &(impl Debug + Display + ?Sized)) {
        check(what, &format!("{shown:?} {shown:#?} {shown} {shown:#}"));
    }
    check_shown(what, error);
    let mut cause = std::error::Error::source(error);
    while let Some(shown) = cause {
        check_shown(what, shown);
        cause = shown.source();
    }
}

#[track_caller]
fn refused<T>(what: &str, result: Result<T>) {
    match result {
        Ok(_) => panic!("{what} must be refused"),
        Err(error) => check_error(what, &error),
    }
}

/// Everything that any thread traces, as text.
#[derive(Clone, Default)]
struct Traced(Arc<Mutex<String>>);

impl Traced {
    fn append(&self, text: &str) {
        self.0.lock().expect("no panic under this lock").push_str(text);
    }
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("a String takes all");
    }
}

impl tracing::Subscriber for Traced {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut text = attributes.metadata().name().to_owned();
        attributes.record(&mut Fields(&mut text));
        self.append(&text);
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        let mut text = String::new();
        values.record(&mut Fields(&mut text));
        self.append(&text);
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = event.metadata().name().to_owned();
        event.record(&mut Fields(&mut text));
        self.append(&text);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// A provider that hands out one document key, which the test knows.
#[derive(Debug)]
struct OneKey(KeyEncryptionKey);

#[async_trait]
impl KeyProvider for OneKey {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        id.as_str() == "main"
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        let document_key = DocumentKey::from_bytes(&KEY[..context.key_bytes()])?;
        let wrapped = self.wrap_key(id, &document_key, context).await?;
        let generated = GeneratedKey { document_key, wrapped };
        check_debug("a generated key", &generated);
        Ok(generated)
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        Ok(WrappedKey::new(id.clone(), self.0.wrap(key, context)?))
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.0.unwrap(key.as_bytes(), context)
    }
}

fn id(name: &str) -> SecretId {
    SecretId::parse("App", name).expect("valid")
}

fn current(name: &str) -> RecordKey {
    RecordKey::new("App", name)
}

struct Stage {
    records: Arc<MemoryPersistence>,
    store: EnvelopeStore,
}

fn stage(legacy: Legacy) -> Stage {
    let records = Arc::new(MemoryPersistence::new());
    let keys = Arc::new(OneKey(KeyEncryptionKey::from_bytes(KEY)));
    let app = secret_store_core::ApplicationName::new("App").expect("valid");
    let store = EnvelopeStore::builder(keys, records.clone())
        .store_id("prod")
        .master_key("main")
        .application(app, ApplicationConfig::default().with_legacy(legacy))
        .max_value_bytes(100);
    check_debug("a builder", &store);
    Stage { records, store: store.build().expect("valid") }
}

/// Every operation, as it succeeds and as it fails; everything it answers is shown.
fn use_everything(legacy: Legacy) {
    let Stage { records, store } = stage(legacy);
    let value = || SecretValue::from(VALUE);
    check_debug("a store", &store);
    check_debug("a value", &value());
    let app = store.application("App").expect("valid");
    check_debug("an application", &app);
    for _ in 0..3 {
        check_debug("what a put answers", &block_on(store.put(&id("Db"), value())).expect("stored"));
    }
    let secret = block_on(store.get(&id("Db"))).expect("opens");
    assert_eq!(secret.expose_secret(), VALUE, "the canary is the value");
    check_debug("a secret", &secret);
    refused("no JSON", secret.json::<u64>());
    // Of a text where a number should be, serde's own message quotes the text.
    let quoted = serde_json::to_string(&String::from_utf8_lossy(VALUE)).expect("serialises");
    refused("no number", SecretValue::from(quoted).json::<u64>());
    refused("no JSON", secret.json::<std::collections::BTreeMap<String, String>>());
    check_debug("secrets", &block_on(app.get_all()).expect("all"));
    check_debug("a listing", &block_on(app.list(ListOptions::default())).expect("a page"));
    check_debug("a history", &block_on(app.history("Db", ListOptions::default())).expect("a page"));
    let protected = block_on(store.protect(&id("Db"), value(), ProtectOptions::default())).expect("protected");
    check_debug("a protected secret", &protected);
    check_debug("its record", &protected.to_record());
    check_debug("its wrap", protected.wrapped_key());
    check_debug("what opens", &block_on(store.unprotect(&protected)).expect("opens"));
    block_on(store.save(&protected)).expect("saved");
    refused("saved twice over another", {
        block_on(store.put(&id("Db"), value())).expect("stored");
        block_on(store.save(&protected))
    });

    let options = PutOptions::default().with_precondition(Precondition::Absent);
    check_debug("options", &options);
    refused("a lost race", block_on(store.put_with(&id("Db"), value(), options)));
    refused("too large", block_on(store.put(&id("Db"), SecretValue::new(VALUE.repeat(10)))));
    let stranger = PutOptions::default().with_master_key(MasterKeyId::new("stranger").expect("valid"));
    refused("a stranger's key", block_on(store.put_with(&id("Db"), value(), stranger)));
    let metadata = PutOptions::default().with_metadata(Metadata::new().with("~", "v"));
    refused("reserved metadata", block_on(store.put_with(&id("Db"), value(), metadata)));
    refused("no such version", block_on(app.get_with("None", GetOptions::default())));
    refuse_forgeries(&records, &store);
}

fn refuse_forgeries(records: &MemoryPersistence, store: &EnvelopeStore) {
    let honest = block_on(records.load(&current("Db"), Consistency::Strong)).expect("answers").expect("there").record;
    for (attribute, _) in honest.iter() {
        let mut record = honest.as_ref().clone();
        match record.bytes(attribute).map(|bytes| bytes.to_vec()) {
            Some(mut bytes) => {
                bytes.truncate(bytes.len() - 1);
                record.set(attribute.to_owned(), Value::from(bytes));
            }
            None => drop(record.remove(attribute)),
        }
        block_on(records.commit(vec![Write::put(current("Db"), record.clone(), Precondition::Any)])).expect("taken");
        if attribute != "CreatedAt" {
            refused(attribute, block_on(store.get(&id("Db"))));
            refused(attribute, block_on(store.get_all(id("Db").application())));
            drop(ProtectedSecret::from_record(&id("Db"), &record).map_err(|error| check_error(attribute, &error)));
        }
    }
    block_on(records.commit(vec![Write::put(current("Db"), honest, Precondition::Any)])).expect("taken");
}

/// A program that panics with a secret in its hands and shows all it can.
fn panics() -> String {
    let seen = Arc::new(Mutex::new(String::new()));
    let hook = std::panic::take_hook();
    let shown = Arc::clone(&seen);
    std::panic::set_hook(Box::new(move |info| {
        shown.lock().expect("no panic under this lock").push_str(&info.to_string());
    }));
    let panicked = std::panic::catch_unwind(|| {
        let store = stage(Legacy::Off).store;
        block_on(store.put(&id("Db"), SecretValue::from(VALUE))).expect("stored");
        let secret = block_on(store.get(&id("Db")));
        let _: Error = secret.expect_err("this program is wrong");
    });
    std::panic::set_hook(hook);
    assert!(panicked.is_err());
    let text = seen.lock().expect("no panic under this lock").clone();
    assert!(text.contains("this program is wrong"), "the hook saw it: {text}");
    text
}

#[test]
fn a_canary_is_never_seen() {
    // The eyes are good.
    for bytes in [VALUE, KEY] {
        let decimal = format!("{bytes:?}");
        for shown in [String::from_utf8_lossy(bytes).into_owned(), hex::encode(bytes), decimal] {
            assert!(find_canary(&shown).is_some(), "{shown}");
        }
    }
    let traced = Traced::default();
    tracing::subscriber::set_global_default(traced.clone()).expect("the only one");
    let text = || std::mem::take(&mut *traced.0.lock().expect("no panic under this lock"));
    tracing::trace!(value = ?VALUE, "a positive control");
    assert!(find_canary(&text()).is_some());

    for legacy in [Legacy::Off, Legacy::Read, Legacy::ReadWrite] {
        use_everything(legacy);
        check("a trace", &text());
    }
    check("a panic", &panics());
    let key = DocumentKey::from_bytes(KEY).expect("32 bytes");
    check_debug("a document key", &key);
    check_debug("a master key", &KeyEncryptionKey::from_bytes(KEY));
    check("a trace", &text());
}
