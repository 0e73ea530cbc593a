//! Public keys that are refused.

use secret_store_core::ErrorKind;

use crate::{RecipientPublicKey, Suite};

/// The points of order 1, 2, 4 and 8 on the curve and its twist in their one form (Cremers and Jackson, "Prime, Order Please!",
/// 2019).
pub(super) const LOW_ORDER: [&str; 5] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

fn refused(suite: Suite, bytes: &[u8]) {
    let error = RecipientPublicKey::from_bytes(suite, bytes).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn points_of_low_order_are_refused() {
    for point in LOW_ORDER {
        refused(Suite::HpkeX25519, &hex::decode(point).expect("hexadecimal"));
    }
}

#[test]
fn a_second_form_of_a_point_is_refused() {
    let mut nine = [0; 32];
    nine[0] = 9;
    RecipientPublicKey::from_bytes(Suite::HpkeX25519, &nine).expect("the base point");
    // 9 + p, and 9 with the top bit set.
    let mut plus_order = [0xff; 32];
    (plus_order[0], plus_order[31]) = (0xf6, 0x7f);
    refused(Suite::HpkeX25519, &plus_order);
    nine[31] = 0x80;
    refused(Suite::HpkeX25519, &nine);
}

#[test]
fn a_key_of_another_length_is_refused() {
    for length in [0, 1, 31, 33, 64] {
        refused(Suite::HpkeX25519, &vec![9; length]);
    }
}

#[cfg(feature = "rsa")]
#[test]
fn rsa_keys_of_other_sizes_exponents_and_forms_are_refused() {
    use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
    use aws_lc_rs::rsa::PrivateDecryptingKey;

    let public = |pkcs8: &[u8]| {
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8).expect("a key").public_key();
        let der: PublicKeyX509Der<'_> = key.as_der().expect("serialises");
        der.as_ref().to_vec()
    };
    let good = public(include_bytes!("../../../tests/vectors/rsa-3072.pk8"));
    RecipientPublicKey::from_bytes(Suite::RsaOaep, &good).expect("a good key");
    refused(Suite::RsaOaep, &public(include_bytes!("../../../tests/vectors/rsa-2048.pk8")));
    refused(Suite::RsaOaep, include_bytes!("../../../tests/vectors/rsa-3072-exponent-3.spki"));
    refused(Suite::RsaOaep, &[&good[..], &[0]].concat());
    for length in 0..good.len() {
        refused(Suite::RsaOaep, &good[..length]);
    }
    // The algorithm without its NULL, and PSS instead of plain RSA: other forms of the same key.
    let null = good.windows(2).position(|two| two == [5, 0]).expect("rsaEncryption has parameters");
    let mut bare = [&good[..null], &good[null + 2..]].concat();
    (bare[3], bare[5]) = (bare[3] - 2, bare[5] - 2);
    refused(Suite::RsaOaep, &bare);
    let mut pss = good.clone();
    pss[null - 1] = 10;
    refused(Suite::RsaOaep, &pss);
    refused(Suite::RsaOaep, &[9; 32]);
    refused(Suite::HpkeX25519, &good);
}
