mod attacks;
mod public_keys;
mod rfc9180;
#[cfg(feature = "rsa")]
mod wycheproof_oaep;
mod wycheproof_x25519;

use futures::executor::block_on;
use secret_store_core::ErrorKind;

use super::*;

/// One pair of each suite that this build has. The RSA key is fixed: making one takes seconds.
pub(super) fn pairs() -> Vec<RecipientKeyPair> {
    vec![
        block_on(RecipientKeyPair::generate(KeySpec::X25519)).expect("random"),
        #[cfg(feature = "rsa")]
        rsa_pair(),
    ]
}

#[cfg(feature = "rsa")]
pub(super) fn rsa_pair() -> RecipientKeyPair {
    RecipientKeyPair::from_pkcs8(include_bytes!("../../tests/vectors/rsa-3072.pk8")).expect("a key")
}

fn refused(pair: &RecipientKeyPair, info: &[u8], aad: &[u8], sealed: &[u8]) {
    let error = block_on(pair.open(info, aad, sealed)).expect_err("refused");
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Integrity, "integrity check failed".into()));
}

#[test]
fn what_is_sealed_opens_for_its_holder_info_and_associated_data_alone() {
    for (pair, other) in pairs().iter().zip(&others()) {
        let message = b"hunter2";
        let sealed = pair.public_key().seal(b"info", b"aad", message).expect("seals");
        let opened = block_on(pair.open(b"info", b"aad", &sealed)).expect("opens");
        assert_eq!(opened.expose_secret(), message);
        refused(pair, b"other", b"aad", &sealed);
        refused(pair, b"info", b"other", &sealed);
        refused(pair, b"", b"", &sealed);
        refused(other, b"info", b"aad", &sealed);
        let again = pair.public_key().seal(b"info", b"aad", message).expect("seals");
        assert_ne!(again, sealed, "no two seals share a key");
    }
}

fn others() -> Vec<RecipientKeyPair> {
    vec![
        block_on(RecipientKeyPair::generate(KeySpec::X25519)).expect("random"),
        #[cfg(feature = "rsa")]
        RecipientKeyPair::from_pkcs8(include_bytes!("../../tests/vectors/rsa-4096.pk8")).expect("a key"),
    ]
}

/// 190 bytes is what a bare OAEP block of 2,048 bits carries.
#[test]
fn messages_of_every_size_seal() {
    for pair in pairs() {
        for size in [0, 1, 32, 190, 191, 318, 319, 64 * 1024, 1024 * 1024] {
            let message = vec![0x5A; size];
            let sealed = pair.public_key().seal(b"info", b"aad", &message).expect("seals");
            let overhead = if pair.suite() == Suite::HpkeX25519 { 48 } else { 384 + 60 };
            assert_eq!(sealed.len(), size + overhead);
            let opened = block_on(pair.open(b"info", b"aad", &sealed)).expect("opens");
            assert!(opened.expose_secret() == message, "{size}");
        }
    }
}

#[test]
fn a_pair_survives_being_stored() {
    for pair in pairs() {
        let stored = pair.to_stored().expect("serialises");
        assert!(stored.len() <= MAX_STORED_BYTES);
        let again = RecipientKeyPair::from_stored(stored.expose_secret()).expect("parses");
        assert_eq!(again.public_key(), pair.public_key());
        let sealed = pair.public_key().seal(b"", b"", b"m").expect("seals");
        assert_eq!(block_on(again.open(b"", b"", &sealed)).expect("opens").expose_secret(), b"m");
        for length in 0..stored.len() {
            assert!(RecipientKeyPair::from_stored(&stored.expose_secret()[..length]).is_err(), "{length}");
        }
        let longer = [stored.expose_secret(), &[0]].concat();
        assert!(RecipientKeyPair::from_stored(&longer).is_err());
        let mut later = stored.expose_secret().to_vec();
        later[4] = 9;
        assert_eq!(RecipientKeyPair::from_stored(&later).expect_err("later").kind(), ErrorKind::Unsupported);
    }
}

#[cfg(feature = "rsa")]
#[test]
fn every_spec_makes_a_key_of_its_suite() {
    for spec in [KeySpec::X25519, KeySpec::Rsa3072, KeySpec::Rsa4096] {
        let pair = block_on(RecipientKeyPair::generate(spec)).expect("random");
        assert_eq!(pair.suite(), spec.suite());
        let bytes = match spec {
            KeySpec::X25519 => 32,
            KeySpec::Rsa3072 => 422,
            KeySpec::Rsa4096 => 550,
        };
        assert_eq!(pair.public_key().as_bytes().len(), bytes);
        assert!(pair.to_stored().expect("serialises").len() <= MAX_STORED_BYTES);
    }
}

#[test]
fn debug_shows_nothing_of_a_private_key() {
    for pair in pairs() {
        let shown = format!("{pair:?}");
        assert_eq!(shown, format!("RecipientKeyPair({:?}, [redacted])", pair.suite()));
    }
}
