//! What whoever writes to the database can do with several wraps: deny one of them, and gain nothing.

use std::borrow::Cow;

use secret_store_core::{
    ApplicationConfig, EnvelopeStore, ErrorKind, Legacy, MasterKeyId, Metadata, PutOptions, Record, Result, Secret,
    SecretId, SecretStore, SecretStoreExt, SecretVersion, Value,
};

use super::{SECOND, put, reader, text};
use crate::support::{
    APP, CREATED_AT, DOCUMENT_KEY, IV, KeyCall, MAIN, MASTER_KEY_ID, STORE, VALUE, VERSION, WRAPS, World, app, current,
    id, kind, master, slot, wait,
};
use crate::tamper::{CLEAR, Forgery, What, expected, forgeries};

/// The attribute, as its documentation has it.
fn wraps(entries: &[(&str, &[u8])]) -> Value {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    encoder.array(entries.len() as u64).expect("a Vec takes every byte");
    for (id, bytes) in entries {
        let pair = encoder.array(2).and_then(|pair| pair.str(id)).and_then(|pair| pair.bytes(bytes));
        pair.expect("a Vec takes every byte");
    }
    encoder.into_writer().into()
}

/// The bytes of the only further wrap.
fn second_wrap(record: &Record) -> Vec<u8> {
    // One pair: the heads of the array, of the pair, of an id of 6 bytes; then the head of up to 255 bytes.
    record.bytes(WRAPS).expect("further wraps")[3 + SECOND.len() + 2..].to_vec()
}

/// What a reader with the right to these keys is told of a change.
fn told(forgery: &Forgery, may_first: bool, may_second: bool) -> Option<ErrorKind> {
    let id_and_bytes = 3..3 + SECOND.len();
    let opens_by = |first: Option<ErrorKind>, second: Option<ErrorKind>| match (may_first, may_second) {
        (true, false) => first,
        (false, true) => second,
        _ => first.and(second),
    };
    let not_allowed = Some(ErrorKind::KeyNotAllowed);
    match (forgery.attribute.as_str(), forgery.what) {
        (MASTER_KEY_ID, What::Flip(_) | What::Truncate(_) | What::Append) => match expected(forgery) {
            Some(ErrorKind::KeyNotAllowed) => opens_by(not_allowed, None),
            malformed => malformed,
        },
        (DOCUMENT_KEY, What::Flip(_) | What::Truncate(_) | What::Append) => opens_by(Some(ErrorKind::Integrity), None),
        (WRAPS, What::Remove | What::Rename) => opens_by(None, not_allowed),
        (WRAPS, What::Flip(bit)) if bit / 8 >= id_and_bytes.end + 2 => opens_by(None, Some(ErrorKind::Integrity)),
        (WRAPS, What::Flip(bit)) if id_and_bytes.contains(&(bit / 8)) => {
            let encoded = forgery.record.bytes(WRAPS).expect("bytes");
            let id = std::str::from_utf8(&encoded[id_and_bytes]).ok().map(MasterKeyId::new);
            if id.is_some_and(|id| id.is_ok()) { opens_by(None, not_allowed) } else { Some(ErrorKind::Integrity) }
        }
        _ => expected(forgery),
    }
}

fn check(forgery: &Forgery, how: &str, result: Result<Secret>, expected: Option<ErrorKind>) {
    let what = (&forgery.attribute, forgery.what, how);
    match (result, expected) {
        (Ok(secret), None) => assert_eq!(secret.expose_secret(), CLEAR, "{what:?}"),
        (Err(error), Some(kind)) => assert_eq!(error.kind(), kind, "{what:?}: {error}"),
        (Ok(_), Some(kind)) => panic!("{what:?} was accepted, not {kind:?}"),
        (Err(error), None) => panic!("{what:?} was refused: {error}"),
    }
}

