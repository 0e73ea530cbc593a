//! The history keeps what it is told to.

use secret_store_core::{ApplicationConfig, ErrorKind, HistoryRetention, SecretStoreExt};

use super::{history, keep, newest, put};
use crate::support::{APP, World, app, id, kind, version, wait};

#[test]
fn the_history_keeps_what_it_is_told_to() {
    let numbers = |retention| {
        let world = World::new();
        let store = keep(retention, &world);
        (0..5).for_each(|n| drop(put(&store, &n.to_string())));
        let kept = history(&store, "Db", 100);
        for number in 1..=5u64 {
            let found = wait(store.get_version(&id("Db"), version(number)));
            assert_eq!(found.is_ok(), number == 5 || kept.contains(&number), "{retention:?} {number}");
            if let Ok(secret) = found {
                assert_eq!(secret.text().expect("text"), (number - 1).to_string());
                assert_eq!(secret.info().version, version(number));
            }
        }
        wait(store.delete(&id("Db"))).expect("deleted");
        (kept, history(&store, "Db", 2))
    };
    assert_eq!(numbers(HistoryRetention::All), (vec![4, 3, 2, 1], vec![5, 4, 3, 2, 1]));
    assert_eq!(numbers(newest(1)), (vec![4], vec![5]));
    assert_eq!(numbers(newest(3)), (vec![4, 3, 2], vec![5, 4, 3]));
    assert_eq!(numbers(HistoryRetention::None), (vec![], vec![]));
}

/// Each put removes the one version that falls out: a smaller retention leaves older ones alone.
#[test]
fn the_retention_may_change() {
    let world = World::new();
    (0..4).for_each(|n| drop(put(&world.store(), &n.to_string())));
    assert_eq!(history(&world.store(), "Db", 9), [3, 2, 1]);
    put(&keep(newest(2), &world), "5");
    assert_eq!(history(&world.store(), "Db", 9), [4, 3, 1], "2 fell out");
    put(&keep(HistoryRetention::None, &world), "6");
    assert_eq!(history(&world.store(), "Db", 9), [4, 3, 1], "5 was not kept");
    put(&world.store(), "7");
    assert_eq!(history(&world.store(), "Db", 9), [6, 4, 3, 1]);
    assert_eq!(kind(wait(world.store().get_version(&id("Db"), version(5)))), ErrorKind::NotFound);
    // An application's own setting goes before the store's.
    let config = ApplicationConfig::default().with_history(HistoryRetention::None);
    let store = world.builder().application(app(APP), config).build().expect("valid");
    put(&store, "8");
    assert_eq!(history(&store, "Db", 9), [6, 4, 3, 1]);
}
