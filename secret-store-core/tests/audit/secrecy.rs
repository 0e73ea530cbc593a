//! No value and no key in anything that an entry is, says or shows.

use std::sync::Arc;

use secret_store_core::audit::{AuditKey, AuditSink, PersistenceSink};
use secret_store_core::{Metadata, PutOptions, SecretStore, SecretStoreExt};
use secret_store_memory::MemoryPersistence;

use crate::support::{Answer, MAC_KEY, audited, head_of, id, key, wait};

const VALUE: &[u8] = b"canary-value-QZ7";

fn shapes(bytes: &[u8]) -> Vec<Vec<u8>> {
    let decimal = |joint: &str| bytes[..6].iter().map(u8::to_string).collect::<Vec<_>>().join(joint).into_bytes();
    let hex = hex::encode(&bytes[..8]);
    vec![bytes[..12].to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes(), decimal(", "), decimal(",")]
}

#[track_caller]
fn check(what: &str, shown: impl AsRef<[u8]>) {
    let shown = shown.as_ref();
    for shape in shapes(VALUE).into_iter().chain(shapes(&MAC_KEY)) {
        assert!(!shown.windows(shape.len()).any(|window| window == shape), "{what} holds a canary");
    }
}

#[test]
fn the_search_finds_what_is_there() {
    for shape in shapes(VALUE).into_iter().chain(shapes(&MAC_KEY)) {
        let hidden = [b"before ", &shape[..], b" after"].concat();
        assert!(std::panic::catch_unwind(|| check("this", hidden)).is_err());
    }
}

#[test]
fn entries_hold_no_value_and_no_key() {
    let (store, sink) = audited();
    let value = || VALUE.to_vec().into();
    wait(async {
        let a = id("a");
        let metadata = PutOptions::default().with_metadata(Metadata::new().with("owner", "team-a"));
        store.put_with(&a, value(), metadata).await.expect("puts");
        store.put(&a, value()).await.expect("puts");
        assert_eq!(store.get(&a).await.expect("reads").expose_secret(), VALUE);
        store.get_many(std::slice::from_ref(&a)).await.expect("reads");
        store.get_all(a.application()).await.expect("reads");
        store.history(&a).await.expect("lists");
        store.restore(&a, crate::support::version(1)).await.expect("restores");
        store.delete(&a).await.expect("deletes");
        for answer in [Answer::Panics, Answer::Refuses(secret_store_core::ErrorKind::Throttled)] {
            sink.answer([answer]);
            let error = store.put(&a, value()).await.expect_err("refused");
            check("an error", format!("{error} {error:?} {error:#?}"));
        }
    });
    let entries = sink.entries();
    assert!(entries.len() > 10);
    for entry in &entries {
        check("an entry", entry.as_bytes());
        check("an entry's text", format!("{entry} {entry:?} {entry:#?}"));
    }
    let records = Arc::new(MemoryPersistence::new());
    wait(PersistenceSink::new(Arc::<MemoryPersistence>::clone(&records)).append(&entries)).expect("takes");
    for (key, stored) in records.snapshot().iter() {
        check("a record's key", format!("{key:?}"));
        check("a record", stored.record.to_bytes());
    }
    check("the store", format!("{store:?} {store:#?}"));
    check("a key", format!("{:?}", key()));
    check("a head", head_of(&entries, Some(key())).to_bytes(Some(&key())));
    let (generated, bytes) = AuditKey::generate().expect("random");
    let shown = format!("{generated:?}");
    assert!(!shown.contains(&hex::encode(&bytes[..4])), "{shown}");
}

#[test]
fn what_people_see_is_escaped() {
    let (store, sink) = audited();
    let lenient = secret_store_core::SecretName::lenient("a\nb\u{1b}[2J").expect("lenient");
    let id = secret_store_core::SecretId::new(id("a").application().clone(), lenient);
    let request = store.for_request("eve\r\n\u{202e}", "req\u{7}").expect("valid");
    wait(request.get(&id)).expect_err("none there");
    let entry = &sink.entries()[0];
    for shown in [format!("{entry}"), format!("{entry:?}")] {
        assert!(!shown.contains(['\n', '\r', '\u{1b}', '\u{202e}', '\u{7}']), "{shown:?}");
    }
    assert!(
        format!("{entry}")
            .ends_with(r"production eve\r\n\u{202e} (req\u{7}) get YourApp.Production/a\nb\u{1b}[2J: not found"),
        "{entry}"
    );
}
