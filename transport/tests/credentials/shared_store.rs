//! Several servers and clients on one store: one of two writers wins, and the other learns of it.

use std::sync::Arc;

use secret_store_conformance::fault::{Fault, Racing, TimingOut};
use secret_store_core::{ErrorKind, Persistence};
use secret_store_transport::Message as _;
use secret_store_transport::credential::CredentialRotationOptions;

use super::support::{Blow, Killed, World, encrypt, kind, owner, version, wait};

#[test]
fn of_two_writers_of_one_revision_one_gets_a_conflict() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let intakes = [world.intake(), world.intake()];
    for revision in 1..20 {
        let [one, two] = ["one", "two"].map(|value| encrypt(&key, "password", revision, value));
        let both =
            futures::future::join(intakes[0].ingest(&alice, one.clone()), intakes[1].ingest(&alice, two.clone()));
        let (first, second) = wait(both);
        assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
        let (winner, loser) = if first.is_ok() { (one, second) } else { (two, first) };
        assert_eq!(kind(loser), ErrorKind::Conflict);
        assert_eq!(world.stored(&alice, "password").as_deref(), Some(winner.as_bytes()));
    }
}

/// The rival commits between the read and the write of a submission.
#[test]
fn a_lost_race_is_a_conflict_or_goes_on_above_it() {
    for (rivals, ours, expected) in [(5, 5, Some(ErrorKind::Conflict)), (5, 4, Some(ErrorKind::Conflict)), (4, 5, None)]
    {
        let world = World::new();
        let (alice, key) = world.user("alice");
        let rival = encrypt(&key, "password", rivals, "the rival's");
        let write = {
            use secret_store_core::{Precondition, Record, Value, Write};
            let record = Record::new().with("Credential", Value::from(rival.as_bytes()));
            Write::put(super::support::at(&alice, "password"), record, Precondition::Any)
        };
        let racing = Arc::new(Racing::new(world.memory.clone() as Arc<dyn Persistence>));
        let memory = world.memory.clone();
        racing.before_commit(async move { memory.commit(vec![write]).await.map(drop).expect("the rival is faster") });
        let credential = encrypt(&key, "password", ours, "ours");
        let outcome = wait(world.intake_over(racing).ingest(&alice, credential.clone()));
        let stored = world.stored(&alice, "password").expect("one of them");
        match expected {
            Some(expected) => {
                assert_eq!(kind(outcome), expected);
                assert_eq!(stored, rival.as_bytes());
            }
            None => {
                outcome.expect("taken above it");
                assert_eq!(stored, credential.as_bytes());
            }
        }
    }
}

#[test]
fn an_unanswered_commit_is_recognised_as_ones_own() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let credential = encrypt(&key, "password", 1, "hunter2");
    let timing_out = Arc::new(TimingOut::new(world.memory.clone() as Arc<dyn Persistence>));
    timing_out.lose(Fault::new(ErrorKind::Unavailable));
    wait(world.intake_over(timing_out).ingest(&alice, credential.clone())).expect("it landed");
    assert_eq!(world.stored(&alice, "password").as_deref(), Some(credential.as_bytes()));
    // Where nobody answers any more it is unknown, and the same submission may come again.
    for blow in [Blow::Before, Blow::After] {
        let next = encrypt(&key, "password", if blow == Blow::Before { 2 } else { 3 }, "hunter3");
        let killed = Arc::new(Killed::new(world.memory.clone(), 0, blow));
        let outcome = wait(world.intake_over(killed.clone()).ingest(&alice, next.clone()));
        assert_eq!(kind(outcome), ErrorKind::Unavailable);
        assert!(killed.is_dead());
        wait(world.intake().ingest(&alice, next.clone())).expect("taken, or there already");
        assert_eq!(world.stored(&alice, "password").as_deref(), Some(next.as_bytes()));
    }
}

/// The commit of a submission comes after a rotation began: verified under a key that is retired by then.
#[test]
fn a_submission_that_was_verified_before_a_rotation_does_not_land_after_it() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let late = encrypt(&key, "password", 1, "late");
    let racing = Arc::new(Racing::new(world.memory.clone() as Arc<dyn Persistence>));
    let (keys, of) = (world.keys(), alice.clone());
    racing.before_commit(async move {
        let rotation = keys.rotate_data_key(&of, version(1), &CredentialRotationOptions::default()).await;
        assert!(rotation.expect("rotated").is_finished());
    });
    let outcome = wait(world.intake_over(racing).ingest(&alice, late.clone()));
    assert_eq!(kind(outcome), ErrorKind::KeyRetired);
    assert_eq!(world.stored(&alice, "password"), None);
    // Also where nothing else changes: by the state of the key alone.
    assert_eq!(kind(wait(world.intake().ingest(&alice, late))), ErrorKind::KeyRetired);
}

#[test]
fn creating_a_key_twice_or_at_once_makes_one() {
    let world = World::new();
    let alice = owner("alice");
    let (one, two) = (world.keys(), world.keys());
    let (first, second) = wait(futures::future::join(one.create(&alice), two.create(&alice)));
    let made: Vec<_> = [first, second].into_iter().flatten().collect();
    assert!(!made.is_empty());
    let stored = wait(world.keys().key(&alice, version(1))).expect("there");
    assert!(made.iter().all(|key| key.verify_key() == stored.verify_key()));
    assert_eq!(kind(wait(world.keys().create(&alice))), ErrorKind::AlreadyExists);
    world.ingest(&alice, &encrypt(&stored, "password", 1, "hunter2"));
}

/// Wherever the first process is killed, the next call makes the key or says that it is there.
#[test]
fn creating_a_key_goes_on_where_it_was_killed() {
    let mut killed_at = 0;
    for blow in [Blow::Before, Blow::After] {
        for spared in 0.. {
            let world = World::new();
            let alice = owner("alice");
            let killed = Arc::new(Killed::new(world.memory.clone(), spared, blow));
            let first = wait(world.keys_over(killed.clone()).create(&alice));
            if !killed.is_dead() {
                first.expect("created");
                break;
            }
            killed_at += 1;
            match wait(world.keys().create(&alice)) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}"),
            }
            let key = wait(world.keys().key(&alice, version(1))).expect("there");
            world.ingest(&alice, &encrypt(&key, "password", 1, "hunter2"));
            assert_eq!(world.value(&alice, "password").expect("opens"), "hunter2");
        }
    }
    assert!(killed_at >= 4, "{killed_at}");
}

#[test]
fn a_client_may_make_its_first_key_itself() {
    use secret_store_transport::credential::CredentialKey;
    let world = World::new();
    let alice = owner("alice");
    let key = CredentialKey::generate(alice.tenant().clone(), version(1)).expect("random");
    wait(world.keys().enrol(&alice, &key)).expect("enrolled");
    world.ingest(&alice, &encrypt(&key, "password", 1, "hunter2"));
    assert_eq!(world.value(&alice, "password").expect("opens"), "hunter2");
    assert_eq!(kind(wait(world.keys().enrol(&alice, &key))), ErrorKind::AlreadyExists);
    assert_eq!(kind(wait(world.keys().enrol(&owner("bob"), &key))), ErrorKind::InvalidInput);
    let second = CredentialKey::generate(alice.tenant().clone(), version(2)).expect("random");
    assert_eq!(kind(wait(world.keys().enrol(&alice, &second))), ErrorKind::InvalidInput);
}
