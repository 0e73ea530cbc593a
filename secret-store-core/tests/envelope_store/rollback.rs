//! Older states that are authentic: what one process has seen, what a caller pins, and what an operator does after a restore.

mod detection;
mod races;
mod repair;

use secret_store_core::{EnvelopeStore, SecretInfo, SecretStoreExt};
use secret_store_memory::Snapshot;

use crate::support::{World, id, wait};

fn put(store: &EnvelopeStore, value: &str) -> SecretInfo {
    wait(store.put(&id("Db"), value.into())).expect("stored")
}

fn text(store: &EnvelopeStore) -> String {
    wait(store.get(&id("Db"))).expect("opens").text().expect("text").to_owned()
}

/// A store that has seen version 3, and what the database was at versions 1 and 2.
fn three() -> (World, EnvelopeStore, [Snapshot; 2]) {
    let world = World::new();
    let store = world.store();
    put(&store, "1");
    let one = world.memory().snapshot();
    put(&store, "2");
    let two = world.memory().snapshot();
    put(&store, "3");
    (world, store, [one, two])
}
