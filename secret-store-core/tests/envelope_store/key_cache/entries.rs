//! A ready key is the key of one wrap in one place.

use secret_store_core::{EncryptionContext, ErrorKind, KeyProvider, SecretStoreExt, StoreId, Value, WrappedKey};

use super::{opens, world};
use crate::support::{DOCUMENT_KEY, MAIN, MASTER_KEY_ID, STORE, current, id, kind, master, version, wait};

/// A rewrap, under another key or the same: the bytes differ, so it is asked for.
#[test]
fn a_rotation_misses_by_itself() {
    let world = world();
    let store = world.store();
    opens(&store, "Db");
    let record = world.record(&current(&id("Db")));
    let wrapped = WrappedKey::new(master(MAIN), record.bytes(DOCUMENT_KEY).expect("bytes").clone());
    let store_id = StoreId::new(STORE).expect("valid");
    let context = EncryptionContext::document_key(&store_id, &id("Db"), version(1));
    for (to, unwraps) in [(MAIN, 2), ("second", 3)] {
        let target = master(to);
        let moved = world.keys.inner().rewrap_key(&wrapped, &context, &target, &context);
        let moved = wait(moved).expect("rewrapped");
        let record = record.clone().with(DOCUMENT_KEY, Value::Bytes(moved.as_shared().clone()));
        world.plant(&current(&id("Db")), record.with(MASTER_KEY_ID, Value::from(to)));
        opens(&store, "Db");
        opens(&store, "Db");
        assert_eq!(world.keys.unwraps(), unwraps);
    }
    // The new wrap under the old key's name is no hit of either.
    let moved = world.record(&current(&id("Db"))).with(MASTER_KEY_ID, Value::from(MAIN));
    world.plant(&current(&id("Db")), moved);
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);
}

/// The same wrap at another place is another entry: a key that is ready here opens nothing there.
#[test]
fn a_ready_key_opens_only_where_it_belongs() {
    let world = world();
    let store = world.store();
    opens(&store, "Db");
    let stolen = world.record(&current(&id("Db"))).with("SecretName", Value::from("Other"));
    world.plant(&current(&id("Other")), stolen);
    assert_eq!(kind(wait(store.get(&id("Other")))), ErrorKind::Integrity);
    assert_eq!(world.keys.unwraps(), 2, "it was asked for under its own context");
}
