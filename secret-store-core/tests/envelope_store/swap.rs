//! Authentic ciphertext in the wrong place: nothing is accepted wherever the format floor is 1.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secret_store_core::{
    ApplicationConfig, DocumentKey, EncryptionContext, EnvelopeStore, ErrorKind, GeneratedKey, GetOptions,
    KeyEncryptionKey, KeyProvider, Legacy, MasterKeyId, Metadata, Purpose, PutOptions, Record, RecordKey, Result,
    Secret, SecretId, SecretStore, SecretStoreExt, SecretVersion, StoreId, Value, WrappedKey,
};

use super::support::{
    APP, APPLICATION_NAME, DOCUMENT_KEY, IV, MAIN, MASTER_KEY_ID, METADATA, SECRET_NAME, STORE, VALUE, VERSION, World,
    app, current, id, kind, master, slot, version, wait,
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

fn graft(into: &Record, from: &Record, attributes: &[&'static str]) -> Record {
    let mut record = into.clone();
    for attribute in attributes {
        match from.get(attribute) {
            Some(value) => record.set(*attribute, value.clone()),
            None => drop(record.remove(attribute)),
        }
    }
    record
}

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

/// Both formats of one name, and a forger who mixes them.
struct Formats {
    world: World,
    zero: Record,
    one: Record,
}

fn formats() -> Formats {
    let world = World::new();
    wait(world.store().put(&id("Db"), "format 1".into())).expect("stored");
    let one = world.record(&current(&id("Db")));
    let other = World { keys: world.keys.clone(), ..World::new() };
    wait(other.legacy(Legacy::ReadWrite).put(&id("Db"), "format 0".into())).expect("stored");
    let zero = other.record(&current(&id("Db")));
    Formats { world, zero, one }
}

#[test]
fn formats_are_never_mixed() {
    let Formats { world, zero, one } = formats();
    let floor_0 = || world.legacy(Legacy::Read);
    let numbered = |record: &Record| record.clone().with(VERSION, Value::from(1));
    // The value of one format with the wrap of the other, with the other's marks, at every floor.
    let mixes = [
        graft(&one, &zero, &[DOCUMENT_KEY]),
        graft(&one, &zero, &[VALUE]),
        graft(&one, &zero, &[IV]),
        graft(&one, &zero, &[VALUE, DOCUMENT_KEY]),
        graft(&zero, &one, &[DOCUMENT_KEY]),
        graft(&zero, &one, &[VALUE]),
        graft(&zero, &one, &[IV]),
        graft(&zero, &one, &[IV, VALUE]),
        graft(&zero, &one, &[IV, DOCUMENT_KEY]),
        graft(&one, &zero, &[VALUE, IV]),
        // Format 0's ciphertext behind format 1's header and the reverse.
        one.clone().with(
            VALUE,
            Value::from([&one.bytes(VALUE).expect("bytes")[..6], zero.bytes(VALUE).expect("bytes")].concat()),
        ),
        zero.clone().with(VALUE, Value::from(&one.bytes(VALUE).expect("bytes")[6..])),
        // Not whole blocks: of whole ones that are no ciphertext of its own, format 0 cannot tell one in 256 by the padding.
        zero.clone().with(VALUE, Value::from(&one.bytes(VALUE).expect("bytes")[6..55])),
    ];
    let mut tried = 0;
    for mix in mixes.iter().flat_map(|mix| [mix.clone(), numbered(mix)]) {
        for key in [current(&id("Db")), slot(&id("Db"), 1)] {
            world.erase(&current(&id("Db")));
            world.plant(&key, mix.clone());
            for store in [world.store(), floor_0()] {
                let read = if key == current(&id("Db")) {
                    wait(store.get(&id("Db")))
                } else {
                    wait(store.get_version(&id("Db"), version(1)))
                };
                let kind = kind(read);
                assert!(
                    matches!(kind, ErrorKind::Integrity | ErrorKind::Unsupported | ErrorKind::NotFound),
                    "{mix:?}: {kind:?}"
                );
                tried += 1;
            }
            world.erase(&key);
        }
    }
    assert_eq!(tried, 13 * 2 * 2 * 2);
}

#[test]
fn a_format_0_record_is_nothing_where_the_floor_is_1() {
    let Formats { world, zero, one } = formats();
    world.plant(&current(&id("Db")), zero);
    let store = world.store();
    let calls = world.keys.calls();
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Unsupported);
    assert_eq!(kind(wait(store.get_all(&app(APP)))), ErrorKind::Unsupported);
    // The setting of another application does not count.
    let other = ApplicationConfig::default().with_legacy(Legacy::ReadWrite);
    let other = world.builder().application(app("Other"), other).build().expect("valid");
    assert_eq!(kind(wait(other.get(&id("Db")))), ErrorKind::Unsupported);
    assert_eq!(world.keys.calls(), calls, "refused before any call");
    // Where the floor is 0 the documentation admits it, and the reverse always held: format 1 is read at any floor.
    assert_eq!(wait(world.legacy(Legacy::Read).get(&id("Db"))).expect("admitted").expose_secret(), b"format 0");
    world.plant(&current(&id("Db")), one);
    assert_eq!(wait(world.legacy(Legacy::Read).get(&id("Db"))).expect("opens").expose_secret(), b"format 1");
}

/// A pin or a mark of format 1 refuses format 0 at any floor: its records carry no number.
#[test]
fn a_pin_or_a_mark_shuts_format_0_out() {
    let Formats { world, zero, one } = formats();
    let reader = world.legacy(Legacy::Read);
    let info = wait(reader.get(&id("Db"))).expect("format 1").info().clone();
    world.plant(&current(&id("Db")), zero);
    assert_eq!(kind(wait(reader.get(&id("Db")))), ErrorKind::RollbackDetected);
    let cold = world.legacy(Legacy::Read);
    let pinned = GetOptions::default().with_minimum_version(info.version);
    assert_eq!(kind(wait(cold.get_with(&id("Db"), pinned))), ErrorKind::RollbackDetected);
    world.plant(&current(&id("Db")), one);
    assert!(wait(reader.get(&id("Db"))).is_ok());
}

/// What the documentation admits below the floor: format-0 records of one application can be exchanged.
#[test]
fn format_0_below_the_floor_has_no_binding() {
    let world = World::new();
    let store = world.legacy(Legacy::ReadWrite);
    wait(store.put(&id("a"), "of a".into())).expect("stored");
    wait(store.put(&id("b"), "of b".into())).expect("stored");
    let (a, b) = (world.record(&current(&id("a"))), world.record(&current(&id("b"))));
    world.plant(&current(&id("a")), b.clone());
    assert_eq!(kind(wait(store.get(&id("a")))), ErrorKind::Integrity, "its names are looked at");
    world.plant(&current(&id("a")), graft(&b, &a, &[SECRET_NAME]));
    assert_eq!(wait(store.get(&id("a"))).expect("admitted").expose_secret(), b"of b");
    assert_eq!(kind(wait(world.store().get(&id("a")))), ErrorKind::Unsupported);
}

/// Nothing that stands in the database widens what the configuration allows.
#[test]
fn forged_settings_make_no_difference() {
    let Formats { world, zero, .. } = formats();
    world.plant(&current(&id("Db")), zero);
    let settings = Record::new()
        .with("MinimumFormat", Value::from(0))
        .with("Legacy", Value::from("ReadWrite"))
        .with("MasterKeyId", Value::from("stranger"));
    for partition in [format!("~s~{APP}"), "~s".to_owned(), format!("~k~{APP}"), format!("~h~{APP}")] {
        for sort in ["SETTINGS", "JOB", "ACTIVE", "APP#YourApp.Production"] {
            world.plant(&RecordKey::new(partition.as_str(), sort), settings.clone());
        }
    }
    assert_eq!(kind(wait(world.store().get(&id("Db")))), ErrorKind::Unsupported);
    let calls = world.keys.calls();
    assert_eq!(kind(wait(world.store().put(&id("New"), "v".into()))), ErrorKind::Unsupported);
    assert_eq!(world.keys.calls(), calls, "nothing is wrapped under a key that the configuration does not name");
    assert!(world.stored(&current(&id("New"))).is_none());
}

/// The worst provider for a mix-up of purposes: every document key is the master key itself.
struct OneKey(KeyEncryptionKey);

const ONE: [u8; 32] = [0x5a; 32];

#[async_trait]
impl KeyProvider for OneKey {
    fn accepts(&self, _: &MasterKeyId) -> bool {
        true
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        assert_eq!(context.purpose(), Some(Purpose::DocumentKey));
        let document_key = DocumentKey::from_bytes(&ONE)?;
        let wrapped = self.wrap_key(id, &document_key, context).await?;
        Ok(GeneratedKey { document_key, wrapped })
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        Ok(WrappedKey::new(id.clone(), self.0.wrap(key, context)?))
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        assert_eq!(context.purpose(), Some(Purpose::DocumentKey));
        self.0.unwrap(key.as_bytes(), context)
    }
}

impl std::fmt::Debug for OneKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OneKey")
    }
}

