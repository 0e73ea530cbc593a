//! What each bad input gets, and where exactly the limits are.

use std::collections::BTreeMap;

use secret_store_core::{
    DeleteOptions, Error, ErrorKind, Limits, ListOptions, Metadata, Precondition, ProtectOptions, PutOptions, Result,
    SecretStore, SecretStoreExt, SecretValue, Value,
};
use secret_store_memory::MemoryPersistence;

use super::support::{APP, MASTER_KEY_ID, VALUE, World, app, current, id, kind, master, refusal, wait};

const DEFAULT: usize = 64 * 1024;

fn value(length: usize) -> SecretValue {
    SecretValue::new(vec![7; length])
}

#[test]
fn a_value_has_at_most_64_kib_unless_told_otherwise() {
    let world = World::new();
    let store = world.store();
    for length in [0, 1, DEFAULT - 1, DEFAULT] {
        wait(store.put(&id("Db"), value(length))).expect("fits");
        let secret = wait(store.get(&id("Db"))).expect("opens");
        assert_eq!(secret.expose_secret(), vec![7; length]);
        assert_eq!(secret.into_value().len(), length);
    }
    let (keys, records) = (world.keys.calls(), world.records.calls());
    let too_large = ErrorKind::TooLarge { limit: DEFAULT as u64, actual: DEFAULT as u64 + 1 };
    let error = refusal(wait(store.put(&id("Db"), value(DEFAULT + 1))));
    assert_eq!(error.kind(), too_large);
    assert!(error.to_string().contains("65537") && error.to_string().contains("65536"), "{error}");
    assert_eq!(kind(wait(store.protect(&id("Db"), value(DEFAULT + 1), ProtectOptions::default()))), too_large);
    assert_eq!((world.keys.calls(), world.records.calls()), (keys, records), "nothing is contacted");
}

#[test]
fn the_limit_can_be_set() {
    for limit in [0, 1, 31, 32, 33, 100_000] {
        let world = World::new();
        let store = world.builder().max_value_bytes(limit).build().expect("valid");
        wait(store.put(&id("Db"), value(limit))).expect("fits");
        assert_eq!(wait(store.get(&id("Db"))).expect("opens").expose_secret().len(), limit);
        let too_large = ErrorKind::TooLarge { limit: limit as u64, actual: limit as u64 + 1 };
        assert_eq!(kind(wait(store.put(&id("Db"), value(limit + 1)))), too_large);
        // What is stored already is read at any limit.
        let narrow = world.builder().max_value_bytes(0).build().expect("valid");
        assert!(wait(narrow.get(&id("Db"))).is_ok());
    }
}

/// A record's limit is the backend's. A value that cannot fit whatever the rest is refused before any key provider is asked.
#[test]
fn a_record_never_exceeds_the_backends_limit() {
    const RECORD: usize = 700;
    let world = World::over(MemoryPersistence::new().with_limits(Limits::DEFAULT.with_record_bytes(RECORD)));
    let store = world.store();
    let mut largest = None;
    for length in 0..RECORD {
        let calls = world.keys.calls();
        match wait(store.put(&id(&format!("s{length}")), value(length))) {
            Ok(_) => {
                assert!(world.record(&current(&id(&format!("s{length}")))).size() <= RECORD);
                largest = Some(length);
            }
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
                assert!(largest.is_some(), "small ones fit");
                assert!(world.stored(&current(&id(&format!("s{length}")))).is_none());
                if length > RECORD - 54 {
                    assert_eq!(world.keys.calls(), calls, "refused before any call");
                }
            }
        }
    }
    let largest = largest.expect("some fit");
    // Exactly to the limit: one byte more did not fit.
    let record = world.record(&current(&id(&format!("s{largest}"))));
    assert_eq!(record.size(), RECORD, "{record:?}");
    // It can also be replaced: what moves to the history is no larger.
    wait(store.put(&id(&format!("s{largest}")), value(largest))).expect("fits");
    let tiny = World::over(MemoryPersistence::new().with_limits(Limits::DEFAULT.with_record_bytes(53)));
    assert_eq!(kind(tiny.builder().build()), ErrorKind::InvalidInput);
}

#[test]
fn metadata_and_tokens_have_limits() {
    let world = World::new();
    let store = world.store();
    let with = |metadata| PutOptions::default().with_metadata(metadata);
    // Map head 1, key head 1 and key 1, value head 3.
    wait(store.put_with(&id("Db"), "v".into(), with(Metadata::new().with("k", "v".repeat(4096 - 6))))).expect("fits");
    let error =
        kind(wait(store.put_with(&id("Db"), "v".into(), with(Metadata::new().with("k", "v".repeat(4096 - 5))))));
    assert_eq!(error, ErrorKind::TooLarge { limit: 4096, actual: 4097 });
    for token in ["t".to_owned(), "t".repeat(64)] {
        wait(store.put_with(&id("Db"), "v".into(), PutOptions::default().with_idempotency_token(token))).expect("fits");
    }
    for token in [String::new(), "t".repeat(65)] {
        let options = PutOptions::default().with_idempotency_token(token);
        assert_eq!(kind(wait(store.put_with(&id("Db"), "v".into(), options))), ErrorKind::InvalidInput);
    }
    let reserved = with(Metadata::new().with("~idempotency", "forged"));
    assert_eq!(kind(wait(store.put_with(&id("Db"), "v".into(), reserved))), ErrorKind::InvalidInput);
}

