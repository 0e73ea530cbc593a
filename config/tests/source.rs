//! Secrets beside other sources of the `config` crate.
#![cfg(feature = "config")]

use std::sync::Arc;

use config::builder::AsyncState;
use config::{Config, ConfigBuilder, ConfigError};
use futures::executor::block_on;
use secret_store_config::SecretSource;
use secret_store_conformance::fault::{Failing, Fault};
use secret_store_core::{Application, EnvelopeStore, ErrorKind, GetOptions, SecretStoreExt, SecretVersion};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use serde::Deserialize;

#[derive(Debug, Deserialize, PartialEq)]
struct Settings {
    port: u16,
    db: Database,
    hosts: Vec<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Database {
    host: String,
    password: String,
}

fn over(failing: Arc<Failing>) -> Application<EnvelopeStore> {
    let keys = MemoryKeyProvider::new().with_generated(&"main".parse().expect("valid")).expect("random");
    let builder = EnvelopeStore::builder(Arc::new(keys), failing).store_id("source").master_key("main");
    builder.build().expect("valid").application("YourApp").expect("valid")
}

fn application() -> Application<EnvelopeStore> {
    over(Arc::new(Failing::new(MemoryPersistence::new())))
}

fn source(app: &Application<EnvelopeStore>) -> SecretSource {
    SecretSource::new(Arc::new(app.store().clone()), app.name().clone())
}

fn build(source: SecretSource) -> Result<Config, ConfigError> {
    let builder = ConfigBuilder::<AsyncState>::default().set_default("port", 80).expect("valid");
    let builder = builder.set_default("db.host", "localhost").expect("valid");
    block_on(builder.add_async_source(source).build())
}

fn fill(app: &Application<EnvelopeStore>, secrets: &[(&str, &[u8])]) {
    for (name, value) in secrets {
        block_on(app.put(*name, *value)).expect("stored");
    }
}

#[test]
fn secrets_are_laid_over_other_sources() {
    let app = application();
    fill(&app, &[("port", b"8080"), ("db__password", b"hunter2"), ("hosts__0", b"a"), ("hosts__1", b"b")]);
    let config = build(source(&app)).expect("built");
    let settings: Settings = config.try_deserialize().expect("complete");
    let db = Database { host: "localhost".to_owned(), password: "hunter2".to_owned() };
    assert_eq!(settings, Settings { port: 8080, db, hosts: vec!["a".to_owned(), "b".to_owned()] });
}

#[test]
fn separators_are_the_callers() {
    let app = application();
    fill(&app, &[("db/password", b"hunter2"), ("a__b", b"c")]);
    let config = build(source(&app).with_separator("/")).expect("built");
    assert_eq!(config.get_string("db.password").expect("a table"), "hunter2");
    assert_eq!(config.get_string("a__b").expect("as it is"), "c");
}

#[test]
fn what_cannot_be_a_string_is_named() {
    for (secrets, part) in [
        (&[("it__a", &b"\xffcanary"[..])][..], "the secret `it__a` is not text"),
        (&[("it", b"canary"), ("it__a", b"canary")], "the secret `it` is also the beginning of others"),
    ] {
        let app = application();
        fill(&app, secrets);
        let error = build(source(&app)).expect_err(part);
        assert!(error.to_string().contains(part), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

#[test]
fn a_store_that_fails_fails_the_build() {
    let failing = Arc::new(Failing::new(MemoryPersistence::new()));
    let app = over(failing.clone());
    failing.fail(Fault::new(ErrorKind::Throttled));
    let ConfigError::Foreign(error) = build(source(&app)).expect_err("throttled") else { panic!("the store's error") };
    let error = error.downcast_ref::<secret_store_core::Error>().expect("the store's error");
    assert_eq!(error.kind(), ErrorKind::Throttled);
    fill(&app, &[("port", b"1")]);
    let pinned = GetOptions::default().with_minimum_version(SecretVersion::new(2).expect("not zero"));
    assert!(build(source(&app).with_options(pinned)).is_err(), "older than the pin");
}
