//! No value, no key, no metadata and no name of a secret is traced: every operation of the whole stack, as it succeeds and as it
//! fails, at the level at which everything is told.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use futures::FutureExt;
use futures::executor::block_on;
use secret_store_core::audit::{AuditedStore, TracingSink};
use secret_store_core::{
    CachedStore, DeleteOptions, DocumentKey, EncryptionContext, EnvelopeStore, GeneratedKey, KeyEncryptionKey,
    KeyProvider, ListOptions, MasterKeyId, Metadata, Precondition, PutOptions, Result, Revision, SecretStore,
    SecretStoreExt, SecretValue, TracedKeys, TracedRecords, TracedStore, WrappedKey,
};
use secret_store_memory::MemoryPersistence;
use tracing::Level;

use super::recorder::Recorder;
use super::{application, forge, id};

const VALUE: &str = "canary-value-QZ7-of-some-length";
const KEY: &[u8; 32] = b"canary-key-XK9-0123456789abcdef0";
const METADATA: &str = "canary-metadata-MJ4";
const NAME: &str = "Canary-Name-VB2";

/// The ways in which bytes are usually shown. Of base64, the part that is the same wherever the bytes stand in a longer text.
fn shapes(bytes: &[u8]) -> Vec<String> {
    let mut shapes = vec![
        String::from_utf8(bytes.to_vec()).expect("text"),
        hex::encode(&bytes[..10]),
        hex::encode_upper(&bytes[..10]),
    ];
    let decimal = bytes[..8].iter().map(u8::to_string).collect::<Vec<_>>();
    shapes.extend([decimal.join(", "), decimal.join(",")]);
    for skipped in 0..3 {
        let whole = (bytes.len() - skipped) / 3 * 3;
        let aligned = &bytes[skipped..skipped + whole];
        shapes.extend([STANDARD_NO_PAD.encode(aligned), URL_SAFE_NO_PAD.encode(aligned)]);
    }
    shapes
}

fn find<'a>(told: &str, canaries: &[&'a [u8]]) -> Option<(&'a [u8], String)> {
    canaries.iter().find_map(|canary| {
        shapes(canary).into_iter().find(|shape| told.contains(shape.as_str())).map(|shape| (*canary, shape))
    })
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
        let document_key = DocumentKey::from_bytes(KEY)?;
        let wrapped = self.wrap_key(id, &document_key, context).await?;
        Ok(GeneratedKey { document_key, wrapped })
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        Ok(WrappedKey::new(id.clone(), self.0.wrap(key, context)?))
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.0.unwrap(key.as_bytes(), context)
    }
}

/// The stack of a service; its audit goes to the trace too where it is wanted.
fn stack(records: Arc<MemoryPersistence>, audited: bool) -> Arc<dyn SecretStore> {
    let keys = TracedKeys::new(Arc::new(OneKey(KeyEncryptionKey::from_bytes(&[9; 32]))), "test-keys");
    let records = TracedRecords::new(records, "test-records");
    let store = EnvelopeStore::builder(Arc::new(keys), Arc::new(records)).store_id("prod").master_key("main");
    let cached = Arc::new(CachedStore::new(store.build().expect("valid")));
    if !audited {
        return Arc::new(TracedStore::new(cached, "test"));
    }
    let audited = AuditedStore::builder(cached, Arc::new(TracingSink)).environment("test").actor("test");
    Arc::new(TracedStore::new(Arc::new(audited.build().expect("valid")), "test"))
}

fn use_everything(store: &dyn SecretStore, records: &MemoryPersistence) {
    let (secret, db) = (id(NAME), id("Db"));
    let options = || PutOptions::default().with_metadata(Metadata::new().with("note", METADATA));
    let put = |options| store.put_with(&secret, VALUE.into(), options);
    block_on(async {
        for _ in 0..3 {
            put(options()).await.expect("stored");
        }
        store.put_with(&db, VALUE.into(), options()).await.expect("stored");
        put(options().with_precondition(Precondition::Absent)).await.expect_err("there");
        put(options().with_master_key("other".parse().expect("valid"))).await.expect_err("not allowed");
        let long = SecretValue::new(VALUE.repeat(10_000));
        store.put_with(&secret, long, options()).await.expect_err("too large");
        for _ in 0..2 {
            store.get(&secret).await.expect("opens");
        }
        store.get(&id("None")).await.expect_err("absent");
        let first = store.history(&secret).await.expect("a page").items[0].version;
        store.get_version(&secret, first).await.expect("opens");
        store.restore(&secret, first).await.expect("stored");
        store.list_with(&application(), ListOptions::default()).await.expect("a page");
        store.get_many(&[secret.clone(), db.clone()]).await.expect("all");
        store.get_many(&[secret.clone(), id("None")]).await.expect_err("one is absent");
        store.get_all(&application()).await.expect("all");
        // Given up before it is polled, and possibly later.
        drop(put(options()));
        drop(put(options()).now_or_never());
        let never = DeleteOptions::default().with_precondition(Precondition::Revision(Revision::new("other")));
        store.delete_with(&secret, never).await.expect_err("another revision");
        store.delete(&secret).await.expect("deleted");
        store.delete(&secret).await.expect_err("gone");
    });
    for attribute in ["ProtectedSecretValue", "ProtectedDocumentKey"] {
        forge(records, attribute, VALUE.as_bytes().to_vec());
        block_on(store.get_all(&application())).expect_err("forged");
        let strong = secret_store_core::GetOptions::default().with_consistency(secret_store_core::Consistency::Strong);
        block_on(store.get_with(&db, strong)).expect_err("forged");
    }
}

#[test]
fn a_canary_is_never_traced() {
    let (recorder, _guard) = Recorder::listen(Level::TRACE);
    // The eyes are good.
    for canary in [VALUE.as_bytes(), KEY, METADATA.as_bytes(), NAME.as_bytes()] {
        let text = String::from_utf8_lossy(canary);
        for shown in [
            text.clone().into_owned(),
            hex::encode(canary),
            format!("{canary:?}"),
            STANDARD_NO_PAD.encode(format!("x{text}")),
            URL_SAFE_NO_PAD.encode(format!("xy{text}z")),
        ] {
            tracing::trace!(target: "secret_store", shown, "a positive control");
            assert!(find(&format!("{:?}", recorder.take()), &[canary]).is_some(), "{text}");
        }
    }

    let secret: [&[u8]; 3] = [VALUE.as_bytes(), KEY, METADATA.as_bytes()];
    for audited in [false, true] {
        let records = Arc::new(MemoryPersistence::new());
        use_everything(&*stack(records.clone(), audited), &records);
        let seen = recorder.take();
        assert!(seen.len() > 60, "{}", seen.len());
        let told = format!("{seen:?}");
        assert_eq!(find(&told, &secret), None);
        // An audit trail names secrets: that is what it is for. Nothing else does.
        assert_eq!(find(&told, &[NAME.as_bytes()]).is_some(), audited);
    }
}
