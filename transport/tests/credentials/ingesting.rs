//! What an intake takes, and everything that it refuses: nothing is stored then, and no key is asked for.

use std::time::Duration;

use secret_store_core::{
    Clock, Consistency, ErrorKind, Persistence as _, Precondition, Record, SecretValue, Value, Write,
};
use secret_store_transport::credential::{
    CredentialIntake, CredentialKey, CredentialKeys, CredentialRotationOptions, CredentialVerifyKey, encrypt_credential,
};
use secret_store_transport::{AuthorityKey, KeyAlgorithm, KeyClaims, KeyRecord, KeyRole, Message as _, Trust};

use super::support::{World, at, encrypt, key_at, kind, new, owner, parsed, place, tenant, version, wait};

#[test]
fn stored_bytes_equal_submitted_bytes() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    for (revision, value) in [(1, "hunter2"), (2, ""), (7, "a longer one")] {
        let credential = encrypt(&key, "password", revision, value);
        let info = wait(world.intake().ingest(&alice, credential.clone())).expect("taken");
        assert_eq!((info.revision, &info.place), (revision, &place("password")));
        assert_eq!(world.stored(&alice, "password").as_deref(), Some(credential.as_bytes()));
        assert_eq!(world.value(&alice, "password").expect("opens"), value);
    }
    let bytes = encrypt(&key, "user_name", 1, "alice").as_bytes().to_vec();
    wait(world.trial().ingest_bytes(&alice, bytes.clone())).expect("taken by opening it");
    assert_eq!(world.stored(&alice, "user_name"), Some(bytes));
}

/// Refused by both kinds of intake with one of these kinds, with the store as it was.
#[track_caller]
fn refused(
    world: &World,
    owner: &secret_store_transport::credential::CredentialOwner,
    bytes: &[u8],
    kinds: &[ErrorKind],
) {
    let before = world.dump();
    let _ = world.key_calls();
    let by_signature = kind(wait(world.intake().ingest_bytes(owner, bytes.to_vec())));
    assert!(world.key_calls().is_empty(), "an intake asks for no key");
    let by_opening = kind(wait(world.trial().ingest_bytes(owner, bytes.to_vec())));
    assert!(kinds.contains(&by_signature) && kinds.contains(&by_opening), "{by_signature:?} {by_opening:?}");
    assert_eq!(world.dump(), before, "nothing is stored");
}

#[test]
fn plaintext_is_refused_and_nothing_is_stored() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    world.ingest(&alice, &encrypt(&key, "password", 1, "hunter2"));
    for plaintext in ["", "hunter2", "{\"password\":\"hunter2\"}", "SX1", "SX1\u{5}\u{1}hunter2", &"x".repeat(60_000)] {
        refused(&world, &alice, plaintext.as_bytes(), &[ErrorKind::NotSealed, ErrorKind::Integrity]);
    }
    let before = world.dump();
    let error = wait(world.intake().ingest_bytes(&alice, vec![0; 1 << 20])).expect_err("too large");
    assert!(matches!(error.kind(), ErrorKind::TooLarge { actual: 1_048_576, .. }));
    assert_eq!(world.dump(), before);
}

#[test]
fn hex_of_plaintext_is_refused_and_nothing_is_stored() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    for plaintext in ["hunter2".to_owned(), "x".repeat(100), "{\"password\":\"hunter2\"}".to_owned()] {
        for encoded in [hex::encode(&plaintext), format!("0x{}", hex::encode(&plaintext))] {
            refused(&world, &alice, encoded.as_bytes(), &[ErrorKind::NotSealed]);
        }
    }
    // Nor hex of what would be taken as bytes, nor the original's own form.
    let credential = encrypt(&key, "password", 1, "hunter2");
    refused(&world, &alice, hex::encode(credential.as_bytes()).as_bytes(), &[ErrorKind::NotSealed]);
}

#[test]
fn another_users_key_is_refused_and_nothing_is_stored() {
    let world = World::new();
    let ((alice, _), (eve, eves)) = (world.user("alice"), world.user("eve"));
    // Eve's own, in Alice's place.
    refused(&world, &alice, encrypt(&eves, "password", 1, "evil").as_bytes(), &[ErrorKind::Integrity]);
    // Made with the bytes of Eve's key in Alice's name, and with a key that nobody has enrolled.
    let stored = eves.to_stored();
    let bytes: [u8; 32] = stored.expose_secret()[stored.len() - 32..].try_into().expect("the key stands last");
    let posing = CredentialKey::from_bytes(tenant("alice"), version(1), &bytes);
    let unknown = CredentialKey::generate(tenant("alice"), version(1)).expect("random");
    for key in [&posing, &unknown] {
        refused(&world, &alice, encrypt(key, "password", 1, "evil").as_bytes(), &[ErrorKind::Integrity]);
    }
    wait(world.intake().ingest(&eve, encrypt(&eves, "password", 1, "fine"))).expect("her own place");
}

