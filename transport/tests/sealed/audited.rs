//! Every operation leaves entries; what cannot be recorded is refused; what was altered is found.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_core::audit::{Action, AuditEntry, AuditSink, Outcome, Phase, Verifier};
use secret_store_core::{Clock, Error, ErrorKind, Result, SecretName};
use secret_store_transport::{KeySpec, Place, SealedRequest};

use super::support::{KEYS, World, kind, place, target};

fn name() -> SecretName {
    SecretName::new("MainDb").expect("valid")
}

/// Takes so many entries and no more.
#[derive(Debug)]
struct Failing(AtomicUsize);

#[async_trait]
impl AuditSink for Failing {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(entries.len()));
        left.map(drop).map_err(|_| Error::new(ErrorKind::PermissionDenied, "the log is closed"))
    }
}

fn takes(entries: usize) -> Arc<dyn AuditSink> {
    Arc::new(Failing(AtomicUsize::new(entries)))
}

#[test]
fn a_submission_leaves_an_intent_and_an_outcome_by_its_actor() {
    block_on(async {
        let world = World::new(KeySpec::X25519).await;
        let request = SealedRequest::new(world.seal(&target("MainDb"), "hunter2").await);
        let intake = world.intake().for_request("alice@example.com", "request-17").expect("valid");
        intake.put_sealed(&target("MainDb"), request).await.expect("stored");
        let entries = world.entries("acme.prod").await;
        let phases: Vec<_> = entries.iter().map(|entry| (entry.action(), entry.phase(), entry.outcome())).collect();
        let expected =
            [(Action::PutSealed, Phase::Intent, None), (Action::PutSealed, Phase::Outcome, Some(Outcome::Success))];
        assert_eq!(phases, expected);
        for entry in &entries {
            assert_eq!((entry.actor(), entry.request_id()), ("alice@example.com", Some("request-17")));
            assert_eq!((entry.environment(), entry.secrets()[0].name.as_str()), ("prod", "MainDb"));
            assert!(!format!("{entry:?}").contains("hunter2"));
        }
        assert_eq!(entries[1].secrets()[0].version.map(|version| version.get()), Some(1));
    });
}

#[test]
fn a_retrieval_leaves_an_entry_with_the_versions_that_it_released() {
    block_on(async {
        let world = World::new(KeySpec::X25519).await;
        let request = SealedRequest::new(world.seal(&target("MainDb"), "hunter2").await);
        world.intake().put_sealed(&target("MainDb"), request).await.expect("stored");
        let answers = world.answer_key("acme").await;
        let ask = |place: Place| {
            let answers = answers.clone();
            async move { answers.request(&place, [name()], KeySpec::X25519).await.expect("asks").0 }
        };
        let retrieval = world.retrieval().for_request("bob@example.com", "request-18").expect("valid");
        let request = ask(place("acme", "prod")).await;
        retrieval.answer(&request).await.expect("answers");
        assert_eq!(kind(retrieval.answer(&request).await), ErrorKind::Replayed);
        assert_eq!(kind(retrieval.answer(&ask(place("acme", "dev")).await).await), ErrorKind::NotFound);
        assert_eq!(kind(retrieval.answer(&ask(place("acme", "test")).await).await), ErrorKind::PermissionDenied);
        let of = async |application| {
            let entries = world.entries(application).await;
            let retrievals = entries.into_iter().filter(|entry| entry.action() == Action::Retrieve);
            let line = |entry: AuditEntry| {
                let version = entry.secrets()[0].version.map(|version| version.get());
                assert_eq!((entry.actor(), entry.phase()), ("bob@example.com", Phase::Read));
                (entry.outcome().expect("a read"), entry.count(), version)
            };
            retrievals.map(line).collect::<Vec<_>>()
        };
        assert_eq!(of("acme.prod").await, [(Outcome::Success, 1, Some(1)), (Outcome::Replayed, 0, None)]);
        assert_eq!(of("acme.dev").await, [(Outcome::NotFound, 0, None)]);
        assert_eq!(of(KEYS).await, [(Outcome::PermissionDenied, 0, None)], "a place without an application");
    });
}

