//! Document keys kept ready: how often the key provider is asked, and who can make it be asked more.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::channel::oneshot;
use secret_store_core::{
    EncryptionContext, EnvelopeStore, Error, ErrorKind, KeyProvider, Record, Result, Secret, SecretStoreExt, StoreId,
    Value, WrappedKey,
};

use super::support::{
    DOCUMENT_KEY, KeyCall, MAIN, MASTER_KEY_ID, STORE, VALUE, World, current, id, kind, master, slot, version, wait,
};

const TTL: Duration = Duration::from_secs(15 * 60);
const REFUSAL: Duration = Duration::from_secs(5);

fn world() -> World {
    let world = World::new();
    wait(world.store().put(&id("Db"), "v".into())).expect("stored");
    world
}

#[track_caller]
fn opens(store: &EnvelopeStore, name: &str) {
    assert_eq!(wait(store.get(&id(name))).expect("opens").expose_secret(), b"v");
}

fn flipped(record: &Record, attribute: &'static str, bit: usize) -> Record {
    let mut bytes = record.bytes(attribute).expect("bytes").to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    record.clone().with(attribute, Value::from(bytes))
}

#[test]
fn one_unwrap_for_each_key_and_lifetime() {
    let world = world();
    let store = world.store();
    for _ in 0..100 {
        opens(&store, "Db");
    }
    assert_eq!(world.keys.unwraps(), 1);
    // The lifetime is at most what was said, and at most a tenth less.
    world.clock.advance(TTL * 9 / 10 - Duration::from_millis(1));
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 1);
    world.clock.advance(TTL / 10 + Duration::from_millis(1));
    opens(&store, "Db");
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 2);
    // A version that moves to the history takes its key along.
    wait(store.put(&id("Db"), "v".into())).expect("stored");
    wait(store.get_version(&id("Db"), version(1))).expect("opens");
    assert_eq!(world.keys.unwraps(), 2);
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 3, "every version has its own key");
}

#[test]
fn every_way_to_read_shares_the_keys_of_one_store_and_none_with_another() {
    let world = world();
    let store = world.store();
    let clone = store.clone();
    opens(&clone, "Db");
    opens(&store, "Db");
    wait(store.get_many(&[id("Db"), id("Db")])).expect("all");
    wait(store.get_all(id("Db").application())).expect("all");
    wait(store.repair(&id("Db"))).expect("in order");
    assert_eq!(world.keys.unwraps(), 1);
    opens(&world.store(), "Db");
    assert_eq!(world.keys.unwraps(), 2);
}

#[test]
fn zero_is_off() {
    let world = world();
    for (capacity, ttl) in [(0, TTL), (1000, Duration::ZERO), (0, Duration::ZERO)] {
        let store = world.builder().key_cache(capacity, ttl).build().expect("valid");
        let before = world.keys.unwraps();
        (0..5).for_each(|_| opens(&store, "Db"));
        assert_eq!(world.keys.unwraps(), before + 5);
        store.purge_keys();
        store.sweep_keys();
    }
}

#[test]
fn no_more_keys_than_the_capacity() {
    let world = World::new();
    let names: Vec<_> = (0..50).map(|n| format!("s{n}")).collect();
    for name in &names {
        wait(world.store().put(&id(name), "v".into())).expect("stored");
    }
    for capacity in [1, 2, 10] {
        let store = world.builder().key_cache(capacity, TTL).build().expect("valid");
        names.iter().for_each(|name| opens(&store, name));
        let before = world.keys.unwraps();
        names.iter().for_each(|name| opens(&store, name));
        let again = world.keys.unwraps() - before;
        assert!(again >= names.len() - capacity, "{again} with room for {capacity}");
        // The one read last is there or comes back: a capacity of one is no failure.
        opens(&store, "s1");
    }
    let store = world.builder().key_cache(50, TTL).build().expect("valid");
    names.iter().for_each(|name| opens(&store, name));
    let before = world.keys.unwraps();
    (0..3).for_each(|_| opens(&store, "s49"));
    assert_eq!(world.keys.unwraps(), before);
}

#[test]
fn purged_keys_are_gone() {
    let world = world();
    let store = world.store();
    opens(&store, "Db");
    store.purge_keys();
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 2);
    world.clock.advance(TTL);
    store.sweep_keys();
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 3);
}

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

#[test]
fn a_forged_wrap_buys_one_call_in_the_refusal_time() {
    let world = world();
    let store = world.store();
    let honest = world.record(&current(&id("Db")));
    world.plant(&current(&id("Db")), flipped(&honest, DOCUMENT_KEY, 200));
    for _ in 0..100 {
        assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);
    }
    assert_eq!(world.keys.unwraps(), 1);
    world.clock.advance(REFUSAL - Duration::from_millis(1));
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);
    assert_eq!(world.keys.unwraps(), 1);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);
    assert_eq!(world.keys.unwraps(), 2);
    // The honest record opens at once: a refusal holds for exactly what was refused.
    world.plant(&current(&id("Db")), honest);
    opens(&store, "Db");
}

