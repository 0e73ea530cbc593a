//! Where an entry is kept, once, and what stands there already is not overwritten.

use std::sync::Arc;

use secret_store_conformance::fault::{Failing, Fault, Operation, Recording, TimingOut};
use secret_store_core::audit::{AuditFilter, AuditLog, AuditSink, PersistenceSink, Verifier};
use secret_store_core::{ErrorKind, Limits, Persistence, Precondition, Record, SecretStoreExt, Value, Write};
use secret_store_memory::MemoryPersistence;

use super::{kept, over, read_all};
use crate::support::{APP, app, id, key, place, three_writers, wait};

#[test]
fn entries_stand_where_the_document_says() {
    let (records, log, keys) = kept(40);
    let snapshot = records.snapshot();
    assert_eq!(snapshot.len(), 40);
    for (entry, key) in log.iter().zip(&keys) {
        let stored = snapshot.get(key).unwrap_or_else(|| panic!("no record at {key:?}"));
        let expected = Record::new().with("Entry", Value::Bytes(Arc::clone(entry.as_bytes())));
        assert_eq!(*stored.record, expected);
    }
}

/// Tests of the order among the helpers of this file: what the sink keeps sorts as the log is ordered.
#[test]
fn the_sort_keys_are_the_order_of_the_log() {
    let (_, log, keys) = kept(100);
    for (left, left_key) in log.iter().zip(&keys) {
        for (right, right_key) in log.iter().zip(&keys) {
            assert_eq!(place(left).cmp(&place(right)), left_key.sort().cmp(right_key.sort()));
        }
    }
}

#[test]
fn a_lost_answer_is_recognised_and_a_failure_refuses() {
    let records = Arc::new(TimingOut::new(MemoryPersistence::new()));
    let store = over(Arc::<TimingOut>::clone(&records));
    wait(async {
        records.lose(Fault::new(ErrorKind::Unavailable).times(3));
        for n in 0..5 {
            let error = store.get(&id(&n.to_string())).await.expect_err("none there");
            assert_eq!(error.kind(), ErrorKind::NotFound, "the lost answer makes no difference");
        }
        assert_eq!(records.lost(), 3);
    });
    assert_eq!(read_all(records, AuditFilter::new()).len(), 5);

    let records = Arc::new(Failing::new(MemoryPersistence::new()));
    let store = over(Arc::<Failing>::clone(&records));
    wait(async {
        for kind in [ErrorKind::Throttled, ErrorKind::PermissionDenied, ErrorKind::Unavailable, ErrorKind::Contention] {
            records.fail(Fault::new(kind).on(Operation::Commit));
            assert_eq!(store.get(&id("a")).await.expect_err("refused").kind(), kind);
        }
        records.fail(Fault::new(ErrorKind::Unavailable).on(Operation::Commit));
        records.fail(Fault::new(ErrorKind::Throttled).on(Operation::LoadMany));
        assert_eq!(store.get(&id("a")).await.expect_err("nobody knows").kind(), ErrorKind::Unavailable);
        store.flush().await.expect("sends what was left");
    });
    let log = AuditLog::new(records);
    let verification = wait(log.verify(&app(APP), Verifier::new().with_key(key()))).expect("reads");
    assert!(verification.is_intact(), "{:?}", verification.faults());
}

/// More entries than one commit takes, of which some are there already.
#[test]
fn entries_that_come_again_are_there_once() {
    let log = three_writers(90, Some(&key()));
    let writer = log[0].writer();
    let own: Vec<_> = log.into_iter().filter(|entry| entry.writer() == writer).collect();
    let limits = Limits::DEFAULT.with_writes_per_commit(7);
    for there in 0..own.len().min(20) {
        let records = Arc::new(MemoryPersistence::new().with_limits(limits));
        let recording = Arc::new(Recording::new(Arc::<MemoryPersistence>::clone(&records)));
        let sink = PersistenceSink::new(recording);
        for entry in &own[..there] {
            wait(sink.append(std::slice::from_ref(entry))).expect("takes");
        }
        wait(sink.append(&own)).expect("takes the rest");
        wait(sink.append(&own)).expect("all of it is there");
        assert_eq!(records.snapshot().len(), own.len());
    }
}

#[test]
fn another_record_in_the_place_of_an_entry_is_not_overwritten() {
    let (records, log, keys) = kept(10);
    let sink = PersistenceSink::new(Arc::<MemoryPersistence>::clone(&records));
    let other = Record::new().with("Entry", Value::from(&b"other"[..]));
    wait(records.commit(vec![Write::put(keys[0].clone(), other.clone(), Precondition::Any)])).expect("an attacker may");
    let error = wait(sink.append(&log[..1])).expect_err("another stands there");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(*records.snapshot().get(&keys[0]).expect("there").record, other);
    let small = Arc::new(MemoryPersistence::new().with_limits(Limits::DEFAULT.with_record_bytes(100)));
    let error = wait(PersistenceSink::new(small).append(&log[..1])).expect_err("too large for this one");
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
}
