//! Who has a key too many: the blinding key moves no value, and a wrap opens under its own names and key alone.

use futures::executor::block_on;
use secret_store_core::{
    BlindedKeys, Blinding, EncryptionContext, ErrorKind, KeyProvider, RecordKey, SecretStoreExt, SecretVersion,
    StoreId, Value, WrappedKey,
};

use crate::support::{APPLICATION, World, id, key, load, master_key, put, store_id};

/// Whoever has the blinding key as well can seal what they like, and has no value taken for another's all the same.
#[test]
fn who_has_the_blinding_key_moves_no_value() {
    let world = World::new();
    let process = world.process(Blinding::new(&key(1)));
    let names = ["a", "b"];
    for name in names {
        block_on(process.store.put(&id(name), name.into())).expect("stored");
    }
    let address = |name: &str| RecordKey::new(APPLICATION, name);
    let record = |name: &str| load(&*process.names, &address(name)).expect("there").record;
    let (a, b) = (record("a"), record("b"));
    let renamed = (*b).clone().with("SecretName", Value::from("a"));
    let mixed = (*a)
        .clone()
        .with("ProtectedSecretValue", Value::Bytes(b.bytes("ProtectedSecretValue").cloned().expect("bytes")));
    for (what, forged) in [("another's", (*b).clone()), ("renamed", renamed), ("another's value", mixed)] {
        put(&*process.names, address("a"), forged);
        let refused = block_on(process.store.get(&id("a"))).expect_err(what);
        assert_eq!(refused.kind(), ErrorKind::Integrity, "{what}");
    }
    put(&*process.names, address("a"), a);
    assert_eq!(block_on(process.store.get(&id("a"))).expect("its own").expose_secret(), b"a");
}

#[test]
fn a_wrap_opens_under_its_own_names_and_key_alone() {
    let world = World::new();
    let keys = BlindedKeys::new(world.keys.clone(), Blinding::new(&key(1)));
    let context = |store: &StoreId, name: &str, version| {
        EncryptionContext::document_key(store, &id(name), SecretVersion::new(version).expect("not zero"))
    };
    let own = context(&store_id(), "Db", 1);
    let wrapped = block_on(keys.generate_key(&master_key(), &own)).expect("generated").wrapped;
    block_on(keys.unwrap_key(&wrapped, &own)).expect("its own");
    let other_store = StoreId::new("other").expect("valid");
    for foreign in [context(&store_id(), "Db", 2), context(&store_id(), "Dc", 1), context(&other_store, "Db", 1)] {
        let refused = block_on(keys.unwrap_key(&wrapped, &foreign)).expect_err("another context");
        assert_eq!(refused.kind(), ErrorKind::Integrity);
    }
    // Without blind names, or under another key, the holder of the master key refuses it too.
    let inner = WrappedKey::new(master_key(), &wrapped.as_bytes()[11..]);
    assert!(block_on(world.keys.unwrap_key(&inner, &own)).is_err());
    let both = Blinding::new(&key(1)).with_previous(&key(2)).expect("another");
    let both = BlindedKeys::new(world.keys.clone(), both);
    let mut relabelled = wrapped.as_bytes().to_vec();
    relabelled[3..11].copy_from_slice(key(2).id().as_bytes());
    let relabelled = WrappedKey::new(master_key(), relabelled);
    assert_eq!(block_on(both.unwrap_key(&relabelled, &own)).expect_err("false label").kind(), ErrorKind::Integrity);
    // A key that is not in use, or none where names are never in clear, is refused before anybody is asked.
    let asked = world.keys.count();
    for bytes in [relabelled.as_bytes(), inner.as_bytes(), b"", b"SK1"] {
        let refused = block_on(keys.unwrap_key(&WrappedKey::new(master_key(), bytes), &own)).expect_err("no key");
        assert_eq!(refused.kind(), ErrorKind::Integrity);
    }
    let legacy = EncryptionContext::legacy();
    let refused = block_on(keys.generate_key(&master_key(), &legacy)).expect_err("format 0");
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert_eq!(world.keys.count(), asked);
}
