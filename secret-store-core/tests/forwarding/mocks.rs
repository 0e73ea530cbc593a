//! The mocks as a user of the library writes them.

use std::sync::{Arc, Mutex};

use futures::executor::block_on;
use secret_store_core::{
    EnvelopeStore, Format, GeneratedKey, KeyEncryptionKey, Limits, MockKeyProvider, MockPersistence, MockSecretStore,
    Result, Revision, Secret, SecretInfo, SecretStore, SecretStoreExt, SecretVersion, Stored, WrappedKey, Write,
};

use super::reached::sentinel;
use super::{id, main_key};

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