/// A value's ciphertext as a wrapped key, and a wrapped key as a value. An empty value seals 32 zero bytes: in form and under this
/// provider in key it is a wrap. Only the purpose in the associated data tells them apart.
#[test]
fn a_value_is_no_wrapped_key_and_a_wrapped_key_no_value() {
    let world = World::new();
    let keys = Arc::new(OneKey(KeyEncryptionKey::from_bytes(&ONE)));
    let store = EnvelopeStore::builder(keys.clone(), world.records.clone())
        .store_id(STORE)
        .master_key(MAIN)
        .build()
        .expect("valid");
    wait(store.put(&id("Db"), "".into())).expect("stored");
    let record = world.record(&current(&id("Db")));
    let store_id = StoreId::new(STORE).expect("valid");
    let here = EncryptionContext::document_key(&store_id, &id("Db"), version(1));

    // The value as a wrap.
    let (nonce, value) = (record.bytes(IV).expect("bytes"), record.bytes(VALUE).expect("bytes"));
    let as_wrap = [nonce, &value[6..]].concat();
    assert_eq!(as_wrap.len(), 32 + KeyEncryptionKey::OVERHEAD_BYTES);
    assert_eq!(kind(keys.0.unwrap(&as_wrap, &here)), ErrorKind::Integrity);
    world.plant(&current(&id("Db")), record.clone().with(DOCUMENT_KEY, Value::from(as_wrap)));
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);

    // A wrap of 32 zero bytes, made for this very place, as the value.
    let zeros = DocumentKey::from_bytes(&[0; 32]).expect("32 bytes");
    let wrap = keys.0.wrap(&zeros, &here).expect("wraps");
    assert!(keys.0.unwrap(&wrap, &here).is_ok(), "as a wrap it is good");
    let as_value = [b"SS1\x01\0\0", &wrap[12..]].concat();
    assert_eq!(as_value.len(), value.len());
    let forged = record.clone().with(IV, Value::from(&wrap[..12])).with(VALUE, Value::from(as_value));
    world.plant(&current(&id("Db")), forged);
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);
    world.plant(&current(&id("Db")), record);
    assert_eq!(wait(store.get(&id("Db"))).expect("its own opens").expose_secret(), b"");
}