#[test]
fn a_retired_key_version_is_refused_and_nothing_is_stored() {
    let world = World::new();
    let (alice, old) = world.user("alice");
    world.ingest(&alice, &encrypt(&old, "password", 1, "hunter2"));
    let options = CredentialRotationOptions::default();
    let rotation = wait(world.keys().rotate_data_key(&alice, version(1), &options)).expect("rotated");
    assert!(rotation.is_finished());
    refused(&world, &alice, encrypt(&old, "password", 2, "late").as_bytes(), &[ErrorKind::KeyRetired]);
    refused(&world, &alice, encrypt(&old, "user_name", 1, "late").as_bytes(), &[ErrorKind::KeyRetired]);
    let new_key = wait(world.keys().key(&alice, version(2))).expect("the client fetches it");
    world.ingest(&alice, &encrypt(&new_key, "password", 2, "current"));
    assert_eq!(world.value(&alice, "password").expect("opens"), "current");
    // A version that never was, and users who have no key.
    let future = CredentialKey::generate(tenant("alice"), version(3)).expect("random");
    refused(&world, &alice, encrypt(&future, "password", 3, "early").as_bytes(), &[ErrorKind::PermissionDenied]);
    let nobody = CredentialKey::generate(tenant("nobody"), version(1)).expect("random");
    refused(&world, &owner("nobody"), encrypt(&nobody, "password", 1, "x").as_bytes(), &[ErrorKind::PermissionDenied]);
}

#[test]
fn every_flipped_bit_truncation_and_extension_is_refused_and_nothing_is_stored() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let credential = encrypt(&key, "password", 1, "hunter2");
    let bytes = credential.as_bytes();
    let intake = world.intake();
    let before = world.dump();
    let _ = world.key_calls();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(wait(intake.ingest_bytes(&alice, flipped)).is_err(), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(wait(intake.ingest_bytes(&alice, bytes[..length].to_vec())).is_err(), "cut to {length}");
    }
    for more in [&[0_u8][..], &[0; 4], bytes] {
        assert!(wait(intake.ingest_bytes(&alice, [bytes, more].concat())).is_err());
    }
    assert_eq!(world.dump(), before);
    assert!(world.key_calls().is_empty());
    wait(intake.ingest_bytes(&alice, bytes.to_vec())).expect("the positive control");
}

#[test]
fn a_credential_made_with_the_wrong_key_costs_no_call_to_the_key_provider() {
    let world = World::new();
    let (alice, _) = world.user("alice");
    let _ = world.key_calls();
    let intake = world.intake();
    for _ in 0..50 {
        let wrong = CredentialKey::generate(tenant("alice"), version(1)).expect("random");
        let refused = wait(intake.ingest(&alice, encrypt(&wrong, "password", 1, "evil")));
        assert_eq!(kind(refused), ErrorKind::Integrity);
    }
    assert_eq!(world.key_calls(), [], "0 calls of any kind");
    // The positive control: what opens asks for the user's key.
    let right = wait(world.keys().key(&alice, version(1))).expect("the key");
    assert!(!world.key_calls().is_empty());
    wait(intake.ingest(&alice, encrypt(&right, "password", 1, "fine"))).expect("taken");
    assert_eq!(world.key_calls(), [], "nor does one that is taken");
}

/// Everything that the ingesting server has: the records, the authority's public key, the verify key, a genuine credential. From
/// the bytes of each, as keys, nothing opens and nothing that is made is taken.
#[test]
fn an_intake_can_neither_open_nor_forge() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let credential = encrypt(&key, "password", 1, "hunter2");
    world.ingest(&alice, &credential);
    let public = *key.verify_key().as_bytes();
    assert!(world.count(&public) > 0, "the public half is among the intake's records");
    let stored = key.to_stored();
    let secret = &stored.expose_secret()[stored.len() - 32..];
    assert_eq!(world.count(secret), 0, "the key in clear is nowhere in the database");
    let mut opened = 0;
    let before = world.dump();
    for (_, record, _) in &before {
        for window in record.windows(32).chain([&public[..], &world.authority.public_key().to_bytes()]) {
            let guess = CredentialKey::from_bytes(tenant("alice"), version(1), window.try_into().expect("32 bytes"));
            opened += usize::from(secret_store_transport::credential::decrypt_credential(&guess, &credential).is_ok());
        }
    }
    assert_eq!(opened, 0);
    for guess in [public, world.authority.public_key().to_bytes(), [0; 32]] {
        let forger = CredentialKey::from_bytes(tenant("alice"), version(1), &guess);
        let forged = wait(world.intake().ingest(&alice, encrypt(&forger, "password", 2, "forged")));
        assert_eq!(kind(forged), ErrorKind::Integrity);
    }
    assert_eq!(world.dump(), before);
}

