//! Members that accept the same id: copies of one key, or two keys that somebody gave one name.

use std::sync::Arc;

use secret_store_core::{ErrorKind, KeyProvider, KeyRing, WrappedKey};

use super::support::{Call, Holder, context, master, refusal, wait, wrapped_by};

/// Of the key, of the way to it.
const OF_THE_HOLDER: [ErrorKind; 4] =
    [ErrorKind::KeyUnavailable, ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::PermissionDenied];
const OF_THE_WRAP: [ErrorKind; 3] = [ErrorKind::Integrity, ErrorKind::Unsupported, ErrorKind::InvalidInput];
const OF_POLICY: [ErrorKind; 3] = [ErrorKind::KeyNotAllowed, ErrorKind::RollbackDetected, ErrorKind::NotFound];

const ALL: [Call; 4] = [Call::Generate, Call::Wrap, Call::Unwrap, Call::Rewrap];

/// Two regions with replicas of one key.
fn replicas() -> (Arc<Holder>, Arc<Holder>, KeyRing) {
    let (near, far) = (Holder::new(7, &["replicated"]), Holder::new(7, &["replicated"]));
    (near.clone(), far.clone(), KeyRing::new(near).with_wrapping(far))
}

fn unwrap(ring: &KeyRing, wrapped: &WrappedKey) -> secret_store_core::Result<Vec<u8>> {
    wait(ring.unwrap_key(wrapped, &context(1))).map(|key| key.expose_secret().to_vec())
}

#[test]
fn the_first_is_asked_alone_as_long_as_it_answers() {
    let (near, far, ring) = replicas();
    let (key, wrapped) = wrapped_by(&far, "replicated");
    assert_eq!(unwrap(&ring, &wrapped).expect("opens"), key.expose_secret());
    assert_eq!((near.take(), far.take()), (vec![Call::Unwrap], vec![]));
}

#[test]
fn when_one_gives_no_key_the_next_is_asked() {
    for kind in OF_THE_HOLDER.into_iter().chain(OF_THE_WRAP) {
        let (near, far, ring) = replicas();
        let (key, wrapped) = wrapped_by(&near, "replicated");
        near.fail(&ALL, kind);
        assert_eq!(unwrap(&ring, &wrapped).expect("opens"), key.expose_secret(), "{kind:?}");
        assert_eq!((near.take(), far.take()), (vec![Call::Unwrap], vec![Call::Unwrap]));
    }
}

/// What one member's policy refuses, no other may allow.
#[test]
fn a_refusal_of_policy_is_the_answer() {
    for kind in OF_POLICY {
        let (near, far, ring) = replicas();
        let (_, wrapped) = wrapped_by(&near, "replicated");
        near.fail(&ALL, kind);
        assert_eq!(refusal(unwrap(&ring, &wrapped)).kind(), kind);
        assert_eq!((near.take(), far.take()), (vec![Call::Unwrap], vec![]));
        // Also after another one said that the wrap is bad: who refuses has not looked.
        near.fail(&ALL, ErrorKind::Integrity);
        far.fail(&ALL, kind);
        assert_eq!(refusal(unwrap(&ring, &wrapped)).kind(), kind);
    }
}

/// A wrap is bad only when every holder says so: a later read may open what one of them could not look at.
#[test]
fn as_long_as_one_could_not_look_the_wrap_is_not_called_bad() {
    for of_the_wrap in OF_THE_WRAP {
        for of_the_holder in OF_THE_HOLDER {
            for (of_near, of_far) in [(of_the_wrap, of_the_holder), (of_the_holder, of_the_wrap)] {
                let (near, far, ring) = replicas();
                let (_, wrapped) = wrapped_by(&near, "replicated");
                near.fail(&ALL, of_near);
                far.fail(&ALL, of_far);
                assert_eq!(refusal(unwrap(&ring, &wrapped)).kind(), of_the_holder);
            }
        }
        let (near, far, ring) = replicas();
        let (_, wrapped) = wrapped_by(&near, "replicated");
        near.fail(&ALL, of_the_wrap);
        far.fail(&ALL, of_the_wrap);
        let error = refusal(unwrap(&ring, &wrapped));
        assert_eq!(error.kind(), of_the_wrap);
        let first = of_the_wrap == ErrorKind::Integrity || error.to_string().contains("member 1");
        assert!(first, "the first error: {error}");
    }
}

