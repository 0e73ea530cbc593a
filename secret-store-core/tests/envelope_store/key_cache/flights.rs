//! Reads at once share one call, whoever of them gives up.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::channel::oneshot;
use secret_store_core::{EnvelopeStore, Error, ErrorKind, Result, Secret, SecretStoreExt};

use super::{opens, world};
use crate::support::{KeyCall, World, id, kind, wait};

/// Unwraps wait at a gate, each at its own.
struct Gates(Arc<std::sync::Mutex<Vec<oneshot::Sender<()>>>>);

impl Gates {
    fn before(world: &World) -> Self {
        let gates = Arc::new(std::sync::Mutex::new(Vec::new()));
        let shared = Arc::clone(&gates);
        world.keys.hook(move |call| {
            if call != KeyCall::Unwrap {
                return async { Ok(()) }.boxed();
            }
            let (open, gate) = oneshot::channel();
            shared.lock().expect("no panic").push(open);
            async move { gate.await.map_err(|_| Error::new(ErrorKind::Unavailable, "the gate is gone")) }.boxed()
        });
        Self(gates)
    }

    /// Lets through whoever waits now; answers how many there were.
    fn open(&self) -> usize {
        let gates = std::mem::take(&mut *self.0.lock().expect("no panic"));
        gates.into_iter().filter_map(|gate| gate.send(()).ok()).count()
    }
}

type Read = Pin<Box<dyn Future<Output = Result<Secret>> + Send>>;

/// A read that has begun and waits.
fn begun(store: &EnvelopeStore) -> Read {
    let store = store.clone();
    let mut read: Read = Box::pin(async move { store.get(&id("Db")).await });
    assert!(poll(&mut read).is_pending());
    read
}

fn poll(read: &mut Read) -> Poll<Result<Secret>> {
    read.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn concurrent_reads_ask_once() {
    let world = world();
    let store = world.store();
    let gates = Gates::before(&world);
    let reads: Vec<_> = (0..32).map(|_| begun(&store)).collect();
    assert_eq!(gates.open(), 1, "one asks, the others wait for it");
    for read in reads {
        assert_eq!(wait(read).expect("opens").expose_secret(), b"v");
    }
    assert_eq!(world.keys.unwraps(), 1);
}

#[test]
fn concurrent_reads_on_threads_ask_once() {
    let world = world();
    let store = world.store();
    world.keys.hook(|_| {
        std::thread::sleep(Duration::from_millis(20));
        async { Ok(()) }.boxed()
    });
    std::thread::scope(|scope| (0..16).for_each(|_| drop(scope.spawn(|| opens(&store, "Db")))));
    assert_eq!(world.keys.unwraps(), 1);
}

/// Whoever waits drives the one call that is under way: it is not made again because somebody gave up.
#[test]
fn whoever_asked_may_be_dropped_and_the_others_have_the_answer() {
    let world = world();
    let store = world.store();
    let gates = Gates::before(&world);
    let leader = begun(&store);
    let mut others: Vec<_> = (0..4).map(|_| begun(&store)).collect();
    // One that only waits may go as well.
    drop(others.remove(0));
    drop(leader);
    assert!(others.iter_mut().all(|read| poll(read).is_pending()));
    assert_eq!(gates.open(), 1);
    for read in others {
        assert_eq!(wait(read).expect("opens").expose_secret(), b"v");
    }
    assert_eq!(world.keys.unwraps(), 1);
}

/// The same without a drop: a task that is never polled again holds up nobody.
#[test]
fn whoever_asked_may_be_forgotten_and_the_others_have_the_answer() {
    let world = world();
    let store = world.store();
    let gates = Gates::before(&world);
    let (leader, other) = (begun(&store), begun(&store));
    gates.open();
    assert_eq!(wait(other).expect("opens").expose_secret(), b"v");
    assert_eq!(world.keys.unwraps(), 1);
    drop(leader);
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 1);
}

#[test]
fn when_all_that_wait_are_dropped_the_next_read_asks_anew() {
    let world = world();
    let store = world.store();
    let gates = Gates::before(&world);
    let reads: Vec<_> = (0..3).map(|_| begun(&store)).collect();
    drop(reads);
    assert_eq!(gates.open(), 0, "the call was dropped with the last of them");
    world.keys.unhook();
    opens(&store, "Db");
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 2);
}

/// During an outage a crowd of readers is one call, not one after the other.
#[test]
fn whoever_waits_shares_a_failure_and_the_next_read_asks_anew() {
    let world = world();
    let store = world.store();
    let gates = Gates::before(&world);
    let reads: Vec<_> = (0..8).map(|_| begun(&store)).collect();
    // The gate breaks: the provider is unavailable.
    gates.0.lock().expect("no panic").clear();
    for read in reads {
        assert_eq!(kind(wait(read)), ErrorKind::Unavailable);
    }
    assert_eq!(world.keys.unwraps(), 1);
    world.keys.unhook();
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 2);
}

/// Whoever purges during an unwrap wants no key that was asked for before.
#[test]
fn a_purge_during_an_unwrap_keeps_nothing_of_it() {
    let world = world();
    let store = world.store();
    let gates = Gates::before(&world);
    let (leader, waiting) = (begun(&store), begun(&store));
    store.purge_keys();
    let after = begun(&store);
    gates.open();
    assert_eq!(wait(leader).expect("opens").expose_secret(), b"v");
    world.keys.unhook();
    for read in [waiting, after] {
        assert_eq!(wait(read).expect("opens").expose_secret(), b"v");
    }
    opens(&store, "Db");

    // With nobody else there, the next read asks again.
    store.purge_keys();
    let gates = Gates::before(&world);
    let leader = begun(&store);
    store.purge_keys();
    gates.open();
    wait(leader).expect("opens");
    world.keys.unhook();
    let before = world.keys.unwraps();
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), before + 1);
}
