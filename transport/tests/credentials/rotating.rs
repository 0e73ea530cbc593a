//! Rotation of one user's key: everything under the new one, the old one gone.

use std::sync::{Arc, Mutex};

use secret_store_core::{ErrorKind, Persistence as _, Precondition, Record, Value, Write};
use secret_store_transport::Message as _;
use secret_store_transport::credential::{
    Credential, CredentialKey, CredentialOwner, CredentialRotationOptions, decrypt_credential,
};

use super::support::{World, encrypt, here, key_at, kind, place, version, wait};

const WRAPPED_KEY: &str = "ProtectedDocumentKey";
const SEALED_KEY: &str = "ProtectedSecretValue";

pub(super) fn options() -> CredentialRotationOptions {
    CredentialRotationOptions::default()
}

/// What is stored of a version of a user's key: the wrapped document key, and the key sealed under it.
pub(super) fn stored_key(world: &World, owner: &CredentialOwner, number: u32) -> Vec<Vec<u8>> {
    let snapshot = world.memory.snapshot();
    let name = format!("credential-key/{number:010}");
    let key = secret_store_core::RecordKey::new(owner.application().as_str(), name);
    let record = &snapshot.get(&key).expect("the key is there").record;
    [WRAPPED_KEY, SEALED_KEY].map(|name| record.bytes(name).expect("an attribute").to_vec()).into()
}

pub(super) fn credentials(world: &World, owner: &CredentialOwner, fields: usize) -> Vec<Credential> {
    let bytes = (0..fields).map(|n| world.stored(owner, &format!("field {n}")).expect("stored"));
    bytes.map(|bytes| Credential::from_bytes(bytes).expect("a credential")).collect()
}

#[test]
fn everything_is_under_the_new_key_and_the_old_wrapped_key_is_gone() {
    let world = World::new();
    let (alice, old) = world.user("alice");
    for n in 0..250 {
        world.ingest(&alice, &encrypt(&old, &format!("field {n}"), n + 1, &format!("value {n}")));
    }
    let census = wait(world.keys().census(&alice)).expect("counted");
    assert_eq!(census.by_version.into_iter().collect::<Vec<_>>(), [(version(1), 250)]);
    let (old_key, verify_key) = (stored_key(&world, &alice, 1), *old.verify_key().as_bytes());
    for bytes in &old_key {
        assert_eq!(world.count(bytes), 1, "the positive control");
    }
    assert_eq!(world.count(&verify_key), 1);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let progress = Arc::clone(&seen);
    let options = options().with_progress(move |now| progress.lock().expect("no panic").push((now.seen, now.changed)));
    let rotation = wait(world.keys().rotate_data_key(&alice, version(1), &options)).expect("rotated");
    assert!(rotation.is_finished() && rotation.findings().is_empty());
    assert_eq!((rotation.version(), rotation.changed(), rotation.shredded()), (version(2), 250, &[version(1)][..]));
    assert_eq!(seen.lock().expect("no panic").last(), Some(&(250, 250)));
    for bytes in old_key.iter().chain([&verify_key.to_vec()]) {
        assert_eq!(world.count(bytes), 0, "in no record of the database");
    }
    assert_eq!(kind(wait(world.keys().key(&alice, version(1)))), ErrorKind::NotFound);
    let new = wait(world.keys().key(&alice, version(2))).expect("there");
    assert_eq!(wait(world.keys().versions(&alice)).expect("listed"), [version(2)]);
    assert_eq!(wait(world.keys().current_version(&alice)).expect("there"), version(2));
    for (n, credential) in (0..).zip(credentials(&world, &alice, 250)) {
        let (info, value) = decrypt_credential(&new, &credential).expect("opens under the new key");
        assert_eq!(info.revision, n + 1, "what callers hold stays valid");
        assert_eq!(value.text().expect("text"), format!("value {n}"));
        assert!(decrypt_credential(&old, &credential).is_err());
        let held = here().with_minimum_revision(n + 1);
        let (vault, field) = (world.vault(), place(&format!("field {n}")));
        let used = vault.with_credential(&alice, &field, &held, |view| view.expose_secret().len());
        assert_eq!(wait(used).expect("used"), format!("value {n}").len());
    }
    assert_eq!(kind(wait(world.intake().ingest(&alice, encrypt(&old, "field 0", 99, "late")))), ErrorKind::KeyRetired);
    world.ingest(&alice, &encrypt(&new, "field 0", 2, "changed"));
}

