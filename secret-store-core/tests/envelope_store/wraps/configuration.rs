//! Which keys are wrapped under, and what is refused before anything is contacted.

use async_trait::async_trait;
use secret_store_core::{
    ApplicationConfig, DocumentKey, EncryptionContext, EnvelopeStore, ErrorKind, GeneratedKey, KeyProvider, Legacy,
    Limits, MasterKeyId, ProtectOptions, ProtectedSecret, PutOptions, Result, SecretStore, SecretStoreExt, WrappedKey,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use std::sync::Arc;

use super::{SECOND, put, reader, text};
use crate::support::{APP, KeyCall, MAIN, STORE, WRAPS, World, app, current, id, kind, master, refusal, wait};

#[test]
fn a_put_is_one_call_more_for_each_further_key() {
    let world = World::new();
    put(&world.two_wraps(), "1");
    assert_eq!(world.keys.take_asked(), [(KeyCall::Generate, MAIN.to_owned()), (KeyCall::Wrap, SECOND.to_owned())]);
}

/// All of them, or nothing is stored.
#[test]
fn a_put_fails_where_one_wrap_fails() {
    for key in [MAIN, SECOND] {
        for failure in [ErrorKind::Unavailable, ErrorKind::KeyUnavailable, ErrorKind::Integrity] {
            let world = World::new();
            world.keys.fail(key, failure);
            let store = world.two_wraps();
            assert_eq!(kind(wait(store.put(&id("Db"), "1".into()))), failure);
            assert_eq!(kind(wait(store.protect(&id("Db"), "1".into(), ProtectOptions::default()))), failure);
            assert!(world.memory().snapshot().is_empty());
            world.keys.heal();
            assert_eq!(put(&store, "1").version.get(), 1);
        }
    }
}

#[test]
fn the_first_key_may_be_listed_and_is_not_wrapped_under_twice() {
    let world = World::new();
    let both = [master(MAIN), master(SECOND), master(SECOND)];
    let store = world.builder().also_wrap_with(both).build().expect("valid");
    for (chosen, other) in [(MAIN, SECOND), (SECOND, MAIN)] {
        let options = PutOptions::default().with_master_key(master(chosen));
        let info = wait(store.put_with(&id("Db"), "1".into(), options)).expect("stored");
        assert_eq!((info.master_key_id, info.also_wrapped_with), (master(chosen), vec![master(other)]));
    }
    assert_eq!(text(&reader(&world, MAIN)), text(&reader(&world, SECOND)));
    // Chosen, and the only further one: nothing is left.
    let options = PutOptions::default().with_master_key(master(SECOND));
    let info = wait(world.two_wraps().put_with(&id("Db"), "1".into(), options)).expect("stored");
    assert_eq!(info.also_wrapped_with, []);
    assert!(world.record(&current(&id("Db"))).get(WRAPS).is_none());
}

#[test]
fn an_application_has_its_own() {
    let world = World::new();
    let build = |ids: &[&str], of_application: &[&str]| {
        let of_application = of_application.iter().map(|id| master(id));
        let config = ApplicationConfig::default().with_also_wrap_with(of_application);
        let ids = ids.iter().map(|id| master(id));
        world.builder().also_wrap_with(ids).application(app(APP), config).build().expect("valid")
    };
    assert_eq!(put(&build(&[], &[SECOND]), "1").also_wrapped_with, [master(SECOND)]);
    assert_eq!(put(&build(&[SECOND], &[]), "2").also_wrapped_with, []);
    let other = secret_store_core::SecretId::parse("Other", "Db").expect("valid");
    let info = wait(build(&[SECOND], &[]).put(&other, "3".into())).expect("stored");
    assert_eq!(info.also_wrapped_with, [master(SECOND)]);
}

#[test]
fn what_could_not_be_wrapped_under_is_refused_when_the_store_is_built() {
    let world = World::new();
    let unknown = || [master("unknown")];
    let of_application = ApplicationConfig::default().with_also_wrap_with(unknown());
    for builder in [
        world.builder().also_wrap_with(unknown()),
        world.builder().application(app(APP), of_application),
        world.builder().wrap_with([master(MAIN)]).also_wrap_with([master(SECOND)]),
    ] {
        assert_eq!(kind(builder.build()), ErrorKind::KeyNotAllowed);
    }
    let many = || (0..9).map(|n| master(&format!("key {n}")));
    let error = refusal(world.builder().also_wrap_with(many()).build());
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("at most 8"), "{error}");
    let config = ApplicationConfig::default().with_also_wrap_with(many());
    assert_eq!(kind(world.builder().application(app(APP), config).build()), ErrorKind::InvalidInput);
    // A key that the provider has lost since.
    let store = world.two_wraps();
    world.keys.inner().remove(&master(SECOND));
    assert_eq!(kind(wait(store.put(&id("Db"), "1".into()))), ErrorKind::KeyNotAllowed);
    assert_eq!(world.keys.calls(), 0);
}

