//! What verification reports beside faults: positions after one, operations of unknown outcome, keys that were replaced.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use secret_store_core::audit::{AuditHead, AuditKey, FaultKind, Phase, Verifier};
use secret_store_core::{ErrorKind, SecretStoreExt};

use crate::support::{Answer, Sink, audited, builder, bytes, head_of, id, key, pushed, secrets, three_writers, wait};

#[test]
fn one_fault_is_reported_once_and_what_follows_is_still_judged() {
    let log = three_writers(60, Some(&key()));
    let mut bytes = bytes(&log);
    for at in [10, 30, 31] {
        // A bit of the hash of the entry before: it still claims its place.
        bytes[at][30] ^= 1;
    }
    let verification = pushed(Verifier::new().with_key(key()), &bytes).finish();
    let at: Vec<_> = verification.faults().iter().filter(|fault| fault.kind == FaultKind::Altered).collect();
    assert_eq!(at.iter().map(|fault| fault.index).collect::<Vec<_>>(), [10, 30, 31]);
    assert_eq!(verification.fault_count(), 3, "{:?}", verification.faults());
    let error = verification.check().expect_err("not intact");
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.to_string().contains("audit entry 10 "), "{error}");
    assert_eq!(verification.head(UNIX_EPOCH).expect_err("vouches for nothing").kind(), ErrorKind::Integrity);
}

#[test]
fn faults_are_bounded_and_all_counted() {
    let verification = pushed(Verifier::new(), std::iter::repeat_n(b"nothing", 5000)).finish();
    assert_eq!((verification.faults().len(), verification.fault_count(), verification.entries()), (1000, 5000, 5000));
    let mut verifier = Verifier::new();
    verifier.push_malformed();
    assert_eq!((verifier.faults()[0].index, verifier.faults()[0].kind), (0, FaultKind::Malformed));
}

#[test]
fn intents_without_an_outcome_are_listed() {
    let (store, sink) = audited();
    wait(async {
        store.put(&id("a"), "1".into()).await.expect("puts");
        // The intent is taken, and where the outcome belongs there stands another entry: the chain ends.
        sink.answer([Answer::Takes, Answer::Refuses(ErrorKind::AlreadyExists)]);
        store.put(&id("b"), "2".into()).await.expect_err("not recorded");
        store.get(&id("b")).await.expect("reads");
    });
    let log = sink.entries();
    let verification = pushed(Verifier::new().with_key(key()), bytes(&log)).finish();
    assert!(verification.is_intact());
    let unknown: Vec<_> = verification.unknown().iter().map(|operation| operation.sequence).collect();
    assert_eq!((unknown, verification.unknown_count()), (vec![3], 1));
    assert_eq!(log[2].phase(), Phase::Intent);
}

#[test]
fn a_replaced_key_and_a_time_without_one_stay_verifiable() {
    let (old, new) = (Arc::new(AuditKey::from_bytes(&[1; 32])), Arc::new(AuditKey::from_bytes(&[2; 32])));
    let bare = three_writers(30, None);
    let head = head_of(&bare, None);
    let log = [bare, three_writers(30, Some(&old)), three_writers(30, Some(&new))].concat();
    let both = || Verifier::new().with_key(Arc::clone(&old)).with_key(Arc::clone(&new));
    let verification = pushed(both().with_head(Arc::clone(&head)), bytes(&log)).finish();
    assert!(verification.is_intact(), "{:?}", verification.faults());
    assert_eq!((verification.authenticated(), verification.unprotected()), (60, 0));
    // Without the head nobody vouches for the first thirty, without the old key for the next.
    assert_eq!(pushed(both(), bytes(&log)).finish().fault_count(), 30);
    let one = Verifier::new().with_key(Arc::clone(&new)).with_head(head);
    assert_eq!(pushed(one, bytes(&log)).finish().fault_count(), 30);
    // The head of all of it knows which writers had a key.
    let verification = pushed(both().with_head(head_of(&log[..30], None)), bytes(&log)).finish();
    let whole = verification.head(UNIX_EPOCH).expect("intact");
    assert_eq!(whole.writers().filter(|(_, head)| head.is_authenticated).count(), 6);
    let kept = whole.to_bytes(Some(&key()));
    assert_eq!(AuditHead::from_bytes(&kept, Some(&key())).expect("its own form"), whole);
}

#[test]
fn a_store_knows_the_ends_of_its_own_chains() {
    let sink = Arc::new(Sink::default());
    let store = builder(secrets(), &sink).key(key()).build().expect("configured");
    assert_eq!(store.head().expect("few").writers().len(), 0);
    wait(async {
        for n in 0..3 {
            store.get(&id(&n.to_string())).await.expect_err("none there");
        }
        sink.answer([Answer::Refuses(ErrorKind::Throttled)]);
        store.get(&id("refused")).await.expect_err("refused");
    });
    let log = sink.entries();
    let own = store.head().expect("few");
    assert_eq!(own.writer(&log[0].writer()), head_of(&log, Some(key())).writer(&log[0].writer()));
}
