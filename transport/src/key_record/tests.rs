mod attacks;
mod frozen;
mod strict;

use std::time::{Duration, UNIX_EPOCH};

use futures::executor::block_on;

use super::*;
use crate::testing::FixedClock;
use crate::{KeyAlgorithm, KeySpec, RecipientKeyPair};

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn authority() -> AuthorityKey {
    AuthorityKey::from_seed(&[1; 32])
}

fn sealing_claims() -> KeyClaims {
    let pair = block_on(RecipientKeyPair::generate(KeySpec::X25519)).expect("random");
    KeyClaims::sealing("acme", 7, pair.public_key(), now(), DAY).expect("valid")
}

fn record() -> KeyRecord {
    block_on(KeyRecord::issue(sealing_claims(), &authority())).expect("signs")
}

fn verify(record: &KeyRecord, trust: &Trust) -> Result<TrustedKey> {
    record.verify(trust, KeyRole::OrganisationSealing, "acme", &FixedClock::at(now()))
}

fn by_authority() -> Trust {
    Trust::Authority(authority().public_key())
}

#[test]
fn a_record_is_believed_for_its_authority_and_for_its_pin() {
    let record = record();
    for trust in [by_authority(), Trust::Fingerprint(record.fingerprint())] {
        let key = verify(&record, &trust).expect("trusted");
        assert_eq!((key.subject(), key.version(), key.role()), ("acme", 7, KeyRole::OrganisationSealing));
        assert_eq!(key.public_key(), record.claims().public_key());
    }
}

#[test]
fn a_record_issued_again_with_the_same_content_is_the_same_record() {
    let claims = sealing_claims();
    let issue = || block_on(KeyRecord::issue(claims.clone(), &authority())).expect("signs");
    assert_eq!(issue(), issue());
    assert_eq!(issue().fingerprint().to_string().parse::<Fingerprint>().expect("parses"), issue().fingerprint());
}

#[test]
fn a_record_is_valid_in_its_time_give_or_take_the_skew() {
    let record = record();
    let at = |time| record.verify(&by_authority(), KeyRole::OrganisationSealing, "acme", &FixedClock::at(time));
    let (second, skew) = (Duration::from_secs(1), Expiry::SKEW);
    for time in [now() - skew, now(), now() + DAY, now() + DAY + skew - second] {
        at(time).expect("its time");
    }
    for time in [now() - skew - second, now() + DAY + skew, UNIX_EPOCH] {
        assert_eq!(at(time).expect_err("not its time").kind(), ErrorKind::Expired);
    }
}

#[test]
fn claims_that_break_a_rule_are_refused() {
    let good = [9; 32];
    let key = (KeyAlgorithm::X25519, &good[..]);
    let new =
        |role, subject: &str, version, key, lifetime| KeyClaims::new(role, subject, version, key, now(), lifetime);
    let sealing = KeyRole::OrganisationSealing;
    new(sealing, "acme", 1, key, DAY).expect("valid");
    let ed25519 = authority().public_key().to_bytes();
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut not_canonical = [0xff; 32];
    (not_canonical[0], not_canonical[31]) = (0xee, 0x7f);
    for refused in [
        new(sealing, "", 1, key, DAY),
        new(sealing, "a\u{1f}b", 1, key, DAY),
        new(sealing, &"x".repeat(256), 1, key, DAY),
        new(sealing, "acme", 0, key, DAY),
        new(sealing, "acme", 1, key, Duration::ZERO),
        new(sealing, "acme", 1, key, 1099 * DAY),
        new(sealing, "acme", 1, key, Duration::MAX),
        new(sealing, "acme", 1, (KeyAlgorithm::X25519, &[0; 32]), DAY),
        new(sealing, "acme", 1, (KeyAlgorithm::Ed25519, &ed25519), DAY),
        new(KeyRole::CredentialVerify, "acme", 1, key, DAY),
        new(KeyRole::ChannelServer, "acme", 1, (KeyAlgorithm::Ed25519, &ed25519), DAY),
        // The identity, and 1 + p: small order, and a second form of it.
        new(KeyRole::CredentialVerify, "acme", 1, (KeyAlgorithm::Ed25519, &identity), DAY),
        new(KeyRole::CredentialVerify, "acme", 1, (KeyAlgorithm::Ed25519, &not_canonical), DAY),
        new(KeyRole::CredentialVerify, "acme", 1, (KeyAlgorithm::Ed25519, &ed25519[..31]), DAY),
    ] {
        assert_eq!(refused.expect_err("refused").kind(), ErrorKind::InvalidInput);
    }
    new(KeyRole::CredentialVerify, "acme", 1, (KeyAlgorithm::Ed25519, &ed25519), 1098 * DAY).expect("valid");
}

/// `p + y` for the small `y` of points on the curve, some of them of large order: their decoder takes them.
#[test]
fn second_forms_of_points_of_large_order_are_refused() {
    let mut large = 0;
    for y in 0..19 {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (0xed + y, 0x7f);
        large += u32::from(ed25519_dalek::VerifyingKey::from_bytes(&bytes).is_ok_and(|key| !key.is_weak()));
        let refused = AuthorityPublicKey::from_bytes(&bytes).expect_err("a second form");
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    }
    assert!(large > 0, "or the decoder refuses them by now");
}

#[test]
fn an_authority_survives_being_stored() {
    let (key, stored) = (authority(), authority().to_stored());
    let again = AuthorityKey::from_stored(stored.expose_secret()).expect("parses");
    assert_eq!(again.public_key(), key.public_key());
    let shown = format!("{key:?}");
    assert!(!shown.contains("0101010101"), "{shown}");
    for length in 0..stored.len() {
        assert!(AuthorityKey::from_stored(&stored.expose_secret()[..length]).is_err());
    }
    assert!(AuthorityKey::from_stored(&[stored.expose_secret(), &[0]].concat()).is_err());
    let mut of_another_suite = stored.expose_secret().to_vec();
    of_another_suite[4] = 1;
    assert_eq!(AuthorityKey::from_stored(&of_another_suite).expect_err("X25519").kind(), ErrorKind::Integrity);
    let pair = block_on(RecipientKeyPair::generate(KeySpec::X25519)).expect("random").to_stored().expect("serialises");
    assert!(AuthorityKey::from_stored(pair.expose_secret()).is_err(), "a key of another kind");
    assert!(RecipientKeyPair::from_stored(stored.expose_secret()).is_err());
}

#[test]
fn a_faulty_signer_is_found_when_it_signs() {
    #[derive(Debug)]
    struct Faulty;
    #[async_trait::async_trait]
    impl Authority for Faulty {
        fn public_key(&self) -> AuthorityPublicKey {
            authority().public_key()
        }
        async fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
            authority().sign(&message[1..]).await
        }
    }
    let error = block_on(KeyRecord::issue(sealing_claims(), &Faulty)).expect_err("does not verify");
    assert_eq!(error.kind(), ErrorKind::KeyUnavailable);
}
