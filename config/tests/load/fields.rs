//! The fields of a struct: each is read, and each that is missing is named.

use std::collections::BTreeMap;
use std::fmt::Debug;

use secret_store_config::LoadErrorKind;
use serde::Deserialize;

use super::{Database, Level, One, load, refused};

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
