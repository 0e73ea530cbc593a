//! Who submitted and who used what is recorded before it counts, or is refused.

use std::sync::Arc;

use secret_store_conformance::fault::{Failing, Fault, Operation};
use secret_store_core::ErrorKind;
use secret_store_core::audit::{
    Action, AuditEntry, AuditFilter, AuditLog, AuditRecorder, PersistenceSink, Phase, Verifier,
};
use secret_store_memory::MemoryPersistence;
use secret_store_transport::Message as _;
use secret_store_transport::credential::{CredentialKey, CredentialOwner, CredentialUse, Host};

use super::support::{World, encrypt, here, kind, place, version, wait};

struct Log {
    records: Arc<Failing>,
    recorder: AuditRecorder,
}

impl Log {
    fn new(world: &World) -> Self {
        let records = Arc::new(Failing::new(MemoryPersistence::new()));
        let sink = Arc::new(PersistenceSink::new(records.clone()));
        let builder = AuditRecorder::builder(sink).environment("production").actor("vault").clock(world.clock.clone());
        let recorder = builder.build().expect("valid").for_request("agent-7", "request-1").expect("valid");
        Self { records, recorder }
    }

    fn entries(&self, owner: &CredentialOwner) -> Vec<AuditEntry> {
        wait(async {
            let mut reader = AuditLog::new(self.records.clone()).read(owner.application(), AuditFilter::new());
            let mut entries = Vec::new();
            while let Some(entry) = reader.next().await.expect("read") {
                entries.push(entry);
            }
            entries
        })
    }
}

/// Action, phase, outcome; the names with their versions.
type Line = (Action, Phase, Option<String>, Vec<(String, Option<u64>)>);

fn line(entry: &AuditEntry) -> Line {
    let names = entry
        .secrets()
        .iter()
        .map(|secret| (secret.name.as_str().to_owned(), secret.version.map(secret_store_core::SecretVersion::get)));
    (entry.action(), entry.phase(), entry.outcome().map(|outcome| outcome.to_string()), names.collect())
}

#[test]
fn submissions_and_uses_and_their_refusals_are_recorded() {
    let world = World::new();
    let log = Log::new(&world);
    let (alice, key) = world.user("alice");
    let intake = world.intake().with_audit(log.recorder.clone());
    let vault = world.vault().with_audit(log.recorder.clone());
    let wrong = CredentialKey::generate(alice.tenant().clone(), version(1)).expect("random");
    wait(intake.ingest(&alice, encrypt(&key, "password", 3, "hunter2"))).expect("taken");
    assert!(wait(intake.ingest(&alice, encrypt(&wrong, "password", 4, "evil"))).is_err());
    assert!(wait(intake.ingest_bytes(&alice, b"hunter2".to_vec())).is_err());
    wait(vault.with_credential(&alice, &place("password"), &here(), |_| ())).expect("used");
    let elsewhere = CredentialUse::at(Host::new("evil.example").expect("valid"));
    assert!(wait(vault.with_credential(&alice, &place("password"), &elsewhere, |_| ())).is_err());
    wait(vault.remove(&alice, &place("password"), 3)).expect("removed");
    let name = "credential/github/password".to_owned();
    let named = |version| vec![(name.clone(), version)];
    let (ingest, used) = (Action::Ingest, Action::Use);
    let expected = [
        (ingest, Phase::Intent, None, named(None)),
        (ingest, Phase::Outcome, Some("success".to_owned()), named(Some(3))),
        (ingest, Phase::Intent, None, named(None)),
        (ingest, Phase::Outcome, Some("integrity".to_owned()), named(None)),
        (ingest, Phase::Intent, None, vec![]),
        (ingest, Phase::Outcome, Some("not sealed".to_owned()), vec![]),
        (used, Phase::Read, Some("success".to_owned()), named(Some(3))),
        (used, Phase::Read, Some("permission denied".to_owned()), named(None)),
        (Action::Delete, Phase::Intent, None, named(None)),
        (Action::Delete, Phase::Outcome, Some("success".to_owned()), named(None)),
    ];
    let entries = log.entries(&alice);
    assert_eq!(entries.iter().map(line).collect::<Vec<_>>(), expected);
    assert!(entries.iter().all(|entry| entry.actor() == "agent-7" && entry.request_id() == Some("request-1")));
    let log = AuditLog::new(log.records);
    wait(log.verify(alice.application(), Verifier::new())).expect("verified").check().expect("an unbroken chain");
}

#[test]
fn what_cannot_be_recorded_is_refused() {
    let world = World::new();
    let log = Log::new(&world);
    let (alice, key) = world.user("alice");
    world.ingest(&alice, &encrypt(&key, "password", 1, "hunter2"));
    let intake = world.intake().with_audit(log.recorder.clone());
    let vault = world.vault().with_audit(log.recorder.clone());
    log.records.fail(Fault::new(ErrorKind::PermissionDenied).on(Operation::Commit).forever());
    let before = world.dump();
    assert_eq!(kind(wait(intake.ingest(&alice, encrypt(&key, "password", 2, "x")))), ErrorKind::PermissionDenied);
    assert_eq!(world.dump(), before, "nothing is begun");
    let mut ran = false;
    let used = wait(vault.with_credential(&alice, &place("password"), &here(), |_| ran = true));
    assert_eq!(kind(used), ErrorKind::PermissionDenied);
    assert!(!ran, "the closure sees nothing");
    log.records.heal();
    // The intent is durable, the outcome is not: it may have landed.
    log.records.fail(Fault::new(ErrorKind::PermissionDenied).on(Operation::Commit).after(1));
    let credential = encrypt(&key, "password", 2, "x");
    assert_eq!(kind(wait(intake.ingest(&alice, credential.clone()))), ErrorKind::Unavailable);
    assert_eq!(world.stored(&alice, "password").as_deref(), Some(credential.as_bytes()));
}