#[test]
fn a_finished_rotation_answers_so_again_and_the_next_one_has_another_name() {
    let world = World::new();
    let (alice, old) = world.user("alice");
    world.ingest(&alice, &encrypt(&old, "field 0", 1, "hunter2"));
    let rotate = |from| wait(world.keys().rotate_data_key(&alice, version(from), &options()));
    assert!(rotate(1).expect("rotated").is_finished());
    let before = world.dump();
    let again = rotate(1).expect("done already");
    assert!(again.is_finished() && again.changed() == 0 && again.shredded().is_empty());
    assert_eq!(world.dump(), before);
    assert_eq!(rotate(2).expect("rotated").version(), version(3));
    assert_eq!(kind(rotate(1)), ErrorKind::KeyRetired, "the version after it is retired as well");
    assert_eq!(kind(rotate(4)), ErrorKind::NotFound);
    assert_eq!(world.value(&alice, "field 0").expect("opens"), "hunter2");
}

#[test]
fn what_users_do_meanwhile_stays() {
    let world = World::new();
    let (alice, old) = world.user("alice");
    for n in 0..5 {
        world.ingest(&alice, &encrypt(&old, &format!("field {n}"), 1, "before"));
    }
    wait(world.vault().remove(&alice, &place("field 4"), 1)).expect("removed");
    let (keys, of) = (world.keys(), alice.clone());
    let intake = world.intake();
    let submitted = Arc::new(Mutex::new(false));
    let racing = Arc::new(secret_store_conformance::fault::Racing::new(world.memory.clone()));
    for _ in 0..12 {
        let (keys, intake, of, submitted) = (keys.clone(), intake.clone(), of.clone(), Arc::clone(&submitted));
        racing.before_commit(async move {
            // As soon as there is a new key, the client uses it.
            if let Ok(key) = keys.key(&of, version(2)).await
                && intake.ingest(&of, encrypt(&key, "field 3", 2, "meanwhile")).await.is_ok()
            {
                *submitted.lock().expect("no panic") = true;
            }
        });
    }
    let rotation = wait(world.keys_over(racing).rotate_data_key(&alice, version(1), &options())).expect("rotated");
    assert!(rotation.is_finished() && *submitted.lock().expect("no panic"));
    assert_eq!(rotation.changed(), 3, "not the one that its user has changed, nor the one that was removed");
    for (n, value) in [(0, "before"), (1, "before"), (2, "before"), (3, "meanwhile")] {
        assert_eq!(world.value(&alice, &format!("field {n}")).expect("opens"), value);
    }
    assert_eq!(kind(world.value(&alice, "field 4")), ErrorKind::NotFound);
    let census = wait(world.keys().census(&alice)).expect("counted");
    assert_eq!((census.by_version.into_iter().collect::<Vec<_>>(), census.removed), (vec![(version(2), 4)], 1));
}

#[test]
fn two_rotations_at_once_come_to_the_same() {
    let world = World::new();
    let (alice, old) = world.user("alice");
    for n in 0..20 {
        world.ingest(&alice, &encrypt(&old, &format!("field {n}"), 1, "hunter2"));
    }
    let (one, two) = (world.keys(), world.keys());
    let options = options();
    let both = futures::future::join(
        one.rotate_data_key(&alice, version(1), &options),
        two.rotate_data_key(&alice, version(1), &options),
    );
    let (first, second) = wait(both);
    assert!(first.is_ok() || second.is_ok());
    let new = wait(world.keys().key(&alice, version(2))).expect("one new key");
    assert!(credentials(&world, &alice, 20).iter().all(|credential| decrypt_credential(&new, credential).is_ok()));
    assert_eq!(wait(world.keys().versions(&alice)).expect("listed"), [version(2)]);
}

