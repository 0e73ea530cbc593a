//! A version is found where it stands, with what was stored beside it.

use std::sync::Arc;

use secret_store_core::{
    ErrorKind, GetOptions, Metadata, Persistence, Precondition, PutOptions, SecretStore, SecretStoreExt, Write,
};
use secret_store_memory::MemoryPersistence;

use super::put;
use crate::support::{Call, Strike, World, id, kind, refusal, slot, version, wait};

#[test]
fn a_version_is_found_where_it_stands() {
    let world = World::new();
    let store = world.store();
    (1..=3).for_each(|n| drop(put(&store, &n.to_string())));
    for number in 1..=3 {
        let secret = wait(store.get_version(&id("Db"), version(number))).expect("opens");
        assert_eq!((secret.text().expect("text"), secret.info().version), (&*number.to_string(), version(number)));
    }
    assert_eq!(kind(wait(store.get_version(&id("Db"), version(4)))), ErrorKind::NotFound);
    let below = GetOptions::default().with_version(version(2)).with_minimum_version(version(3));
    assert_eq!(kind(wait(store.get_with(&id("Db"), below))), ErrorKind::InvalidInput);
    let versioned = GetOptions::default().with_version(version(1));
    assert_eq!(kind(wait(store.get_many_with(&[id("Db")], versioned.clone()))), ErrorKind::InvalidInput);
    assert_eq!(kind(wait(store.get_all_with(id("Db").application(), versioned))), ErrorKind::InvalidInput);
}

/// While a version moves from the current record to the history, a read of both may miss it in both.
#[test]
fn a_version_that_moves_while_it_is_read_is_found() {
    let world = World::new();
    put(&world.store(), "one");
    put(&world.store(), "two");
    // The batch answers the slot as it was and the current record as it is.
    let mixed = Arc::new(MemoryPersistence::new());
    mixed.restore(&world.memory().snapshot());
    wait(mixed.commit(vec![Write::delete(slot(&id("Db"), 1), Precondition::Any)])).expect("memory takes it");
    world.records.hook(move |call| match call {
        Call::LoadMany(..) => Strike::From(Arc::clone(&mixed)),
        _ => Strike::Pass,
    });
    let found = wait(world.store().get_version(&id("Db"), version(1))).expect("it was there all the time");
    assert_eq!(found.text().expect("text"), "one");
}

#[test]
fn several_are_all_or_an_error_in_the_order_asked() {
    let world = World::new();
    let store = world.store();
    let ids: Vec<_> = (0..250).map(|n| id(&format!("s{n}"))).collect();
    for id in &ids {
        wait(store.put(id, id.name().as_str().into())).expect("stored");
    }
    let asked: Vec<_> = ids.iter().rev().chain(&ids[..3]).cloned().collect();
    let found = wait(world.store().get_many(&asked)).expect("all");
    assert_eq!(found.len(), 253);
    for (id, secret) in asked.iter().zip(&found) {
        assert_eq!((secret.id(), secret.expose_secret()), (id, id.name().as_str().as_bytes()));
    }
    assert!(wait(store.get_many(&[])).expect("none").is_empty());
    let error = refusal(wait(store.get_many(&[id("s1"), id("missing"), id("s2")])));
    assert_eq!((error.kind(), error.secret()), (ErrorKind::NotFound, Some(&id("missing"))));
}

#[test]
fn metadata_is_kept_listed_and_bound() {
    let world = World::new();
    let store = world.store();
    let metadata = Metadata::new().with("owner", "team-a").with("", "");
    let options = |metadata| PutOptions::default().with_metadata(metadata);
    assert_eq!(kind(wait(store.put_with(&id("Db"), "v".into(), options(metadata)))), ErrorKind::InvalidInput);
    let metadata = Metadata::new().with("owner", "team-a").with("é", "ü");
    let info = wait(store.put_with(&id("Db"), "v".into(), options(metadata.clone()).with_idempotency_token("t")));
    let info = info.expect("stored");
    assert_eq!(info.metadata, metadata);
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").info(), &info);
    assert_eq!(wait(store.list(id("Db").application())).expect("a page").items, std::slice::from_ref(&info));
    put(&store, "without");
    assert!(wait(store.get(&id("Db"))).expect("opens").info().metadata.is_empty());
    assert_eq!(wait(store.history(&id("Db"))).expect("a page").items[0].metadata, metadata);
    assert!(info.created_at.is_some());
}
