//! Which number a migrated secret takes: one that its name never had.

use futures::FutureExt;
use secret_store_core::{ErrorKind, SecretStoreExt, SecretVersion, Value};

use super::{migrate, number, reader, text, text_of_version, write_as_the_original};
use crate::legacy::original;
use crate::support::{KeyCall, VERSION, World, id, kind, slot, wait};

/// A current record takes the number after all that its name ever had, and keeps it from being used again.
#[test]
fn numbers_are_never_used_twice() {
    let world = World::new();
    for round in 0..3 {
        // Whatever the original puts there, also over what was migrated already.
        write_as_the_original(&world, "a", &format!("by the original {round}"));
        assert_eq!(migrate(&world).changed(), 1);
        assert_eq!(number(&world, "a"), Some(round + 1));
        assert_eq!(text(&world.store(), "a"), format!("by the original {round}"));
    }
    wait(world.store().put(&id("a"), "ours".into())).expect("stored");
    // Over a fourth version, with the third in the history.
    write_as_the_original(&world, "a", "again");
    migrate(&world);
    assert_eq!(number(&world, "a"), Some(4), "the last that is known anywhere is 3");
    wait(world.store().delete(&id("a"))).expect("deleted");
    write_as_the_original(&world, "a", "after a delete");
    migrate(&world);
    assert_eq!(number(&world, "a"), Some(5));
}

/// Whoever takes the number between the look at the history and the commit wins it.
#[test]
fn a_number_that_is_taken_meanwhile_is_left_to_others() {
    let world = World::new();
    write_as_the_original(&world, "a", "a1");
    let numbered = original(&world, &id("a"), "from a backup").with(VERSION, Value::from(1));
    let beneath = world.records.clone();
    let place = slot(&id("a"), 1);
    world.keys.hook(move |call| {
        if call == KeyCall::Generate {
            let write =
                secret_store_core::Write::put(place.clone(), numbered.clone(), secret_store_core::Precondition::Absent);
            drop(wait(secret_store_core::Persistence::commit(beneath.memory(), vec![write])));
        }
        async { Ok(()) }.boxed()
    });
    assert_eq!(migrate(&world).changed(), 2);
    assert_eq!(number(&world, "a"), Some(2));
    assert_eq!(
        (text(&world.store(), "a"), text_of_version(&world.store(), "a", 1)),
        ("a1".into(), "from a backup".into())
    );
}

/// A process that has seen the number takes what the original writes over it for a rollback, as the threat model says.
#[test]
fn a_process_that_has_seen_the_migrated_version_detects_what_overwrites_it() {
    let world = World::new();
    write_as_the_original(&world, "a", "a1");
    migrate(&world);
    let store = reader(&world);
    assert_eq!(text(&store, "a"), "a1");
    write_as_the_original(&world, "a", "over it");
    assert_eq!(kind(wait(store.get(&id("a")))), ErrorKind::RollbackDetected);
    let accepted = wait(store.accept_rollback(&id("a"))).expect("accepted").expect("there");
    assert_eq!(accepted.version, SecretVersion::UNVERSIONED);
    assert_eq!(text(&store, "a"), "over it");
}
