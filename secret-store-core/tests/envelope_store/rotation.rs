//! Rotation: what it changes, what it leaves, and that nothing escapes it.

mod documents;
mod interruptions;
mod job;
mod late_writers;
mod master;
mod migration;
mod migration_back;
mod minimum_format;
mod retirement;
mod tenant_tier;
mod tenants;
mod watching;

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use secret_store_core::rotation::{JobState, Rotation, RotationJob, RotationReport};
use secret_store_core::{
    EnvelopeStore, EnvelopeStoreBuilder, MasterKeyId, ProtectedSecret, Record, RecordKey, Result, SecretStoreExt,
};

use super::support::{APP, MAIN, MASTER_KEY_ID, World, app, id, master, settings_key, wait};

const SECOND: Duration = Duration::from_secs(1);
const NEW: &str = "second";
/// How long after the settings moved a late writer may store something.
const GRACE: Duration = Duration::from_secs(130);

/// Polls until it is done. Whenever it waits, a second passes.
fn drive<T>(world: &World, running: impl Future<Output = T>) -> T {
    let mut running = pin!(running);
    for _ in 0..10_000 {
        if let Poll::Ready(answer) = running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return answer;
        }
        world.clock.advance(SECOND);
    }
    panic!("it has no end");
}

/// Polls once; it must not be done.
fn step<F: Future + Unpin>(running: &mut F) {
    let poll = std::pin::Pin::new(running).poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll.is_pending(), "it goes on");
}

/// Lets so much time pass, second by second.
fn steps<F: Future + Unpin>(world: &World, running: &mut F, time: Duration) {
    for _ in 0..time.as_secs() {
        world.clock.advance(SECOND);
        step(running);
    }
}

/// A configuration that may use both keys.
fn both(world: &World) -> EnvelopeStoreBuilder {
    world.builder().wrap_with([MAIN, NEW].map(master))
}

fn store(world: &World) -> EnvelopeStore {
    both(world).build().expect("a valid configuration")
}

fn rotation(store: &EnvelopeStore) -> Rotation {
    store.rotator().rotate_master_key(&master(MAIN), &master(NEW)).application(&app(APP))
}

fn rotate(world: &World, store: &EnvelopeStore) -> Result<RotationReport> {
    drive(world, rotation(store).run())
}

/// Several secrets, some with earlier versions, one deleted.
fn fill(store: &EnvelopeStore) {
    for name in ["a", "a#b", "b", "c", "gone"] {
        for value in 1..=3 {
            wait(store.put(&id(name), format!("{name}{value}").as_str().into())).expect("stored");
        }
    }
    wait(store.put(&id("single"), "single1".into())).expect("stored");
    wait(store.delete(&id("gone"))).expect("deleted");
}

/// What `fill` stored can be read.
fn check_values(store: &EnvelopeStore) {
    for name in ["a", "a#b", "b", "c"] {
        assert_eq!(wait(store.get(&id(name))).expect("opens").text().expect("text"), format!("{name}3"));
    }
    for name in ["a", "a#b", "b", "c", "gone"] {
        for number in 1..=2 {
            let found = wait(store.get_version(&id(name), super::support::version(number))).expect("opens");
            assert_eq!(found.text().expect("text"), format!("{name}{number}"));
        }
    }
    assert_eq!(wait(store.get(&id("single"))).expect("opens").text().expect("text"), "single1");
}

/// All records but those that rotations keep.
fn records(world: &World) -> BTreeMap<RecordKey, Record> {
    let snapshot = world.memory().snapshot();
    let of_secrets = snapshot.iter().filter(|(key, _)| !key.partition().starts_with("~s~"));
    of_secrets.map(|(key, stored)| (key, Record::clone(&stored.record))).collect()
}

/// Where a wrap names a master key.
fn under(world: &World, key: &str) -> Vec<RecordKey> {
    let names = |record: &Record| {
        record.get(MASTER_KEY_ID).is_some() && {
            let name = record.text("SecretName").expect("text");
            let id = secret_store_core::SecretId::new(
                app(record.text("ApplicationName").expect("text")),
                secret_store_core::SecretName::lenient(name.clone()).expect("lenient"),
            );
            let protected = ProtectedSecret::from_record(&id, record).expect("well-formed");
            let further = protected.further_wraps().iter().map(|wrap| wrap.master_key_id().clone());
            let all: Vec<MasterKeyId> = further.chain([protected.wrapped_key().master_key_id().clone()]).collect();
            all.contains(&master(key))
        }
    };
    records(world).into_iter().filter(|(_, record)| names(record)).map(|(place, _)| place).collect()
}

fn job_key() -> RecordKey {
    RecordKey::new(format!("~s~{APP}"), "JOB")
}

fn job(world: &World) -> RotationJob {
    wait(store(world).rotator().job(&app(APP))).expect("well-formed").expect("there is one")
}

fn assert_finished(world: &World) {
    assert_eq!(job(world).state, JobState::Finished);
    assert_eq!(under(world, MAIN), []);
    assert!(world.stored(&settings_key()).is_some());
    check_values(&world.builder().master_key(NEW).unwrap_with([master(NEW)]).build().expect("valid"));
}
