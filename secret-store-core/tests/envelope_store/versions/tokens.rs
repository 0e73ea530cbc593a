//! Idempotency tokens: a put that is repeated makes one version.

use std::sync::Arc;

use secret_store_core::{Precondition, PutOptions, SecretStore, SecretStoreExt};

use super::{history, put, slow, text, threads};
use crate::support::{APP, ShortPages, World, app, id, version, wait};

fn token(token: &str) -> PutOptions {
    PutOptions::default().with_idempotency_token(token)
}

#[test]
fn a_repeated_put_with_its_token_answers_the_version_it_made() {
    let world = World::new();
    let store = world.store();
    let first = wait(store.put_with(&id("Db"), "1".into(), token("t1"))).expect("stored");
    let again = || wait(world.store().put_with(&id("Db"), "1".into(), token("t1"))).expect("recognised");
    assert_eq!(again(), first);
    assert!(first.metadata.is_empty(), "the token is no entry of the caller's");
    put(&store, "of another writer");
    assert_eq!(again().version, first.version, "also after another writer");
    wait(store.delete(&id("Db"))).expect("deleted");
    assert_eq!(again().version, first.version, "also after a delete");
    put(&store, "new");
    assert_eq!(again().version, first.version);
    assert_eq!(text(&store, "Db").expect("opens"), "new", "nothing was written");
    assert_eq!(wait(store.put_with(&id("Db"), "1".into(), token("t2"))).expect("stored").version, version(4));
    assert_eq!(wait(store.put_with(&id("Other"), "1".into(), token("t1"))).expect("stored").version, version(1));
    // The token goes before the precondition: what the first try created is there now.
    let create = token("t1").with_precondition(Precondition::Absent);
    assert_eq!(wait(store.put_with(&id("Db"), "1".into(), create)).expect("recognised").version, first.version);
}

#[test]
fn a_token_is_looked_for_in_the_newest_32_versions() {
    let world = World::new();
    let store = world.store();
    wait(store.put_with(&id("Db"), "1".into(), token("t"))).expect("stored");
    (2..=32).for_each(|n| drop(put(&store, &n.to_string())));
    let again = || wait(store.put_with(&id("Db"), "1".into(), token("t"))).expect("answered").version;
    assert_eq!(again(), version(1), "it is the thirty-second");
    put(&store, "33");
    assert_eq!(again(), version(34), "it is out of the window");
}

/// A page may be shorter than asked for, even empty, while more follows.
#[test]
fn a_token_is_found_behind_short_pages() {
    let world = World::new();
    let short = Arc::new(ShortPages::new(world.records.clone()));
    let store = world.builder_over(short).build().expect("valid");
    wait(store.put_with(&id("Db"), "1".into(), token("t"))).expect("stored");
    (2..=9).for_each(|n| drop(put(&store, &n.to_string())));
    assert_eq!(wait(store.put_with(&id("Db"), "1".into(), token("t"))).expect("answered").version, version(1));
    // Listings, too.
    assert_eq!(history(&store, "Db", 100), (1..=8).rev().collect::<Vec<_>>());
    assert_eq!(wait(store.get_all(&app(APP))).expect("all").len(), 1);
}

#[test]
fn concurrent_retries_with_one_token_make_one_version() {
    let world = World::new();
    slow(&world);
    let infos = threads(16, |_| wait(world.store().put_with(&id("Db"), "v".into(), token("t"))).expect("stored"));
    assert!(infos.iter().all(|info| info.version == version(1)));
    assert!(history(&world.store(), "Db", 9).is_empty());
}