/// A verify key that the intake would believe is one that its authority signed for this user and this version.
#[test]
fn substituted_verify_keys_are_refused() {
    let world = World::new();
    let ((alice, _), (eve, _)) = (world.user("alice"), world.user("eve"));
    let mallory = AuthorityKey::generate().expect("random");
    let attacker = World { authority: std::sync::Arc::new(mallory), ..World::new() };
    let (_, theirs) = attacker.user("alice");
    let forged = encrypt(&theirs, "password", 1, "evil");
    let put = |from: &World, key, to| {
        let found = wait(from.memory.load(&key, Consistency::Strong)).expect("answers").expect("there");
        wait(world.memory.commit(vec![Write::put(to, found.record, Precondition::Any)])).expect("planted");
    };
    // Another authority's record; another user's record of the same authority.
    put(&attacker, key_at(&alice, 1), key_at(&alice, 1));
    assert_eq!(kind(wait(world.intake().ingest(&alice, forged.clone()))), ErrorKind::Integrity);
    put(&world, key_at(&eve, 1), key_at(&alice, 1));
    assert_eq!(kind(wait(world.intake().ingest(&alice, forged))), ErrorKind::PermissionDenied);
    // The user's own record in the place of another version.
    let (bob, bobs) = world.user("bob");
    put(&world, key_at(&bob, 1), key_at(&bob, 2));
    let stored = bobs.to_stored();
    let bytes: [u8; 32] = stored.expose_secret()[stored.len() - 32..].try_into().expect("32 bytes");
    let later = CredentialKey::from_bytes(tenant("bob"), version(2), &bytes);
    assert_eq!(kind(wait(world.intake().ingest(&bob, encrypt(&later, "password", 1, "x")))), ErrorKind::Integrity);
    // A record that says nothing of a verify key is no invitation to do without.
    let without = CredentialKeys::new(world.store_over(world.memory.clone()), world.memory.clone());
    let carol = owner("carol");
    let carols = wait(without.create(&carol)).expect("created");
    let credential = encrypt(&carols, "password", 1, "hunter2");
    assert_eq!(kind(wait(world.intake().ingest(&carol, credential.clone()))), ErrorKind::Unsupported);
    wait(world.trial().ingest(&carol, credential)).expect("taken by opening it");
}

/// What the authority signed of one version, in the place of another: it says so itself, whatever the key would verify.
#[test]
fn a_key_record_of_another_version_is_refused_in_this_ones_place() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let credential = encrypt(&key, "password", 1, "hunter2");
    for number in [2, 1] {
        let verify = (KeyAlgorithm::Ed25519, &key.verify_key().as_bytes()[..]);
        let day = Duration::from_secs(86_400);
        let claims = KeyClaims::new(KeyRole::CredentialVerify, "alice", number, verify, world.clock.now(), day);
        let signed = wait(KeyRecord::issue(claims.expect("valid"), &*world.authority)).expect("signs");
        let record = Record::new().with("State", Value::Number(1)).with("KeyRecord", Value::from(signed.as_bytes()));
        wait(world.memory.commit(vec![Write::put(key_at(&alice, 1), record, Precondition::Any)])).expect("planted");
        let taken = wait(world.intake().ingest(&alice, credential.clone()));
        match number {
            1 => drop(taken.expect("the positive control")),
            _ => assert_eq!(kind(taken), ErrorKind::Integrity),
        }
    }
}

