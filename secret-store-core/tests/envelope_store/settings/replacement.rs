//! A key that was replaced is not written under again; its replacement only where the configuration lists it.

use std::sync::Arc;

use secret_store_core::{
    DocumentKey, EncryptionContext, EnvelopeStore, ErrorKind, GeneratedKey, KeyProvider, MasterKeyId, ProtectOptions,
    PutOptions, Result, SecretStore, SecretStoreExt, WrappedKey,
};

use super::{NEW, following, key_of, put, replaced, three_keys};
use crate::support::{
    APP, Keys, MAIN, World, app, current, id, kind, master, refusal, settings, settings_key, version, wait,
};

#[test]
fn a_replaced_key_is_not_written_under_again() {
    let world = World::new();
    world.plant(&settings_key(), replaced(1));
    let store = following(&world);
    let before = world.records.calls();
    put(&store, "configured").expect("stored");
    assert_eq!(world.records.calls() - before, 2, "settings come with the state");
    wait(store.put_with(&id("chosen"), "v".into(), PutOptions::default().with_master_key(master(MAIN))))
        .expect("stored");
    let protected = wait(store.protect(&id("saved"), "v".into(), ProtectOptions::default())).expect("protected");
    wait(store.save(&protected)).expect("saved");
    wait(store.restore(&id("chosen"), version(1))).expect("restored");
    for name in ["configured", "chosen", "saved"] {
        assert_eq!(key_of(&world, name), NEW, "{name}");
        assert_eq!(wait(store.get(&id(name))).expect("opens").expose_secret(), b"v");
    }
    let read = wait(store.settings(&app(APP))).expect("settings");
    assert_eq!((read.sequence(), read.replacement(&master(MAIN))), (1, Some(&master(NEW))));
}

#[test]
fn a_replacement_is_followed_only_to_a_key_that_is_listed() {
    let world = World::new();
    let listed = |keys: &[&str]| world.builder().wrap_with(keys.iter().map(|key| master(key))).build().expect("valid");
    for (store, target) in [
        (world.store(), NEW),
        (listed(&[MAIN]), NEW),
        (listed(&[MAIN, "stranger"]), "stranger"),
        (world.store(), "stranger"),
    ] {
        world.plant(&settings_key(), settings(1, &[(MAIN, target)]));
        let calls = world.keys.calls();
        let error = refusal(put(&store, "Db"));
        assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
        assert!(error.to_string().contains(target) && error.to_string().contains("wrap_with"), "{error}");
        assert_eq!(world.keys.calls(), calls, "no key is asked");
        assert!(world.stored(&current(&id("Db"))).is_none());
    }
}

/// Calls its keys by other names than it is asked by, as a KMS does with aliases.
#[derive(Debug)]
struct Aliased(Arc<Keys>);

impl Aliased {
    fn arn(id: &MasterKeyId) -> MasterKeyId {
        master(id.as_str().trim_start_matches("alias/"))
    }
}

#[async_trait::async_trait]
impl KeyProvider for Aliased {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.0.accepts(&Self::arn(id))
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        self.0.generate_key(&Self::arn(id), context).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        self.0.wrap_key(&Self::arn(id), key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.0.unwrap_key(key, context).await
    }
}

/// A rotation names keys as records do; a writer that is configured with an alias follows it all the same.
#[test]
fn a_replaced_key_is_followed_from_its_alias() {
    let world = three_keys();
    world.plant(&settings_key(), settings(1, &[(MAIN, NEW)]));
    let listed = ["alias/main", MAIN, NEW, "third"].map(master);
    let builder = || {
        EnvelopeStore::builder(Arc::new(Aliased(world.keys.clone())), world.records.clone())
            .store_id("prod")
            .clock(world.clock.clone())
            .wrap_with(listed.clone())
    };
    let store = builder().master_key("alias/main").build().expect("valid");
    assert_eq!(put(&store, "Db").expect("stored").master_key_id, master(NEW));
    let store = builder().master_key("third").also_wrap_with([master("alias/main")]).build().expect("valid");
    assert_eq!(put(&store, "Db").expect("stored").also_wrapped_with, [master(NEW)]);
    let store = builder().master_key(NEW).also_wrap_with([master("alias/main")]).build().expect("valid");
    assert_eq!(put(&store, "Db").expect("stored").also_wrapped_with, []);
    // Where the new key is not listed, nothing is stored.
    let store = builder().wrap_with(["alias/main", MAIN].map(master)).master_key("alias/main").build().expect("valid");
    assert_eq!(kind(put(&store, "Other")), ErrorKind::KeyNotAllowed);
    assert!(world.stored(&current(&id("Other"))).is_none());
}