#[test]
fn every_change_of_the_record() {
    let world = World::new();
    let options = PutOptions::default().with_metadata(Metadata::new().with("owner", "team-a"));
    wait(world.two_wraps().put_with(&id("Db"), CLEAR.into(), options)).expect("stored");
    let record = world.record(&current(&id("Db")));
    assert_eq!(record.len(), 10, "every attribute that a record can have: {record:?}");
    let warm = world.store();
    wait(warm.get(&id("Db"))).expect("opens");
    let all = forgeries(&record);
    assert!(all.len() > 2400, "{}", all.len());
    for forgery in &all {
        world.plant(&current(&id("Db")), forgery.record.clone());
        let both = told(forgery, true, true);
        check(forgery, "cold", wait(world.store().get(&id("Db"))), both);
        check(forgery, "warm", wait(warm.get(&id("Db"))), both);
        check(forgery, "first", wait(reader(&world, MAIN).get(&id("Db"))), told(forgery, true, false));
        check(forgery, "second", wait(reader(&world, SECOND).get(&id("Db"))), told(forgery, false, true));
    }
}

/// A sealed secret with two wraps, and where it belongs.
struct Sealed {
    store: &'static str,
    id: SecretId,
    version: SecretVersion,
    clear: String,
    record: Record,
}

/// Stores × names × versions; the last ones a second time, under other document keys.
fn sealed(world: &World) -> Vec<Sealed> {
    let mut all = Vec::new();
    for (round, store) in [STORE, "staging", STORE].into_iter().enumerate() {
        let other = World { keys: world.keys.clone(), ..World::new() };
        let writer = other.builder().store_id(store).also_wrap_with([master(SECOND)]).build().expect("valid");
        for name in ["Db", "Db#2"] {
            for number in 1..=2 {
                let id = id(name);
                let clear = format!("{round} {store} {name} {number}");
                let version = wait(writer.put(&id, clear.as_str().into())).expect("stored").version;
                let record = other.record(&current(&id));
                all.push(Sealed { store, id, version, clear, record });
            }
        }
    }
    all
}

