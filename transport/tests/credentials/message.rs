//! The message and the client's side: what is bound to what.

use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use secret_store_core::{ErrorKind, SecretValue};
use secret_store_transport::Message as _;
use secret_store_transport::credential::{
    Alias, Credential, CredentialKey, CredentialPlace, Domain, MAX_CREDENTIAL_BYTES, NewCredential, decrypt_credential,
    encrypt_credential,
};

use super::support::{encrypt, kind, new, place, tenant, version};

fn key() -> CredentialKey {
    CredentialKey::generate(tenant("alice"), version(1)).expect("random")
}

#[test]
fn what_is_encrypted_opens_with_its_key_and_says_what_it_was_told() {
    let key = key();
    let expires = UNIX_EPOCH + Duration::from_millis(1_800_000_000_123);
    let credential = new("password", 7).with_alias(Alias::new("my ✓ alias").expect("valid")).with_expiry(expires);
    for size in [0, 1, 16, 1000, MAX_CREDENTIAL_BYTES] {
        let value = vec![0x41; size];
        let sealed = encrypt_credential(&key, &credential, &SecretValue::from(&value[..])).expect("encrypts");
        assert!(sealed.as_bytes().len() <= Credential::MAX_BYTES);
        let (info, opened) = decrypt_credential(&key, &sealed).expect("opens");
        assert_eq!(opened.expose_secret(), value);
        assert_eq!(key.verify_key().verify(&sealed).expect("authentic"), info);
        assert_eq!((info.tenant.as_str(), info.key_version, info.revision), ("alice", version(1), 7));
        assert_eq!((&info.place, info.domain.as_str()), (&place("password"), "example.com"));
        assert_eq!((info.alias.expect("an alias").as_str(), info.expires), ("my ✓ alias", Some(expires)));
    }
    let too_long = SecretValue::from(vec![0; MAX_CREDENTIAL_BYTES + 1]);
    let refused = encrypt_credential(&key, &credential, &too_long).expect_err("too long");
    assert!(matches!(refused.kind(), ErrorKind::TooLarge { limit: 65_536, actual: 65_537 }));
    let zero = encrypt_credential(&key, &new("password", 0), &SecretValue::from("x"));
    assert_eq!(kind(zero), ErrorKind::InvalidInput);
}

#[test]
fn two_of_the_same_value_have_nothing_secret_in_common() {
    let key = key();
    let (one, two) = (encrypt(&key, "password", 1, "hunter2"), encrypt(&key, "password", 1, "hunter2"));
    assert_ne!(one.as_bytes(), two.as_bytes());
    let tails = [one.as_bytes(), two.as_bytes()].map(|bytes| &bytes[bytes.len() - 64 - 4 - 67 - 4 - 32..]);
    let common = tails[0].windows(8).filter(|window| tails[1].windows(8).any(|other| other == *window)).count();
    // The lengths of the two last fields alone.
    assert!(common <= 4, "{common}");
}

/// Each part of the header is bound: a credential with another one in its place is refused by signature, and would not open.
#[test]
fn nothing_of_the_header_can_be_exchanged() {
    let key = key();
    let base = encrypt(&key, "password", 1, "hunter2");
    let domain = |text: &str| Domain::new(text).expect("valid");
    let others = [
        new("user_name", 1),
        new("password", 2),
        NewCredential::new(CredentialPlace::parse("gitlab", "password").expect("valid"), domain("example.com"), 1),
        NewCredential::new(place("password"), domain("evil.example"), 1),
        NewCredential::new(place("password"), domain(".example.com"), 1),
        new("password", 1).with_alias(Alias::new("x").expect("valid")),
        new("password", 1).with_expiry(UNIX_EPOCH + Duration::from_secs(1)),
    ];
    for other in others {
        let other = encrypt_credential(&key, &other, &SecretValue::from("hunter2")).expect("encrypts");
        // The header of one, the rest of the other: what a swap in the database or on the way comes to.
        for (header, rest) in [(&base, &other), (&other, &base)] {
            let rest_bytes = 4 + 32 + 4 + 67 + 4 + 64;
            let (header, rest) = (header.as_bytes(), rest.as_bytes());
            let mixed = [&header[..header.len() - rest_bytes], &rest[rest.len() - rest_bytes..]].concat();
            let mixed = Credential::from_bytes(mixed).expect("a credential's form");
            assert_eq!(kind(decrypt_credential(&key, &mixed)), ErrorKind::Integrity);
            assert_eq!(kind(key.verify_key().verify(&mixed)), ErrorKind::Integrity);
        }
    }
}

