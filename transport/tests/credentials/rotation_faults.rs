//! A rotation killed at every write, before it lands and after, and started again by another process.

use std::sync::Arc;

use secret_store_conformance::fault::{Failing, Fault, Racing, Tearing, TimingOut, TornAnswer};
use secret_store_core::{ErrorKind, Persistence as _, Precondition, Record, Value, Write};
use secret_store_transport::credential::{Credential, CredentialKey, CredentialOwner, decrypt_credential};

use super::rotating::{credentials, options, stored_key};
use super::support::{Blow, Killed, World, encrypt, key_at, kind, version, wait};
use super::yielding::{Paused, Yielding};

const FIELDS: usize = 4;

fn world() -> (World, CredentialOwner, CredentialKey) {
    let world = World::new();
    let (alice, old) = world.user("alice");
    for n in 0..FIELDS {
        world.ingest(&alice, &encrypt(&old, &format!("field {n}"), 1, &format!("value {n}")));
    }
    (world, alice, old)
}

/// Under how many of these keys a credential opens.
fn opens_under(keys: &[&CredentialKey], credential: &Credential) -> usize {
    keys.iter().filter(|key| decrypt_credential(key, credential).is_ok()).count()
}

/// The keys that there are now, and how many of them each credential opens under: one, at every moment.
fn check_every_credential_opens_exactly_once(world: &World, owner: &CredentialOwner, what: &str) {
    let versions = wait(world.keys().versions(owner)).expect("listed");
    let keys: Vec<_> = versions.iter().map(|of| wait(world.keys().key(owner, *of)).expect("there")).collect();
    let keys: Vec<_> = keys.iter().collect();
    for credential in credentials(world, owner, FIELDS) {
        assert_eq!(opens_under(&keys, &credential), 1, "{what}");
    }
    for n in 0..FIELDS {
        assert_eq!(world.value(owner, &format!("field {n}")).expect(what), format!("value {n}"));
    }
}

#[test]
fn killed_at_every_write_it_resumes_and_every_credential_opens_exactly_once() {
    let mut killed_at = 0;
    for blow in [Blow::Before, Blow::After] {
        for spared in 0.. {
            let what = format!("{blow:?} commit {spared}");
            let (world, alice, old) = world();
            let old_key = stored_key(&world, &alice, 1);
            let killed = Arc::new(Killed::new(world.memory.clone(), spared, blow));
            let first = wait(world.keys_over(killed.clone()).rotate_data_key(&alice, version(1), &options()));
            check_every_credential_opens_exactly_once(&world, &alice, &what);
            if killed.is_dead() {
                assert_eq!(kind(first), ErrorKind::Unavailable, "{what}");
                killed_at += 1;
            } else {
                assert!(first.expect("rotated").is_finished());
            }
            let resumed = wait(world.keys().rotate_data_key(&alice, version(1), &options())).expect(&what);
            assert!(resumed.is_finished() && resumed.findings().is_empty(), "{what}");
            assert_eq!(wait(world.keys().versions(&alice)).expect("listed"), [version(2)], "{what}");
            check_every_credential_opens_exactly_once(&world, &alice, &what);
            let late = wait(world.intake().ingest(&alice, encrypt(&old, "field 0", 9, "late")));
            assert_eq!(kind(late), ErrorKind::KeyRetired, "{what}");
            for bytes in &old_key {
                assert_eq!(world.count(bytes), 0, "{what}: the old wrapped key is gone");
            }
            if !killed.is_dead() {
                break;
            }
        }
    }
    // The new key with what the tenant tier writes first, the states, each credential, the deletion.
    assert!(killed_at >= 2 * (2 + FIELDS + 1), "{killed_at}");
}

/// The same with resumptions that are killed themselves, one write later each time.
#[test]
fn killed_again_and_again_it_gets_there() {
    for blow in [Blow::Before, Blow::After] {
        let (world, alice, _) = world();
        let mut attempts = 0;
        loop {
            // Before a write that never lands there is no progress: spare one.
            let spared = usize::from(blow == Blow::Before);
            let killed = Arc::new(Killed::new(world.memory.clone(), spared, blow));
            let outcome = wait(world.keys_over(killed.clone()).rotate_data_key(&alice, version(1), &options()));
            check_every_credential_opens_exactly_once(&world, &alice, "between two kills");
            if let Ok(rotation) = outcome
                && rotation.is_finished()
            {
                break;
            }
            attempts += 1;
            assert!(attempts < 50, "no progress");
        }
        assert!(attempts >= FIELDS, "{attempts}");
        assert_eq!(wait(world.keys().versions(&alice)).expect("listed"), [version(2)]);
    }
}

