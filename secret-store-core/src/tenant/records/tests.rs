//! What a record of a tenant may look like, and what none may.

use super::*;

fn tenant() -> TenantId {
    TenantId::new("acme").expect("valid")
}

fn version(number: u32) -> TenantKeyVersion {
    TenantKeyVersion::new(number).expect("not zero")
}

fn held(retired: bool) -> KeyRecord {
    let wrapped = WrappedKey::new(MasterKeyId::new("main").expect("valid"), vec![1; 60]);
    KeyRecord::Held(HeldKey { wrapped, created_at: 7, retired })
}

#[test]
fn sort_keys_are_as_documented() {
    let key = version_key(&tenant(), version(7));
    assert_eq!((&**key.partition(), &**key.sort()), ("~k~acme", "v0000000007"));
    assert_eq!(&**version_key(&tenant(), version(u32::MAX)).sort(), "v4294967295");
    assert_eq!(&**active_key(&tenant()).sort(), "ACTIVE");
    let application = ApplicationName::new("App").expect("valid");
    assert_eq!(&**application_key(&tenant(), &application).sort(), "APP#App");
    for number in [1, 7, u32::MAX] {
        assert_eq!(version_of(version_key(&tenant(), version(number)).sort()), Some(version(number)));
    }
    for other in ["v", "v7", "v0000000000", "v4294967296", "v00000000007", "v+000000007", "w0000000007", "ACTIVE"] {
        assert_eq!(version_of(other), None, "{other}");
    }
}

#[test]
fn a_listing_holds_one_kind_alone() {
    let application = ApplicationName::new("v0000000001").expect("valid");
    let owned = application_key(&tenant(), &application);
    let first = version_key(&tenant(), version(1));
    let last = version_key(&tenant(), version(u32::MAX));
    for (query, inside, outside) in [
        (versions(&tenant()), vec![first.sort(), last.sort()], vec![owned.sort()]),
        (applications(&tenant()), vec![owned.sort()], vec![first.sort(), last.sort()]),
    ] {
        assert!(inside.iter().all(|sort| query.admits(sort)));
        assert!(outside.iter().all(|sort| !query.admits(sort)));
        for other in ["ACTIVE", "SETTINGS", "JOB", "APP", "v", "w"] {
            assert!(!query.admits(other), "{other}");
        }
    }
    assert_eq!(application_of(owned.sort()).expect("an application"), application);
    for refused in ["APP#", "APP#~h~x", "APP", "v0000000001", "APP#a\u{1f}"] {
        assert!(application_of(refused).is_err(), "{refused}");
    }
}

#[test]
fn records_round_trip() {
    for record in [held(false), held(true), KeyRecord::Destroyed { at: 9 }] {
        assert_eq!(KeyRecord::parse(&record.to_record()).expect("own"), record);
        let extended = record.to_record().with("Later", Value::Number(1));
        assert_eq!(KeyRecord::parse(&extended).expect("an attribute of a later release"), record);
    }
    for record in [ActiveRecord::Version(version(3)), ActiveRecord::Destroyed { at: 9 }] {
        assert_eq!(ActiveRecord::parse(&record.to_record()).expect("own"), record);
    }
}

#[test]
fn malformed_version_records_are_refused() {
    let kind = |record: Record| KeyRecord::parse(&record).expect_err("malformed").kind();
    let sound = held(false).to_record();
    for name in ["CreatedAt", "MasterKeyId", "ProtectedTenantKey", "State"] {
        let mut without = sound.clone();
        without.remove(name);
        assert_eq!(kind(without), ErrorKind::Integrity, "{name}");
        for value in [Value::Number(1), Value::from(&[1u8][..]), Value::from("text")] {
            let same_type = std::mem::discriminant(&value) == std::mem::discriminant(sound.get(name).expect("there"));
            if !same_type {
                assert_eq!(kind(sound.clone().with(name, value)), ErrorKind::Integrity, "{name}");
            }
        }
    }
    // The key of another tenant, or of this one, is no master key.
    for id in ["~t~acme", "~t~other", "", "~"] {
        assert_eq!(kind(sound.clone().with("MasterKeyId", id.into())), ErrorKind::Integrity);
    }
    assert_eq!(kind(sound.clone().with("State", "Paused".into())), ErrorKind::Unsupported);
    let tombstone = KeyRecord::Destroyed { at: 9 }.to_record();
    assert_eq!(
        kind(sound.with("State", "Destroyed".into()).with("DestroyedAt", Value::Number(9))),
        ErrorKind::Integrity
    );
    assert_eq!(kind(tombstone.clone().with("ProtectedTenantKey", Value::from(vec![1; 60]))), ErrorKind::Integrity);
    assert_eq!(kind(tombstone.clone().with("State", "Enabled".into())), ErrorKind::Integrity);
    let mut without = tombstone;
    without.remove("DestroyedAt");
    assert_eq!(kind(without), ErrorKind::Integrity);
}

#[test]
fn malformed_active_records_are_refused() {
    let kind = |record: Record| ActiveRecord::parse(&record).expect_err("malformed").kind();
    let number = |number: u64| Record::new().with("Version", Value::Number(number));
    for record in [
        Record::new(),
        number(0),
        number(1 << 32),
        number(u64::MAX),
        Record::new().with("Version", "1".into()),
        number(1).with("State", "Destroyed".into()),
        Record::new().with("State", "Destroyed".into()),
        Record::new().with("State", Value::Number(1)),
    ] {
        assert_eq!(kind(record.clone()), ErrorKind::Integrity, "{record:?}");
    }
    assert_eq!(kind(Record::new().with("State", "Paused".into())), ErrorKind::Unsupported);
}
