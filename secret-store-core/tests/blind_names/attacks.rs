//! What somebody gains who can write to the database, or has the wrong key.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::fault::{Failing, Fault, Operation, Racing};
use secret_store_core::{
    ApplicationName, BlindNames, BlindedKeys, Blinding, Consistency, EncryptionContext, ErrorKind, KeyProvider,
    ListQuery, Persistence, Precondition, Record, RecordKey, Revision, SecretStoreExt, SecretVersion, StoreId, Value,
    WrappedKey, Write,
};
use secret_store_memory::MemoryPersistence;

use super::support::{APPLICATION, World, id, key, load, master_key, put, store_id};

fn sealed(record: &Record) -> Vec<u8> {
    record.bytes("Sealed").expect("the one attribute").to_vec()
}

fn resealed(bytes: Vec<u8>) -> Record {
    Record::new().with("Sealed", Value::from(bytes))
}

/// A record, its true address, and where it stands.
struct Target {
    names: BlindNames,
    memory: Arc<MemoryPersistence>,
    address: RecordKey,
    place: RecordKey,
    honest: Arc<Record>,
}

fn target() -> Target {
    let memory = Arc::new(MemoryPersistence::new());
    let names = BlindNames::unchecked(memory.clone(), Blinding::new(&key(1)));
    let address = RecordKey::new(APPLICATION, "Db");
    let record = Record::new().with("Text", Value::from("text")).with("Bytes", Value::from(&[1, 2, 3][..]));
    put(&names, address.clone(), record);
    let (place, stored) = memory.snapshot().iter().map(|(key, stored)| (key, stored.clone())).next().expect("one");
    Target { names, memory, address, place, honest: stored.record }
}

impl Target {
    /// Puts something in the place of the record: a load and a listing refuse it, and neither passes it over.
    #[track_caller]
    fn refused(&self, what: &str, forged: Record, kind: ErrorKind) {
        put(&*self.memory, self.place.clone(), forged);
        let loaded = block_on(self.names.load(&self.address, Consistency::Strong));
        assert_eq!(loaded.expect_err(what).kind(), kind, "{what}");
        let many = block_on(self.names.load_many(std::slice::from_ref(&self.address), Consistency::Strong));
        assert_eq!(many.expect_err(what).kind(), kind, "{what}");
        let listed = block_on(self.names.list(&ListQuery::new(APPLICATION)));
        assert_eq!(listed.expect_err(what).kind(), kind, "{what}");
    }
}

#[test]
fn every_bit_every_cut_and_every_addition_is_refused() {
    let target = target();
    let honest = sealed(&target.honest);
    assert_eq!(honest.len(), 36 + 512 + 256 + 16);
    for at in 0..honest.len() {
        for bit in 0..8 {
            let mut forged = honest.clone();
            forged[at] ^= 1 << bit;
            // A digit for another digit is a version of the form, and another suite: of a later release.
            let kind = match at {
                2 if forged[2].is_ascii_digit() && forged[2] != b'0' => ErrorKind::Unsupported,
                3 => ErrorKind::Unsupported,
                _ => ErrorKind::Integrity,
            };
            target.refused(&format!("bit {bit} of byte {at}"), resealed(forged), kind);
        }
        target.refused(&format!("cut to {at}"), resealed(honest[..at].to_vec()), ErrorKind::Integrity);
    }
    target.refused("a byte more", resealed([&honest[..], &[0]].concat()), ErrorKind::Integrity);
    target.refused("nothing", Record::new(), ErrorKind::Integrity);
    target.refused("text", Record::new().with("Sealed", Value::from("text")), ErrorKind::Integrity);
    target.refused("another attribute", resealed(honest).with("Text", Value::from("text")), ErrorKind::Integrity);
    target.refused("names in clear", Record::new().with("Text", Value::from("text")), ErrorKind::Integrity);
    // The honest one is taken again.
    put(&*target.memory, target.place.clone(), target.honest.clone());
    assert!(load(&target.names, &target.address).is_some());
}