/// At every call, whichever it is, and not only at writes: by one failure, from which the caller goes on, and by a death.
#[test]
fn failing_at_every_call_it_resumes_and_the_old_key_is_retired() {
    for fault in [Fault::new(ErrorKind::Unavailable), Fault::new(ErrorKind::Unavailable).forever()] {
        let mut failed = 0;
        for spared in 0.. {
            let what = format!("{fault:?} after {spared} calls");
            let (world, alice, old) = world();
            let failing = Arc::new(Failing::new(world.memory.clone()));
            let keys = world.keys_over(failing.clone());
            failing.fail(fault.clone().after(spared));
            let first = wait(keys.rotate_data_key(&alice, version(1), &options()));
            check_every_credential_opens_exactly_once(&world, &alice, &what);
            if failing.failed() == 0 {
                assert!(first.expect("nothing failed").is_finished());
                break;
            }
            failed += 1;
            let resumed = wait(world.keys().rotate_data_key(&alice, version(1), &options())).expect(&what);
            assert!(resumed.is_finished() && resumed.findings().is_empty(), "{what}");
            check_the_old_key_is_retired(&world, &alice, &old, &what);
            check_every_credential_opens_exactly_once(&world, &alice, &what);
        }
        assert!(failed > 20, "{failed}");
    }
}

#[track_caller]
fn check_the_old_key_is_retired(world: &World, owner: &CredentialOwner, old: &CredentialKey, what: &str) {
    let snapshot = world.memory.snapshot();
    let state = snapshot.get(&key_at(owner, 1)).expect("it stays").record.number("State");
    assert_eq!(state, Some(2), "{what}");
    let late = wait(world.intake().ingest(owner, encrypt(old, "field 0", 9, "late")));
    assert_eq!(kind(late), ErrorKind::KeyRetired, "{what}");
    assert_eq!(wait(world.keys().versions(owner)).expect("listed"), [version(2)], "{what}");
}

/// The commit that accepts the next key and retires the old one was torn, as no persistence may, or a backup was put back in parts.
/// Whatever lands under the old key until the rotation goes on is encrypted anew too, and nothing lands behind it.
#[test]
fn an_old_key_that_is_still_accepted_beside_the_next_one_is_retired() {
    let (world, alice, old) = world();
    let tearing = Arc::new(Tearing::new(world.memory.clone(), 1, TornAnswer::Unavailable));
    tearing.tear(0);
    let racing = Arc::new(Racing::new(tearing.clone()));
    // The new key goes undisturbed; what is torn are the states, and then it dies.
    racing.before_commit(async {});
    racing.before_commit(async move { tearing.tear(1) });
    let killed = Arc::new(Killed::new(racing, 2, Blow::Before));
    assert!(wait(world.keys_over(killed).rotate_data_key(&alice, version(1), &options())).is_err());
    let snapshot = world.memory.snapshot();
    for number in [1, 2] {
        let state = snapshot.get(&key_at(&alice, number)).expect("there").record.number("State");
        assert_eq!(state, Some(1), "version {number} is accepted");
    }
    world.ingest(&alice, &encrypt(&old, "field 3", 2, "value 3"));
    // A renewal meanwhile does not keep it.
    let racing = Arc::new(Racing::new(world.memory.clone()));
    let (keys, of) = (world.keys(), alice.clone());
    racing.before_commit(async move { keys.renew(&of, version(1)).await.expect("renewed") });
    let resumed = wait(world.keys_over(racing).rotate_data_key(&alice, version(1), &options())).expect("resumed");
    assert!(resumed.is_finished() && resumed.findings().is_empty());
    check_the_old_key_is_retired(&world, &alice, &old, "resumed");
    check_every_credential_opens_exactly_once(&world, &alice, "resumed");
}

