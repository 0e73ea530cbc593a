//! Every single change of a stored record: what a forger without keys can try on one attribute.

use std::borrow::Cow;
use std::sync::Arc;

use secret_store_core::{
    ErrorKind, Legacy, MasterKeyId, Metadata, ProtectOptions, PutOptions, Record, Result, Secret, SecretStore,
    SecretStoreExt, Value,
};

use super::support::{
    APP, APPLICATION_NAME, CREATED_AT, DOCUMENT_KEY, IV, MASTER_KEY_ID, METADATA, SECRET_NAME, VALUE, VERSION, World,
    app, current, id, slot, version, wait,
};

/// Three blocks of AES and a bit, every block of another content.
pub(super) const CLEAR: &[u8] = b"a value of a size that fills three blocks and more";

/// One change of one attribute.
pub(super) struct Forgery {
    pub(super) attribute: String,
    pub(super) what: What,
    pub(super) record: Record,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Flip(usize),
    Truncate(usize),
    Append,
    Remove,
    OtherType,
    Rename,
}

fn with(record: &Record, attribute: &str, value: Value) -> Record {
    record.clone().with(Cow::Owned(attribute.to_owned()), value)
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// Every bit flipped, every truncation, a byte appended, the attribute removed, of each other type, and every bit of its name
/// flipped. Texts and names stay texts: a flip that is no UTF-8 cannot be stored.
pub(super) fn forgeries(record: &Record) -> Vec<Forgery> {
    let mut all = Vec::new();
    for (attribute, value) in record.iter() {
        let mut add = |what, record: Record| all.push(Forgery { attribute: attribute.to_owned(), what, record });
        let set = |value: Value| with(record, attribute, value);
        match value {
            Value::Bytes(bytes) => {
                (0..bytes.len() * 8).for_each(|bit| add(What::Flip(bit), set(flipped(bytes, bit).into())));
                (0..bytes.len()).for_each(|length| add(What::Truncate(length), set(Value::from(&bytes[..length]))));
                add(What::Append, set([bytes, &[0][..]].concat().into()));
                add(What::OtherType, set(Value::from(hex::encode(bytes).as_str())));
                add(What::OtherType, set(Value::from(7)));
            }
            Value::Text(text) => {
                for bit in 0..text.len() * 8 {
                    if let Ok(text) = String::from_utf8(flipped(text.as_bytes(), bit)) {
                        add(What::Flip(bit), set(Value::from(text.as_str())));
                    }
                }
                (0..text.len()).for_each(|length| add(What::Truncate(length), set(Value::from(&text[..length]))));
                add(What::Append, set(Value::from(format!("{text}x").as_str())));
                add(What::OtherType, set(Value::from(text.as_bytes())));
                add(What::OtherType, set(Value::from(7)));
            }
            Value::Number(number) => {
                (0..64).for_each(|bit| add(What::Flip(bit), set(Value::from(number ^ (1 << bit)))));
                add(What::OtherType, set(Value::from(number.to_string().as_str())));
                add(What::OtherType, set(Value::from(&number.to_be_bytes()[..])));
            }
        }
        let mut without = record.clone();
        without.remove(attribute);
        add(What::Remove, without.clone());
        for bit in 0..attribute.len() * 8 {
            if let Ok(name) = String::from_utf8(flipped(attribute.as_bytes(), bit)) {
                add(What::Rename, with(&without, &name, value.clone()));
            }
        }
    }
    all
}

/// What a reader of format 1 is told of a change.
pub(super) fn expected(forgery: &Forgery) -> Option<ErrorKind> {
    match (forgery.attribute.as_str(), forgery.what) {
        // Advisory: changed or gone, the value opens. As a number only.
        (CREATED_AT, What::OtherType) => Some(ErrorKind::Integrity),
        (CREATED_AT, _) => None,
        (MASTER_KEY_ID, What::Flip(_) | What::Truncate(_) | What::Append) => {
            let id = forgery.record.text(MASTER_KEY_ID).expect("text");
            let valid = MasterKeyId::new(Arc::clone(id)).is_ok();
            Some(if valid { ErrorKind::KeyNotAllowed } else { ErrorKind::Integrity })
        }
        (VALUE, What::Flip(bit)) => {
            let magic = &forgery.record.bytes(VALUE).expect("bytes")[..3];
            let later = magic.starts_with(b"SS") && (b'2'..=b'9').contains(&magic[2]);
            // Suite and flags follow the magic.
            let unknown = later || (24..48).contains(&bit);
            Some(if unknown { ErrorKind::Unsupported } else { ErrorKind::Integrity })
        }
        _ => Some(ErrorKind::Integrity),
    }
}

#[track_caller]
fn check(forgery: &Forgery, how: &str, result: Result<Secret>, expected: Option<ErrorKind>) {
    let what = (&forgery.attribute, forgery.what, how);
    match (result, expected) {
        (Ok(secret), None) => assert_eq!(secret.expose_secret(), CLEAR, "{what:?}"),
        (Err(error), Some(kind)) => {
            assert_eq!(error.kind(), kind, "{what:?}: {error}");
            assert!(std::error::Error::source(&error).is_none(), "{what:?}");
        }
        (Ok(_), Some(_)) => panic!("{what:?} was accepted"),
        (Err(error), None) => panic!("{what:?} was refused: {error}"),
    }
}

fn put(world: &World) -> Record {
    let metadata = Metadata::new().with("owner", "team-a");
    let options = PutOptions::default().with_metadata(metadata);
    wait(world.store().put_with(&id("Db"), CLEAR.into(), options)).expect("stored");
    world.record(&current(&id("Db")))
}

#[test]
fn format_1_every_change_of_the_current_record() {
    let world = World::new();
    let record = put(&world);
    let warm = world.store();
    assert_eq!(wait(warm.get(&id("Db"))).expect("opens").expose_secret(), CLEAR);
    let all = forgeries(&record);
    assert_eq!(record.len(), 9, "every attribute that a record can have: {record:?}");
    assert!(all.len() > 1800, "{}", all.len());
    for forgery in &all {
        world.plant(&current(&id("Db")), forgery.record.clone());
        let kind = expected(forgery);
        check(forgery, "cold", wait(world.store().get(&id("Db"))), kind);
        check(forgery, "warm", wait(warm.get(&id("Db"))), kind);
        check(forgery, "several", wait(warm.get_many(&[id("Db")])).map(|mut all| all.remove(0)), kind);
        check(forgery, "all", wait(warm.get_all(&app(APP))).map(|mut all| all.remove(0)), kind);
    }
    world.plant(&current(&id("Db")), record);
    assert_eq!(wait(warm.get(&id("Db"))).expect("opens again").expose_secret(), CLEAR);
}

#[test]
fn format_1_every_change_of_a_history_record() {
    let world = World::new();
    let record = put(&world);
    wait(world.store().put(&id("Db"), "second".into())).expect("stored");
    assert_eq!(world.record(&slot(&id("Db"), 1)), record, "it moves unread");
    let store = world.store();
    for forgery in forgeries(&record) {
        world.plant(&slot(&id("Db"), 1), forgery.record.clone());
        let result = wait(store.get_version(&id("Db"), version(1)));
        // Another number there is not the version asked for.
        let other_number = forgery.attribute == VERSION && matches!(forgery.what, What::Flip(bit) if bit != 0);
        let kind = if other_number { Some(ErrorKind::NotFound) } else { expected(&forgery) };
        check(&forgery, "history", result, kind);
    }
}

/// No operation panics on a malformed record, and none but a put, a delete or a listing succeeds on one that does not open.
#[test]
fn format_1_every_operation_meets_every_change() {
    let world = World::new();
    let record = put(&world);
    for forgery in forgeries(&record) {
        let fresh = || {
            let other = World { keys: world.keys.clone(), ..World::new() };
            other.plant(&current(&id("Db")), forgery.record.clone());
            other
        };
        let opens = expected(&forgery).is_none();
        let what = (&forgery.attribute, forgery.what);
        assert_eq!(wait(fresh().store().repair(&id("Db"))).is_ok(), opens, "repair {what:?}");
        assert_eq!(wait(fresh().store().accept_rollback(&id("Db"))).is_ok(), opens, "accept {what:?}");
        drop(wait(fresh().store().list(&app(APP))));
        drop(wait(fresh().store().protect(&id("Db"), "new".into(), ProtectOptions::default())));
        let other = fresh();
        if wait(other.store().put(&id("Db"), "new".into())).is_ok() {
            assert_eq!(wait(other.store().get(&id("Db"))).expect("the new value").expose_secret(), b"new", "{what:?}");
        }
        let other = fresh();
        wait(other.store().delete(&id("Db"))).unwrap_or_else(|error| panic!("delete {what:?}: {error}"));
        assert!(other.stored(&current(&id("Db"))).is_none());
        wait(other.store().put(&id("Db"), "new".into())).unwrap_or_else(|error| panic!("put {what:?}: {error}"));
    }
}

fn plant_format_0(world: &World) -> Record {
    wait(world.legacy(Legacy::ReadWrite).put(&id("Db"), CLEAR.into())).expect("stored");
    world.record(&current(&id("Db")))
}

/// What a change of a format-0 record may do: a refusal, or one of the values the format cannot tell from the right one.
#[derive(Debug, PartialEq, Eq)]
enum Admitted {
    Refused(ErrorKind),
    /// AES-CBC: bit `n` of the IV is bit `n` of the first block; a block of ciphertext garbles its own block of the value, flips the
    /// same bit of the next one and touches nothing else.
    Garbled {
        block: Option<usize>,
        bit: usize,
    },
}

fn admitted(forgery: &Forgery, blocks: usize) -> Admitted {
    match (forgery.attribute.as_str(), forgery.what) {
        (IV, What::Flip(bit)) => Admitted::Garbled { block: None, bit },
        // The two last blocks carry the padding: garbling them is noticed, by luck.
        (VALUE, What::Flip(bit)) if bit / 128 + 2 < blocks => {
            Admitted::Garbled { block: Some(bit / 128), bit: bit + 128 }
        }
        (MASTER_KEY_ID, What::Flip(_) | What::Truncate(_) | What::Append) => {
            let id = forgery.record.text(MASTER_KEY_ID).expect("text");
            let valid = MasterKeyId::new(Arc::clone(id)).is_ok();
            Admitted::Refused(if valid { ErrorKind::KeyNotAllowed } else { ErrorKind::Integrity })
        }
        _ => Admitted::Refused(ErrorKind::Integrity),
    }
}

#[test]
fn format_0_admits_exactly_what_its_documentation_says() {
    let world = World::new();
    let record = plant_format_0(&world);
    let names: Vec<_> = record.iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, [APPLICATION_NAME, IV, MASTER_KEY_ID, DOCUMENT_KEY, VALUE, SECRET_NAME]);
    let blocks = CLEAR.len() / 16 + 1;
    let (mut opened, mut refused) = (0, 0);
    for forgery in forgeries(&record) {
        world.plant(&current(&id("Db")), forgery.record.clone());
        let result = wait(world.legacy(Legacy::Read).get(&id("Db")));
        let what = (&forgery.attribute, forgery.what);
        match (admitted(&forgery, blocks), result) {
            (Admitted::Refused(kind), Err(error)) => {
                assert_eq!(error.kind(), kind, "{what:?}");
                refused += 1;
            }
            (Admitted::Garbled { block, bit }, Ok(secret)) => {
                let mut value = secret.expose_secret().to_vec();
                assert_eq!(value.len(), CLEAR.len(), "{what:?}");
                value[bit / 8] ^= 1 << (bit % 8);
                if let Some(block) = block {
                    value[block * 16..][..16].copy_from_slice(&CLEAR[block * 16..][..16]);
                }
                assert_eq!(value, CLEAR, "{what:?}");
                opened += 1;
            }
            // The last blocks: the padding may happen to be valid. Nothing in front of them differs then.
            (Admitted::Refused(_), Ok(secret))
                if matches!(forgery.what, What::Flip(_)) && forgery.attribute == VALUE =>
            {
                assert_eq!(secret.expose_secret()[..(blocks - 2) * 16], CLEAR[..(blocks - 2) * 16], "{what:?}");
            }
            (expected, result) => panic!("{what:?}: expected {expected:?}, got {:?}", result.map(|_| "a value")),
        }
    }
    assert_eq!(opened, 128 + (blocks - 2) * 128);
    assert!(refused > 600, "{refused}");
}

