//! Secrets as values of types: what is read, what is refused, and that no error shows a value.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use futures::executor::block_on;
use secrecy::{ExposeSecret, SecretString};
use secret_store_config::{LoadError, LoadErrorKind, Loader, SecretField};
use secret_store_conformance::fault::{Failing, Fault};
use secret_store_core::{
    Application, ApplicationName, EnvelopeStore, ErrorKind, GetOptions, SecretName, SecretStoreExt, SecretValue,
    SecretVersion,
};
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
struct Settings {
    port: u16,
    ratio: f64,
    db: Database,
    #[serde(default)]
    verbose: bool,
    #[serde(default = "four")]
    workers: u8,
    comment: Option<String>,
    replica: Option<Database>,
    hosts: Vec<String>,
    limits: BTreeMap<String, u32>,
    level: Level,
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

fn four() -> u8 {
    4
}

const USUAL: [(&str, &str); 9] = [
    ("Port", "8080"),
    ("Ratio", "0.25"),
    ("Db__Host", "db.internal"),
    ("Db__Pool", "-3"),
    ("Hosts", r#"["a", "b"]"#),
    ("Limits__Small", "1"),
    ("Limits__Large", "1000"),
    ("Level", "info"),
    ("Of another program", "left alone"),
];

#[test]
fn every_kind_of_field_is_read() {
    let settings: Settings = load(&USUAL).expect("complete");
    let expected = Settings {
        port: 8080,
        ratio: 0.25,
        db: Database { host: "db.internal".to_owned(), pool: Some(-3) },
        verbose: false,
        workers: 4,
        comment: None,
        replica: None,
        hosts: vec!["a".to_owned(), "b".to_owned()],
        limits: [("Small".to_owned(), 1), ("Large".to_owned(), 1000)].into(),
        level: Level::Info,
    };
    assert_eq!(settings, expected);
}

#[test]
fn every_missing_field_is_named() {
    for (without, named) in
        [("Port", "Port"), ("Ratio", "Ratio"), ("Db__Host", "Db__Host"), ("Hosts", "Hosts"), ("Level", "Level")]
    {
        let rest: Vec<_> = USUAL.into_iter().filter(|(name, _)| *name != without).collect();
        let shown = refused(load::<Settings>(&rest), LoadErrorKind::Missing, named);
        assert_eq!(shown, format!("the secret `{named}` is missing: store it, or give its field a default"));
    }
    let rest: Vec<_> = USUAL.into_iter().filter(|(name, _)| !name.starts_with("Db__")).collect();
    refused(load::<Settings>(&rest), LoadErrorKind::Missing, "Db");
    // A part of what is optional makes the rest of it required.
    let some: Vec<_> = USUAL.into_iter().chain([("Replica__Pool", "1")]).collect();
    refused(load::<Settings>(&some), LoadErrorKind::Missing, "Replica__Host");
    refused(load::<One<u8>>(&[]), LoadErrorKind::Missing, "it");
    assert_eq!(load::<One<Option<u8>>>(&[]).expect("optional").it, None);
}

#[test]
fn numbers_are_read_whole() {
    assert_eq!(one::<u8>("255").expect("the largest"), 255);
    assert_eq!(one::<i128>(&i128::MIN.to_string()).expect("the smallest"), i128::MIN);
    assert_eq!(one::<u128>(&u128::MAX.to_string()).expect("the largest"), u128::MAX);
    assert_eq!(one::<f32>("1e3").expect("a number"), 1000.0);
    assert_eq!(one::<char>("é").expect("a character"), 'é');
    assert!(one::<bool>("true").expect("a truth") && !one::<bool>("false").expect("a truth"));
    for value in ["256", "-1", "1.0", " 1", "1 ", "1\n", "", "0x1", "one", CANARY] {
        let shown = refused(one::<u8>(value), LoadErrorKind::Malformed, "it");
        assert_eq!(shown, "the secret `it` is not a whole number from 0 to 255");
    }
    for value in ["True", "1", "yes", "", CANARY] {
        refused(one::<bool>(value), LoadErrorKind::Malformed, "it");
    }
    for value in ["", "ab", CANARY] {
        refused(one::<char>(value), LoadErrorKind::Malformed, "it");
    }
    refused(one::<f64>(CANARY), LoadErrorKind::Malformed, "it");
    refused(one::<()>(CANARY), LoadErrorKind::Malformed, "it");
}

#[test]
fn an_empty_value_is_a_value() {
    assert_eq!(one::<String>("").expect("text"), "");
    assert_eq!(one::<Option<String>>("").expect("some text").as_deref(), Some(""));
    refused(one::<Option<u8>>(""), LoadErrorKind::Malformed, "it");
}

#[test]
fn lists_are_numbered_or_json() {
    let numbered: Vec<(String, String)> = (0..11).map(|n| (format!("it__{n}"), n.to_string())).collect();
    let numbered: Vec<_> = numbered.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(load::<One<Vec<u8>>>(&numbered).expect("a list").it, (0..11).collect::<Vec<_>>());
    refused(load::<One<Vec<u8>>>(&numbered[1..]), LoadErrorKind::Malformed, "it");
    refused(load::<One<Vec<u8>>>(&[("it__0", "1"), ("it__1", CANARY)]), LoadErrorKind::Malformed, "it__1");
    refused(load::<One<(u8, u8)>>(&[("it__0", "1")]), LoadErrorKind::Malformed, "it");
    let nested = [("it__0__Host", "a"), ("it__1__Host", "b"), ("it__1__Pool", "7")];
    assert_eq!(load::<One<Vec<Database>>>(&nested).expect("a list of structs").it[1].pool, Some(7));
    assert_eq!(one::<(u8, bool)>("[1, true]").expect("a pair"), (1, true));
    for value in ["a,b", "[1", "[1] 2", "[300]", r#"["canary-KW5-hunter2"]"#, "{}", "", CANARY] {
        let shown = refused(one::<Vec<u8>>(value), LoadErrorKind::Malformed, "it");
        assert!(shown.contains("JSON of the expected shape (line 1, column "), "{shown}");
    }
}

#[test]
fn a_struct_may_be_one_secret() {
    let database = one::<Database>(r#"{"Host": "db.internal", "Pool": 3}"#).expect("JSON");
    assert_eq!(database, Database { host: "db.internal".to_owned(), pool: Some(3) });
    for value in [r#"{"Pool": 3}"#, r#"{"Host": 3}"#, r#"{"Host": "canary-KW5-hunter2", "Pool": "x"}"#, CANARY] {
        refused(one::<Database>(value), LoadErrorKind::Malformed, "it");
    }
    let map = one::<HashMap<String, u8>>(r#"{"a": 1}"#).expect("JSON");
    assert_eq!(map["a"], 1);
}

#[test]
fn enums_are_names_or_hold_something() {
    assert_eq!(one::<Level>("info").expect("a name"), Level::Info);
    assert_eq!(load::<One<Level>>(&[("it__sampled", "7")]).expect("holds one").it, Level::Sampled(7));
    let split = [("it__split__from", "1"), ("it__split__to", "2")];
    assert_eq!(load::<One<Level>>(&split).expect("holds a struct").it, Level::Split { from: 1, to: 2 });
    assert_eq!(one::<Level>(r#"{"sampled": 7}"#).expect("JSON"), Level::Sampled(7));
    let shown = refused(one::<Level>(CANARY), LoadErrorKind::Malformed, "it");
    assert_eq!(shown, "the secret `it` is not one of `info`, `sampled`, `split`");
    refused(one::<Level>("sampled"), LoadErrorKind::Malformed, "it");
    refused(load::<One<Level>>(&[("it__info", CANARY)]), LoadErrorKind::Malformed, "it__info");
    refused(load::<One<Level>>(&[("it__sampled", CANARY)]), LoadErrorKind::Malformed, "it__sampled");
    refused(load::<One<Level>>(&[("it__other", CANARY)]), LoadErrorKind::Malformed, "it");
    refused(load::<One<Level>>(&split[..1]), LoadErrorKind::Missing, "it__split__to");
    let two = [("it__sampled", "7"), ("it__info", "")];
    refused(load::<One<Level>>(&two), LoadErrorKind::Malformed, "it");
}

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

/// A type of the caller's may put what it was given into its message: that is not shown.
#[test]
fn messages_that_quote_are_dropped() {
    #[derive(Debug)]
    struct Quoting;

    impl<'de> Deserialize<'de> for Quoting {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("{text} is not good")))
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(try_from = "String")]
    struct Tried;

    impl TryFrom<String> for Tried {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            Err(text)
        }
    }

    let expected = "the secret `it` is not what its field accepts";
    assert_eq!(refused(one::<Quoting>(CANARY), LoadErrorKind::Malformed, "it"), expected);
    assert_eq!(refused(one::<Tried>(CANARY), LoadErrorKind::Malformed, "it"), expected);
    refused(one::<Vec<Quoting>>(r#"["canary-KW5-hunter2"]"#), LoadErrorKind::Malformed, "it");
    refused(load::<One<Vec<Quoting>>>(&[("it__0", CANARY)]), LoadErrorKind::Malformed, "it__0");
    refused(one::<HashMap<Level, u8>>(CANARY), LoadErrorKind::Malformed, "it");
    let key = load::<One<HashMap<bool, u8>>>(&[("it__yes", CANARY)]);
    refused(key, LoadErrorKind::Malformed, "it__yes");
    refused(load::<One<Option<u8>>>(&[("it", CANARY)]), LoadErrorKind::Malformed, "it");
}

impl std::hash::Hash for Level {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
    }
}

impl Eq for Level {}

#[test]
fn secret_fields_hold_bytes_and_show_nothing() {
    #[derive(Debug, Deserialize)]
    struct Secrets {
        password: SecretField,
        of_secrecy: SecretString,
        nested: HashMap<String, SecretField>,
        missing: Option<SecretField>,
        json: Vec<SecretField>,
    }
    let app =
        application(&[("of_secrecy", CANARY), ("nested__a", CANARY), ("json", r#"["canary-KW5-hunter2", "\n"]"#)]);
    let bytes = [CANARY.as_bytes(), &[0xff, 0]].concat();
    block_on(app.put("password", bytes.clone())).expect("stored");
    let secrets: Secrets = block_on(Loader::new(app.store(), app.name()).load()).expect("complete");
    assert_eq!(secrets.password.expose_secret(), bytes);
    assert!(secrets.password.text().is_err(), "no text");
    assert_eq!(secrets.of_secrecy.expose_secret(), CANARY);
    assert_eq!(secrets.nested["a"].text().expect("text"), CANARY);
    assert!(secrets.missing.is_none());
    assert_eq!((secrets.json[0].text().expect("text"), secrets.json[1].text().expect("text")), (CANARY, "\n"));
    let shown = format!("{secrets:?}");
    assert!(shown.contains("redacted") && !shown.contains("canary") && !shown.contains("99, 97"), "{shown}");
    let value: SecretValue = secrets.password.into_value();
    assert_eq!(value.expose_secret(), bytes);
    // As text it is refused, and not shown.
    let app_text = block_on(Loader::new(app.store(), app.name()).load::<HashMap<String, String>>());
    let shown = app_text.expect_err("no text");
    assert!(!format!("{shown:?}").contains("canary"), "{shown:?}");
    // Other deserializers have text and bytes too.
    let from_json: SecretField = serde_json::from_str(r#""text""#).expect("text");
    assert_eq!(from_json.expose_secret(), b"text");
    assert!(serde_json::from_str::<SecretField>("7").is_err());
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

#[test]
fn a_store_that_fails_is_told() {
    let failing = std::sync::Arc::new(Failing::new(secret_store_memory::MemoryPersistence::new()));
    let keys = secret_store_memory::MemoryKeyProvider::new().with_generated(&"main".parse().expect("valid"));
    let builder = EnvelopeStore::builder(std::sync::Arc::new(keys.expect("random")), failing.clone());
    let store = builder.store_id("config").master_key("main").build().expect("valid");
    failing.fail(Fault::new(ErrorKind::Throttled));
    let application = ApplicationName::new("YourApp").expect("valid");
    let error = block_on(Loader::new(&store, &application).load::<One<u8>>()).expect_err("throttled");
    assert_eq!((error.kind(), error.name()), (LoadErrorKind::Store, None));
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<secret_store_core::Error>());
    assert_eq!(source.expect("the store's").kind(), ErrorKind::Throttled);
}

/// Any store will do, also one behind a trait object.
#[test]
fn any_store_will_do() {
    let app = application(&[("it", "1")]);
    let store: &dyn secret_store_core::SecretStore = app.store();
    assert_eq!(block_on(Loader::new(store, app.name()).load::<One<u8>>()).expect("one").it, 1);
}
