//! Everything that can be done to a request and to a bundle on their way.

use std::time::Duration;

use futures::executor::block_on;
use secret_store_core::{ErrorKind, SecretName, SecretStoreExt as _};
use secret_store_transport::{Bundle, Expiry, KeySpec, Message as _, PendingRetrieval, RetrievalRequest};

use super::support::{World, id, kind, place, specs};

async fn world(spec: KeySpec) -> World {
    let world = World::new(spec).await;
    for application in ["acme.prod", "acme.dev", "evil.prod"] {
        world.store.put(&id(application, "MainDb"), application.into()).await.expect("stored");
    }
    world
}

async fn ask(
    world: &World,
    organisation: &str,
    environment: &str,
    spec: KeySpec,
) -> (RetrievalRequest, PendingRetrieval) {
    let answers = world.answer_key(organisation).await;
    let name = SecretName::new("MainDb").expect("valid");
    answers.request(&place(organisation, environment), [name], spec).await.expect("asks")
}

async fn refused(pending: &PendingRetrieval, bundle: &Bundle) {
    let error = pending.open(bundle).await.expect_err("refused");
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Integrity, "integrity check failed".into()));
}

#[test]
fn a_bundle_opens_for_its_own_request_alone() {
    for spec in specs() {
        block_on(async {
            let (world, mut asked) = (world(spec).await, Vec::new());
            for (organisation, environment) in [("acme", "prod"), ("acme", "prod"), ("acme", "dev"), ("evil", "prod")] {
                let (request, pending) = ask(&world, organisation, environment, spec).await;
                let bundle = world.retrieval().answer(&request).await.expect("answers");
                asked.push((pending, bundle, format!("{organisation}.{environment}")));
            }
            for (one, (pending, _, application)) in asked.iter().enumerate() {
                for (other, (_, bundle, _)) in asked.iter().enumerate() {
                    if one == other {
                        let secrets = pending.open(bundle).await.expect("its own");
                        assert_eq!(secrets[0].value.text().expect("text"), application);
                    } else {
                        refused(pending, bundle).await;
                    }
                }
            }
        });
    }
}

#[test]
fn every_flipped_bit_truncation_and_extension_of_a_bundle_is_refused() {
    for spec in specs() {
        block_on(async {
            let world = world(spec).await;
            let (request, pending) = ask(&world, "acme", "prod", spec).await;
            let bundle = world.retrieval().answer(&request).await.expect("answers");
            let bytes = bundle.as_bytes();
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                if let Ok(flipped) = Bundle::from_bytes(flipped) {
                    refused(&pending, &flipped).await;
                }
            }
            for length in 0..bytes.len() {
                assert!(Bundle::from_bytes(bytes[..length].to_vec()).is_err(), "{length}");
            }
            assert!(Bundle::from_bytes([bytes, &[0]].concat()).is_err());
            pending.open(&bundle).await.expect("the good one");
        });
    }
}

/// An altered request is another request: what the server answers to it does not open for the client that asked.
#[test]
fn every_flipped_bit_of_a_request_is_refused_or_answered_to_nobody() {
    for spec in specs() {
        block_on(async {
            let (world, mut answered) = (world(spec).await, 0);
            let (request, pending) = ask(&world, "acme", "prod", spec).await;
            let retrieval = world.retrieval();
            // For RSA every eighth bit: all bytes of it.
            let step = if spec == KeySpec::X25519 { 1 } else { 9 };
            for bit in (0..request.as_bytes().len() * 8).step_by(step) {
                let mut flipped = request.as_bytes().to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let Ok(flipped) = RetrievalRequest::from_bytes(flipped) else { continue };
                if let Ok(bundle) = retrieval.answer(&flipped).await {
                    refused(&pending, &bundle).await;
                    answered += 1;
                }
            }
            assert!(answered > 0, "of the id and the key some");
            for length in 0..request.as_bytes().len() {
                assert!(RetrievalRequest::from_bytes(request.as_bytes()[..length].to_vec()).is_err(), "{length}");
            }
            assert!(RetrievalRequest::from_bytes([request.as_bytes(), &[0]].concat()).is_err());
            pending.open(&retrieval.answer(&request).await.expect("answers")).await.expect("opens");
        });
    }
}

