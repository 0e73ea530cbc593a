//! A record that stays readable for ever, made by another implementation: `docs/format.md`, section 16.

use super::*;

const RECORD: &str = include_str!("../../../tests/vectors/key-record.hex");

fn frozen() -> KeyRecord {
    let digits: String = RECORD.split_whitespace().collect();
    KeyRecord::from_bytes(hex::decode(digits).expect("hexadecimal")).expect("a record")
}

#[test]
fn the_frozen_record_verifies() {
    let clock = FixedClock::at(UNIX_EPOCH + Duration::from_secs(1_768_000_000));
    let record = frozen();
    let authority = AuthorityPublicKey::from_bytes(
        &hex::decode("8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c").expect("hexadecimal"),
    );
    let authority = Trust::Authority(authority.expect("a key"));
    let key = record.verify(&authority, KeyRole::OrganisationSealing, "acme", &clock).expect("trusted");
    let pin: Fingerprint = "d76beb175df351b8a845106a637972f75bdf2995b7a1a090340a8904fb123e93".parse().expect("a pin");
    record.verify(&Trust::Fingerprint(pin), KeyRole::OrganisationSealing, "acme", &clock).expect("pinned");
    assert_eq!((key.version(), key.claims().algorithm()), (3, KeyAlgorithm::X25519));
}

#[test]
fn the_same_record_is_made_today() {
    let not_before = UNIX_EPOCH + Duration::from_millis(1_767_225_600_000);
    let key = RecipientKeyPair::from_stored(&[b"SX1\x0a\x01\0\0\0\x01\x01\0\0\0\x20".as_slice(), &[2; 32]].concat());
    let claims = KeyClaims::sealing("acme", 3, key.expect("a pair").public_key(), not_before, 90 * DAY).expect("valid");
    let record = block_on(KeyRecord::issue(claims, &authority())).expect("signs");
    assert_eq!(record, frozen(), "{}", hex::encode(record.as_bytes()));
}
