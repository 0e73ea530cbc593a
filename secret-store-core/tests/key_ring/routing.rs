//! A key id goes to the member that accepts it, and to no other.

use std::sync::Arc;

use secret_store_core::{DocumentKey, ErrorKind, KeyProvider, KeyRing, WrappedKey};

use super::support::{Call, Holder, context, master, refusal, wait, wrapped_by};

/// The first two wrap, the third only unwraps; each has keys of its own.
fn three() -> ([Arc<Holder>; 3], KeyRing) {
    let holders = [Holder::new(1, &["kms", "kms-2"]), Holder::new(2, &["hsm"]), Holder::new(3, &["rsa"])];
    let [first, second, third] = holders.clone();
    (holders, KeyRing::new(first).with_wrapping(second).with_unwrapping(third))
}

fn taken(holders: &[Arc<Holder>; 3]) -> [Vec<Call>; 3] {
    holders.each_ref().map(|holder| holder.take())
}

#[test]
fn a_ring_accepts_what_any_member_accepts() {
    let (holders, ring) = three();
    assert!(["kms", "kms-2", "hsm", "rsa"].iter().all(|id| ring.accepts(&master(id))));
    assert!(["", "x"].iter().all(|end| !ring.accepts(&master(&format!("km{end}")))));
    assert_eq!(taken(&holders), [vec![], vec![], vec![]]);
}

#[test]
fn wrapping_members_wrap_under_their_own_keys() {
    let (holders, ring) = three();
    for (id, asked) in [("kms", 0), ("kms-2", 0), ("hsm", 1)] {
        let generated = wait(ring.generate_key(&master(id), &context(1))).expect("generates");
        let again = wait(ring.wrap_key(&master(id), &generated.document_key, &context(1))).expect("wraps");
        for wrapped in [&generated.wrapped, &again] {
            assert_eq!(wrapped.master_key_id(), &master(id));
            let opened = wait(ring.unwrap_key(wrapped, &context(1))).expect("opens");
            assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
            assert_eq!(refusal(wait(ring.unwrap_key(wrapped, &context(2)))).kind(), ErrorKind::Integrity);
        }
        let mut expected = [vec![], vec![], vec![]];
        expected[asked] = [&[Call::Generate, Call::Wrap][..], &[Call::Unwrap; 4]].concat();
        assert_eq!(taken(&holders), expected);
    }
}

#[test]
fn every_member_unwraps() {
    let (holders, ring) = three();
    for (member, id) in ["kms", "hsm", "rsa"].into_iter().enumerate() {
        let (key, wrapped) = wrapped_by(&holders[member], id);
        let opened = wait(ring.unwrap_key(&wrapped, &context(1))).expect("opens");
        assert_eq!(opened.expose_secret(), key.expose_secret());
        let mut expected = [vec![], vec![], vec![]];
        expected[member] = vec![Call::Unwrap];
        assert_eq!(taken(&holders), expected);
    }
}

#[test]
fn a_key_that_no_member_accepts_contacts_nobody() {
    let (holders, ring) = three();
    let (key, wrapped) = wrapped_by(&holders[0], "kms");
    let unknown = master("unk\u{202e}nown");
    let forged = WrappedKey::new(unknown.clone(), wrapped.as_bytes());
    let refusals = [
        refusal(wait(ring.generate_key(&unknown, &context(1)))),
        refusal(wait(ring.wrap_key(&unknown, &key, &context(1)))),
        refusal(wait(ring.unwrap_key(&forged, &context(1)))),
        refusal(wait(ring.rewrap_key(&forged, &context(1), &master("hsm"), &context(1)))),
        refusal(wait(ring.rewrap_key(&wrapped, &context(1), &unknown, &context(1)))),
    ];
    for error in refusals {
        assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
        assert!(error.to_string().contains("unk\\u{202e}nown"), "{error}");
    }
    assert_eq!(taken(&holders), [vec![], vec![], vec![]]);
}

