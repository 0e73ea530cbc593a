//! Two processes that write as one, and outcomes that a sink refused.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secret_store_core::audit::{
    AuditEntry, AuditLog, AuditSink, AuditedStore, FaultKind, Outcome, PersistenceSink, Phase, Verifier,
};
use secret_store_core::{Clock, Error, ErrorKind, Result, SecretStoreExt};
use secret_store_memory::MemoryPersistence;

use crate::support::{
    Answer, ENVIRONMENT, SERVICE, Sink, Ticking, app, builder, bytes, id, key, pushed, secrets, wait,
};

/// Takes entries; the second one it keeps and refuses, so that what follows it comes in its place.
#[derive(Debug, Default)]
struct Forgetful(Mutex<Vec<AuditEntry>>);

#[async_trait]
impl AuditSink for Forgetful {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        let mut seen = self.0.lock().expect("no panic");
        seen.extend_from_slice(entries);
        if seen.len() == 2 { Err(Error::new(ErrorKind::Throttled, "told to refuse")) } else { Ok(()) }
    }
}

#[derive(Debug)]
struct Standing;

#[async_trait]
impl Clock for Standing {
    fn now(&self) -> std::time::SystemTime {
        std::time::UNIX_EPOCH
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    async fn sleep(&self, _: std::time::Duration) {}
}

/// An entry, one that continues it, and two of a clone that continue it as well.
fn fork(clock: Arc<dyn Clock>) -> [AuditEntry; 4] {
    let sink = Arc::new(Forgetful::default());
    let store = AuditedStore::builder(secrets(), Arc::<Forgetful>::clone(&sink)).environment(ENVIRONMENT);
    let store = store.actor(SERVICE).key(key()).clock(clock).build().expect("configured");
    for name in ["before", "original", "clone", "clone again"] {
        wait(store.get(&id(name))).expect_err("none there");
    }
    let entries: [AuditEntry; 4] = sink.0.lock().expect("no panic").clone().try_into().expect("four");
    assert_eq!(entries.each_ref().map(AuditEntry::sequence), [1, 2, 2, 3]);
    entries
}

/// In the same millisecond they have the same place: the second one is refused, and its process goes on under a writer of its own.
#[test]
fn of_two_processes_that_write_as_one_the_second_is_refused() {
    let [before, original, clone, again] = fork(Arc::new(Standing));
    let records = Arc::new(MemoryPersistence::new());
    let (one, two) = (PersistenceSink::new(records.clone()), PersistenceSink::new(records.clone()));
    wait(async {
        one.append(std::slice::from_ref(&before)).await.expect("takes");
        two.append(std::slice::from_ref(&before)).await.expect("the same entry is there already");
        one.append(std::slice::from_ref(&original)).await.expect("takes");
        for entries in [&[clone.clone()][..], &[clone, again]] {
            assert_eq!(two.append(entries).await.expect_err("refused").kind(), ErrorKind::AlreadyExists);
        }
        let log = AuditLog::new(records);
        let verification = log.verify(before.application(), Verifier::new().with_key(key())).await.expect("reads");
        assert_eq!((verification.entries(), verification.is_intact()), (2, true), "{:?}", verification.faults());
    });
}

/// At another time an entry has a place of its own. Both stay, and verifying shows the second.
#[test]
fn a_clone_that_writes_at_another_time_is_shown_by_verifying() {
    let [before, original, clone, again] = fork(Ticking::new());
    assert!(original.time() < clone.time() && clone.time() < again.time());
    let records = Arc::new(MemoryPersistence::new());
    let (one, two) = (PersistenceSink::new(records.clone()), PersistenceSink::new(records.clone()));
    wait(async {
        one.append(&[before, original]).await.expect("takes");
        two.append(&[clone.clone(), again]).await.expect("takes");
        let log = AuditLog::new(records);
        let verification = log.verify(&app(crate::support::APP), Verifier::new().with_key(key())).await.expect("reads");
        let faults: Vec<_> =
            verification.faults().iter().map(|fault| (fault.index, fault.writer, fault.kind)).collect();
        let writer = Some(clone.writer());
        assert_eq!(faults, [(2, writer, FaultKind::Repeated), (3, writer, FaultKind::Broken)]);
        assert!(verification.head(std::time::UNIX_EPOCH).is_err(), "no head vouches for it");
    });
}

/// What has happened is told as soon as the sink takes it, whatever the sink said the first time.
#[test]
fn an_outcome_that_was_refused_is_sent_again() {
    for kind in [ErrorKind::Throttled, ErrorKind::Contention, ErrorKind::PermissionDenied, ErrorKind::Unavailable] {
        for is_flushed in [false, true] {
            let sink = Arc::new(Sink::default());
            let store = builder(secrets(), &sink).key(key()).build().expect("configured");
            wait(async {
                sink.answer([Answer::Takes, Answer::Refuses(kind), Answer::Refuses(kind)]);
                let error = store.put(&id("a"), "1".into()).await.expect_err("its outcome is not recorded");
                assert_eq!(error.kind(), ErrorKind::Unavailable, "it may have landed");
                store.get(&id("a")).await.expect_err("refused");
                if is_flushed {
                    store.flush().await.expect("takes");
                } else {
                    store.get(&id("a")).await.expect("it had landed");
                }
            });
            let entries = sink.entries();
            let said: Vec<_> =
                entries.iter().map(|entry| (entry.phase(), entry.operation(), entry.outcome())).collect();
            let success = Some(Outcome::Success);
            assert_eq!(said[..2], [(Phase::Intent, 1, None), (Phase::Outcome, 1, success)], "{kind:?}");
            assert_eq!(said.get(2), (!is_flushed).then_some(&(Phase::Read, 3, success)), "{kind:?}");
            let verification = pushed(Verifier::new().with_key(key()), bytes(&entries)).finish();
            assert!(verification.is_intact() && verification.unknown().is_empty(), "{:?}", verification.faults());
        }
    }
}
