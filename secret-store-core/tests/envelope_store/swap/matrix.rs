//! Whatever is moved from one record of format 1 into another, by store, application, name, version, key and metadata.

use std::time::Duration;

use secret_store_core::{
    EnvelopeStore, ErrorKind, Metadata, PutOptions, Record, RecordKey, Result, Secret, SecretId, SecretStore,
    SecretStoreExt, SecretVersion,
};

use super::graft;
use crate::support::{
    APP, APPLICATION_NAME, DOCUMENT_KEY, IV, MAIN, MASTER_KEY_ID, METADATA, SECRET_NAME, STORE, VALUE, VERSION, World,
    current, master, slot, wait,
};

const STORES: [&str; 2] = [STORE, "staging"];
const APPS: [&str; 2] = [APP, "YourApp.Staging"];
const NAMES: [&str; 2] = ["Db", "Db#2"];
const VERSIONS: [u64; 3] = [1, 2, 3];
const KEYS: [&str; 2] = [MAIN, "second"];

/// A sealed secret and where it belongs.
#[derive(Clone, Debug)]
struct Sealed {
    store: &'static str,
    id: SecretId,
    version: SecretVersion,
    key: &'static str,
    metadata: bool,
    clear: String,
    record: Record,
}

impl Sealed {
    fn place(&self) -> (&str, &SecretId, SecretVersion) {
        (self.store, &self.id, self.version)
    }
}

/// Every combination of store, application, name, version, master key and metadata, each sealed by an honest store.
fn sealed(world: &World) -> Vec<Sealed> {
    let mut all = Vec::new();
    for (store, key, metadata) in product3(&STORES, &KEYS, &[false, true]) {
        // A database of its own each time, or the versions would count on.
        let other = World { keys: world.keys.clone(), ..World::new() };
        let writer = other.builder().store_id(store).build().expect("valid");
        for (application, name, number) in product3(&APPS, &NAMES, &VERSIONS) {
            let id = SecretId::parse(application, name).expect("valid");
            let clear = format!("{store} {application} {name} {number} {key} {metadata}");
            let metadata_text = if metadata { Metadata::new().with("owner", "team-a") } else { Metadata::new() };
            let options = PutOptions::default().with_master_key(master(key)).with_metadata(metadata_text);
            let info = wait(writer.put_with(&id, clear.as_str().into(), options)).expect("stored");
            assert_eq!(info.version.get(), number);
            let record = other.record(&current(&id));
            all.push(Sealed { store, id, version: info.version, key, metadata, clear, record });
        }
    }
    all
}

fn product3<A: Copy, B: Copy, C: Copy>(a: &[A], b: &[B], c: &[C]) -> Vec<(A, B, C)> {
    a.iter().flat_map(|a| b.iter().flat_map(move |b| c.iter().map(move |c| (*a, *b, *c)))).collect()
}

/// What a forger moves from one record into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    /// The record as it is.
    Verbatim,
    /// The record, its names and number rewritten to those of its new place.
    Renamed,
    /// The wrapped key and the master key it names.
    WrappedKey,
    /// The value and its nonce.
    Value,
    /// The value, its nonce and its metadata.
    ValueAndMetadata,
    /// The metadata.
    Metadata,
    /// The master key id.
    MasterKey,
}

const MOVES: [Move; 7] = [
    Move::Verbatim,
    Move::Renamed,
    Move::WrappedKey,
    Move::Value,
    Move::ValueAndMetadata,
    Move::Metadata,
    Move::MasterKey,
];

impl Move {
    fn apply(self, from: &Record, into: &Record) -> Record {
        match self {
            Self::Verbatim => from.clone(),
            Self::Renamed => graft(from, into, &[APPLICATION_NAME, SECRET_NAME, VERSION]),
            Self::WrappedKey => graft(into, from, &[DOCUMENT_KEY, MASTER_KEY_ID]),
            Self::Value => graft(into, from, &[VALUE, IV]),
            Self::ValueAndMetadata => graft(into, from, &[VALUE, IV, METADATA]),
            Self::Metadata => graft(into, from, &[METADATA]),
            Self::MasterKey => graft(into, from, &[MASTER_KEY_ID]),
        }
    }
}