#[test]
fn a_record_opens_at_its_own_address_alone() {
    let world = World::new();
    let process = world.process(Blinding::new(&key(1)));
    let addresses: Vec<RecordKey> = [
        ("App", "a"),
        ("App", "b"),
        ("Other", "a"),
        ("~h~App", "a\u{1f}00000000000000000001"),
        ("~h~App", "a\u{1f}00000000000000000002"),
        ("~h~App", "a\u{1f}"),
        ("~h~App", "a"),
        ("~s~App", "SETTINGS"),
        ("~k~App", "ACTIVE"),
        ("~k~App", "APP#App"),
        ("~x~App", "a"),
    ]
    .map(|(partition, sort)| RecordKey::new(partition, sort))
    .to_vec();
    let mut places = Vec::new();
    for address in &addresses {
        put(&*process.names, address.clone(), Record::new().with("Of", Value::from(format!("{address:?}").as_str())));
        let known: Vec<_> = places.iter().map(|(place, _)| place).cloned().collect();
        places.extend(world.dump().into_iter().filter(|(place, _)| !known.contains(place)));
    }
    assert_eq!(places.len(), addresses.len());
    for (target, (place, honest)) in addresses.iter().zip(&places) {
        for (source, (_, foreign)) in addresses.iter().zip(&places) {
            world.overwrite(place.clone(), foreign.record.clone());
            let loaded = block_on(process.names.load(target, Consistency::Strong));
            let listed = block_on(process.names.list(&ListQuery::new(target.partition().clone())));
            if source == target {
                assert!(loaded.expect("its own").is_some() && !listed.expect("its own").items.is_empty());
            } else {
                let what = format!("{source:?} at {target:?}");
                assert_eq!(loaded.expect_err(&what).kind(), ErrorKind::Integrity, "{what}");
                assert_eq!(listed.expect_err(&what).kind(), ErrorKind::Integrity, "{what}");
            }
        }
        world.overwrite(place.clone(), honest.record.clone());
    }
}

/// A writer with a blinding key of its own, which is not the store's, makes nothing that is taken.
#[test]
fn what_another_key_sealed_is_refused() {
    let target = target();
    let other = Arc::new(MemoryPersistence::new());
    put(&BlindNames::unchecked(other.clone(), Blinding::new(&key(2))), target.address.clone(), Record::new());
    let foreign = other.snapshot().iter().map(|(_, stored)| stored.record.clone()).next().expect("one");
    target.refused("another key's", (*foreign).clone(), ErrorKind::Integrity);
    // With the id of the right key in front it is no better.
    let mut forged = sealed(&foreign);
    forged[4..12].copy_from_slice(&sealed(&target.honest)[4..12]);
    target.refused("under a false flag", resealed(forged), ErrorKind::Integrity);
}

/// An older record of the same address is authentic here; the store above detects it.
#[test]
fn an_older_record_is_detected_by_who_has_seen_a_newer_one() {
    let world = World::new();
    let process = world.process(Blinding::new(&key(1)));
    block_on(process.store.put(&id("Db"), "old".into())).expect("stored");
    let snapshot = world.memory.snapshot();
    block_on(process.store.put(&id("Db"), "new".into())).expect("stored");
    world.memory.restore(&snapshot);
    let error = block_on(process.store.get(&id("Db"))).expect_err("older than seen");
    assert_eq!(error.kind(), ErrorKind::RollbackDetected);
}

/// Seen through the store: nothing that is changed in the database comes out as a value.
#[test]
fn no_exchange_of_records_gives_a_value() {
    let world = World::new();
    let process = world.process(Blinding::new(&key(1)));
    for name in ["a", "b"] {
        block_on(process.store.put(&id(name), name.into())).expect("stored");
        block_on(process.store.put(&id(name), name.into())).expect("stored");
    }
    let dump = world.dump();
    for (place, honest) in &dump {
        for (source, foreign) in &dump {
            world.overwrite(place.clone(), foreign.record.clone());
            for name in ["a", "b"] {
                for version in [1, 2] {
                    let version = SecretVersion::new(version).expect("not zero");
                    match block_on(process.store.get_version(&id(name), version)) {
                        Ok(secret) => assert_eq!(secret.expose_secret(), name.as_bytes()),
                        Err(error) => assert!(error.kind() == ErrorKind::Integrity && source != place, "{error}"),
                    }
                }
            }
            world.overwrite(place.clone(), honest.record.clone());
        }
    }
}

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

/// With the wrong key a store looks empty; the mark in the database tells before anything is read or written.
#[test]
fn a_wrong_key_is_told_by_the_mark() {
    let world = World::new();
    let open = |blinding| block_on(BlindNames::open(world.memory.clone(), blinding));
    let [old, new] = [1, 2].map(|n| Blinding::new(&key(n)));
    open(old.clone()).expect("the first key leaves its mark");
    open(old.clone()).expect("and is known again");
    block_on(world.process(old.clone()).store.put(&id("Db"), "v".into())).expect("stored");
    let error = open(new.clone()).expect_err("another key");
    assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
    assert!(error.to_string().contains(&key(1).id().to_string()), "{error}");
    // While the key is replaced both sides know both; then the mark moves on and the old key alone is the wrong one.
    let with_next = old.clone().with_next(&key(2)).expect("another");
    let with_previous = new.clone().with_previous(&key(1)).expect("another");
    for blinding in [&with_next, &with_previous, &with_next] {
        open(blinding.clone()).expect("knows both");
    }
    assert_eq!(open(old.clone()).expect_err("the mark has moved on").kind(), ErrorKind::KeyNotAllowed);
    open(new).expect("the new key alone is right now");
    assert!(load(&*world.process(old).names, &RecordKey::new("~b", "KEY")).is_none(), "no address of a caller's");
    assert!(block_on(world.process(with_previous).store.get(&id("Db"))).is_ok());
}

