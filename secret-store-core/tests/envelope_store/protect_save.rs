//! Protecting, keeping and saving apart, as the original had them.

use secret_store_core::{
    EnvelopeStore, ErrorKind, Legacy, Metadata, ProtectOptions, ProtectedSecret, SecretStoreExt, SecretVersion,
};

use super::support::{MAIN, VERSION, World, current, id, kind, last, master, slot, version, wait};

fn protect(store: &EnvelopeStore, value: &str) -> ProtectedSecret {
    wait(store.protect(&id("Db"), value.into(), ProtectOptions::default())).expect("protected")
}

fn put(store: &EnvelopeStore, value: &str) -> SecretVersion {
    wait(store.put(&id("Db"), value.into())).expect("stored").version
}

fn text(store: &EnvelopeStore) -> String {
    wait(store.get(&id("Db"))).expect("opens").text().expect("text").to_owned()
}

#[test]
fn protecting_stores_nothing_and_saving_stores_it() {
    let world = World::new();
    let store = world.store();
    let options =
        ProtectOptions::default().with_metadata(Metadata::new().with("k", "v")).with_master_key(master("second"));
    let protected = wait(store.protect(&id("Db"), "1".into(), options)).expect("protected");
    assert!(world.memory().snapshot().is_empty());
    assert_eq!((protected.version(), protected.id()), (version(1), &id("Db")));
    assert_eq!(protected.wrapped_key().master_key_id(), &master("second"));
    assert_eq!(wait(store.unprotect(&protected)).expect("opens").expose_secret(), b"1");
    let info = wait(store.save(&protected)).expect("saved");
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").info(), &info);
    assert_eq!(info.metadata.get("k"), Some("v"));
    let second = protect(&store, "2");
    assert_eq!(second.version(), version(2));
    wait(store.save(&second)).expect("saved");
    assert_eq!(wait(store.get_version(&id("Db"), version(1))).expect("kept").expose_secret(), b"1");
}