#[test]
fn what_cannot_be_recorded_is_refused() {
    block_on(async {
        let world = World::new(KeySpec::X25519).await;
        let sealed = world.seal(&target("MainDb"), "hunter2").await;
        let before = world.dump();
        let store = || Arc::clone(&world.store) as Arc<dyn secret_store_core::SecretStore>;
        let closed = world.intake_over(store(), takes(0));
        let refusal = closed.put_sealed(&target("MainDb"), SealedRequest::new(sealed.clone())).await;
        assert_eq!(kind(refusal), ErrorKind::PermissionDenied);
        let refusal = closed.put_sealed(&target("MainDb"), SealedRequest::from_parts(false, b"hunter2".to_vec())).await;
        assert_eq!(kind(refusal), ErrorKind::PermissionDenied);
        assert!(world.dump() == before, "not even the nonce is used up");
        // The intent is recorded and the outcome is not: it may have landed, and it has.
        let half = world.intake_over(store(), takes(1));
        let unknown = half.put_sealed(&target("MainDb"), SealedRequest::new(sealed)).await;
        assert_eq!(kind(unknown), ErrorKind::Unavailable);
        let answers = world.answer_key("acme").await;
        let (request, _) = answers.request(&place("acme", "prod"), [name()], KeySpec::X25519).await.expect("asks");
        let refusal = kind(world.retrieval_with(takes(0)).answer(&request).await);
        assert_eq!(refusal, ErrorKind::PermissionDenied, "nothing is released");
    });
}

/// The core's tests show it of every log; here of one that submissions and retrievals wrote.
#[test]
fn editing_deleting_reordering_and_cutting_entries_is_found_with_its_index() {
    block_on(async {
        let world = World::new(KeySpec::X25519).await;
        for value in ["one", "two", "three"] {
            let request = SealedRequest::new(world.seal(&target("MainDb"), value).await);
            world.intake().put_sealed(&target("MainDb"), request).await.expect("stored");
        }
        let intake = world.intake();
        for value in ["four", "five"] {
            let request = SealedRequest::new(world.seal(&target("MainDb"), value).await);
            intake.put_sealed(&target("MainDb"), request).await.expect("stored");
        }
        let entries = world.entries("acme.prod").await;
        // The server that stored two of them; all at one time, so that chains stand in the order of their random writers.
        let of = |entry: &AuditEntry| entries.iter().filter(|other| other.writer() == entry.writer()).count();
        let own: Vec<_> = entries.iter().filter(|entry| of(entry) == 4).cloned().collect();
        assert_eq!(own.len(), 4);
        let mut all = Verifier::new();
        own.iter().for_each(|entry| all.push(entry.as_bytes()));
        let head = Arc::new(all.finish().head(Clock::now(&*world.clock)).expect("a head"));
        let verify = |bytes: Vec<Vec<u8>>| {
            let mut verifier = Verifier::new().with_head(Arc::clone(&head));
            bytes.iter().for_each(|bytes| verifier.push(bytes));
            verifier.finish().faults().iter().map(|fault| fault.index).collect::<Vec<_>>()
        };
        let bytes: Vec<Vec<u8>> = own.iter().map(|entry| entry.as_bytes().to_vec()).collect();
        assert!(verify(bytes.clone()).is_empty());
        let mut edited = bytes.clone();
        *edited[1].last_mut().expect("not empty") ^= 1;
        assert_eq!(verify(edited)[0], 1);
        let mut deleted = bytes.clone();
        deleted.remove(1);
        assert_eq!(verify(deleted)[0], 1);
        let mut reordered = bytes.clone();
        reordered.swap(1, 2);
        assert_eq!(verify(reordered)[0], 1);
        let mut cut = bytes;
        cut.pop();
        assert_eq!(verify(cut)[0], 3, "before the end that is missing");
    });
}