fn graft(into: &Record, from: &Record, attributes: &[&'static str]) -> Record {
    attributes.iter().fold(into.clone(), |record, name| {
        record.with(Cow::Borrowed(*name), from.get(name).expect("every record has it").clone())
    })
}

fn flipped(record: &Record, attribute: &'static str) -> Record {
    let mut bytes = record.bytes(attribute).expect("bytes").to_vec();
    *bytes.last_mut().expect("not empty") ^= 1;
    record.clone().with(attribute, bytes.into())
}

/// A forged record at a place, and whether a reader of both keys, of the first, of the second alone opens it (to its own value).
struct Case(&'static str, Record, [bool; 3]);

fn cases(to: &Record, from: &Record) -> Vec<Case> {
    let further_of_other = graft(to, from, &[WRAPS]);
    let first_of_other = graft(to, from, &[DOCUMENT_KEY]);
    let all_of_other = graft(to, from, &[DOCUMENT_KEY, WRAPS]);
    let exchanged = to
        .clone()
        .with(DOCUMENT_KEY, second_wrap(to).into())
        .with(WRAPS, wraps(&[(SECOND, to.bytes(DOCUMENT_KEY).expect("bytes"))]));
    vec![
        Case("the further wraps of another", further_of_other.clone(), [true, true, false]),
        Case("and the first one broken", flipped(&further_of_other, DOCUMENT_KEY), [false; 3]),
        Case("the first wrap of another", first_of_other.clone(), [true, false, true]),
        Case("and the further one broken", flipped(&first_of_other, WRAPS), [false; 3]),
        Case("all wraps of another", all_of_other, [false; 3]),
        Case("the value of another", graft(to, from, &[VALUE, IV]), [false; 3]),
        Case("both wraps exchanged", exchanged, [false; 3]),
    ]
}

#[test]
fn wraps_of_another_secret_open_nothing() {
    let world = World::new();
    let all = sealed(&world);
    let mut tried = 0;
    for (at, to) in all.iter().enumerate() {
        let open = |keys: &[&str]| -> Result<Secret> {
            let keys = keys.iter().map(|key| master(key));
            let reader = world.builder().store_id(to.store).unwrap_with(keys).build().expect("valid");
            wait(reader.get_version(&to.id, to.version))
        };
        for (other, from) in all.iter().enumerate() {
            let same_place = (to.store, &to.id, to.version) == (from.store, &from.id, from.version);
            if other == at {
                continue;
            }
            for Case(what, record, opens) in cases(&to.record, &from.record) {
                // The wrap of another key of this very version unwraps, and what it gives opens nothing: nobody is asked then.
                let opens =
                    if same_place && what == "the first wrap of another" { [false, false, true] } else { opens };
                world.plant(&slot(&to.id, to.version.get()), record);
                for (keys, opens) in [&[MAIN, SECOND][..], &[MAIN], &[SECOND]].into_iter().zip(opens) {
                    let what = format!("{what}: {} into {} by {keys:?}", from.clear, to.clear);
                    match open(keys) {
                        Ok(secret) => {
                            assert!(opens, "{what} opens");
                            assert_eq!(secret.expose_secret(), to.clear.as_bytes(), "{what}");
                        }
                        Err(error) => assert!(!opens && error.kind() == ErrorKind::Integrity, "{what}: {error}"),
                    }
                    tried += 1;
                }
            }
        }
        world.erase(&slot(&to.id, to.version.get()));
    }
    assert_eq!(tried, 12 * 11 * 7 * 3);
}

/// The order of the wraps is nothing that anybody relies on.
#[test]
fn either_wrap_may_stand_first() {
    let world = World::new();
    put(&world.two_wraps(), "1");
    let record = world.record(&current(&id("Db")));
    let first = record.bytes(DOCUMENT_KEY).expect("bytes").to_vec();
    let turned = record
        .clone()
        .with(MASTER_KEY_ID, SECOND.into())
        .with(DOCUMENT_KEY, second_wrap(&record).into())
        .with(WRAPS, wraps(&[(MAIN, &first)]));
    let mut alone = turned.clone();
    alone.remove(WRAPS);
    world.plant(&current(&id("Db")), turned);
    let info = wait(world.store().get(&id("Db"))).expect("opens").info().clone();
    assert_eq!((info.master_key_id, info.also_wrapped_with), (master(SECOND), vec![master(MAIN)]));
    assert_eq!((text(&reader(&world, MAIN)), text(&reader(&world, SECOND))), ("1".to_owned(), "1".to_owned()));
    world.plant(&current(&id("Db")), alone);
    assert_eq!(text(&reader(&world, SECOND)), "1");
    assert_eq!(kind(wait(reader(&world, MAIN).get(&id("Db")))), ErrorKind::KeyNotAllowed);
}

fn unwraps(world: &World) -> Vec<String> {
    world.keys.take_asked().into_iter().filter(|(call, _)| *call == KeyCall::Unwrap).map(|(_, id)| id).collect()
}

/// A value that its own key does not open is what is wrong: the other holder is not troubled.
#[test]
fn a_forged_value_costs_one_call() {
    let world = World::new();
    put(&world.two_wraps(), "1");
    let record = world.record(&current(&id("Db")));
    world.plant(&current(&id("Db")), flipped(&record, VALUE));
    unwraps(&world);
    assert_eq!(kind(wait(world.store().get(&id("Db")))), ErrorKind::Integrity);
    assert_eq!(unwraps(&world), [MAIN]);
}

#[test]
fn wraps_that_a_forger_adds_are_asked_for_only_where_they_are_allowed_and_needed() {
    let world = World::new();
    put(&world.store(), "1");
    let record = world.record(&current(&id("Db")));
    let forged = |entries: &[(&str, &[u8])]| record.clone().with(WRAPS, wraps(entries));
    unwraps(&world);
    let read = |record: Record| {
        world.plant(&current(&id("Db")), record);
        let outcome = wait(world.store().get(&id("Db"))).map(|secret| secret.text().expect("text").to_owned());
        (outcome.map_err(|error| error.kind()), unwraps(&world))
    };
    let asked = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(read(forged(&[(SECOND, b"junk")])), (Ok("1".to_owned()), asked(&[MAIN])));
    assert_eq!(read(forged(&[("elsewhere", b"junk")])), (Ok("1".to_owned()), asked(&[MAIN])));
    assert_eq!(read(forged(&[("~t~tenant", b"junk")])), (Ok("1".to_owned()), asked(&[MAIN])));
    let broken = |record: Record| flipped(&record, DOCUMENT_KEY);
    let refused = Err(ErrorKind::Integrity);
    assert_eq!(read(broken(forged(&[(SECOND, b"junk")]))), (refused.clone(), asked(&[MAIN, SECOND])));
    assert_eq!(read(broken(forged(&[("elsewhere", b"junk")]))), (refused.clone(), asked(&[MAIN])));
    assert_eq!(read(broken(forged(&[("~t~tenant", b"junk")]))), (refused.clone(), asked(&[MAIN])));
    let elsewhere = |record: Record| record.with(MASTER_KEY_ID, "elsewhere".into());
    let not_allowed = Err(ErrorKind::KeyNotAllowed);
    assert_eq!(read(elsewhere(forged(&[("there", b"junk")]))), (not_allowed.clone(), asked(&[])));
    assert_eq!(read(elsewhere(forged(&[("~t~tenant", b"junk")]))), (not_allowed, asked(&[])));
    // Malformed: nobody is asked.
    let malformed = |value: Value| record.clone().with(WRAPS, value);
    let many: Vec<String> = (0..9).map(|n| format!("key {n}")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|id| (id.as_str(), &b"junk"[..])).collect();
    for value in [
        wraps(&[]),
        wraps(&[(MAIN, b"junk")]),
        wraps(&[(SECOND, b"junk"), (SECOND, b"junk")]),
        wraps(&[(SECOND, b"junk"), ("another", b"junk")]),
        wraps(&[("~t~", b"junk")]),
        wraps(&[("~s~settings", b"junk")]),
        wraps(&[("", b"junk")]),
        wraps(&many),
        wraps(&[(SECOND, &[0; 70_000])]),
        Value::from(Vec::new()),
        Value::from("text"),
        Value::from(7),
    ] {
        assert_eq!(read(malformed(value)), (refused.clone(), asked(&[])));
    }
}

/// However many wraps a forger adds: each is refused once in the refusal time.
#[test]
fn forged_wraps_buy_a_bounded_number_of_calls() {
    let world = World::new();
    put(&world.store(), "1");
    let record = world.record(&current(&id("Db")));
    world.plant(&current(&id("Db")), flipped(&record, DOCUMENT_KEY).with(WRAPS, wraps(&[(SECOND, b"junk")])));
    let store = world.store();
    unwraps(&world);
    (0..10).for_each(|_| assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity));
    assert_eq!(unwraps(&world), [MAIN, SECOND]);
}

#[test]
fn format_0_gains_no_further_wrap() {
    let world = World::new();
    let store = |legacy| -> EnvelopeStore { world.legacy(legacy) };
    put(&store(Legacy::ReadWrite), "1");
    let record = world.record(&current(&id("Db")));
    let further = record.bytes(DOCUMENT_KEY).expect("bytes").to_vec();
    world.plant(&current(&id("Db")), record.clone().with(WRAPS, wraps(&[(SECOND, &further)])));
    unwraps(&world);
    assert_eq!(kind(wait(store(Legacy::Read).get(&id("Db")))), ErrorKind::Integrity);
    assert_eq!(unwraps(&world), [""; 0]);
    // Nor do the wraps of format 1 open a value of format 0.
    let config = ApplicationConfig::default().with_legacy(Legacy::Read).with_also_wrap_with([master(SECOND)]);
    world.plant(&current(&id("Db")), record.clone());
    put(&world.builder().application(app(APP), config).build().expect("valid"), "2");
    let modern = world.record(&current(&id("Db")));
    let mixed = graft(&modern, &record, &[VALUE, IV]);
    world.plant(&current(&id("Db")), mixed.clone());
    assert_eq!(kind(wait(store(Legacy::Read).get(&id("Db")))), ErrorKind::Integrity);
    let mut mixed = mixed;
    for attribute in [WRAPS, CREATED_AT, VERSION] {
        mixed.remove(attribute);
    }
    world.plant(&current(&id("Db")), mixed);
    assert_eq!(kind(wait(store(Legacy::Read).get(&id("Db")))), ErrorKind::Integrity);
}