/// And says how to have it otherwise.
#[test]
fn a_member_that_only_unwraps_never_wraps() {
    let (holders, ring) = three();
    let ((key, of_kms), (_, of_rsa)) = (wrapped_by(&holders[0], "kms"), wrapped_by(&holders[2], "rsa"));
    let rsa = master("rsa");
    let refusals = [
        refusal(wait(ring.generate_key(&rsa, &context(1)))),
        refusal(wait(ring.wrap_key(&rsa, &key, &context(1)))),
        refusal(wait(ring.rewrap_key(&of_kms, &context(1), &rsa, &context(1)))),
        refusal(wait(ring.rewrap_key(&of_rsa, &context(1), &rsa, &context(2)))),
    ];
    for error in refusals {
        assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
        assert_eq!(
            error.to_string(),
            "master key rsa belongs to member 3 of the key ring, which only unwraps: add it by `with_wrapping` to wrap \
             under its keys, or choose another master key"
        );
    }
    assert_eq!(taken(&holders), [vec![], vec![], vec![]]);
}

#[test]
fn an_error_says_which_member_answered_it() {
    let (holders, ring) = three();
    let (key, _) = wrapped_by(&holders[0], "kms");
    let all = [Call::Generate, Call::Wrap, Call::Unwrap, Call::Rewrap];
    for kind in [ErrorKind::Unavailable, ErrorKind::KeyNotAllowed, ErrorKind::Unsupported, ErrorKind::Integrity] {
        for (member, id) in ["kms", "hsm", "rsa"].into_iter().enumerate() {
            holders[member].fail(&all, kind);
            let (_, wrapped) = wrapped_by(&holders[member], id);
            let mut errors = vec![refusal(wait(ring.unwrap_key(&wrapped, &context(1))))];
            if member < 2 {
                errors.push(refusal(wait(ring.generate_key(&master(id), &context(1)))));
                errors.push(refusal(wait(ring.wrap_key(&master(id), &key, &context(1)))));
                errors.push(refusal(wait(ring.rewrap_key(&wrapped, &context(1), &master(id), &context(1)))));
            }
            for error in errors {
                assert_eq!(error.kind(), kind);
                let expected = match kind {
                    ErrorKind::Integrity => "integrity check failed".to_owned(),
                    _ => format!("held: member {} of the key ring: the test made this call fail", member + 1),
                };
                assert_eq!(error.to_string(), expected);
            }
            holders[member].heal();
        }
    }
}

#[test]
fn debug_shows_the_members_and_no_keys() {
    let (_, ring) = three();
    let text = format!("{ring:?}");
    for shown in ["number: 1", "number: 3", "Wrapping", "Unwrapping", "\"kms-2\"", "\"rsa\""] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
    let key = DocumentKey::from_bytes(&[0x41; 32]).expect("32 bytes");
    drop(wait(ring.wrap_key(&master("kms"), &key, &context(1))).expect("wraps"));
    let text = format!("{ring:?}");
    assert!(!text.contains("65, 65") && !text.contains("AAAA"), "{text}");
}

/// A ring is a provider: rings nest, and an inner one keeps its word.
#[test]
fn a_ring_may_be_a_member() {
    let (holders, inner) = three();
    let other = Holder::new(4, &["other"]);
    let ring = KeyRing::new(other.clone()).with_wrapping(Arc::new(inner));
    let generated = wait(ring.generate_key(&master("hsm"), &context(1))).expect("generates");
    assert_eq!(generated.wrapped.master_key_id(), &master("hsm"));
    let error = refusal(wait(ring.generate_key(&master("rsa"), &context(1))));
    assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
    assert!(error.to_string().starts_with("member 2 of the key ring: master key rsa belongs to member 3"), "{error}");
    assert_eq!((taken(&holders), other.take()), ([vec![], vec![Call::Generate], vec![]], vec![]));
}