#[test]
fn format_0_has_one_wrap() {
    let world = World::new();
    let config = ApplicationConfig::default().with_legacy(Legacy::ReadWrite);
    let application = |config| world.builder().also_wrap_with([master(SECOND)]).application(app(APP), config);
    let store = application(config.clone()).build().expect("the store's setting is for other applications");
    assert_eq!(put(&store, "1").also_wrapped_with, []);
    assert_eq!(world.record(&current(&id("Db"))).len(), 6);
    assert_eq!(world.keys.take_asked(), [(KeyCall::Generate, MAIN.to_owned())]);
    let error = refusal(application(config.clone().with_also_wrap_with([master(SECOND)])).build());
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("Legacy::Read"), "{error}");
    assert!(application(config.with_also_wrap_with([])).build().is_ok());
    let config = ApplicationConfig::default().with_legacy(Legacy::Read);
    assert_eq!(put(&application(config).build().expect("valid"), "2").also_wrapped_with, [master(SECOND)]);
}

#[test]
fn saving_asks_the_allow_list_for_every_wrap() {
    let world = World::new();
    let protected = wait(world.two_wraps().protect(&id("Db"), "1".into(), ProtectOptions::default())).expect("made");
    assert_eq!(protected.further_wraps()[0].master_key_id(), &master(SECOND));
    let narrow = world.builder().wrap_with([master(MAIN)]).build().expect("valid");
    assert_eq!(kind(wait(narrow.save(&protected))), ErrorKind::KeyNotAllowed);
    assert!(world.memory().snapshot().is_empty());
    let kept = ProtectedSecret::from_record(&id("Db"), &protected.to_record()).expect("its own record");
    assert_eq!(kept, protected);
    let info = wait(world.store().save(&kept)).expect("saved");
    assert_eq!(info.also_wrapped_with, [master(SECOND)]);
    let again = wait(world.store().save(&protected)).expect("the very same");
    assert_eq!(again, info);
    assert_eq!(text(&reader(&world, SECOND)), "1");
    assert_eq!(wait(reader(&world, SECOND).unprotect(&kept)).expect("opens").expose_secret(), b"1");
}

/// Calls its only key by another name than it is asked by, as a KMS does with aliases.
#[derive(Debug)]
struct Aliased(MemoryKeyProvider);

const ARN: &str = "arn";

impl Aliased {
    fn new() -> Arc<Self> {
        Arc::new(Self(MemoryKeyProvider::new().with_generated(&master(ARN)).expect("random bytes")))
    }
}

#[async_trait]
impl KeyProvider for Aliased {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        [ARN, "alias/a", "alias/b"].contains(&id.as_str())
    }

    async fn generate_key(&self, _: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        self.0.generate_key(&master(ARN), context).await
    }

    async fn wrap_key(&self, _: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        self.0.wrap_key(&master(ARN), key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.0.unwrap_key(key, context).await
    }
}

/// Whoever believes in two keys where there is one is told so.
#[test]
fn one_key_by_two_names_is_no_second_key() {
    let build = |first: &str, further: &str| {
        EnvelopeStore::builder(Aliased::new(), Arc::new(MemoryPersistence::new()))
            .store_id(STORE)
            .master_key(first)
            .also_wrap_with([master(further)])
            .build()
            .expect("nothing is asked yet")
    };
    let error = refusal(wait(build("alias/a", "alias/b").put(&id("Db"), "1".into())));
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("name each key once"), "{error}");
    // The name that records show is known to be the first one's.
    let info = wait(build("alias/a", ARN).put(&id("Db"), "1".into())).expect("stored");
    assert_eq!((info.master_key_id, info.also_wrapped_with), (master(ARN), vec![]));
}

#[test]
fn a_record_that_its_wraps_make_too_large_is_not_sent() {
    let value = "v".repeat(1000);
    let world = World::new();
    wait(world.store().put(&id("Db"), value.as_str().into())).expect("stored");
    let bytes = world.record(&current(&id("Db"))).size();
    let world = World::over(MemoryPersistence::new().with_limits(Limits::DEFAULT.with_record_bytes(bytes)));
    assert!(wait(world.store().put(&id("Db"), value.as_str().into())).is_ok());
    let store = world.two_wraps();
    for error in [
        refusal(wait(store.put(&id("Db"), value.as_str().into()))),
        refusal(wait(store.protect(&id("Db"), value.as_str().into(), ProtectOptions::default()))),
    ] {
        assert!(
            matches!(error.kind(), ErrorKind::TooLarge { limit, actual } if limit == bytes as u64 && actual > limit)
        );
    }
    assert!(world.stored(&crate::support::slot(&id("Db"), 1)).is_none(), "nothing was moved");
}
