//! Everything that can be done to a seal on its way.

use futures::executor::block_on;
use futures::future::join_all;

use super::{pairs, refused};
use crate::Suite;

#[test]
fn every_flipped_bit_is_refused() {
    for pair in pairs() {
        let sealed = pair.public_key().seal(b"info", b"aad", b"hunter2").expect("seals");
        let attempts = (0..sealed.len() * 8).map(|bit| {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let pair = &pair;
            async move { (bit, pair.open(b"info", b"aad", &flipped).await) }
        });
        let accepted: Vec<_> =
            block_on(join_all(attempts)).into_iter().filter_map(|(bit, opened)| opened.ok().map(|_| bit)).collect();
        // RFC 7748, section 5: the top bit of a coordinate is ignored. HPKE has the encapsulated key in its key schedule, so that it
        // is refused all the same.
        assert!(accepted.is_empty(), "{:?}: {accepted:?}", pair.suite());
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    for pair in pairs() {
        let sealed = pair.public_key().seal(b"info", b"aad", b"hunter2").expect("seals");
        for length in 0..sealed.len() {
            refused(&pair, b"info", b"aad", &sealed[..length]);
        }
        refused(&pair, b"info", b"aad", &[&sealed[..], &[0]].concat());
        refused(&pair, b"info", b"aad", &[&[0], &sealed[..]].concat());
    }
}

#[test]
fn parts_of_two_seals_do_not_mix() {
    for pair in pairs() {
        let seal = || pair.public_key().seal(b"info", b"aad", b"hunter2").expect("seals");
        let (one, two) = (seal(), seal());
        let split = if pair.suite() == Suite::HpkeX25519 { 32 } else { 384 };
        refused(&pair, b"info", b"aad", &[&one[..split], &two[split..]].concat());
    }
}

/// A point of low order agrees on zero with everybody (RFC 9180, section 7.1.4).
#[test]
fn an_encapsulated_key_of_low_order_is_refused() {
    let pair = &pairs()[0];
    let sealed = pair.public_key().seal(b"info", b"aad", b"hunter2").expect("seals");
    for point in super::public_keys::LOW_ORDER {
        let point = hex::decode(point).expect("hexadecimal");
        refused(pair, b"info", b"aad", &[&point[..], &sealed[32..]].concat());
    }
}
