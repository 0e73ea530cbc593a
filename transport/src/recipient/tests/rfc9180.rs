//! RFC 9180: the vectors of its authors for this suite, and those of its appendix A.1 for what they share with it.

use super::super::hpke::{PrivateKey, PublicKey};

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).expect("hexadecimal").try_into().expect("the length")
}

const INFO: &str = "4f6465206f6e2061204772656369616e2055726e";
const PLAINTEXT: &str = "4265617574792069732074727574682c20747275746820626561757479";

/// `test-vectors.json` of draft-irtf-cfrg-hpke (the file RFC 9180, appendix A, is made of): mode 0, KEM 0x0020, KDF 0x0001, AEAD
/// 0x0002, encryption 0.
#[test]
fn opens_the_vector_of_this_suite() {
    let key = PrivateKey::from_bytes(&bytes("497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d"))
        .expect("a key");
    let public = "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c";
    assert_eq!(hex::encode(key.public_key()), public);
    let enc = "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256";
    let ciphertext = "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a";
    let sealed = hex::decode(format!("{enc}{ciphertext}")).expect("hexadecimal");
    let info = hex::decode(INFO).expect("hexadecimal");
    let opened = key.open(&info, b"Count-0", &sealed).expect("opens");
    assert_eq!(hex::encode(opened.expose_secret()), PLAINTEXT);
    assert!(key.open(&info, b"Count-1", &sealed).is_err());
    assert!(key.open(b"", b"Count-0", &sealed).is_err());
}

/// Appendix A.1.1: `ikmE` gives `enc`, `ikmR` the recipient's keys, whatever the AEAD.
#[test]
fn keys_are_derived_as_in_appendix_a_1_1() {
    let recipient = PrivateKey::derive(&bytes("6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037"));
    let public = recipient.public_key();
    assert_eq!(hex::encode(public), "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d");
    let drawn = bytes("7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234");
    let sealed =
        PublicKey::from_bytes(&public).expect("a key").seal(&drawn, b"info", b"aad", b"message").expect("seals");
    assert_eq!(hex::encode(&sealed[..32]), "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431");
    assert_eq!(recipient.open(b"info", b"aad", &sealed).expect("opens").expose_secret(), b"message");
}
