//! What was protected before a replacement is saved only while its key is in use.

use secret_store_core::{ErrorKind, ProtectOptions};

use super::{NEW, SECOND, following, key_of, put, replaced, three_keys, with_further};
use crate::support::{MAIN, World, current, id, kind, master, refusal, settings, settings_key, version, wait};

/// The same for what was protected before and is saved now.
#[test]
fn what_was_protected_under_a_replaced_key_is_not_saved() {
    let world = World::new();
    let store = following(&world);
    let protected = wait(store.protect(&id("Db"), "v".into(), ProtectOptions::default())).expect("protected");
    let again = wait(store.protect(&id("Same"), "v".into(), ProtectOptions::default())).expect("protected");
    wait(store.save(&again)).expect("saved in time");
    world.plant(&settings_key(), replaced(1));
    world.clock.advance(60 * SECOND);
    for store in [&store, &following(&world)] {
        let error = refusal(wait(store.save(&protected)));
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("protect the value again"), "{error}");
        assert!(world.stored(&current(&id("Db"))).is_none());
        wait(store.save(&again)).expect("what stands there is saved");
    }
    let protected = wait(store.protect(&id("Db"), "v".into(), ProtectOptions::default())).expect("protected");
    wait(store.save(&protected)).expect("saved");
    assert_eq!(key_of(&world, "Db"), NEW);
}

#[test]
fn what_was_protected_under_a_further_key_that_was_replaced_is_not_saved() {
    let world = three_keys();
    let store = with_further(&world, NEW);
    let protected = wait(store.protect(&id("Db"), "v".into(), ProtectOptions::default())).expect("protected");
    world.plant(&settings_key(), settings(1, &[(NEW, "third")]));
    let error = refusal(wait(with_further(&world, NEW).save(&protected)));
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("protect the value again"), "{error}");
    assert!(world.stored(&current(&id("Db"))).is_none());
}

/// A reservation outlives a rotation of the record that it found, and what is saved then is under the key in use.
#[test]
fn a_reservation_outlives_a_rewrap_and_not_a_replacement_of_its_own_key() {
    let world = World::new();
    let store = following(&world);
    put(&store, "Db").expect("stored");
    let under_old = wait(store.protect(&id("Db"), "2".into(), ProtectOptions::default())).expect("protected");
    let options = ProtectOptions::default().with_master_key(master(NEW));
    let under_new = wait(store.protect(&id("Db"), "2".into(), options)).expect("protected");
    let first = current(&id("Db"));
    let found = secret_store_core::ProtectedSecret::from_record(&id("Db"), &world.record(&first)).expect("its record");
    let rewrapped = wait(store.rewrap(&found, &master(MAIN), &master(NEW))).expect("rewrapped").expect("it was there");
    world.plant(&first, rewrapped.to_record());
    world.plant(&settings_key(), replaced(1));
    world.clock.advance(60 * SECOND);
    assert_eq!(kind(wait(store.save(&under_old))), ErrorKind::Conflict);
    assert_eq!(wait(store.save(&under_new)).expect("saved").version, version(2));
    assert_eq!(key_of(&world, "Db"), NEW);
}