#[test]
fn another_tenants_or_versions_key_of_the_same_bytes_is_another_key() {
    let bytes = [7; 32];
    let alice = CredentialKey::from_bytes(tenant("alice"), version(1), &bytes);
    let credential = encrypt(&alice, "password", 1, "hunter2");
    for other in [
        CredentialKey::from_bytes(tenant("bob"), version(1), &bytes),
        CredentialKey::from_bytes(tenant("alice"), version(2), &bytes),
        CredentialKey::from_bytes(tenant("alice"), version(1), &[8; 32]),
    ] {
        assert_ne!(other.verify_key().as_bytes(), alice.verify_key().as_bytes());
        assert_eq!(kind(decrypt_credential(&other, &credential)), ErrorKind::Integrity);
        assert_eq!(kind(other.verify_key().verify(&credential)), ErrorKind::Integrity);
    }
    assert!(decrypt_credential(&CredentialKey::from_bytes(tenant("alice"), version(1), &bytes), &credential).is_ok());
}

#[test]
fn every_flipped_bit_and_truncation_is_refused() {
    let key = key();
    let credential = encrypt(&key, "password", 1, "hunter2");
    let bytes = credential.as_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(flipped) = Credential::from_bytes(flipped) {
            assert_eq!(kind(decrypt_credential(&key, &flipped)), ErrorKind::Integrity, "bit {bit}");
        }
    }
    for length in 0..bytes.len() {
        assert!(Credential::from_bytes(bytes[..length].to_vec()).is_err(), "cut to {length}");
    }
    assert!(Credential::from_bytes([bytes, &[0]].concat()).is_err());
}

#[test]
fn later_suites_and_formats_are_unsupported_and_everything_else_is_no_credential() {
    let credential = encrypt(&key(), "password", 1, "hunter2");
    let with = |at: usize, byte: u8| {
        let mut bytes = credential.as_bytes().to_vec();
        bytes[at] = byte;
        Credential::from_bytes(bytes).expect_err("refused").kind()
    };
    assert_eq!((with(4, 2), with(2, b'2')), (ErrorKind::Unsupported, ErrorKind::Unsupported));
    for (at, byte) in [(0, b'X'), (2, b'0'), (3, 1), (3, 10)] {
        assert_eq!(with(at, byte), ErrorKind::NotSealed, "{at} {byte}");
    }
    // A domain in another spelling would be another form of the same credential.
    let capital = credential.as_bytes().windows(11).position(|window| window == b"example.com").expect("in clear");
    assert_eq!(with(capital, b'E'), ErrorKind::Integrity);
}

#[test]
fn a_stored_key_has_one_form() {
    let key = key();
    let stored = key.to_stored();
    let again = CredentialKey::from_stored(stored.expose_secret()).expect("its own");
    assert_eq!(again.verify_key(), key.verify_key());
    let bytes = stored.expose_secret();
    for length in 0..bytes.len() {
        assert!(CredentialKey::from_stored(&bytes[..length]).is_err());
    }
    assert!(CredentialKey::from_stored(&[bytes, &[0]].concat()).is_err());
    let authority = secret_store_transport::AuthorityKey::generate().expect("random").to_stored();
    assert_eq!(kind(CredentialKey::from_stored(authority.expose_secret())), ErrorKind::Integrity);
    assert!(secret_store_transport::AuthorityKey::from_stored(bytes).is_err());
}

