use super::*;
use crate::ErrorKind;

fn key(id: &str) -> MasterKeyId {
    MasterKeyId::new(id).expect("valid")
}

fn sample() -> RotationJob {
    RotationJob {
        target: RotationTarget::MasterKey { from: key("2025"), to: key("2026") },
        state: JobState::Running,
        fence: 7,
        pass: 2,
        changed: 300,
        position: Position { phase: Phase::History, after: Some("MainDb\u{1f}00000000000000000003".into()) },
        owner: [5; 16],
    }
}

fn of_documents(secret: Option<&str>) -> RotationJob {
    let secret = secret.map(|name| SecretName::lenient(name).expect("lenient"));
    let target = RotationTarget::DocumentKeys { id: ReencryptionId([9; 16]), secret };
    RotationJob { target, state: JobState::Finished, position: Position::beginning(), ..sample() }
}

fn of_tenant() -> RotationJob {
    let tenant = TenantId::new("acme").expect("valid");
    let target = RotationTarget::TenantKey { tenant, from: TenantKeyVersion::new(3).expect("not zero") };
    RotationJob { target, state: JobState::Released, position: Position::beginning(), ..sample() }
}

fn of_formats() -> [RotationJob; 3] {
    let after = |cursor: &str| Position { phase: Phase::Current, after: Some(cursor.into()) };
    [
        RotationJob { target: RotationTarget::Migration, position: after("MainDb"), ..sample() },
        RotationJob {
            target: RotationTarget::RevertedMigration,
            state: JobState::Released,
            position: Position::beginning(),
            ..sample()
        },
        RotationJob {
            target: RotationTarget::MinimumFormat,
            state: JobState::Finished,
            position: Position::beginning(),
            ..sample()
        },
    ]
}

fn kind(record: &Record) -> ErrorKind {
    RotationJob::from_record(record).expect_err("refused").kind()
}

/// Made by another encoder.
#[test]
fn frozen_bytes() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/vectors/rotation.json")).expect("the vectors parse");
    let [migration, migration_back, minimum_format] = of_formats();
    for (name, job) in [
        ("job_migration", migration),
        ("job_migration_back", migration_back),
        ("job_minimum_format", minimum_format),
        ("job_master_key", sample()),
        ("job_tenant_key", of_tenant()),
        ("job_document_keys", of_documents(Some("MainDb"))),
    ] {
        let frozen = vectors[name]["record"].as_str().expect("hex");
        assert_eq!(hex::encode(job.to_record().to_bytes()), frozen, "{name}");
        let record = Record::from_bytes(&hex::decode(frozen).expect("hex")).expect("a record");
        assert_eq!(RotationJob::from_record(&record).expect("a job"), job, "{name}");
    }
    let place = RotationJob::key(&ApplicationName::new("YourApp.Production").expect("valid"));
    assert_eq!((&**place.partition(), &**place.sort()), ("~s~YourApp.Production", "JOB"));
}

#[test]
fn what_is_written_is_read() {
    for job in [
        sample(),
        of_tenant(),
        of_documents(None),
        of_documents(Some("a\u{1f}b")),
        RotationJob::new(sample().target, [1; 16]),
    ] {
        assert_eq!(RotationJob::from_record(&job.to_record()).expect("a job"), job);
    }
}

#[test]
fn every_other_form_is_refused() {
    for (name, value) in [
        ("Fence", Value::from(0)),
        ("Fence", Value::from("7")),
        ("Pass", Value::from("2")),
        ("Changed", Value::from("300")),
        ("State", Value::from("idle")),
        ("State", Value::from(1)),
        ("Phase", Value::from("future")),
        ("Cursor", Value::from(1)),
        ("Owner", Value::from(&[5u8; 15][..])),
        ("Owner", Value::from("5555555555555555")),
        ("Kind", Value::from(1)),
        ("From", Value::from("")),
        ("To", Value::from("~x")),
        // Of the other kind.
        ("Id", Value::from(&[9u8; 16][..])),
        ("Name", Value::from("MainDb")),
    ] {
        assert_eq!(kind(&sample().to_record().with(name, value.clone())), ErrorKind::Integrity, "{name} {value:?}");
    }
    for (name, value) in
        [("Id", Value::from(&[9u8; 17][..])), ("Name", Value::from("~x")), ("From", Value::from("2025"))]
    {
        assert_eq!(kind(&of_documents(None).to_record().with(name, value)), ErrorKind::Integrity, "{name}");
    }
    for (name, value) in [
        ("Tenant", Value::from("")),
        ("Tenant", Value::from(1)),
        ("Version", Value::from(0)),
        ("Version", Value::from(1 << 32)),
        ("Version", Value::from("3")),
        ("To", Value::from("2026")),
    ] {
        assert_eq!(kind(&of_tenant().to_record().with(name, value)), ErrorKind::Integrity, "{name}");
    }
    for job in of_formats() {
        for (name, value) in [
            ("From", Value::from("2025")),
            ("Tenant", Value::from("acme")),
            ("Id", Value::from(&[9u8; 16][..])),
            ("Name", Value::from("MainDb")),
            ("Fence", Value::from(0)),
        ] {
            assert_eq!(kind(&job.to_record().with(name, value)), ErrorKind::Integrity, "{name}");
        }
    }
    for name in ["Changed", "Fence", "From", "Kind", "Owner", "Pass", "Phase", "State", "To"] {
        let mut without = sample().to_record();
        without.remove(name).expect("it is there");
        assert_eq!(kind(&without), ErrorKind::Integrity, "{name}");
    }
    assert_eq!(kind(&Record::new()), ErrorKind::Integrity);
}

#[test]
fn what_a_later_release_does_is_unsupported() {
    assert_eq!(kind(&sample().to_record().with("Kind", Value::from("quantum"))), ErrorKind::Unsupported);
    assert_eq!(kind(&sample().to_record().with("Other", Value::from(1))), ErrorKind::Unsupported);
}

#[test]
fn a_fence_ends_loudly() {
    let job = RotationJob { fence: u64::MAX, ..sample() };
    assert!(matches!(job.next_fence().expect_err("no further one").kind(), ErrorKind::TooLarge { .. }));
}

#[test]
fn an_id_survives_its_text() {
    let id = ReencryptionId::generate().expect("random bytes");
    assert_eq!(id.to_string().parse::<ReencryptionId>().expect("its own text"), id);
    assert_ne!(ReencryptionId::generate().expect("random bytes"), id);
    for wrong in ["", "0", &"0".repeat(31), &"0".repeat(33), &"g".repeat(32), &"+1".repeat(16), &"é".repeat(16)] {
        assert_eq!(wrong.parse::<ReencryptionId>().expect_err("no id").kind(), ErrorKind::InvalidInput, "{wrong}");
    }
}
