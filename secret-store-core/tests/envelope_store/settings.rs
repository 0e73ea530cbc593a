//! Settings: what a rotation changes under running writers, and what whoever can write to the database gains by forging them.

mod age;
mod floor;
mod forged;
mod further_keys;
mod replacement;
mod rights;
mod saving;

use std::time::Duration;

use secret_store_core::{EnvelopeStore, Record, Result, SecretStoreExt};

use crate::support::{MAIN, MASTER_KEY_ID, World, current, id, master, settings, wait};

const SECOND: Duration = Duration::from_secs(1);
const NEW: &str = "second";

fn replaced(sequence: u64) -> Record {
    settings(sequence, &[(MAIN, NEW)])
}

/// A store that may follow a replacement.
fn following(world: &World) -> EnvelopeStore {
    world.builder().wrap_with([master(MAIN), master(NEW)]).build().expect("valid")
}

fn key_of(world: &World, name: &str) -> String {
    world.record(&current(&id(name))).text(MASTER_KEY_ID).expect("text").to_string()
}

fn put(store: &EnvelopeStore, name: &str) -> Result<secret_store_core::SecretInfo> {
    wait(store.put(&id(name), "v".into()))
}

fn three_keys() -> World {
    World::with_keys(&[MAIN, NEW, "third"])
}

fn with_further(world: &World, further: &str) -> EnvelopeStore {
    let listed = [MAIN, NEW, "third"].map(master);
    world.builder().wrap_with(listed).also_wrap_with([master(further)]).build().expect("valid")
}
