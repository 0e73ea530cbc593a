//! Format 1 against vectors made by an independent implementation, and against attacks, through both AEADs.

use serde::Deserialize;

use super::format::{Sealed, seal_with};
use crate::ErrorKind;
use crate::context::ValueAad;
use crate::crypto::aws_lc::AwsLc;
use crate::crypto::rust_crypto::RustCrypto;
use crate::crypto::{Aead, NONCE_BYTES};
use crate::id::{SecretId, SecretVersion, StoreId};

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    store: String,
    application: String,
    name: String,
    version: String,
    document_key: String,
    nonce: String,
    aad: String,
    plaintext: String,
    value: String,
}

struct Case {
    aad: ValueAad,
    expected_aad: Vec<u8>,
    key: [u8; 32],
    nonce: [u8; NONCE_BYTES],
    plaintext: Vec<u8>,
    value: Vec<u8>,
}

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).expect("hex")
}

fn cases() -> Vec<Case> {
    let file: File = serde_json::from_str(include_str!("../../tests/vectors/format1.json")).expect("the vectors parse");
    let case = |vector: &Vector| Case {
        aad: ValueAad::new(
            &StoreId::new(vector.store.as_str()).expect("valid"),
            &SecretId::parse(&vector.application, &vector.name).expect("valid"),
            SecretVersion::new(vector.version.parse().expect("a number")).expect("not zero"),
            None,
        ),
        expected_aad: bytes(&vector.aad),
        key: bytes(&vector.document_key).try_into().expect("32 bytes"),
        nonce: bytes(&vector.nonce).try_into().expect("12 bytes"),
        plaintext: bytes(&vector.plaintext),
        value: bytes(&vector.value),
    };
    file.vectors.iter().map(case).collect()
}

fn open_and_seal_again<A: Aead>() {
    let cases = cases();
    assert_eq!(cases.len(), 6);
    for case in &cases {
        assert_eq!(case.aad.as_bytes(), case.expected_aad);
        let cipher = A::new(&case.key);
        let opened = Sealed::parse(&case.nonce, &case.value).expect("parses").open(&cipher, &case.aad).expect("opens");
        assert_eq!(opened.expose_secret(), case.plaintext);
        assert_eq!(seal_with(&cipher, &case.nonce, &case.aad, &case.plaintext).expect("seals")[..], case.value);
    }
    // Every vector's own associated data, and no other's.
    for case in &cases {
        for (n, other) in cases.iter().enumerate() {
            let opened = Sealed::parse(&case.nonce, &case.value).expect("parses").open(&A::new(&case.key), &other.aad);
            assert_eq!(opened.is_ok(), other.expected_aad == case.expected_aad, "under the AAD of vector {n}");
        }
    }
}

#[test]
fn vectors_open_and_seal_to_the_byte() {
    open_and_seal_again::<RustCrypto>();
    open_and_seal_again::<AwsLc>();
}

fn refuses_every_change<A: Aead>() {
    let case = &cases()[0];
    let cipher = A::new(&case.key);
    let open = |nonce: &[u8; NONCE_BYTES], value: &[u8]| Sealed::parse(nonce, value)?.open(&cipher, &case.aad);
    assert!(open(&case.nonce, &case.value).is_ok());
    for bit in 0..case.value.len() * 8 {
        let mut value = case.value.clone();
        value[bit / 8] ^= 1 << (bit % 8);
        let kind = open(&case.nonce, &value).expect_err("a flipped bit").kind();
        // Suite and flags, and the digit of the magic where it becomes another format's.
        let expected = match (bit / 8, value[2]) {
            (3..6, _) | (2, b'2'..=b'9') => ErrorKind::Unsupported,
            _ => ErrorKind::Integrity,
        };
        assert_eq!(kind, expected, "bit {bit}");
    }
    for bit in 0..NONCE_BYTES * 8 {
        let mut nonce = case.nonce;
        nonce[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&nonce, &case.value).expect_err("another nonce").kind(), ErrorKind::Integrity);
    }
    for length in 0..case.value.len() {
        assert_eq!(open(&case.nonce, &case.value[..length]).expect_err("truncated").kind(), ErrorKind::Integrity);
    }
    assert!(open(&case.nonce, &[&case.value[..], &[0]].concat()).is_err());
}

#[test]
fn every_flipped_bit_truncation_and_extension_is_refused() {
    refuses_every_change::<RustCrypto>();
    refuses_every_change::<AwsLc>();
}

/// A ciphertext whose tag holds under two keys, as the invisible-salamander attack makes them, with the AAD of vector 0.
/// Plain GCM opens it under both; the commitment refuses it under both.
#[test]
fn a_ciphertext_for_two_keys_is_refused_under_both() {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/vectors/two_keys.json")).expect("the vector parses");
    let field = |name: &str| bytes(file[name].as_str().expect("hex"));
    let (nonce, value) = (field("nonce"), field("value"));
    let nonce: &[u8; NONCE_BYTES] = nonce[..].try_into().expect("12 bytes");
    let aad = &cases()[0].aad;
    assert_eq!(aad.as_bytes(), field("aad"));
    for key in [field("key_1"), field("key_2")] {
        let cipher = AwsLc::new(key[..].try_into().expect("32 bytes"));
        let (ciphertext, tag) = value[6..].split_last_chunk().expect("a tag");
        cipher
            .open(nonce, aad.as_bytes(), ciphertext, tag, &mut vec![0; ciphertext.len()])
            .expect("plain GCM is fooled");
        let sealed = Sealed::parse(nonce, &value).expect("parses");
        assert_eq!(sealed.open(&cipher, aad).expect_err("refused").kind(), ErrorKind::Integrity);
        let other = RustCrypto::new(key[..].try_into().expect("32 bytes"));
        assert_eq!(sealed.open(&other, aad).expect_err("refused").kind(), ErrorKind::Integrity);
    }
}
