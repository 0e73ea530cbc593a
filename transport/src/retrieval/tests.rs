//! Frozen messages, made by another implementation: `docs/format.md`, section 16.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use futures::executor::block_on;
use secret_store_core::{SecretName, TenantId};

use super::*;
use crate::key_record::{AuthorityKey, KeyClaims, KeyRecord, KeyRole, Trust};
use crate::place::Place;
use crate::recipient::RecipientKeyPair;
use crate::suite::KeyAlgorithm;
use crate::testing::{FixedClock, vector};
use crate::wire::Message as _;

/// The client that made the frozen request with this pair.
fn client(pair: RecipientKeyPair) -> (RetrievalRequest, PendingRetrieval) {
    let at = UNIX_EPOCH + Duration::from_millis(1_767_225_600_000);
    let (authority, lifetime) = (AuthorityKey::from_seed(&[1; 32]), Duration::from_secs(90 * 86_400));
    let answers = AuthorityKey::from_seed(&[3; 32]).public_key().to_bytes();
    let answers = (KeyAlgorithm::Ed25519, &answers[..]);
    let claims = KeyClaims::new(KeyRole::AnswerVerify, "acme", 3, answers, at, lifetime).expect("valid");
    let record = block_on(KeyRecord::issue(claims, &authority)).expect("signs");
    let trust = Trust::Authority(authority.public_key());
    let acme = TenantId::new("acme").expect("valid");
    let key = AnswerKey::from_record(&record, &trust, &acme, Arc::new(FixedClock::at(at))).expect("trusted");
    let names = ["MainDb", "Api"].map(|name| SecretName::new(name).expect("valid"));
    let place = Place::parse("acme", "production").expect("valid");
    key.request_with(pair, [9; 16], place, names.to_vec()).expect("asks")
}

fn answers(pair: RecipientKeyPair, request: &str, bundle: &str) {
    let (made, pending) = client(pair);
    assert_eq!(made.as_bytes(), vector("sealed.json", request), "the same request is made today");
    let bundle = Bundle::from_bytes(vector("sealed.json", bundle)).expect("a bundle");
    let secrets = block_on(pending.open(&bundle)).expect("opens");
    let found: Vec<_> = secrets
        .iter()
        .map(|secret| (secret.name.as_str(), secret.version.get(), secret.value.expose_secret()))
        .collect();
    assert_eq!(found, [("MainDb", 2, &b"hunter2"[..]), ("Api", 1, b"")]);
}

/// Not for each question to it: a server asks for place and names before it answers.
#[test]
fn a_request_is_parsed_once() {
    let request = RetrievalRequest::from_bytes(vector("sealed.json", "request-hpke")).expect("a request");
    let (again, first) = (request.clone(), request.asked());
    assert_eq!((request.place(), request.names()), (first.place.clone(), first.names.clone()));
    assert!(std::ptr::eq(first, request.asked()) && std::ptr::eq(first, again.asked()));
    assert_eq!(again, request);
    let (other, _) = client(stored_pair());
    assert_eq!(other, request, "by their bytes, however they were made");
}

fn stored_pair() -> RecipientKeyPair {
    let stored = [b"SX1\x0a\x01\0\0\0\x01\x01\0\0\0\x20".as_slice(), &[5; 32]].concat();
    RecipientKeyPair::from_stored(&stored).expect("a pair")
}

#[test]
fn the_frozen_request_and_bundle_fit() {
    answers(stored_pair(), "request-hpke", "bundle-hpke");
}

#[cfg(feature = "rsa")]
#[test]
fn the_frozen_rsa_request_and_bundle_fit() {
    let pair = RecipientKeyPair::from_pkcs8(include_bytes!("../../tests/vectors/rsa-3072.pk8")).expect("a key");
    answers(pair, "request-rsa", "bundle-rsa");
}