/// A later rotation does so with what an earlier one should have retired, and knows its own commit again when the answer was lost.
#[test]
fn an_even_older_key_that_is_still_accepted_is_retired_too() {
    let (world, alice, old) = world();
    let first = world.memory.snapshot().get(&key_at(&alice, 1)).expect("there").record.clone();
    for number in [1, 2] {
        let rotation = wait(world.keys().rotate_data_key(&alice, version(number), &options())).expect("rotated");
        assert!(rotation.is_finished());
    }
    wait(world.memory.commit(vec![Write::put(key_at(&alice, 1), first, Precondition::Any)])).expect("put back");
    world.ingest(&alice, &encrypt(&old, "field 9", 1, "under a key that is gone"));
    let losing = Arc::new(TimingOut::new(world.memory.clone()));
    losing.lose(Fault::new(ErrorKind::Unavailable));
    let resumed = wait(world.keys_over(losing.clone()).rotate_data_key(&alice, version(2), &options()));
    let (rotation, lost) = (resumed.expect("goes on"), losing.lost());
    assert_eq!(lost, 1, "the answer of the commit that retired it");
    assert_eq!((rotation.reported(), rotation.is_finished()), (1, false), "nobody can open it: reported");
    let late = wait(world.intake().ingest(&alice, encrypt(&old, "field 0", 9, "late")));
    assert_eq!(kind(late), ErrorKind::KeyRetired);
}

/// Nor does a record of an older version that says nothing known stand in the way of a rotation: it is on the safe side afterwards.
#[test]
fn an_older_state_that_cannot_be_read_is_retired() {
    let (world, alice, old) = world();
    assert!(wait(world.keys().rotate_data_key(&alice, version(1), &options())).expect("rotated").is_finished());
    let unknown = Record::new().with("State", Value::Number(9));
    wait(world.memory.commit(vec![Write::put(key_at(&alice, 1), unknown, Precondition::Any)])).expect("planted");
    let late = || kind(wait(world.intake().ingest(&alice, encrypt(&old, "field 0", 9, "late"))));
    assert_eq!(late(), ErrorKind::Integrity);
    assert!(wait(world.keys().rotate_data_key(&alice, version(2), &options())).expect("rotated").is_finished());
    assert_eq!(late(), ErrorKind::KeyRetired);
    check_every_credential_opens_exactly_once(&world, &alice, "rotated");
}

/// A dropped future is a kill between two awaits.
#[test]
fn dropped_at_every_pause_it_resumes() {
    let mut dropped_in = Vec::new();
    for pause in 0.. {
        let (world, alice, _) = world();
        let yielding = Arc::new(Yielding::new(world.memory.clone()));
        let (keys, options) = (world.keys_over(yielding.clone()), options());
        let is_done = {
            let rotation = std::pin::pin!(keys.rotate_data_key(&alice, version(1), &options));
            match yielding.poll_to_pause(rotation, pause) {
                Paused::Ended(outcome) => outcome.expect("nothing fails").is_finished(),
                Paused::In(partition) => {
                    dropped_in.push(partition);
                    false
                }
            }
        };
        check_every_credential_opens_exactly_once(&world, &alice, "dropped");
        let resumed = wait(world.keys().rotate_data_key(&alice, version(1), &options)).expect("resumed");
        assert!(resumed.is_finished());
        check_every_credential_opens_exactly_once(&world, &alice, "resumed");
        if is_done {
            break;
        }
    }
    assert!(dropped_in.len() > 20, "{dropped_in:?}");
    for partition in ["Vault.alice", "~c~Vault.alice"] {
        assert!(dropped_in.iter().any(|found| **found == *partition), "keys and credentials: {dropped_in:?}");
    }
}

/// A renewal of the new key's record while credentials are converted: the rotation goes on.
#[test]
fn a_renewal_meanwhile_stops_no_rotation() {
    let (world, alice, _) = world();
    let racing = Arc::new(Racing::new(world.memory.clone()));
    // The new key with what the tenant tier writes first, and the states, go undisturbed.
    for _ in 0..2 {
        racing.before_commit(async {});
    }
    let renewals = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    for _ in 0..3 {
        let (keys, alice, renewals) = (world.keys(), alice.clone(), Arc::clone(&renewals));
        racing.before_commit(async move {
            if keys.renew(&alice, version(2)).await.is_ok() {
                renewals.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        });
    }
    let rotation = wait(world.keys_over(racing).rotate_data_key(&alice, version(1), &options())).expect("rotated");
    assert!(rotation.is_finished());
    assert!(renewals.load(std::sync::atomic::Ordering::SeqCst) > 0, "the race took place");
    check_every_credential_opens_exactly_once(&world, &alice, "renewed");
}
