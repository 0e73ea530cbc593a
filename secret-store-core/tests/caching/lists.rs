//! Reads of several, and what lists.

use secret_store_core::{Consistency, ErrorKind, GetOptions, SecretStore, SecretStoreExt};

use super::support::{Asked, Fault, TTL, World, begun_read, id, kind, reads, wait};

fn world() -> World {
    let world = World::new();
    ["A", "B", "C"].iter().for_each(|name| world.elsewhere(name, "v"));
    world
}

/// Every entry is there, and still each list asks: only the backend knows what else there is.
#[test]
fn what_lists_always_asks() {
    let world = world();
    let store = world.cached(&world.options());
    let app = id("A").application().clone();
    ["A", "B", "C", "Db"].iter().for_each(|name| drop(reads(&store, name)));
    world.elsewhere("D", "new");
    for round in 1..=2 {
        assert_eq!(wait(store.get_all(&app)).expect("all").len(), 5);
        assert_eq!(wait(store.list(&app)).expect("all").items.len(), 5);
        let asked = world.backend.asked();
        assert_eq!(asked.alls, round);
        assert!(asked.lists >= round);
    }
    // A list adds no entry.
    assert_eq!(store.metrics().entries, 4);
}

/// What a list says ends what contradicts it.
#[test]
fn an_entry_that_a_list_contradicts_goes() {
    let world = world();
    let store = world.cached(&world.options());
    let app = id("A").application().clone();
    reads(&store, "A");
    reads(&store, "B");
    kind(wait(store.get(&id("New"))));
    world.elsewhere("A", "changed");
    world.elsewhere("New", "there");
    wait(store.list(&app)).expect("all");
    let before = world.backend.gets();
    assert_eq!(
        (reads(&store, "A"), reads(&store, "New"), reads(&store, "B")),
        ("changed".into(), "there".into(), "v".into())
    );
    assert_eq!(world.backend.gets(), before + 2, "B was not contradicted");
}

#[test]
fn several_are_their_entries_and_one_call_for_the_others() {
    let world = world();
    let store = world.cached(&world.options());
    reads(&store, "B");
    let ids = ["A", "B", "C", "A"].map(id);
    let secrets = wait(store.get_many(&ids)).expect("all");
    assert!(secrets.iter().zip(&ids).all(|(secret, id)| secret.info().id == *id));
    assert_eq!(world.backend.asked(), Asked { gets: 1, many: 1, ..Asked::default() });
    wait(store.get_many(&ids)).expect("all");
    assert_eq!(reads(&store, "C"), "v");
    assert_eq!(world.backend.asked(), Asked { gets: 1, many: 1, ..Asked::default() });
    assert!(wait(store.get_many(&[])).expect("none").is_empty());
}

/// All or an error; one that is not there does not make the others be asked one by one for ever.
#[test]
fn several_of_which_one_is_missing_are_an_error_that_names_it() {
    let world = world();
    let store = world.cached(&world.options());
    let ids = ["A", "None", "C"].map(id);
    let error = wait(store.get_many(&ids)).expect_err("one is missing");
    assert_eq!((error.kind(), error.secret()), (ErrorKind::NotFound, Some(&id("None"))));
    let asked = world.backend.asked();
    assert_eq!(kind(wait(store.get_many(&ids))), ErrorKind::NotFound);
    assert_eq!(world.backend.asked().many, asked.many);
    assert_eq!(reads(&store, "A"), "v");
}

#[test]
fn several_join_who_asks_already_and_are_joined() {
    let world = world();
    let store = world.cached(&world.options());
    let gate = world.backend.hold();
    let single = begun_read(&store, "A");
    let several = {
        let store = store.clone();
        super::support::begun(async move { store.get_many_with(&["A", "B"].map(id), GetOptions::default()).await })
    };
    let joined = begun_read(&store, "B");
    drop(gate);
    wait(joined).expect("reads");
    wait(single).expect("reads");
    assert_eq!(wait(several).expect("all").len(), 2);
    assert_eq!(world.backend.asked(), Asked { gets: 1, many: 1, ..Asked::default() });
}

/// Who asked for several and gave up leaves nobody behind.
#[test]
fn a_dropped_read_of_several_stops_nobody() {
    let world = world();
    let store = world.cached(&world.options());
    let gate = world.backend.hold();
    let several = {
        let store = store.clone();
        super::support::begun(async move { store.get_many_with(&["A", "B"].map(id), GetOptions::default()).await })
    };
    let joined = begun_read(&store, "B");
    drop(several);
    drop(gate);
    assert_eq!(wait(joined).expect("reads").text().expect("text"), "v");
    world.backend.hold_no_more();
    assert_eq!(reads(&store, "A"), "v");
}

#[test]
fn strong_reads_and_versions_ask_and_set_right() {
    let world = world();
    let store = world.cached(&world.options());
    reads(&store, "A");
    world.elsewhere("A", "two");
    let strong = GetOptions::default().with_consistency(Consistency::Strong);
    assert_eq!(wait(store.get_with(&id("A"), strong)).expect("reads").text().expect("text"), "two");
    assert_eq!(reads(&store, "A"), "two");
    world.elsewhere("A", "three");
    let version = |number: u64| secret_store_core::SecretVersion::new(number).expect("not zero");
    // A pin that the entry does not reach.
    let pinned = GetOptions::default().with_minimum_version(version(3));
    assert_eq!(wait(store.get_with(&id("A"), pinned)).expect("reads").text().expect("text"), "three");
    assert_eq!(reads(&store, "A"), "three");
    // An earlier version is not the current one.
    assert_eq!(wait(store.get_version(&id("A"), version(1))).expect("reads").text().expect("text"), "v");
    assert_eq!(reads(&store, "A"), "three");
}

/// No strong read is answered by what is kept, whatever the backend says.
#[test]
fn a_strong_read_during_an_outage_fails() {
    let world = world();
    let store = world.cached(&world.options());
    reads(&store, "A");
    world.clock.advance(TTL);
    world.backend.fail(Fault::Before(ErrorKind::Unavailable));
    assert_eq!(reads(&store, "A"), "v");
    assert_eq!(kind(wait(store.refresh_now(&id("A")))), ErrorKind::Unavailable);
}