/// A mark that is none, or that a database writer changed, denies and admits nothing.
#[test]
fn a_forged_mark_denies() {
    let world = World::new();
    let place = RecordKey::new("~b", "KEY");
    let text = |text: &str| Record::new().with("KeyId", Value::from(text));
    for (mark, kind) in [
        (Record::new(), ErrorKind::Integrity),
        (Record::new().with("KeyId", Value::from(7)), ErrorKind::Integrity),
        (text(""), ErrorKind::KeyNotAllowed),
        (text("clear"), ErrorKind::KeyNotAllowed),
        (text("\u{1b}[31m"), ErrorKind::KeyNotAllowed),
        (text(&key(2).id().to_string()), ErrorKind::KeyNotAllowed),
    ] {
        world.overwrite(place.clone(), mark);
        let blinding = Blinding::new(&key(1)).with_previous_in_clear().expect("once");
        let error = block_on(BlindNames::open(world.memory.clone(), blinding)).expect_err("no mark of this key");
        assert_eq!(error.kind(), kind);
        assert!(!error.to_string().contains('\u{1b}'), "escaped");
    }
}

/// Of two processes that come first with different keys one is told.
#[test]
fn one_key_wins() {
    let memory = Arc::new(MemoryPersistence::new());
    let racing = Arc::new(Racing::new(memory.clone()));
    racing.before_commit(async move {
        BlindNames::open(memory, Blinding::new(&key(2))).await.expect("the first");
    });
    let lost = block_on(BlindNames::open(racing, Blinding::new(&key(1)))).expect_err("the second");
    assert_eq!(lost.kind(), ErrorKind::KeyNotAllowed);
}

/// A reader may be denied the right to write a mark, and needs none.
#[test]
fn a_role_that_may_not_write_leaves_no_mark() {
    let failing = Arc::new(Failing::new(MemoryPersistence::new()));
    failing.fail(Fault::new(ErrorKind::PermissionDenied).on(Operation::Commit).forever());
    block_on(BlindNames::open(failing.clone(), Blinding::new(&key(1)))).expect("it reads on");
    failing.heal();
    failing.fail(Fault::new(ErrorKind::PermissionDenied).on(Operation::Load).forever());
    let denied = block_on(BlindNames::open(failing, Blinding::new(&key(1)))).expect_err("it cannot know");
    assert_eq!(denied.kind(), ErrorKind::PermissionDenied);
}

/// An address in clear that is the hash of another record's holds nothing of its own, also while names in clear are read.
#[test]
fn a_hash_for_a_name_opens_nothing() {
    let world = World::new();
    block_on(world.process(Blinding::new(&key(1))).store.put(&id("Db"), "v".into())).expect("stored");
    let both = world.process(Blinding::new(&key(2)).with_previous_in_clear().expect("once"));
    let (place, honest) = world.dump().pop().expect("one");
    let refused = block_on(both.names.load(&place, Consistency::Strong)).expect_err("a sealed record");
    assert_eq!(refused.kind(), ErrorKind::Integrity);
    let application = ApplicationName::new(&**place.partition()).expect("digits");
    let report = block_on(both.names.mover().application(&application)).expect("a report");
    assert_eq!((report.moved, report.left, report.not_moved[0].reason), (0, 1, ErrorKind::Integrity));
    let (found, stored) = world.dump().pop().expect("one");
    assert_eq!((found, stored.revision), (place, honest.revision), "not touched");
}

/// A revision that somebody else issued is none of these records', whatever its text is beneath.
#[test]
fn a_revision_from_beneath_holds_of_nothing() {
    let target = target();
    let beneath = block_on(target.memory.load(&target.place, Consistency::Strong)).expect("answers").expect("there");
    for revision in [beneath.revision.clone(), Revision::new(format!("clear.{}", beneath.revision.as_text()))] {
        let condition = Precondition::Revision(revision);
        for write in [
            Write::put(target.address.clone(), Record::new(), condition.clone()),
            Write::delete(target.address.clone(), condition.clone()),
            Write::check(target.address.clone(), condition.clone()),
        ] {
            let refused = block_on(target.names.commit(vec![write])).expect_err("not its revision");
            assert_eq!(refused.kind(), ErrorKind::Conflict);
            let shown = load(&target.names, &target.address).expect("there").revision;
            assert_eq!(refused.revision(), Some(&shown), "the one that would hold");
        }
    }
}

/// What could not be read again is not written.
#[test]
fn more_attributes_than_a_record_has_are_refused() {
    let target = target();
    let record = |count: usize| -> Record { (0..count).map(|n| (format!("{n:03}"), Value::from("text"))).collect() };
    put(&target.names, target.address.clone(), record(64));
    assert_eq!(*load(&target.names, &target.address).expect("there").record, record(64));
    let write = Write::put(target.address.clone(), record(65), Precondition::Any);
    let refused = block_on(target.names.commit(vec![write])).expect_err("too many");
    assert_eq!(refused.kind(), ErrorKind::TooLarge { limit: 64, actual: 65 });
}
