//! Secrets as values of types: what is read, what is refused, and that no error shows a value.

mod fields;
mod hiding;
mod names;
mod stores;
mod values;

use std::fmt::Debug;

use futures::executor::block_on;
use secret_store_config::{LoadError, LoadErrorKind, Loader};
use secret_store_core::{Application, EnvelopeStore, SecretStoreExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What no error may show.
const CANARY: &str = "canary-KW5-hunter2";

fn application(secrets: &[(&str, &str)]) -> Application<EnvelopeStore> {
    let app = secret_store_memory::store("config").expect("random").application("YourApp").expect("valid");
    for (name, value) in secrets {
        block_on(app.put(*name, *value)).expect("stored");
    }
    app
}

fn load<T: DeserializeOwned>(secrets: &[(&str, &str)]) -> Result<T, LoadError> {
    let app = application(secrets);
    block_on(Loader::new(app.store(), app.name()).load())
}

/// One field, of any type.
#[derive(Debug, Deserialize)]
struct One<T> {
    it: T,
}

fn one<T: DeserializeOwned>(value: &str) -> Result<T, LoadError> {
    load::<One<T>>(&[("it", value)]).map(|one| one.it)
}

#[track_caller]
fn refused<T: Debug>(result: Result<T, LoadError>, kind: LoadErrorKind, name: &str) -> String {
    let error = result.expect_err("this must be refused");
    assert_eq!((error.kind(), error.name()), (kind, Some(name)), "{error}");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("canary") && !shown.contains("hunter2"), "{shown}");
    error.to_string()
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
struct Database {
    host: String,
    pool: Option<i32>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Level {
    Info,
    Sampled(u32),
    Split { from: u8, to: u8 },
}

impl std::hash::Hash for Level {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
    }
}

impl Eq for Level {}
