//! Every call of every operation fails once, in every way: what is answered is typed, what was acknowledged is kept, no number is
//! given twice, and what landed behind a lost answer is recognised.

mod lost_answers;
mod operations;
mod retries;
mod struck;

use secret_store_core::SecretStoreExt;

use crate::support::{World, id, version, wait};
use operations::Operation;

pub(super) use operations::OPERATIONS;

fn prepared() -> World {
    let world = World::new();
    wait(world.store().put(&id("Db"), "1".into())).expect("stored");
    wait(world.store().put(&id("Db"), "2".into())).expect("stored");
    world
}

/// All versions that can be read, by number, and whether one is current.
fn census(world: &World) -> (Vec<(u64, String)>, bool) {
    let store = world.store();
    let read = |number| wait(store.get_version(&id("Db"), version(number)));
    let found = (1..8).filter_map(|number| read(number).ok().map(|secret| (number, secret)));
    let all = found.map(|(number, secret)| (number, secret.text().expect("text").to_owned())).collect();
    (all, wait(store.get(&id("Db"))).is_ok())
}

impl Operation {
    fn before(&self) -> (Vec<(u64, String)>, bool) {
        (vec![(1, "1".into()), (2, "2".into())], true)
    }

    fn after(&self) -> (Vec<(u64, String)>, bool) {
        let (mut all, _) = self.before();
        all.extend(self.adds.map(|(number, value)| (number, value.to_owned())));
        (all, !self.deletes)
    }

    /// The database is as before or as after, never between; and it goes on with the next number.
    pub(super) fn check(&self, world: &World, landed: Landed, what: &str) {
        world.records.unhook();
        world.keys.unhook();
        let found = census(world);
        match landed {
            Landed::Yes => assert_eq!(found, self.after(), "{what}"),
            Landed::No => assert_eq!(found, self.before(), "{what}"),
            Landed::Unknown => assert!(found == self.before() || found == self.after(), "{what}: {found:?}"),
        }
        let next = wait(world.store().put(&id("Db"), "next".into())).unwrap_or_else(|error| panic!("{what}: {error}"));
        let highest = found.0.iter().map(|(number, _)| *number).max().expect("some");
        assert_eq!(next.version.get(), highest + 1, "{what}");
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Landed {
    Yes,
    No,
    Unknown,
}