/// Nobody could tell afterwards which holder a wrap needs.
#[test]
fn no_other_member_stands_in_where_the_first_fails_to_wrap() {
    for kind in OF_THE_HOLDER.into_iter().chain(OF_THE_WRAP).chain(OF_POLICY) {
        let (near, far, ring) = replicas();
        let (key, _) = wrapped_by(&near, "replicated");
        near.fail(&ALL, kind);
        let id = master("replicated");
        assert_eq!(refusal(wait(ring.generate_key(&id, &context(1)))).kind(), kind);
        assert_eq!(refusal(wait(ring.wrap_key(&id, &key, &context(1)))).kind(), kind);
        assert_eq!((near.take(), far.take()), (vec![Call::Generate, Call::Wrap], vec![]));
    }
}

/// As of two key directories that both call their key "main".
#[test]
fn two_keys_under_one_id_are_both_read() {
    let (new, old) = (Holder::new(1, &["main"]), Holder::new(2, &["main"]));
    let ring = KeyRing::new(new.clone()).with_unwrapping(old.clone());
    for (holder, asked) in [(&new, 0), (&old, 1)] {
        let (key, wrapped) = wrapped_by(holder, "main");
        assert_eq!(unwrap(&ring, &wrapped).expect("opens"), key.expose_secret());
        assert_eq!((new.take(), old.take()), (vec![Call::Unwrap], vec![Call::Unwrap; asked]));
    }
    let generated = wait(ring.generate_key(&master("main"), &context(1))).expect("generates");
    assert!(unwrap(&KeyRing::new(new.clone()), &generated.wrapped).is_ok());
    assert!(unwrap(&KeyRing::new(old.clone()), &generated.wrapped).is_err(), "the wrapping member wrapped");
    new.take();
    old.take();
    // A wrap of neither costs one call of each.
    let (_, stranger) = wrapped_by(&Holder::new(3, &["main"]), "main");
    assert_eq!(refusal(unwrap(&ring, &stranger)).kind(), ErrorKind::Integrity);
    assert_eq!((new.take(), old.take()), (vec![Call::Unwrap], vec![Call::Unwrap]));
}

/// The member that only unwraps stands in front: it unwraps, and the other one wraps.
#[test]
fn the_first_that_wraps_wraps_whoever_stands_before_it() {
    let (other, old, new) = (Holder::new(0, &["other"]), Holder::new(1, &["main"]), Holder::new(1, &["main"]));
    let ring = KeyRing::new(other.clone()).with_unwrapping(old.clone()).with_wrapping(new.clone());
    let generated = wait(ring.generate_key(&master("main"), &context(1))).expect("generates");
    assert_eq!(unwrap(&ring, &generated.wrapped).expect("opens"), generated.document_key.expose_secret());
    assert_eq!((old.take(), new.take(), other.take()), (vec![Call::Unwrap], vec![Call::Generate], vec![]));
}

#[test]
fn a_rewrap_asks_the_target_first_and_then_the_others() {
    let (old, new) = (Holder::new(5, &["main"]), Holder::new(5, &["main", "target"]));
    let other = Holder::new(9, &["other"]);
    let ring = KeyRing::new(other).with_unwrapping(old.clone()).with_wrapping(new.clone());
    let (key, wrapped) = wrapped_by(&old, "main");
    let moved = || {
        let moved = wait(ring.rewrap_key(&wrapped, &context(1), &master("target"), &context(2)))?;
        let opened = wait(new.unwrap_key(&moved, &context(2))).expect("opens");
        assert_eq!(opened.expose_secret(), key.expose_secret());
        assert_eq!(new.take().pop(), Some(Call::Unwrap), "of this test");
        secret_store_core::Result::Ok(())
    };
    moved().expect("within one member");
    assert_eq!(old.take(), []);
    for kind in OF_THE_HOLDER.into_iter().chain(OF_THE_WRAP) {
        new.fail(&[Call::Rewrap], kind);
        moved().expect("through the other member");
        assert_eq!(old.take(), [Call::Unwrap], "{kind:?}");
        // The error that does not judge the wrap, of both.
        old.fail(&[Call::Unwrap], ErrorKind::Throttled);
        let expected = if OF_THE_HOLDER.contains(&kind) { kind } else { ErrorKind::Throttled };
        assert_eq!(refusal(moved()).kind(), expected);
        assert_eq!((new.take(), old.take()), (vec![Call::Rewrap], vec![Call::Unwrap]));
        old.heal();
    }
    for kind in OF_POLICY {
        new.fail(&[Call::Rewrap], kind);
        assert_eq!(refusal(moved()).kind(), kind);
        assert_eq!((new.take(), old.take()), (vec![Call::Rewrap], vec![]));
    }
}
