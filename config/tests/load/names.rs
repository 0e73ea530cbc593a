//! Which names a loader reads, and what each belongs to.

use std::collections::HashMap;
use std::fmt::Debug;

use futures::executor::block_on;
use secret_store_config::{LoadErrorKind, Loader};
use secret_store_core::{GetOptions, SecretName, SecretVersion};
use serde::Deserialize;

use super::{CANARY, Database, One, application, load, refused};

#[test]
fn a_name_is_a_value_or_the_beginning_of_others() {
    let both = [("it", CANARY), ("it__Host", "a")];
    let shown = refused(load::<One<Database>>(&both), LoadErrorKind::Ambiguous, "it");
    assert_eq!(shown, "the secret `it` is also the beginning of others: remove it, or `it__Host` and its like");
    refused(load::<One<String>>(&both), LoadErrorKind::Ambiguous, "it");
    refused(load::<One<Vec<u8>>>(&both), LoadErrorKind::Ambiguous, "it");
    refused(load::<One<serde_json::Value>>(&both), LoadErrorKind::Ambiguous, "it");
    // Where nobody asks for it, it is in nobody's way.
    #[derive(Debug, Deserialize)]
    struct Other {
        port: u16,
    }
    let port = load::<Other>(&[both[0], both[1], ("port", "1")]).expect("not asked for").port;
    assert_eq!(port, 1);
    refused(load::<One<String>>(&[("it__a", "1")]), LoadErrorKind::Malformed, "it");
}

#[test]
fn unknown_names_are_left_alone_or_named() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[serde(rename = "Port")]
        _port: u16,
        #[serde(rename = "Db")]
        _db: Option<Inner>,
    }
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(rename = "Host")]
        _host: String,
    }
    load::<Strict>(&[("Port", "1")]).expect("complete");
    let shown = refused(load::<Strict>(&[("Port", "1"), ("Prot", CANARY)]), LoadErrorKind::Unknown, "Prot");
    assert_eq!(shown, "the secret `Prot` belongs to no field: remove it, or rename it to one of `Port`, `Db`");
    let inner = [("Port", "1"), ("Db__Host", "x"), ("Db__Hots", CANARY)];
    refused(load::<Strict>(&inner), LoadErrorKind::Unknown, "Db__Hots");
}

#[test]
fn separators_and_names_are_the_callers() {
    let app = application(&[("it/Host", "a"), ("it__Host", "b"), ("else", "c")]);
    let loader = || Loader::new(app.store(), app.name());
    let slash: One<Database> = block_on(loader().with_separator("/").load()).expect("by slashes");
    assert_eq!(slash.it.host, "a");
    let flat: HashMap<String, String> = block_on(loader().with_separator("").load()).expect("as they are");
    assert_eq!(flat.len(), 3);
    let names = |names: &[&str]| names.iter().map(|name| SecretName::new(*name).expect("valid")).collect::<Vec<_>>();
    let one: One<Database> = block_on(loader().with_names(names(&["it__Host"])).load()).expect("one");
    assert_eq!(one.it.host, "b");
    let error = block_on(loader().with_names(names(&["it__Host", "gone"])).load::<One<Database>>()).expect_err("gone");
    assert_eq!((error.kind(), error.name()), (LoadErrorKind::Store, Some("gone")));
    assert!(std::error::Error::source(&error).is_some());
    assert!(!error.to_string().is_empty());
    let pinned = GetOptions::default().with_minimum_version(SecretVersion::new(2).expect("not zero"));
    let old = block_on(loader().with_options(pinned).load::<One<Database>>()).expect_err("older than the pin");
    assert_eq!(old.kind(), LoadErrorKind::Store);
}
