use secret_store_core::ErrorKind;

use super::*;

#[test]
fn a_substituted_key_is_refused() {
    let (own, evil) = (record(), AuthorityKey::generate().expect("random"));
    let substituted = block_on(KeyRecord::issue(sealing_claims(), &evil)).expect("signs");
    for trust in [by_authority(), Trust::Fingerprint(own.fingerprint())] {
        let error = verify(&substituted, &trust).expect_err("another's");
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Integrity, "integrity check failed".into()));
    }
    // The authentic record with another key put in: the key stands behind role (5 bytes), subject (8) and version (8).
    let mut bytes = own.as_bytes().to_vec();
    let at = 5 + 5 + 8 + 8 + 4;
    assert_eq!(bytes[at..][..32], *own.claims().public_key());
    bytes[at..][..32].copy_from_slice(substituted.claims().public_key());
    let patched = KeyRecord::from_bytes(bytes).expect("well formed");
    assert_eq!(verify(&patched, &by_authority()).expect_err("not signed").kind(), ErrorKind::Integrity);
}

#[test]
fn a_record_of_another_role_or_subject_is_refused() {
    let record = record();
    let clock = FixedClock::at(now());
    for trust in [by_authority(), Trust::Fingerprint(record.fingerprint())] {
        for (role, subject) in [
            (KeyRole::OrganisationSealing, "evil"),
            (KeyRole::OrganisationSealing, "acm"),
            (KeyRole::OrganisationSealing, "ACME"),
            (KeyRole::ChannelServer, "acme"),
            (KeyRole::CredentialVerify, "acme"),
            (KeyRole::AnswerVerify, "acme"),
        ] {
            let error = record.verify(&trust, role, subject, &clock).expect_err("another's");
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        }
    }
}

#[test]
fn every_flipped_bit_truncation_and_extension_is_refused() {
    let record = record();
    let pin = Trust::Fingerprint(record.fingerprint());
    let refused = |bytes: Vec<u8>| {
        let Ok(altered) = KeyRecord::from_bytes(bytes) else { return };
        for trust in [by_authority(), pin.clone()] {
            assert_eq!(verify(&altered, &trust).expect_err("altered").kind(), ErrorKind::Integrity);
        }
    };
    let bytes = record.as_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        refused(flipped);
    }
    for length in 0..bytes.len() {
        assert!(KeyRecord::from_bytes(bytes[..length].to_vec()).is_err(), "{length}");
    }
    assert!(KeyRecord::from_bytes([bytes, &[0]].concat()).is_err());
    let error = KeyRecord::from_bytes(vec![0; 2049]).expect_err("too large");
    assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 2048, actual: 2049 }));
}

#[test]
fn a_signature_of_one_message_is_none_of_another_kind() {
    let claims = sealing_claims();
    let signature = authority().sign_now(&claims.transcript());
    let other = crate::wire::transcript(Kind::KeyRecord, 1, "another label", &[]);
    assert!(authority().public_key().verify(&other, &signature).is_err());
}