#[test]
fn nothing_secret_is_shown() {
    let key = CredentialKey::from_bytes(tenant("alice"), version(1), b"KEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKE");
    let credential = encrypt(&key, "password", 1, "hunter2");
    for shown in [format!("{key:?}"), format!("{:?}", key.verify_key()), format!("{credential:?}")] {
        assert!(!shown.contains("75") && !shown.contains("KEYKEY") && !shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn serde_carries_the_same_bytes() {
    let credential = encrypt(&key(), "password", 1, "hunter2");
    let json = serde_json::to_string(&credential).expect("text");
    assert_eq!(serde_json::from_str::<Credential>(&json).expect("its own"), credential);
    assert!(serde_json::from_str::<Credential>("\"aHVudGVyMg\"").is_err(), "base64url of a plaintext");
    assert!(serde_json::from_str::<Credential>("\"hunter2\"").is_err());
}

proptest! {
    /// Whatever is taken for a credential is a credential's one form; nothing panics.
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let framed = [&b"SX1\x05\x01"[..], &bytes].concat();
        for bytes in [bytes, framed] {
            if let Ok(credential) = Credential::from_bytes(bytes.clone()) {
                prop_assert_eq!(credential.as_bytes(), &bytes[..]);
                let _ = credential.info();
            }
        }
    }
}

/// Names short, value long: the whole is no longer than a message may be, the value is.
#[test]
fn a_value_over_its_limit_is_refused_where_the_whole_is_not() {
    let frame = encrypt(&key(), "password", 1, "hunter2").as_bytes().to_vec();
    let (head, signature) = frame.split_at(frame.len() - 4 - 64);
    let head = &head[..head.len() - 4 - 67];
    let with_value_of = |length: usize| {
        let length_bytes = u32::try_from(length).expect("short").to_be_bytes();
        Credential::from_bytes([head, &length_bytes, &vec![7; length], signature].concat())
    };
    with_value_of(MAX_CREDENTIAL_BYTES + 60).expect("the longest");
    let longer = MAX_CREDENTIAL_BYTES + 61;
    assert!(frame.len() + longer < Credential::MAX_BYTES);
    assert_eq!(kind(with_value_of(longer)), ErrorKind::Integrity);
}

#[test]
fn a_stored_key_of_a_later_suite_or_another_purpose_is_named() {
    let stored = key().to_stored().expose_secret().to_vec();
    let with = |at: usize, byte: u8| {
        let mut other = stored.clone();
        other[at] = byte;
        kind(CredentialKey::from_stored(&other))
    };
    assert_eq!(with(4, 2), ErrorKind::Unsupported);
    assert_eq!(with(9, 4), ErrorKind::Integrity);
    assert_eq!(with(3, 5), ErrorKind::NotSealed);
    let longer = [&stored[..], &[0]].concat();
    assert_eq!(kind(CredentialKey::from_stored(&longer)), ErrorKind::Integrity);
}

/// Where the fields after the texts stand, counted from the end of a credential of `hunter2`.
const SIGNATURE: usize = 4 + 64;
const SEALED: usize = 4 + 7 + 60 + SIGNATURE;
const EXPIRY: usize = 4 + 8 + 4 + 32 + SEALED;
const REVISION: usize = 4 + 8 + EXPIRY;

#[test]
fn revision_zero_is_no_revision() {
    let frame = encrypt(&key(), "password", 1, "hunter2").as_bytes().to_vec();
    let at = frame.len() - REVISION;
    assert_eq!(frame[at..at + 12], [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1], "the field is here");
    let with =
        |revision: u64| Credential::from_bytes([&frame[..at + 4], &revision.to_be_bytes(), &frame[at + 12..]].concat());
    assert_eq!(kind(with(0)), ErrorKind::Integrity);
    for revision in [1, 2, u64::MAX] {
        assert_eq!(with(revision).expect("a credential's form").info().revision, revision);
    }
}

/// A seal is a nonce, a commitment and a tag at least: the value may be empty.
#[test]
fn a_seal_that_is_too_short_to_be_one_is_refused() {
    let frame = encrypt(&key(), "password", 1, "hunter2").as_bytes().to_vec();
    let (head, signature) = (&frame[..frame.len() - SEALED], &frame[frame.len() - SIGNATURE..]);
    let with_seal_of =
        |length: u8| Credential::from_bytes([head, &[0, 0, 0, length], &vec![7; length.into()], signature].concat());
    with_seal_of(60).expect("of an empty value");
    for length in [59, 16, 1, 0] {
        assert_eq!(kind(with_seal_of(length)), ErrorKind::Integrity, "{length}");
    }
}

/// On the wire 0 is never, so that no expiry is taken for none.
#[test]
fn an_expiry_in_the_first_millisecond_of_1970_is_refused() {
    let with_expiry = |nanoseconds| {
        let new = new("password", 1).with_expiry(UNIX_EPOCH + Duration::from_nanos(nanoseconds));
        encrypt_credential(&key(), &new, &SecretValue::from("x"))
    };
    for nanoseconds in [0, 1, 999_999] {
        assert_eq!(kind(with_expiry(nanoseconds)), ErrorKind::InvalidInput, "{nanoseconds} ns");
    }
    let first = with_expiry(1_000_000).expect("the second millisecond");
    assert_eq!(first.info().expires, Some(UNIX_EPOCH + Duration::from_millis(1)));
    let never = encrypt(&key(), "password", 1, "hunter2");
    assert_eq!(never.info().expires, None);
    let at = never.as_bytes().len() - EXPIRY;
    assert_eq!(never.as_bytes()[at..at + 12], [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0], "no expiry stands there as 0");
}
