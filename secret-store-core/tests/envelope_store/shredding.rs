//! A delete with its history: no wrapped key of the secret is left, wherever it is interrupted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use secret_store_core::{
    Consistency, DeleteOptions, ErrorKind, ListQuery, Persistence, PutOptions, SecretStore, SecretStoreExt,
};

use super::support::{APP, Call, DOCUMENT_KEY, Strike, World, current, id, kind, last, slot, version, wait};

/// Versions 1 to 3 of one secret, and another one that must survive.
fn world() -> World {
    let world = World::new();
    let store = world.store();
    for value in ["one", "two", "three"] {
        wait(store.put(&id("Db"), value.into())).expect("stored");
    }
    wait(store.put(&id("Dc"), "other".into())).expect("stored");
    wait(store.put(&id("Dc"), "other again".into())).expect("stored");
    world
}

/// Every wrapped key of this secret that was ever stored.
fn wrapped_keys(world: &World) -> Vec<Vec<u8>> {
    let keys = [slot(&id("Db"), 1), slot(&id("Db"), 2), current(&id("Db"))];
    keys.iter().map(|key| world.record(key).bytes(DOCUMENT_KEY).expect("a wrap").to_vec()).collect()
}

/// How many of them stand in any record.
fn found(world: &World, wrapped: &[Vec<u8>]) -> usize {
    let mut bytes = Vec::new();
    for partition in [APP.to_owned(), format!("~h~{APP}"), format!("~s~{APP}")] {
        let query = ListQuery::new(partition).with_consistency(Consistency::Strong);
        for (_, stored) in wait(world.memory().list(&query)).expect("memory answers").items {
            bytes.extend(stored.record.to_bytes());
        }
    }
    wrapped.iter().filter(|wrapped| bytes.windows(wrapped.len()).any(|window| window == **wrapped)).count()
}

fn shred(world: &World) -> secret_store_core::Result<()> {
    wait(world.store().delete_with(&id("Db"), DeleteOptions::default().with_history()))
}

#[test]
fn nothing_but_the_last_number_is_left() {
    let world = world();
    let wrapped = wrapped_keys(&world);
    assert_eq!(found(&world, &wrapped), 3, "the positive control");
    shred(&world).expect("deleted");
    assert_eq!(found(&world, &wrapped), 0);
    assert!(world.stored(&last(&id("Db"))).is_some());
    for number in 1..=3 {
        assert_eq!(kind(wait(world.store().get_version(&id("Db"), version(number)))), ErrorKind::NotFound);
    }
    assert_eq!(kind(shred(&world)), ErrorKind::NotFound);
    let other = wait(world.store().get_version(&id("Dc"), version(1))).expect("of another name");
    assert_eq!(other.text().expect("text"), "other");
    assert_eq!(wait(world.store().put(&id("Db"), "four".into())).expect("stored").version, version(4));
}

#[test]
fn a_plain_delete_keeps_them_and_a_later_one_with_history_takes_them() {
    let world = world();
    let wrapped = wrapped_keys(&world);
    wait(world.store().delete(&id("Db"))).expect("deleted");
    assert_eq!(found(&world, &wrapped), 3);
    shred(&world).expect("only earlier versions were left");
    assert_eq!(found(&world, &wrapped), 0);
}

#[test]
fn wherever_it_is_interrupted_it_is_finished_by_the_next_call() {
    let blows = [Strike::Before(ErrorKind::Unavailable), Strike::After(ErrorKind::Unavailable)];
    let mut interrupted = 0;
    for blow in blows {
        for at in 0.. {
            let world = world();
            let wrapped = wrapped_keys(&world);
            let (calls, strike) = (Arc::new(AtomicUsize::new(0)), blow.clone());
            let counted = Arc::clone(&calls);
            world.records.hook(move |_: &Call| {
                if counted.fetch_add(1, Ordering::SeqCst) == at { strike.clone() } else { Strike::Pass }
            });
            let first = shred(&world);
            let reached = calls.load(Ordering::SeqCst) > at;
            world.records.hook(|_: &Call| Strike::Pass);
            match shred(&world) {
                Ok(()) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
            }
            assert_eq!(found(&world, &wrapped), 0, "interrupted at {at}: {first:?}");
            if !reached {
                assert!(first.is_ok());
                break;
            }
            interrupted += 1;
        }
    }
    assert!(interrupted >= 8, "{interrupted}");
}

#[test]
fn a_put_at_the_same_time_leaves_no_key_of_before() {
    for _ in 0..20 {
        let world = world();
        let wrapped = wrapped_keys(&world);
        let (store, other) = (world.store(), world.store());
        let racing = async {
            let name = id("Db");
            let put = other.put_with(&name, "new".into(), PutOptions::default());
            let delete = store.delete_with(&name, DeleteOptions::default().with_history());
            futures::join!(put, delete)
        };
        let (put, deleted) = wait(racing);
        put.expect("stored");
        deleted.expect("deleted");
        shred(&world)
            .or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
            .expect("gone");
        assert_eq!(found(&world, &wrapped), 0);
    }
}