/// A block boundary in front of which the value ends like padding: cut there, format 0 opens a shorter value.
#[test]
fn format_0_admits_a_cut_where_the_value_looks_like_padding() {
    let world = World::new();
    wait(world.legacy(Legacy::ReadWrite).put(&id("Db"), b"fifteen letters\x01and the rest"[..].into()))
        .expect("stored");
    let record = world.record(&current(&id("Db")));
    let value = record.bytes(VALUE).expect("bytes")[..16].to_vec();
    world.plant(&current(&id("Db")), with(&record, VALUE, value.into()));
    let opened = wait(world.legacy(Legacy::Read).get(&id("Db"))).expect("opens");
    assert_eq!(opened.expose_secret(), b"fifteen letters");
}

/// Format 0 has no metadata and, in the place of a current record, no number: a forger who adds them is not believed.
#[test]
fn format_0_gains_nothing_from_attributes_of_format_1() {
    let world = World::new();
    let record = plant_format_0(&world);
    for forged in [
        with(&record, METADATA, hex::decode("a16161617a").expect("hex").into()),
        with(&record, VERSION, Value::from(99)),
    ] {
        world.plant(&current(&id("Db")), forged);
        let store = world.legacy(Legacy::Read);
        assert_eq!(wait(store.get(&id("Db"))).expect_err("forged").kind(), ErrorKind::Integrity);
    }
}