/// A flood of forged records does not push out the key that is in use.
#[test]
fn forged_records_do_not_evict_a_key_in_use() {
    let world = world();
    let store = world.builder().key_cache(100, TTL).build().expect("valid");
    let honest = world.record(&current(&id("Db")));
    (0..10).for_each(|_| opens(&store, "Db"));
    for n in 0..5000u64 {
        let mut wrap = honest.bytes(DOCUMENT_KEY).expect("bytes").to_vec();
        wrap[20..28].iter_mut().zip(n.to_be_bytes()).for_each(|(byte, other)| *byte ^= other.wrapping_add(1));
        world.plant(&slot(&id("Db"), 1), honest.clone().with(DOCUMENT_KEY, Value::from(wrap)));
        world.erase(&current(&id("Db")));
        assert_eq!(kind(wait(store.get_version(&id("Db"), version(1)))), ErrorKind::Integrity);
        world.plant(&current(&id("Db")), honest.clone());
        if n % 50 == 0 {
            opens(&store, "Db");
        }
    }
    assert_eq!(world.keys.unwraps(), 1 + 5000);
}

#[test]
fn a_key_that_opened_nothing_is_not_kept() {
    let world = world();
    let store = world.store();
    let honest = world.record(&current(&id("Db")));
    world.plant(&current(&id("Db")), flipped(&honest, VALUE, 100));
    for asked in 1..=3 {
        assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);
        assert_eq!(world.keys.unwraps(), asked);
    }
    world.plant(&current(&id("Db")), honest.clone());
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 4);
    // Kept now, it refuses the forged value without a call, and goes on to open the honest one.
    world.plant(&current(&id("Db")), flipped(&honest, VALUE, 100));
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);
    world.plant(&current(&id("Db")), honest);
    opens(&store, "Db");
    assert_eq!(world.keys.unwraps(), 4);
}

/// What may be otherwise in a moment is asked again in a moment.
#[test]
fn failures_of_the_provider_are_not_remembered() {
    for failure in [
        ErrorKind::Unavailable,
        ErrorKind::Throttled,
        ErrorKind::PermissionDenied,
        ErrorKind::KeyUnavailable,
        ErrorKind::KeyNotAllowed,
        ErrorKind::Contention,
    ] {
        let world = world();
        let store = world.store();
        world.keys.hook(move |_| async move { Err(Error::new(failure, "the test made this call fail")) }.boxed());
        assert_eq!(kind(wait(store.get(&id("Db")))), failure);
        world.keys.unhook();
        opens(&store, "Db");
        assert_eq!(world.keys.unwraps(), 2, "{failure:?}");
    }
}

/// A rewrap, under another key or the same: the bytes differ, so it is asked for.
#[test]
fn a_rotation_misses_by_itself() {
    let world = world();
    let store = world.store();
    opens(&store, "Db");
    let record = world.record(&current(&id("Db")));
    let wrapped = WrappedKey::new(master(MAIN), record.bytes(DOCUMENT_KEY).expect("bytes").clone());
    let store_id = StoreId::new(STORE).expect("valid");
    let context = EncryptionContext::document_key(&store_id, &id("Db"), version(1));
    for (to, unwraps) in [(MAIN, 2), ("second", 3)] {
        let target = master(to);
        let moved = world.keys.inner().rewrap_key(&wrapped, &context, &target, &context);
        let moved = wait(moved).expect("rewrapped");
        let record = record.clone().with(DOCUMENT_KEY, Value::Bytes(moved.as_shared().clone()));
        world.plant(&current(&id("Db")), record.with(MASTER_KEY_ID, Value::from(to)));
        opens(&store, "Db");
        opens(&store, "Db");
        assert_eq!(world.keys.unwraps(), unwraps);
    }
    // The new wrap under the old key's name is no hit of either.
    let moved = world.record(&current(&id("Db"))).with(MASTER_KEY_ID, Value::from(MAIN));
    world.plant(&current(&id("Db")), moved);
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Integrity);
}

/// The same wrap at another place is another entry: a key that is ready here opens nothing there.
#[test]
fn a_ready_key_opens_only_where_it_belongs() {
    let world = world();
    let store = world.store();
    opens(&store, "Db");
    let stolen = world.record(&current(&id("Db"))).with("SecretName", Value::from("Other"));
    world.plant(&current(&id("Other")), stolen);
    assert_eq!(kind(wait(store.get(&id("Other")))), ErrorKind::Integrity);
    assert_eq!(world.keys.unwraps(), 2, "it was asked for under its own context");
}
