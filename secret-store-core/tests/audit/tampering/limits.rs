//! What is no attack, and what shows only with a head or with a key.

use secret_store_core::audit::{FaultKind, Verifier};

use super::{ENTRIES, Target, bare, hash_of, report, without};
use crate::support::{Fields, bytes, head_of, key, pushed, rehashed, three_writers};

#[test]
fn the_log_as_it_was_written_is_intact() {
    let target = Target::new();
    let clean = target.beginnings[ENTRIES].clone().finish();
    assert!(clean.is_intact(), "{:?}", clean.faults());
    assert_eq!((clean.entries(), clean.authenticated(), clean.unprotected()), (200, 200, 0));
    assert_eq!(clean.unknown_count(), clean.unknown().len() as u64);
    // And one that has gone on since the head.
    let longer = three_writers(ENTRIES, Some(&key()));
    for exported in 0..=ENTRIES {
        let head = head_of(&longer[..exported], Some(key()));
        let verifier = Verifier::new().with_key(key()).with_head(head).in_order_of_time();
        let clean = pushed(verifier, bytes(&longer)).finish();
        assert!(clean.is_intact(), "{:?}", clean.faults());
    }
}

/// A log without a key has its head alone: whatever is done to it shows, though a recomputed chain only where the head is met.
#[test]
fn a_log_without_a_key_is_held_by_its_head() {
    let target = Target::of(three_writers(ENTRIES, None), None);
    let mut attacks = 0;
    for at in 0..ENTRIES {
        let mut changed = target.bytes[at].clone();
        changed[target.fields[at].range("actor")].fill(b'm');
        target.replaced(at, &changed, "an actor");
        let mut forged = vec![rehashed(changed)];
        let mut previous = hash_of(&forged[0]);
        for (entry, genuine) in target.bytes[at + 1..].iter().zip(&target.log[at + 1..]) {
            let mut entry = entry.clone();
            if genuine.writer() == target.log[at].writer() {
                let link = Fields::of(&entry).range("previous");
                entry[link].copy_from_slice(&previous);
                entry = rehashed(entry);
                previous = hash_of(&entry);
            }
            forged.push(entry);
        }
        let fault = target.first_fault(at, &forged).expect("detected");
        assert_eq!((fault.kind, fault.writer), (FaultKind::NotOfHead, Some(target.log[at].writer())));
        let last = target.log.iter().rposition(|entry| entry.writer() == target.log[at].writer());
        assert_eq!(Some(fault.index as usize), last);
        target.rearranged(&without(|entry| entry == at), "an entry removed");
        target.rearranged(&(0..at).collect::<Vec<_>>(), "an end cut off");
        attacks += 4;
    }
    report("a log without a key", attacks);
    let clean = target.beginnings[ENTRIES].clone().finish();
    assert!(clean.is_intact() && clean.authenticated() == 0 && clean.unprotected() == 0);
}

/// What the documentation says is not detected is not: nobody shall rely on it.
#[test]
fn what_less_does_not_show() {
    let keyed = three_writers(ENTRIES, Some(&key()));
    let (writer, bytes) = (keyed[0].writer(), bytes(&keyed));
    // A key without a head: an end cut off, a writer removed.
    let with_key = || Verifier::new().with_key(key()).in_order_of_time();
    assert!(pushed(with_key(), &bytes[..77]).finish().is_intact());
    let others = || keyed.iter().filter(|entry| entry.writer() != writer).map(|entry| entry.as_bytes());
    assert!(pushed(with_key(), others()).finish().is_intact());
    // Neither: a log of the attacker's own.
    let forged: Vec<_> = bytes.iter().map(|entry| bare(entry)).collect();
    let broken = pushed(Verifier::new(), &forged).finish();
    assert!(!broken.is_intact(), "each still names the hash of the genuine one before");
    let own = three_writers(ENTRIES, None);
    let own = pushed(Verifier::new(), own.iter().map(|entry| entry.as_bytes())).finish();
    assert!(own.is_intact());
    assert_eq!((own.authenticated(), own.unprotected()), (0, 200), "but it says that nobody vouches for it");
}
