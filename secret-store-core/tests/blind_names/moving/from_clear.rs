//! The first key: from names in clear to blind names.

use futures::executor::block_on;
use secret_store_core::{BlindNames, Blinding, ErrorKind, SecretStore, SecretStoreExt, SecretVersion};

use super::{moved, newest_alone, old};
use crate::support::{World, application, id, key};

/// From names in clear: beside processes without blind names, then beside each other.
#[test]
fn the_first_key_comes_beside_processes_without() {
    let world = World::new();
    let (clear, first) = (world.clear(), world.process(Blinding::in_clear_with_next(&key(1))));
    let put = |store: &dyn SecretStore, value: &str| {
        drop(block_on(store.put(&id("Db"), value.into())).expect("stored"));
    };
    let reads = |store: &dyn SecretStore, value: &str| {
        assert_eq!(block_on(store.get(&id("Db"))).expect("there").text().expect("text"), value);
        let listed = block_on(store.list(&application())).expect("a page").items;
        assert_eq!(listed.len(), 1);
    };
    for value in ["1", "2"] {
        put(if value == "1" { &clear } else { &first.store }, value);
        reads(&clear, value);
        reads(&first.store, value);
    }
    // No process without blind names is left.
    drop(clear);
    let second = world.process(old().with_previous_in_clear().expect("once"));
    for (store, value) in [(&second.store, "3"), (&first.store, "4"), (&second.store, "5")] {
        put(store, value);
        reads(&first.store, value);
        reads(&second.store, value);
    }
    let report = moved(&second);
    assert!(report.finished && report.moved > 0, "{report:?}");
    let alone = world.process(old());
    reads(&alone.store, "5");
    for version in 1..=5 {
        let version = SecretVersion::new(version).expect("not zero");
        let secret = block_on(alone.store.get_version(&id("Db"), version)).expect("opens");
        assert_eq!(secret.text().expect("text"), version.to_string());
    }
    // The mark is left with the first name that is hashed, not before.
    let open = |blinding| block_on(BlindNames::open(world.memory.clone(), blinding));
    open(Blinding::in_clear_with_next(&key(1))).expect("no mark yet");
    open(newest_alone()).expect("none still, so that any key is the first");
    let error = open(Blinding::in_clear_with_next(&key(1))).expect_err("another key's mark");
    assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
}

#[test]
fn a_store_in_clear_moves_to_blind_names() {
    let world = World::new();
    let clear = world.clear();
    for value in ["1", "2"] {
        block_on(clear.put(&id("Db"), value.into())).expect("stored");
    }
    let process = world.process(old().with_previous_in_clear().expect("once"));
    assert_eq!(block_on(process.store.get(&id("Db"))).expect("there").text().expect("text"), "2");
    let report = moved(&process);
    assert_eq!((report.moved, report.left, report.finished), (2, 0, true), "{report:?}");
    let alone = world.process(old());
    assert_eq!(block_on(alone.store.get(&id("Db"))).expect("there").text().expect("text"), "2");
    let first = block_on(alone.store.get_version(&id("Db"), SecretVersion::FIRST)).expect("there");
    assert_eq!(first.text().expect("text"), "1");
    assert!(block_on(clear.list(&application())).expect("a page").items.is_empty());
}