#[test]
fn a_reservation_is_lost_when_another_version_comes_first() {
    let world = World::new();
    let store = world.store();
    let (one, other) = (protect(&store, "one"), protect(&store, "other"));
    wait(store.save(&one)).expect("saved");
    let error = wait(store.save(&other)).expect_err("the number is taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.revision(), Some(&world.stored(&current(&id("Db"))).expect("there").revision));
    assert_eq!(text(&store), "one");
    // Of a secret that was deleted meanwhile, and of one that was created.
    let reserved = protect(&store, "3");
    wait(store.delete(&id("Db"))).expect("deleted");
    assert_eq!(kind(wait(store.save(&reserved))), ErrorKind::Conflict);
    let reserved = protect(&store, "4");
    assert_eq!(put(&store, "meanwhile"), version(2));
    assert_eq!(kind(wait(store.save(&reserved))), ErrorKind::Conflict);
    // Deleted and gone again: the last number has moved on.
    wait(store.delete(&id("Db"))).expect("deleted");
    assert_eq!(kind(wait(store.save(&reserved))), ErrorKind::Conflict);
    assert!(world.stored(&current(&id("Db"))).is_none());
}

#[test]
fn saving_the_very_same_again_is_a_success() {
    let world = World::new();
    let store = world.store();
    let protected = protect(&store, "1");
    let first = wait(store.save(&protected)).expect("saved");
    assert_eq!(wait(store.save(&protected)).expect("recognised"), first);
    assert_eq!(wait(world.store().save(&protected)).expect("recognised"), first);
    let without = ProtectedSecret::from_record(&id("Db"), &protected.to_record()).expect("its own record");
    assert_eq!(without, protected);
    assert_eq!(wait(store.save(&without)).expect("recognised"), first);
    assert!(world.stored(&slot(&id("Db"), 1)).is_none());
    put(&store, "2");
    assert_eq!(kind(wait(store.save(&protected))), ErrorKind::Conflict, "another version has come");
    assert_eq!(kind(wait(store.save(&without))), ErrorKind::Conflict);
    assert_eq!(text(&store), "2");
}

/// What was kept elsewhere: a file, another database of the same store.
#[test]
fn what_comes_from_elsewhere_needs_a_higher_number() {
    let elsewhere = World::new();
    let versions: Vec<_> = (1..=5)
        .map(|n| {
            put(&elsewhere.store(), &n.to_string());
            let record = elsewhere.record(&current(&id("Db")));
            ProtectedSecret::from_record(&id("Db"), &record).expect("a record")
        })
        .collect();
    let world = World { keys: elsewhere.keys, ..World::new() };
    let store = world.store();
    wait(store.save(&versions[1])).expect("into an empty place, with its number");
    assert_eq!(kind(wait(store.save(&versions[0]))), ErrorKind::Conflict);
    wait(store.save(&versions[3])).expect("numbers may be left out");
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").info().version, version(4));
    assert_eq!(wait(store.get_version(&id("Db"), version(2))).expect("kept").expose_secret(), b"2");
    assert_eq!(put(&store, "new"), version(5));
    assert_eq!(kind(wait(store.save(&versions[4]))), ErrorKind::Conflict, "another 5 is there");
    wait(store.delete(&id("Db"))).expect("deleted");
    assert_eq!(kind(wait(store.save(&versions[4]))), ErrorKind::Conflict, "its number was used");
    assert_eq!(put(&store, "6"), version(6));
}

#[test]
fn saving_asks_the_allow_list_and_opens_nothing() {
    let world = World::new();
    let options = ProtectOptions::default().with_master_key(master("second"));
    let protected = wait(world.store().protect(&id("Db"), "v".into(), options)).expect("protected");
    let calls = world.keys.calls();
    let narrow = world.builder().wrap_with([master(MAIN)]).build().expect("valid");
    assert_eq!(kind(wait(narrow.save(&protected))), ErrorKind::KeyNotAllowed);
    assert!(world.memory().snapshot().is_empty());
    world.keys.inner().remove(&master("second"));
    assert_eq!(kind(wait(world.store().save(&protected))), ErrorKind::KeyNotAllowed);
    assert_eq!(kind(wait(world.store().unprotect(&protected))), ErrorKind::KeyNotAllowed);
    assert_eq!(world.keys.calls(), calls);
}

#[test]
fn an_altered_one_does_not_open() {
    let world = World::new();
    let store = world.store();
    let record = protect(&store, "v").to_record();
    let renumbered = record.clone().with(VERSION, 2.into());
    let protected = ProtectedSecret::from_record(&id("Db"), &renumbered).expect("a record");
    assert_eq!(kind(wait(store.unprotect(&protected))), ErrorKind::Integrity);
    assert_eq!(kind(ProtectedSecret::from_record(&id("Other"), &record)), ErrorKind::Integrity);
    let staging = world.builder().store_id("staging").build().expect("valid");
    let protected = ProtectedSecret::from_record(&id("Db"), &record).expect("a record");
    assert_eq!(kind(wait(staging.unprotect(&protected))), ErrorKind::Integrity);
    assert!(wait(store.unprotect(&protected)).is_ok());
    assert!(!format!("{protected:?}").contains('v'.to_string().repeat(2).as_str()));
}

#[test]
fn format_0_is_saved_only_where_it_is_written() {
    let world = World::new();
    let writer = world.legacy(Legacy::ReadWrite);
    let protected = protect(&writer, "v");
    assert_eq!((protected.version(), protected.to_record().len()), (SecretVersion::UNVERSIONED, 6));
    for legacy in [Legacy::Off, Legacy::Read] {
        assert_eq!(kind(wait(world.legacy(legacy).save(&protected))), ErrorKind::Unsupported);
    }
    wait(writer.save(&protected)).expect("saved");
    wait(writer.save(&protected)).expect("recognised");
    assert_eq!(text(&writer), "v");
    assert_eq!(world.memory().snapshot().len(), 1);
    // Format 1 was there: its numbers would begin again.
    wait(world.legacy(Legacy::Read).put(&id("Db"), "format 1".into())).expect("stored");
    assert_eq!(kind(wait(writer.save(&protected))), ErrorKind::Conflict, "the reservation is lost");
    let without = ProtectedSecret::from_record(&id("Db"), &protected.to_record()).expect("a record");
    assert_eq!(kind(wait(writer.save(&without))), ErrorKind::Unsupported);
    assert!(world.stored(&last(&id("Db"))).is_none());
}

#[test]
fn two_protections_of_one_value_share_nothing() {
    let world = World::new();
    let store = world.store();
    let (a, b) = (protect(&store, "v").to_record(), protect(&store, "v").to_record());
    for attribute in ["InitialisationVector", "ProtectedDocumentKey", "ProtectedSecretValue"] {
        assert_ne!(a.bytes(attribute), b.bytes(attribute));
    }
}