/// A process stalls in the middle of a rotation while others finish it and the next one: what it writes then must not land.
#[test]
fn a_rotation_that_others_have_overtaken_changes_nothing() {
    for stalled_at in 0..8 {
        let world = World::new();
        let (alice, old) = world.user("alice");
        world.ingest(&alice, &encrypt(&old, "field 0", 1, "hunter2"));
        let racing = Arc::new(secret_store_conformance::fault::Racing::new(world.memory.clone()));
        for _ in 0..stalled_at {
            racing.before_commit(async {});
        }
        let (keys, of) = (world.keys(), alice.clone());
        racing.before_commit(async move {
            for from in [1, 2] {
                let rotation = keys.rotate_data_key(&of, version(from), &options()).await;
                assert!(rotation.expect("rotated").is_finished());
            }
        });
        let late = wait(world.keys_over(racing.clone()).rotate_data_key(&alice, version(1), &options()));
        if racing.waiting() > 0 {
            assert!(late.expect("it ended before").is_finished());
            break;
        }
        assert_eq!(world.value(&alice, "field 0").expect("opens"), "hunter2", "stalled at {stalled_at}");
        let listed = wait(world.keys().versions(&alice)).expect("listed");
        assert_eq!(listed, [version(3)], "stalled at {stalled_at}: {late:?}");
    }
}

#[test]
fn what_does_not_open_is_reported_and_keeps_the_old_key() {
    let world = World::new();
    let (alice, old) = world.user("alice");
    let stranger = CredentialKey::generate(alice.tenant().clone(), version(1)).expect("random");
    world.ingest(&alice, &encrypt(&old, "field 0", 1, "fine"));
    world.plant(&alice, "field 1", encrypt(&stranger, "field 1", 1, "x").as_bytes());
    world.plant(&alice, "field 2", b"no credential");
    let misplaced = encrypt(&old, "another field", 1, "x");
    world.plant(&alice, "field 3", misplaced.as_bytes());
    let rotate = |options| wait(world.keys().rotate_data_key(&alice, version(1), &options)).expect("rotated");
    let census = wait(world.keys().census(&alice)).expect("counted");
    assert_eq!(census.malformed, 2);
    for changed in [1, 0] {
        let rotation = rotate(options());
        assert!(!rotation.is_finished() && rotation.shredded().is_empty());
        assert_eq!((rotation.changed(), rotation.reported()), (changed, 3));
        assert_eq!(rotation.findings()[0].place, Some(place("field 1")));
        assert!(rotation.findings().iter().all(|finding| finding.kind == ErrorKind::Integrity));
    }
    assert!(wait(world.keys().key(&alice, version(1))).is_ok(), "it may still open a copy");
    // Somebody puts the right one back.
    world.plant(&alice, "field 1", encrypt(&old, "field 1", 1, "back").as_bytes());
    let rotation = rotate(options().abandoning_unreadable());
    assert!(rotation.is_finished() && rotation.changed() == 1 && rotation.reported() == 2);
    assert_eq!(kind(wait(world.keys().key(&alice, version(1)))), ErrorKind::NotFound);
    assert_eq!(world.value(&alice, "field 1").expect("opens"), "back");
}

/// One commit retires the old version and accepts the next: what says otherwise, somebody else made.
#[test]
fn a_retired_key_without_a_next_one_is_refused_and_nothing_is_changed() {
    let world = World::new();
    let (alice, _) = world.user("alice");
    let retired = Record::new().with("State", Value::Number(2));
    wait(world.memory.commit(vec![Write::put(key_at(&alice, 1), retired, Precondition::Any)])).expect("planted");
    let before = world.dump();
    assert_eq!(kind(wait(world.keys().rotate_data_key(&alice, version(1), &options()))), ErrorKind::Integrity);
    assert_eq!(world.dump(), before, "no next key is made");
}

/// A user's keys move with the tenant's: credentials open whatever is rotated above them.
#[test]
fn keys_of_credentials_are_wrapped_by_the_tenants_key() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    world.ingest(&alice, &encrypt(&key, "password", 1, "hunter2"));
    let wrapped = &stored_key(&world, &alice, 1)[0];
    assert!(wrapped.starts_with(b"ST1"), "under the tenant's key");
    assert_eq!(world.value(&alice, "password").expect("opens"), "hunter2");
}
