//! The text of a secret as a value: numbers, lists, structs, enums.

use std::collections::HashMap;

use secret_store_config::LoadErrorKind;

use super::{CANARY, Database, Level, One, load, one, refused};

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
