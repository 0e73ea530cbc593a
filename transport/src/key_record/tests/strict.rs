//! Signatures that some verifiers take and others do not: `cases.json` of <https://github.com/novifinancial/ed25519-speccheck>, of
//! Chalkias, Garillot, Nikolaenko, *Taming the Many EdDSAs* (2020).

use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

use crate::key_record::{AuthorityPublicKey, verify_ed25519};

struct Case {
    message: Vec<u8>,
    key: [u8; 32],
    signature: [u8; 64],
}

fn cases() -> Vec<Case> {
    let cases: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/vectors/ed25519-speccheck.json")).expect("JSON");
    let bytes =
        |case: &serde_json::Value, name: &str| hex::decode(case[name].as_str().expect("a text")).expect("hexadecimal");
    let case = |case: &serde_json::Value| Case {
        message: bytes(case, "message"),
        key: bytes(case, "pub_key").try_into().expect("32 bytes"),
        signature: bytes(case, "signature").try_into().expect("64 bytes"),
    };
    cases.as_array().expect("a list").iter().map(case).collect()
}

/// The numbers of the cases that are taken.
fn taken(verifies: impl Fn(&Case) -> bool) -> Vec<usize> {
    cases().iter().enumerate().filter(|(_, case)| verifies(case)).map(|(number, _)| number).collect()
}

#[test]
fn nothing_of_small_order_verifies() {
    let lenient = taken(|case| {
        let key = VerifyingKey::from_bytes(&case.key).expect("a point");
        key.verify(&case.message, &Signature::from_bytes(&case.signature)).is_ok()
    });
    assert_eq!(lenient, [0, 1, 2, 3], "their verifier takes small orders: what strict verification is there for");
    let strict = taken(|case| {
        let key = VerifyingKey::from_bytes(&case.key).expect("a point");
        verify_ed25519(&key, &case.message, &case.signature).is_ok()
    });
    assert_eq!(strict, [3], "a key and a signature of large order");
    let keys = taken(|case| AuthorityPublicKey::from_bytes(&case.key).is_ok());
    assert_eq!(keys, [2, 3, 4, 5, 6, 7, 8, 9], "the first two are of small order");
    let authentic = taken(|case| {
        AuthorityPublicKey::from_bytes(&case.key).is_ok_and(|key| key.verify(&case.message, &case.signature).is_ok())
    });
    assert_eq!(authentic, [3]);
}
