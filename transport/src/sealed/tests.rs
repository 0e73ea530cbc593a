//! Frozen messages, made by another implementation: `docs/format.md`, section 16.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use futures::executor::block_on;

use super::submission::{Binding, Submission};
use super::*;
use crate::expiry::Expiry;
use crate::key_record::{AuthorityKey, KeyClaims, KeyRecord, Trust};
use crate::once::Nonce;
use crate::place::Target;
use crate::recipient::RecipientKeyPair;
use crate::testing::{FixedClock, vector};
use crate::wire::Message as _;

const MADE_AT: u64 = 1_767_225_600_000;

fn target() -> Target {
    Target::parse("acme", "production", "MainDb").expect("valid")
}

fn pair() -> RecipientKeyPair {
    RecipientKeyPair::from_stored(&[b"SX1\x0a\x01\0\0\0\x01\x01\0\0\0\x20".as_slice(), &[2; 32]].concat())
        .expect("a pair")
}

fn nonce() -> Freshness {
    let mut nonce = [8; 32];
    nonce[..8].copy_from_slice(&(MADE_AT + 300_000).to_be_bytes());
    Freshness::Nonce(Nonce::from_bytes(nonce))
}

fn expected() -> Freshness {
    let version = secret_store_core::SecretVersion::new(5).expect("1 or more");
    Freshness::ExpectedVersion { version, expiry: Expiry::from_millis(MADE_AT + 600_000) }
}

fn opens(name: &str, pair: &RecipientKeyPair, key_version: u32, freshness: Freshness) {
    let message = SealedSecret::from_bytes(vector("sealed.json", name)).expect("a seal");
    let submission = Submission::parse(message.as_bytes()).expect("a seal");
    assert!(submission.is_for(&target()));
    assert_eq!((submission.key_version, submission.freshness), (key_version, freshness));
    let target = target();
    let binding = Binding { suite: submission.suite, target: &target, key_version, freshness: &freshness };
    let opened = block_on(pair.open(&binding.info(), &binding.aad(), submission.sealed)).expect("opens");
    assert_eq!(opened.expose_secret(), b"hunter2");
}

#[test]
fn the_frozen_submissions_open() {
    opens("submission-hpke-nonce", &pair(), 3, nonce());
    opens("submission-hpke-expected-version", &pair(), 3, expected());
}

#[cfg(feature = "rsa")]
#[test]
fn the_frozen_rsa_submission_opens() {
    let pair = RecipientKeyPair::from_pkcs8(include_bytes!("../../tests/vectors/rsa-3072.pk8")).expect("a key");
    opens("submission-rsa-nonce", &pair, 2, nonce());
}

#[test]
fn the_same_submissions_are_made_today() {
    let at = UNIX_EPOCH + Duration::from_millis(MADE_AT);
    let (authority, organisation) = (AuthorityKey::from_seed(&[1; 32]), target().place.organisation);
    let claims = KeyClaims::sealing("acme", 3, pair().public_key(), at, Duration::from_secs(90 * 86_400));
    let record = block_on(KeyRecord::issue(claims.expect("valid"), &authority)).expect("signs");
    let trust = Trust::Authority(authority.public_key());
    let key = SealingKey::from_record(&record, &trust, &organisation, Arc::new(FixedClock::at(at))).expect("trusted");
    for (name, freshness) in [("submission-hpke-nonce", nonce()), ("submission-hpke-expected-version", expected())] {
        let made = key.seal_fixed(&[4; 32], &target(), &freshness, &"hunter2".into());
        assert_eq!(made.as_bytes(), vector("sealed.json", name), "{name}");
    }
}
