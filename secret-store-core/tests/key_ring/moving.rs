//! A rewrap within one member, and from one to another.

use secret_store_core::{DocumentKey, EncryptionContext, ErrorKind, KeyProvider, KeyRing, WrappedKey};

use super::support::{Call, Holder, context, master, refusal, wait, wrapped_by};

#[test]
fn a_rewrap_within_one_member_stays_within_it() {
    let (kms, hsm) = (Holder::new(1, &["a", "b"]), Holder::new(2, &["c", "d"]));
    let ring = KeyRing::new(kms.clone()).with_wrapping(hsm.clone());
    for (holder, other, from, to) in [(&kms, &hsm, "a", "b"), (&hsm, &kms, "c", "d"), (&hsm, &kms, "c", "c")] {
        let (key, wrapped) = wrapped_by(holder, from);
        let moved = wait(ring.rewrap_key(&wrapped, &context(1), &master(to), &context(2))).expect("moves");
        assert_eq!((holder.take(), other.take()), (vec![Call::Rewrap], vec![]));
        assert_eq!(moved.master_key_id(), &master(to));
        let opened = wait(ring.unwrap_key(&moved, &context(2))).expect("opens");
        assert_eq!(opened.expose_secret(), key.expose_secret());
        assert_eq!(refusal(wait(ring.unwrap_key(&moved, &context(1)))).kind(), ErrorKind::Integrity);
        holder.take();
    }
}

#[test]
fn a_rewrap_between_members_unwraps_by_one_and_wraps_by_the_other() {
    let (new, old) = (Holder::new(1, &["new"]), Holder::new(2, &["old"]));
    let ring = KeyRing::new(new.clone()).with_unwrapping(old.clone());
    let (key, wrapped) = wrapped_by(&old, "old");
    let moved = wait(ring.rewrap_key(&wrapped, &context(1), &master("new"), &context(1))).expect("moves");
    assert_eq!((new.take(), old.take()), (vec![Call::Wrap], vec![Call::Unwrap]));
    assert_eq!(wait(new.unwrap_key(&moved, &context(1))).expect("opens").expose_secret(), key.expose_secret());
    // And the wrap that was left behind opens as before.
    assert_eq!(wait(ring.unwrap_key(&wrapped, &context(1))).expect("opens").expose_secret(), key.expose_secret());
    let forged = WrappedKey::new(master("old"), moved.as_bytes());
    let error = refusal(wait(ring.rewrap_key(&forged, &context(1), &master("new"), &context(1))));
    assert_eq!(error.kind(), ErrorKind::Integrity);
    let error = refusal(wait(ring.rewrap_key(&wrapped, &context(2), &master("new"), &context(2))));
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert_eq!(new.take(), [Call::Unwrap], "of this test: nothing that did not open was wrapped");
}

#[test]
fn each_side_of_a_move_says_when_it_fails() {
    let (new, old) = (Holder::new(1, &["new"]), Holder::new(2, &["old"]));
    let ring = KeyRing::new(new.clone()).with_unwrapping(old.clone());
    let (_, wrapped) = wrapped_by(&old, "old");
    let rewrap = || wait(ring.rewrap_key(&wrapped, &context(1), &master("new"), &context(1)));
    new.die();
    let error = refusal(rewrap());
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("member 1 of the key ring"), "{error}");
    old.die();
    let error = refusal(rewrap());
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("member 2 of the key ring"), "{error}");
    new.heal();
    new.take();
    refusal(rewrap());
    assert_eq!(new.take(), [], "without a key there is nothing to wrap");
}

/// The move does not make a short key of format 0 into one of format 1.
#[test]
fn a_short_legacy_key_moves_as_what_it_is() {
    let (new, old) = (Holder::new(1, &["new"]), Holder::new(2, &["old"]));
    let ring = KeyRing::new(new).with_unwrapping(old.clone());
    let (legacy, key) = (EncryptionContext::legacy(), DocumentKey::from_bytes(&[7; 16]).expect("16 bytes"));
    let wrapped = wait(old.wrap_key(&master("old"), &key, &legacy)).expect("wraps");
    let error = refusal(wait(ring.rewrap_key(&wrapped, &legacy, &master("new"), &context(1))));
    assert_eq!(error.kind(), ErrorKind::Integrity);
    let moved = wait(ring.rewrap_key(&wrapped, &legacy, &master("new"), &legacy)).expect("moves");
    assert_eq!(wait(ring.unwrap_key(&moved, &legacy)).expect("opens").expose_secret(), [7; 16]);
}