#[test]
fn names_are_checked_at_the_edge() {
    let world = World::new();
    let store = world.store();
    let handle = store.application("a".repeat(255)).expect("the longest");
    for name in ["n".repeat(900), "é".repeat(450), "a/b".into(), "..".into(), " ".into(), "#".into(), "a~".into()] {
        wait(handle.put(name.as_str(), "v")).unwrap_or_else(|error| panic!("{name:?}: {error}"));
        assert_eq!(wait(handle.get(name.as_str())).expect("opens").expose_secret(), b"v");
    }
    let long = format!("{}é", "n".repeat(899));
    for (name, rule) in [
        ("", "empty"),
        (&*long, "900"),
        ("~x", "`~`"),
        ("a\nb", "control"),
        ("a\u{1f}b", "control"),
        ("a\u{7f}", "control"),
    ] {
        let calls = world.records.calls();
        for error in [
            refusal(wait(handle.get(name))),
            refusal(wait(handle.put(name, "v"))),
            refusal(wait(handle.delete(name))),
            refusal(wait(handle.history(name, ListOptions::default()))),
            refusal(wait(handle.get_many([name]))),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(rule), "{error}");
            assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
        }
        assert_eq!(world.records.calls(), calls);
    }
    for name in ["", "~h~x", "a\0"] {
        assert_eq!(kind(store.application(name)), ErrorKind::InvalidInput);
    }
    assert_eq!(kind(store.application("a".repeat(256))), ErrorKind::InvalidInput);
}

#[test]
fn values_that_are_no_text_and_no_json_say_so() {
    let world = World::new();
    let store = world.store();
    wait(store.put(&id("Db"), b"ab\xff\xfe"[..].into())).expect("stored");
    let secret = wait(store.get(&id("Db"))).expect("bytes open");
    let error = refusal(secret.text());
    assert_eq!((error.kind(), error.secret()), (ErrorKind::InvalidInput, Some(&id("Db"))));
    assert_eq!(kind(secret.json::<u32>()), ErrorKind::InvalidInput);
    let parts = BTreeMap::from([("user", "u"), ("password", "p")]);
    wait(store.put(&id("Db"), SecretValue::from_json(&parts).expect("serialises"))).expect("stored");
    let secret = wait(store.get(&id("Db"))).expect("opens");
    assert_eq!(secret.json::<BTreeMap<String, String>>().expect("json")["password"], "p");
    assert_eq!(kind(secret.json::<Vec<u32>>()), ErrorKind::InvalidInput);
    let numbered = BTreeMap::from([(vec![1], 1)]);
    assert_eq!(kind(SecretValue::from_json(&numbered)), ErrorKind::InvalidInput);
}

/// Errors of every kind that a store makes, with what it says of itself.
#[test]
fn every_error_names_its_operation_and_its_secret_in_one_clause() {
    let world = World::new();
    let store = world.store();
    wait(store.put(&id("Db"), "v".into())).expect("stored");
    let record = world.record(&current(&id("Db")));
    let conflict = || PutOptions::default().with_precondition(Precondition::Absent);
    let stranger = || PutOptions::default().with_master_key(master("stranger"));
    let forge = |record| {
        world.plant(&current(&id("Forged")), record);
        wait(store.get(&id("Forged"))).map(drop)
    };
    let renamed = record.clone().with("SecretName", Value::from("Forged"));
    let mut unknown = record.bytes(VALUE).expect("bytes").to_vec();
    unknown[3] = 9;
    let errors: Vec<(ErrorKind, &str, Result<()>)> = vec![
        (ErrorKind::NotFound, "get", wait(store.get(&id("None"))).map(drop)),
        (ErrorKind::NotFound, "delete", wait(store.delete(&id("None")))),
        (ErrorKind::Conflict, "put", wait(store.put_with(&id("Db"), "v".into(), conflict())).map(drop)),
        (ErrorKind::KeyNotAllowed, "put", wait(store.put_with(&id("Db"), "v".into(), stranger())).map(drop)),
        (
            ErrorKind::InvalidInput,
            "delete",
            wait(store.delete_with(&id("Db"), DeleteOptions::default().with_precondition(Precondition::Absent))),
        ),
        (ErrorKind::Integrity, "get", forge(record.clone())),
        (ErrorKind::Integrity, "get", forge(renamed.clone())),
        (ErrorKind::KeyNotAllowed, "get", forge(renamed.clone().with(MASTER_KEY_ID, Value::from("stranger")))),
        (ErrorKind::Unsupported, "get", forge(renamed.with(VALUE, Value::from(unknown)))),
        (ErrorKind::NotFound, "get many", wait(store.get_many(&[id("None")])).map(drop)),
    ];
    for (expected, operation, result) in errors {
        let error = refusal(result);
        assert_eq!(error.kind(), expected, "{error}");
        assert_eq!(error.operation(), Some(operation), "{error}");
        assert!(error.secret().is_some_and(|secret| secret.application() == &app(APP)), "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with(operation) && text.contains(APP) && !text.contains('\n') && !text.ends_with('.'),
            "{text}"
        );
        let clause = text.split(": ").nth(1).expect("a clause");
        assert!(clause.starts_with(|first: char| first.is_lowercase()), "{text}");
        assert!(!error.is_retryable());
    }
    world.plant(&current(&id("Forged")), record);
    let lists = refusal(wait(store.list(&app(APP))));
    assert_eq!((lists.kind(), lists.operation()), (ErrorKind::Integrity, Some("list")));
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}

/// Foreign text in names reaches no terminal unescaped.
#[test]
fn messages_escape_what_they_name() {
    let world = World::new();
    let odd = super::support::lenient("a\u{1b}[2Jb\u{202e}");
    let text = refusal(wait(world.store().get(&odd))).to_string();
    assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
}
