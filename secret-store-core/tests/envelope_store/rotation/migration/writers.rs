//! Writers beside a migration, ours and the original: nothing that they write is undone.

use secret_store_core::{ErrorKind, Legacy, ProtectOptions, SecretStoreExt};

use super::super::{SECOND, drive, step, steps};
use super::{
    configured, fill_both, in_format_0, migrate, migration, number, reader, text, text_of_version,
    write_as_the_original,
};
use crate::support::{KeyCall, World, current, id, kind, version, wait};

/// While it goes on: our readers read, our writers write, deletes delete, and nothing of it is undone.
#[test]
fn puts_and_deletes_beside_it_win() {
    let world = World::new();
    for name in ["put", "deleted", "put-twice", "saved", "left"] {
        write_as_the_original(&world, name, "old");
    }
    let store = reader(&world);
    let protected = wait(store.protect(&id("saved"), "new".into(), ProtectOptions::default())).expect("made");
    let open = world.keys.hold(KeyCall::Unwrap);
    let rotator = reader(&world);
    let mut running = Box::pin(migration(&rotator).run());
    step(&mut running);
    // All records of the page were read, and wait for their keys.
    world.keys.unhook();
    wait(store.put(&id("put"), "new".into())).expect("stored");
    wait(store.put(&id("put-twice"), "newer".into())).expect("stored");
    wait(store.put(&id("put-twice"), "newest".into())).expect("stored");
    wait(store.delete(&id("deleted"))).expect("deleted");
    wait(store.save(&protected)).expect("saved");
    open.send(()).expect("it waits");
    let report = drive(&world, running).expect("migrated");
    assert!(report.is_complete());
    assert_eq!(in_format_0(&world), []);
    let strict = world.store();
    for (name, value, count) in [("put", "new", 2), ("put-twice", "newest", 3), ("saved", "new", 2), ("left", "old", 1)]
    {
        assert_eq!((text(&strict, name).as_str(), number(&world, name)), (value, Some(count)), "{name}");
    }
    for name in ["put", "put-twice", "saved", "deleted"] {
        assert_eq!(text_of_version(&strict, name, 1), "old");
    }
    assert_eq!(kind(wait(strict.get(&id("deleted")))), ErrorKind::NotFound);
}

/// What was reserved for the version after an unnumbered one is refused once that has its number: protect again.
#[test]
fn a_reservation_over_a_record_that_was_migrated_is_a_conflict() {
    let world = World::new();
    write_as_the_original(&world, "a", "a1");
    let store = reader(&world);
    let protected = wait(store.protect(&id("a"), "a2".into(), ProtectOptions::default())).expect("made");
    migrate(&world);
    assert_eq!(kind(wait(store.save(&protected))), ErrorKind::Conflict);
    assert_eq!(text(&store, "a"), "a1");
    assert_eq!(wait(store.put(&id("a"), "a2".into())).expect("stored").version, version(2));
}

/// The original and a process with an old configuration cannot be shut out. What they leave is met as long as it goes on, read
/// afterwards, and met by the next run.
#[test]
fn the_original_writes_on() {
    let world = World::new();
    fill_both(&world);
    let (rotator, old) = (reader(&world), configured(&world, Legacy::ReadWrite));
    let mut running = Box::pin(migration(&rotator).run());
    step(&mut running);
    assert_eq!(in_format_0(&world), [], "the early pass is through");
    steps(&world, &mut running, 100 * SECOND);
    // The original writes over what was migrated, unconditionally; ours with an old configuration refuses to.
    write_as_the_original(&world, "a", "late");
    assert_eq!(kind(wait(old.put(&id("b"), "late".into()))), ErrorKind::Unsupported);
    wait(old.put(&id("new"), "late".into())).expect("nothing was there");
    assert_eq!(in_format_0(&world), [current(&id("a")), current(&id("new"))]);
    assert_eq!(text(&reader(&world), "a"), "late", "it is readable at every moment");
    let report = drive(&world, running).expect("migrated");
    assert_eq!((report.changed(), report.is_complete()), (4 + 2, true));
    assert_eq!((number(&world, "a"), number(&world, "new")), (Some(2), Some(1)));
    // After the end.
    write_as_the_original(&world, "a", "later");
    assert_eq!(text(&reader(&world), "a"), "later");
    assert_eq!(wait(migration(&reader(&world)).dry_run()).expect("counted").original(), 1);
    assert_eq!(migrate(&world).changed(), 1);
    assert_eq!((text(&world.store(), "a"), number(&world, "a")), ("later".into(), Some(3)));
}
