//! The mark in the database tells a wrong key, and denies when it is forged.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::fault::{Failing, Fault, Operation, Racing};
use secret_store_core::{BlindNames, Blinding, ErrorKind, Record, RecordKey, SecretStoreExt, Value};
use secret_store_memory::MemoryPersistence;

use crate::support::{World, id, key, load};

/// With the wrong key a store looks empty; the mark in the database tells before anything is read or written.
#[test]
fn a_wrong_key_is_told_by_the_mark() {
    let world = World::new();
    let open = |blinding| block_on(BlindNames::open(world.memory.clone(), blinding));
    let [old, new] = [1, 2].map(|n| Blinding::new(&key(n)));
    open(old.clone()).expect("the first key leaves its mark");
    open(old.clone()).expect("and is known again");
    block_on(world.process(old.clone()).store.put(&id("Db"), "v".into())).expect("stored");
    let error = open(new.clone()).expect_err("another key");
    assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
    assert!(error.to_string().contains(&key(1).id().to_string()), "{error}");
    // While the key is replaced both sides know both; then the mark moves on and the old key alone is the wrong one.
    let with_next = old.clone().with_next(&key(2)).expect("another");
    let with_previous = new.clone().with_previous(&key(1)).expect("another");
    for blinding in [&with_next, &with_previous, &with_next] {
        open(blinding.clone()).expect("knows both");
    }
    assert_eq!(open(old.clone()).expect_err("the mark has moved on").kind(), ErrorKind::KeyNotAllowed);
    open(new).expect("the new key alone is right now");
    assert!(load(&*world.process(old).names, &RecordKey::new("~b", "KEY")).is_none(), "no address of a caller's");
    assert!(block_on(world.process(with_previous).store.get(&id("Db"))).is_ok());
}

/// A mark that is none, or that a database writer changed, denies and admits nothing.
#[test]
fn a_forged_mark_denies() {
    let world = World::new();
    let place = RecordKey::new("~b", "KEY");
    let text = |text: &str| Record::new().with("KeyId", Value::from(text));
    for (mark, kind) in [
        (Record::new(), ErrorKind::Integrity),
        (Record::new().with("KeyId", Value::from(7)), ErrorKind::Integrity),
        (text(""), ErrorKind::KeyNotAllowed),
        (text("clear"), ErrorKind::KeyNotAllowed),
        (text("\u{1b}[31m"), ErrorKind::KeyNotAllowed),
        (text(&key(2).id().to_string()), ErrorKind::KeyNotAllowed),
    ] {
        world.overwrite(place.clone(), mark);
        let blinding = Blinding::new(&key(1)).with_previous_in_clear().expect("once");
        let error = block_on(BlindNames::open(world.memory.clone(), blinding)).expect_err("no mark of this key");
        assert_eq!(error.kind(), kind);
        assert!(!error.to_string().contains('\u{1b}'), "escaped");
    }
}

/// Of two processes that come first with different keys one is told.
#[test]
fn one_key_wins() {
    let memory = Arc::new(MemoryPersistence::new());
    let racing = Arc::new(Racing::new(memory.clone()));
    racing.before_commit(async move {
        BlindNames::open(memory, Blinding::new(&key(2))).await.expect("the first");
    });
    let lost = block_on(BlindNames::open(racing, Blinding::new(&key(1)))).expect_err("the second");
    assert_eq!(lost.kind(), ErrorKind::KeyNotAllowed);
}

/// A reader may be denied the right to write a mark, and needs none.
#[test]
fn a_role_that_may_not_write_leaves_no_mark() {
    let failing = Arc::new(Failing::new(MemoryPersistence::new()));
    failing.fail(Fault::new(ErrorKind::PermissionDenied).on(Operation::Commit).forever());
    block_on(BlindNames::open(failing.clone(), Blinding::new(&key(1)))).expect("it reads on");
    failing.heal();
    failing.fail(Fault::new(ErrorKind::PermissionDenied).on(Operation::Load).forever());
    let denied = block_on(BlindNames::open(failing, Blinding::new(&key(1)))).expect_err("it cannot know");
    assert_eq!(denied.kind(), ErrorKind::PermissionDenied);
}
