//! Several wraps of one document key: any master key that is configured opens the value, and no other gains anything.

mod configuration;
mod fallback;
mod forgery;
mod moving;

use secret_store_core::{EnvelopeStore, ListOptions, Metadata, PutOptions, SecretInfo, SecretStore, SecretStoreExt};

use super::support::{MAIN, WRAPS, World, app, current, id, master, slot, version, wait};

const SECOND: &str = "second";

/// A store that may open what this master key opens, and knows nothing yet.
fn reader(world: &World, key: &str) -> EnvelopeStore {
    world.builder().unwrap_with([master(key)]).build().expect("a valid configuration")
}

fn text(store: &EnvelopeStore) -> String {
    wait(store.get(&id("Db"))).expect("opens").text().expect("text").to_owned()
}

fn put(store: &EnvelopeStore, value: &str) -> SecretInfo {
    wait(store.put(&id("Db"), value.into())).expect("stored")
}

#[test]
fn every_master_key_opens_what_is_written() {
    let world = World::new();
    let store = world.two_wraps();
    let options = PutOptions::default().with_metadata(Metadata::new().with("owner", "team-a"));
    let info = wait(store.put_with(&id("Db"), "1".into(), options)).expect("stored");
    assert_eq!((info.master_key_id, info.also_wrapped_with), (master(MAIN), vec![master(SECOND)]));
    put(&store, "2");
    for key in [MAIN, SECOND] {
        let reader = reader(&world, key);
        let first = wait(reader.get_version(&id("Db"), version(1))).expect("opens");
        assert_eq!((first.expose_secret(), first.info().metadata.get("owner")), (&b"1"[..], Some("team-a")));
        assert_eq!(text(&reader), "2");
        assert_eq!(wait(reader.get_all(&app(super::support::APP))).expect("opens")[0].expose_secret(), b"2");
        assert_eq!(wait(reader.accept_rollback(&id("Db"))).expect("opens").expect("there").version, version(2));
    }
    let listed = wait(store.list_with(&app(super::support::APP), ListOptions::default())).expect("a page");
    assert_eq!(listed.items[0].also_wrapped_with, [master(SECOND)]);
    let history = wait(store.history(&id("Db"))).expect("a page");
    assert_eq!(history.items[0].also_wrapped_with, [master(SECOND)]);
}

#[test]
fn restore_and_repair_wrap_under_all_too() {
    let world = World::new();
    let store = world.two_wraps();
    put(&store, "1");
    put(&store, "2");
    let info = wait(store.restore(&id("Db"), version(1))).expect("restored");
    assert_eq!((info.version, &info.also_wrapped_with[..]), (version(3), &[master(SECOND)][..]));
    let first = world.record(&slot(&id("Db"), 1));
    world.plant(&current(&id("Db")), first);
    let info = wait(store.repair(&id("Db"))).expect("repaired").expect("there");
    assert_eq!((info.version, &info.also_wrapped_with[..]), (version(4), &[master(SECOND)][..]));
    assert_eq!(text(&reader(&world, SECOND)), "1");
}

/// A store that says nothing of further wraps writes the records it has always written.
#[test]
fn without_further_keys_nothing_changes() {
    let world = World::new();
    put(&world.store(), "1");
    assert!(world.record(&current(&id("Db"))).get(WRAPS).is_none());
    // It reads, moves and replaces what another wrote.
    put(&world.two_wraps(), "2");
    assert_eq!(put(&world.store(), "3").also_wrapped_with, []);
    let moved = wait(reader(&world, SECOND).get_version(&id("Db"), version(2))).expect("its wraps moved along");
    assert_eq!(moved.expose_secret(), b"2");
}
