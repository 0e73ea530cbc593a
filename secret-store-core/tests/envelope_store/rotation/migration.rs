//! From format 0 to format 1 in place: what is changed, under which number, and what is left alone.

mod in_place;
mod job;
mod left_alone;
mod numbers;
mod writers;

use secret_store_core::rotation::{Rotation, RotationReport};
use secret_store_core::{ApplicationConfig, EnvelopeStore, Legacy, Record, RecordKey, SecretStoreExt};

use super::{NEW, drive, records};
use crate::legacy::original;
use crate::support::{APP, IV, MAIN, VERSION, World, app, current, id, lenient, master, version, wait};

pub(super) fn configured(world: &World, legacy: Legacy) -> EnvelopeStore {
    let config = ApplicationConfig::default().with_legacy(legacy);
    world.builder().wrap_with([MAIN, NEW].map(master)).application(app(APP), config).build().expect("valid")
}

pub(super) fn reader(world: &World) -> EnvelopeStore {
    configured(world, Legacy::Read)
}

pub(super) fn migration(store: &EnvelopeStore) -> Rotation {
    store.rotator().migrate(&app(APP))
}

pub(super) fn migrate(world: &World) -> RotationReport {
    drive(world, migration(&reader(world)).run()).expect("migrated")
}

/// The original writes, past everything of ours.
pub(super) fn write_as_the_original(world: &World, name: &str, value: &str) {
    world.plant(&current(&lenient(name)), original(world, &lenient(name), value));
}

pub(super) fn text(store: &EnvelopeStore, name: &str) -> String {
    wait(store.get(&id(name))).expect("opens").text().expect("text").to_owned()
}

fn text_of_version(store: &EnvelopeStore, name: &str, number: u64) -> String {
    wait(store.get_version(&id(name), version(number))).expect("opens").text().expect("text").to_owned()
}

pub(super) fn number(world: &World, name: &str) -> Option<u64> {
    world.record(&current(&id(name))).number(VERSION)
}

/// Secrets of the original, some of which ours has written over or deleted since, and one of ours.
pub(super) fn fill_both(world: &World) {
    let store = reader(world);
    for name in ["a", "b", "moved", "deleted"] {
        write_as_the_original(world, name, &format!("{name}1"));
    }
    for value in ["moved2", "moved3"] {
        wait(store.put(&id("moved"), value.into())).expect("stored");
    }
    wait(store.delete(&id("deleted"))).expect("deleted");
    wait(store.put(&id("ours"), "ours1".into())).expect("stored");
}

pub(super) fn check_both(store: &EnvelopeStore) {
    for (name, value) in [("a", "a1"), ("b", "b1"), ("moved", "moved3"), ("ours", "ours1")] {
        assert_eq!(text(store, name), value);
    }
    assert_eq!(text_of_version(store, "moved", 1), "moved1");
    assert_eq!(text_of_version(store, "moved", 2), "moved2");
    assert_eq!(text_of_version(store, "deleted", 1), "deleted1");
}

/// Where there is a record in format 0.
pub(super) fn in_format_0(world: &World) -> Vec<RecordKey> {
    let is_format_0 = |record: &Record| record.bytes(IV).is_some_and(|iv| iv.len() == 16);
    records(world).into_iter().filter(|(_, record)| is_format_0(record)).map(|(key, _)| key).collect()
}
