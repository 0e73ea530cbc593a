//! What a forger or a failing provider can make be asked again, and what is remembered of it.

use std::time::Duration;

use futures::FutureExt;
use secret_store_core::{Error, ErrorKind, Record, SecretStoreExt, Value};

use super::{REFUSAL, TTL, opens, world};
use crate::support::{DOCUMENT_KEY, VALUE, current, id, kind, slot, version, wait};

fn flipped(record: &Record, attribute: &'static str, bit: usize) -> Record {
    let mut bytes = record.bytes(attribute).expect("bytes").to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    record.clone().with(attribute, Value::from(bytes))
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
