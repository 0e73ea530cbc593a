//! A blinding key is replaced: beside readers and writers, at any moment of it, and from clear names.

mod beside;
mod from_clear;
mod steps;
mod stops;
mod wraps;

use futures::executor::block_on;
use secret_store_core::{
    BlindMove, Blinding, ErrorKind, ListQuery, Persistence, Record, RecordKey, SecretStoreExt, Value,
};

use crate::support::{APPLICATION, Process, application, id, key, load, put, store_id};

fn old() -> Blinding {
    Blinding::new(&key(1))
}

/// The three steps.
fn next() -> Blinding {
    old().with_next(&key(2)).expect("another")
}

fn new() -> Blinding {
    Blinding::new(&key(2)).with_previous(&key(1)).expect("another")
}

fn newest_alone() -> Blinding {
    Blinding::new(&key(2))
}

fn fill(process: &Process) {
    for name in ["a", "b", "c"] {
        for value in ["1", "2", "3"] {
            block_on(process.store.put(&id(name), format!("{name}{value}").into())).expect("stored");
        }
    }
    block_on(process.store.delete(&id("c"))).expect("deleted");
    for (partition, sort) in [("~s~", "SETTINGS"), ("~s~", "JOB")] {
        put(&*process.names, RecordKey::new(format!("{partition}{APPLICATION}"), sort), settings());
    }
    let entry = "2026-01-02T03:04:05.678Z\u{1f}0123456789abcdef0123456789abcdef\u{1f}00000000000000000001";
    put(&*process.names, RecordKey::new(format!("~af~{APPLICATION}"), entry), settings());
}

fn settings() -> Record {
    Record::new().with("Sequence", Value::from(7))
}

/// Everything is as [`fill`] left it.
#[track_caller]
fn holds_everything(process: &Process) {
    let store = &process.store;
    let names = block_on(store.list(&application())).expect("a page").items;
    assert_eq!(names.iter().map(|info| info.id.name().as_str()).collect::<Vec<_>>(), ["a", "b"]);
    for name in ["a", "b"] {
        assert_eq!(block_on(store.get(&id(name))).expect("there").text().expect("text"), format!("{name}3"));
        let history = block_on(store.history(&id(name))).expect("a page").items;
        assert_eq!(history.iter().map(|info| info.version.get()).collect::<Vec<_>>(), [2, 1]);
        for info in history {
            let secret = block_on(store.get_version(&id(name), info.version)).expect("opens");
            assert_eq!(secret.text().expect("text"), format!("{name}{}", info.version));
        }
    }
    assert_eq!(block_on(store.get(&id("c"))).expect_err("deleted").kind(), ErrorKind::NotFound);
    assert_eq!(block_on(store.history(&id("c"))).expect("a page").items.len(), 3);
    assert_eq!(
        *load(&*process.names, &RecordKey::new(format!("~s~{APPLICATION}"), "JOB")).expect("there").record,
        settings()
    );
    let entries = block_on(process.names.list(&ListQuery::new(format!("~af~{APPLICATION}")))).expect("a page");
    assert_eq!(entries.items.len(), 1);
}

fn moved(process: &Process) -> BlindMove {
    let store_id = store_id();
    let mover = process.names.mover().with_keys(&process.keys, &store_id);
    block_on(mover.application(&application())).expect("the backends answer")
}
