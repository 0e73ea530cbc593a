//! Document keys kept ready: how often the key provider is asked, and who can make it be asked more.

mod entries;
mod flights;
mod lifetime;
mod metrics;
mod refresh;
mod refusals;

use std::time::Duration;

use secret_store_core::{EnvelopeStore, SecretStoreExt};

use crate::support::{World, id, wait};

const TTL: Duration = Duration::from_secs(15 * 60);
const REFUSAL: Duration = Duration::from_secs(5);

fn world() -> World {
    let world = World::new();
    wait(world.store().put(&id("Db"), "v".into())).expect("stored");
    world
}

#[track_caller]
fn opens(store: &EnvelopeStore, name: &str) {
    assert_eq!(wait(store.get(&id(name))).expect("opens").expose_secret(), b"v");
}