/// Whoever puts a key of their own into a request gets a bundle that its maker does not take for an answer. (Whether they may ask is
/// for the server's authentication of callers.)
#[test]
fn a_request_with_a_substituted_key_answers_nothing_to_its_maker() {
    block_on(async {
        let world = world(KeySpec::X25519).await;
        let (request, pending) = ask(&world, "acme", "prod", KeySpec::X25519).await;
        let (other, theirs) = ask(&world, "acme", "prod", KeySpec::X25519).await;
        let at = request.as_bytes().len() - 32;
        let substituted = [&request.as_bytes()[..at], &other.as_bytes()[at..]].concat();
        let substituted = RetrievalRequest::from_bytes(substituted).expect("well formed");
        let bundle = world.retrieval().answer(&substituted).await.expect("answers");
        refused(&pending, &bundle).await;
        refused(&theirs, &bundle).await;
    });
}

/// Whoever sees a request knows its public key, and lacks the server's answer key.
#[test]
fn an_answer_that_the_server_did_not_sign_is_refused() {
    block_on(async {
        let (world, elsewhere) = (world(KeySpec::X25519).await, world(KeySpec::X25519).await);
        let (request, pending) = ask(&world, "acme", "prod", KeySpec::X25519).await;
        elsewhere.store.put(&id("acme.prod", "MainDb"), "of the attacker".into()).await.expect("stored");
        let forged = elsewhere.retrieval().answer(&request).await.expect("another server with other keys");
        refused(&pending, &forged).await;
        // Its own signature on the good one's seal, and the reverse.
        let good = world.retrieval().answer(&request).await.expect("answers");
        let at = |bundle: &Bundle| bundle.as_bytes().len() - 64;
        for (one, other) in [(&good, &forged), (&forged, &good)] {
            let mixed = [&one.as_bytes()[..at(one)], &other.as_bytes()[at(other)..]].concat();
            refused(&pending, &Bundle::from_bytes(mixed).expect("well formed")).await;
        }
        // The request reflected is no answer.
        assert_eq!(kind(Bundle::from_bytes(request.as_bytes().to_vec())), ErrorKind::NotSealed);
        assert_eq!(kind(RetrievalRequest::from_bytes(good.as_bytes().to_vec())), ErrorKind::NotSealed);
        pending.open(&good).await.expect("the good one");
    });
}

#[test]
fn a_replayed_or_late_request_is_not_answered() {
    for spec in specs() {
        block_on(async {
            let world = world(spec).await;
            let (request, _) = ask(&world, "acme", "prod", spec).await;
            world.retrieval().answer(&request).await.expect("answers");
            let before = world.dump();
            for _ in 0..3 {
                assert_eq!(kind(world.retrieval().answer(&request).await), ErrorKind::Replayed);
            }
            assert!(world.dump() == before);
            let (late, _) = ask(&world, "acme", "prod", spec).await;
            world.clock.advance(Duration::from_secs(60 + 31));
            assert_eq!(kind(world.retrieval().answer(&late).await), ErrorKind::Expired);
            world.clock.advance(Duration::from_secs(3600));
            let limit = std::num::NonZeroUsize::new(100).expect("not zero");
            let application = "acme.prod".parse().expect("valid");
            assert!(world.once().sweep(&application, limit).await.expect("sweeps").removed > 0);
            assert_eq!(kind(world.retrieval().answer(&request).await), ErrorKind::Expired, "its mark is gone");
            assert!(world.dump().len() < before.len(), "nothing was written");
        });
    }
}

/// The library's clients ask for a minute. Another one may not ask for longer than is remembered easily.
#[test]
fn a_request_that_lasts_too_long_is_not_answered() {
    block_on(async {
        let world = world(KeySpec::X25519).await;
        let longest = RetrievalRequest::MAX_LIFETIME + Expiry::SKEW;
        for (over, refusal) in [(0, None), (1, Some(ErrorKind::InvalidInput))] {
            let (request, _) = ask(&world, "acme", "prod", KeySpec::X25519).await;
            let mut bytes = request.as_bytes().to_vec();
            // Before the key of 32 bytes and its length.
            let at = bytes.len() - 32 - 4 - 8;
            let expiry = Expiry::after(&*world.clock, longest).as_millis() + over;
            bytes[at..at + 8].copy_from_slice(&expiry.to_be_bytes());
            let request = RetrievalRequest::from_bytes(bytes).expect("well formed");
            assert_eq!(world.retrieval().answer(&request).await.err().map(|error| error.kind()), refusal);
        }
    });
}
