//! Format 0 beside format 1: never mixed, and admitted only where the configuration says so.

use secret_store_core::{
    ApplicationConfig, ErrorKind, GetOptions, Legacy, Record, RecordKey, SecretStore, SecretStoreExt, Value,
};

use super::graft;
use crate::support::{
    APP, DOCUMENT_KEY, IV, SECRET_NAME, VALUE, VERSION, World, app, current, id, kind, slot, version, wait,
};

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