/// Without a key cache: a refusal remembered from one move must not answer for the next.
fn reader(world: &World, store: &str) -> EnvelopeStore {
    world.builder().store_id(store).key_cache(0, Duration::ZERO).build().expect("valid")
}

/// Reads a place, in the current record and in the history.
fn read(reader: &EnvelopeStore, key: &RecordKey, to: &Sealed) -> Result<Secret> {
    if key == &current(&to.id) { wait(reader.get(&to.id)) } else { wait(reader.get_version(&to.id, to.version)) }
}

#[test]
fn the_matrix_over_format_1_accepts_nothing() {
    let world = World::new();
    let all = sealed(&world);
    assert_eq!(all.len(), 2 * 2 * 2 * 3 * 2 * 2);
    let (mut tried, mut replays) = (0, 0);
    for to in &all {
        // A cold reader for each place, so that no mark of another round refuses first.
        let reader = reader(&world, to.store);
        for key in [current(&to.id), slot(&to.id, to.version.get())] {
            for from in &all {
                for how in MOVES {
                    let record = how.apply(&from.record, &to.record);
                    if record == to.record {
                        continue;
                    }
                    // Another authentic record of the very same place is no swap; neither is, in the place of the current
                    // record, another version of the same secret: that is a rollback, which a cold reader cannot tell.
                    let whole = matches!(how, Move::Verbatim | Move::Renamed);
                    let replay = whole && from.place() == to.place();
                    let rollback =
                        how == Move::Verbatim && key == current(&to.id) && (from.store, &from.id) == (to.store, &to.id);
                    if replay || rollback {
                        replays += 1;
                        continue;
                    }
                    world.plant(&key, record);
                    let what = || format!("{how:?} of {} into {} at {key:?}", from.clear, to.clear);
                    match read(&reader, &key, to) {
                        Ok(_) => panic!("accepted: {}", what()),
                        Err(error) => {
                            let not_there = how == Move::Verbatim && error.kind() == ErrorKind::NotFound;
                            assert!(not_there || error.kind() == ErrorKind::Integrity, "{}: {error}", what());
                        }
                    }
                    tried += 1;
                }
            }
            world.plant(&key, to.record.clone());
            assert_eq!(read(&reader, &key, to).expect("its own record opens").expose_secret(), to.clear.as_bytes());
            world.erase(&key);
        }
    }
    assert_eq!((tried, replays), (MATRIX, REPLAYS));
}

/// 96 records, each in two places. Five moves of the 95 others change something, two (metadata, master key id) of the 48 that differ
/// there; less what is authentic.
const MATRIX: usize = 96 * 2 * (5 * 95 + 2 * 48) - REPLAYS;

/// Two whole moves of the three other records of the same place; in the current place also the eight of other versions.
const REPLAYS: usize = 96 * 2 * 2 * 3 + 96 * 8;

/// A replay within one place opens, and to its own value: what `the_matrix` leaves out is exactly what is authentic.
#[test]
fn what_the_matrix_leaves_out_is_authentic() {
    let world = World::new();
    let all = sealed(&world);
    let reader = world.store();
    for from in all.iter().filter(|from| from.store == STORE) {
        world.plant(&slot(&from.id, from.version.get()), from.record.clone());
        let secret = wait(reader.get_version(&from.id, from.version)).expect("opens");
        assert_eq!(secret.expose_secret(), from.clear.as_bytes());
        assert_eq!(
            (secret.info().master_key_id.as_str(), secret.info().metadata.is_empty()),
            (from.key, !from.metadata)
        );
    }
}
