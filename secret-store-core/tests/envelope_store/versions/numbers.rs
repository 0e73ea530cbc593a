//! Every value gets the next number, after a delete and after a restore too, and the last number is the last.

use secret_store_core::{ErrorKind, HistoryRetention, Metadata, PutOptions, SecretStore, SecretStoreExt};

use super::{keep, newest, put, text};
use crate::support::{VERSION, World, current, id, kind, last, version, wait};

#[test]
fn numbers_go_on_after_a_delete() {
    for retention in [HistoryRetention::All, newest(1), newest(2), HistoryRetention::None] {
        let world = World::new();
        let store = keep(retention, &world);
        let mut seen = Vec::new();
        for round in 0..3 {
            for n in 0..3 {
                seen.push(put(&store, &format!("{round} {n}")).version.get());
            }
            wait(store.delete(&id("Db"))).expect("deleted");
            assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::NotFound);
            assert_eq!(kind(wait(store.delete(&id("Db")))), ErrorKind::NotFound);
            // The next put is another process's.
            seen.push(put(&keep(retention, &world), "other").version.get());
        }
        assert_eq!(seen, (1..=12).collect::<Vec<_>>(), "{retention:?}");
    }
}

#[test]
fn a_restore_is_a_new_version() {
    let world = World::new();
    let store = world.store();
    let metadata = Metadata::new().with("owner", "team-a");
    wait(store.put_with(&id("Db"), "one".into(), PutOptions::default().with_metadata(metadata.clone())))
        .expect("stored");
    put(&store, "two");
    let info = wait(store.restore(&id("Db"), version(1))).expect("restored");
    assert_eq!((info.version, &info.metadata), (version(3), &metadata));
    assert_eq!(text(&store, "Db").expect("opens"), "one");
    assert_eq!(wait(store.get_version(&id("Db"), version(2))).expect("opens").text().expect("text"), "two");
    // Of a deleted secret, too.
    wait(store.delete(&id("Db"))).expect("deleted");
    assert_eq!(wait(store.restore(&id("Db"), version(2))).expect("restored").version, version(4));
    assert_eq!(text(&store, "Db").expect("opens"), "two");
    assert_eq!(kind(wait(store.restore(&id("Db"), version(9)))), ErrorKind::NotFound);
}

/// The number space ends loudly, and never by a wrap-around.
#[test]
fn the_last_number_is_the_last() {
    let world = World::new();
    let store = world.store();
    put(&store, "v");
    let record = world.record(&current(&id("Db"))).with(VERSION, secret_store_core::Value::from(u64::MAX));
    world.plant(&current(&id("Db")), record);
    assert!(matches!(kind(wait(world.store().put(&id("Db"), "v".into()))), ErrorKind::TooLarge { .. }));
    assert!(world.stored(&last(&id("Db"))).is_none());
}