#[test]
fn a_verify_key_expires_and_can_be_renewed_and_pinned() {
    let world = World::new();
    let alice = owner("alice");
    let day = Duration::from_secs(86_400);
    let keys = world.keys().with_record_lifetime(day);
    let key = wait(keys.create(&alice)).expect("created");
    let intake = world.intake();
    wait(intake.ingest(&alice, encrypt(&key, "password", 1, "a"))).expect("taken");
    world.clock.advance(day + Duration::from_secs(31));
    let credential = encrypt(&key, "password", 2, "b");
    assert_eq!(kind(wait(intake.ingest(&alice, credential.clone()))), ErrorKind::Expired, "also where it is known");
    assert_eq!(kind(wait(world.intake().ingest(&alice, credential.clone()))), ErrorKind::Expired);
    wait(keys.renew(&alice, version(1))).expect("renewed");
    wait(intake.ingest(&alice, credential)).expect("taken");
    assert_eq!(kind(wait(keys.renew(&alice, version(2)))), ErrorKind::NotFound);

    let snapshot = world.memory.snapshot();
    let record = snapshot.get(&key_at(&alice, 1)).expect("there").record.bytes("KeyRecord").expect("signed").to_vec();
    let record = KeyRecord::from_bytes(record).expect("a record");
    let pinned = CredentialIntake::new(world.memory.clone(), Trust::Fingerprint(record.fingerprint()));
    let pinned = pinned.with_clock(world.clock.clone());
    wait(pinned.ingest(&alice, encrypt(&key, "password", 3, "c"))).expect("taken under the pin");
    wait(keys.renew(&alice, version(1))).expect("renewed");
    world.clock.advance(Duration::from_secs(1));
    wait(keys.renew(&alice, version(1))).expect("another record");
    assert_eq!(kind(wait(pinned.ingest(&alice, encrypt(&key, "password", 4, "d")))), ErrorKind::Integrity);
}

#[test]
fn an_expired_credential_is_refused() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let soon = world.clock.now() + Duration::from_secs(60);
    let credential = encrypt_credential(&key, &new("password", 1).with_expiry(soon), &SecretValue::from("hunter2"))
        .expect("encrypts");
    world.clock.advance(Duration::from_secs(60));
    refused(&world, &alice, credential.as_bytes(), &[ErrorKind::Expired]);
}

#[test]
fn the_revision_of_a_field_only_grows() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let (first, second) = (encrypt(&key, "password", 5, "five"), encrypt(&key, "password", 6, "six"));
    world.ingest(&alice, &first);
    world.ingest(&alice, &second);
    let before = world.dump();
    for stale in [first, encrypt(&key, "password", 6, "another six"), encrypt(&key, "password", 1, "one")] {
        let error = wait(world.intake().ingest(&alice, stale)).expect_err("stale");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.revision().is_some());
    }
    world.ingest(&alice, &second);
    assert_eq!(world.dump(), before, "what is stored is taken again without a write");
    // Of another field it says nothing.
    world.ingest(&alice, &encrypt(&key, "user_name", 1, "alice"));
}

#[test]
fn a_removed_field_goes_on_above_its_last_revision() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let password = encrypt(&key, "password", 3, "hunter2");
    world.ingest(&alice, &password);
    assert_eq!(kind(wait(world.vault().remove(&alice, &place("password"), 2))), ErrorKind::Conflict);
    wait(world.vault().remove(&alice, &place("password"), 3)).expect("removed");
    assert_eq!(kind(wait(world.vault().remove(&alice, &place("password"), 3))), ErrorKind::NotFound);
    assert_eq!(kind(world.value(&alice, "password")), ErrorKind::NotFound);
    assert_eq!(
        kind(wait(world.intake().ingest(&alice, password))),
        ErrorKind::Conflict,
        "an old one does not come back"
    );
    world.ingest(&alice, &encrypt(&key, "password", 4, "hunter3"));
    assert_eq!(world.value(&alice, "password").expect("opens"), "hunter3");
}

#[test]
fn records_that_are_no_credential_are_never_replaced() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    world.plant(&alice, "password", b"something else");
    let before = world.dump();
    let refused = wait(world.intake().ingest(&alice, encrypt(&key, "password", 1, "hunter2")));
    assert_eq!(kind(refused), ErrorKind::Integrity);
    assert_eq!(world.dump(), before);
    assert!(world.memory.snapshot().get(&at(&alice, "password")).is_some());
}

#[test]
fn verify_keys_of_no_use_are_refused() {
    let weak = [1_u8].into_iter().chain([0; 31]).collect::<Vec<_>>();
    for bytes in [[0_u8; 32], [0xff; 32], weak.try_into().expect("32 bytes")] {
        let refused = CredentialVerifyKey::from_bytes(tenant("alice"), version(1), &bytes);
        assert_eq!(kind(refused), ErrorKind::Integrity);
    }
    assert!(parsed(b"hunter2".to_vec()).is_none());
}
