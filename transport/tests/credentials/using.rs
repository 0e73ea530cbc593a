//! Use: what a closure sees, and what is refused before it sees anything.

use std::time::Duration;

use secret_store_core::{Clock, ErrorKind, Result, SecretValue};
use secret_store_transport::Message as _;
use secret_store_transport::credential::{
    CredentialOwner, CredentialUse, CredentialView, Domain, Host, NewCredential, encrypt_credential,
};

use super::support::{World, encrypt, here, kind, new, place, wait};

fn at_host(host: &str) -> CredentialUse {
    CredentialUse::at(Host::new(host).expect("valid"))
}

/// Whether the closure ran, and what came of it.
fn used(world: &World, owner: &CredentialOwner, field: &str, use_for: &CredentialUse) -> (bool, Result<String>) {
    let mut ran = false;
    let read = |view: &CredentialView| {
        ran = true;
        view.text().expect("text").to_owned()
    };
    let result = wait(world.vault().with_credential(owner, &place(field), use_for, read));
    (ran, result)
}

#[track_caller]
fn refused(world: &World, owner: &CredentialOwner, field: &str, use_for: &CredentialUse, expected: ErrorKind) {
    let (ran, result) = used(world, owner, field, use_for);
    assert_eq!(kind(result), expected);
    assert!(!ran, "the closure sees nothing");
}

#[test]
fn a_closure_sees_the_plaintext_and_what_is_known_of_it() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    world.ingest(&alice, &encrypt(&key, "password", 3, "hunter2"));
    let seen = wait(world.vault().with_credential(&alice, &place("password"), &here(), |view| {
        assert_eq!(view.expose_secret(), b"hunter2");
        assert!(!format!("{view:?}").contains("hunter2"));
        view.info().clone()
    }));
    let info = seen.expect("used");
    assert_eq!((info.revision, info.domain.as_str()), (3, "example.com"));
    refused(&world, &alice, "user_name", &here(), ErrorKind::NotFound);
}

#[test]
fn an_asynchronous_closure_may_wait_and_its_future_may_move_between_threads() {
    fn check_send<T: Send>(value: T) -> T {
        value
    }
    let world = World::new();
    let (alice, key) = world.user("alice");
    world.ingest(&alice, &encrypt(&key, "password", 1, "hunter2"));
    let vault = world.vault();
    let (field, use_for) = (place("password"), here());
    let used = vault.with_credential_async(&alice, &field, &use_for, async |view: &CredentialView| {
        let first = view.expose_secret().len();
        futures::future::ready(()).await;
        first + view.text().expect("text").len()
    });
    assert_eq!(wait(check_send(used)).expect("used"), 14);
}

#[test]
fn the_wrong_domain_is_refused() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    world.ingest(&alice, &encrypt(&key, "password", 1, "hunter2"));
    for host in ["evil.example", "login.example.com", "example.com.evil.example", "xexample.com", "com", "localhost"] {
        refused(&world, &alice, "password", &at_host(host), ErrorKind::PermissionDenied);
    }
    assert!(used(&world, &alice, "password", &at_host("EXAMPLE.com")).1.is_ok());
    let below = NewCredential::new(place("user_name"), Domain::new(".example.com").expect("valid"), 1);
    world.ingest(&alice, &encrypt_credential(&key, &below, &SecretValue::from("alice")).expect("encrypts"));
    for host in ["example.com", "login.example.com"] {
        assert_eq!(used(&world, &alice, "user_name", &at_host(host)).1.expect("admitted"), "alice");
    }
    refused(&world, &alice, "user_name", &at_host("evilexample.com"), ErrorKind::PermissionDenied);
}

#[test]
fn stale_ciphertext_is_refused_when_the_caller_holds_a_revision() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let (old, new) = (encrypt(&key, "password", 4, "hunter2"), encrypt(&key, "password", 5, "hunter3"));
    world.ingest(&alice, &old);
    world.ingest(&alice, &new);
    let revision =
        wait(world.vault().with_credential(&alice, &place("password"), &here(), |view| view.info().revision));
    let held = here().with_minimum_revision(revision.expect("used"));
    world.plant(&alice, "password", old.as_bytes());
    refused(&world, &alice, "password", &held, ErrorKind::RollbackDetected);
    // Who holds nothing cannot know; who holds the old one is served it.
    assert_eq!(used(&world, &alice, "password", &here()).1.expect("authentic"), "hunter2");
    world.plant(&alice, "password", new.as_bytes());
    assert_eq!(used(&world, &alice, "password", &held).1.expect("current"), "hunter3");
    assert!(used(&world, &alice, "password", &here().with_minimum_revision(4)).1.is_ok());
}

#[test]
fn an_expired_credential_is_refused() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let soon = world.clock.now() + Duration::from_secs(60);
    let credential = encrypt_credential(&key, &new("password", 1).with_expiry(soon), &SecretValue::from("hunter2"));
    world.ingest(&alice, &credential.expect("encrypts"));
    world.clock.advance(Duration::from_millis(59_999));
    assert!(used(&world, &alice, "password", &here()).1.is_ok());
    world.clock.advance(Duration::from_millis(1));
    refused(&world, &alice, "password", &here(), ErrorKind::Expired);
}

#[test]
fn what_was_exchanged_in_the_database_is_refused() {
    let world = World::new();
    let ((alice, key), (bob, bobs)) = (world.user("alice"), world.user("bob"));
    let (password, user_name) = (encrypt(&key, "password", 1, "hunter2"), encrypt(&key, "user_name", 1, "alice"));
    let others = encrypt(&bobs, "password", 1, "of bob");
    world.ingest(&alice, &password);
    // Of another field, of another user, and of Alice's in Bob's place.
    for bytes in [user_name.as_bytes(), others.as_bytes()] {
        world.plant(&alice, "password", bytes);
        refused(&world, &alice, "password", &here(), ErrorKind::Integrity);
    }
    world.plant(&bob, "password", password.as_bytes());
    refused(&world, &bob, "password", &here(), ErrorKind::Integrity);
}

#[test]
fn every_flipped_bit_and_truncation_of_what_is_stored_is_refused() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let credential = encrypt(&key, "password", 1, "x");
    let (bytes, vault) = (credential.as_bytes(), world.vault());
    let open = || wait(vault.with_credential(&alice, &place("password"), &here(), |view| view.expose_secret().len()));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        world.plant(&alice, "password", &flipped);
        let found = kind(open());
        // A key version, or a suite, that does not exist is named.
        assert!(
            matches!(found, ErrorKind::Integrity | ErrorKind::KeyRetired | ErrorKind::Unsupported),
            "bit {bit}: {found:?}"
        );
    }
    for length in 0..bytes.len() {
        world.plant(&alice, "password", &bytes[..length]);
        assert_eq!(kind(open()), ErrorKind::Integrity, "cut to {length}");
    }
    world.plant(&alice, "password", bytes);
    assert_eq!(open().expect("the positive control"), 1);
}

/// A signature says who sealed, not that it opens; and what opens may be signed by nobody.
#[test]
fn use_checks_both_the_signature_and_the_content() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let (one, two) = (encrypt(&key, "password", 1, "hunter2"), encrypt(&key, "password", 1, "hunter3"));
    // Opens, but its signature is another's.
    let (body, signature) = (one.as_bytes(), two.as_bytes());
    let unsigned = [&body[..body.len() - 64], &signature[signature.len() - 64..]].concat();
    world.plant(&alice, "password", &unsigned);
    refused(&world, &alice, "password", &here(), ErrorKind::Integrity);
    let error = wait(world.intake().ingest_bytes(&alice, unsigned)).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Integrity);
}

#[test]
fn one_time_passwords_are_of_this_moment() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    world.ingest(&alice, &encrypt(&key, "tfa_secret", 1, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"));
    world.ingest(&alice, &encrypt(&key, "password", 1, "no such secret!"));
    let code = || {
        wait(world.vault().with_credential(&alice, &place("tfa_secret"), &here(), |view| {
            let code = view.totp_now()?;
            Ok::<_, secret_store_core::Error>((code.expose_secret().to_owned(), code.remaining()))
        }))
        .expect("used")
        .expect("a secret for them")
    };
    let seconds = Clock::monotonic(&*world.clock).as_secs();
    let (first, remaining) = code();
    assert_eq!(remaining.as_secs(), 30 - seconds % 30);
    let expected = secret_store_transport::credential::Totp::new(b"12345678901234567890").expect("valid");
    assert_eq!(first, expected.at(world.clock.now()).expect("after 1970").expose_secret());
    world.clock.advance(Duration::from_secs(30));
    assert_ne!(code().0, first);
    let none = wait(world.vault().with_credential(&alice, &place("password"), &here(), CredentialView::totp_now));
    assert_eq!(kind(none.expect("used")), ErrorKind::InvalidInput);
}
