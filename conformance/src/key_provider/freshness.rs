//! Each generated key is new and uniformly random.

use std::collections::HashSet;

use super::fixture::{Fixture, usual};
use crate::case::{Verdict, cases, ensure};

cases!(Fixture; "freshness":
    generated_keys_differ,
    generated_keys_look_random,
);

const KEYS: usize = 64;

async fn generated_keys_differ(fixture: Fixture) -> Verdict {
    let (mut keys, mut wraps) = (HashSet::new(), HashSet::new());
    for _ in 0..KEYS {
        let (key, wrapped) = fixture.generated(&usual()).await?;
        ensure!(keys.insert(key.expose_secret().to_vec()), "a key was generated twice");
        ensure!(wraps.insert(wrapped.as_bytes().to_vec()), "two keys share a wrap");
    }
    Ok(())
}

/// Catches constants, counters and text, not a weak generator. A fair bit is a one in fewer than 8 or more than 56 of 64
/// keys about once in 10¹⁰ times, so that the case fails by chance once in 10⁷ runs.
async fn generated_keys_look_random(fixture: Fixture) -> Verdict {
    let mut ones = vec![0usize; usual().key_bytes() * 8];
    for _ in 0..KEYS {
        let (key, _) = fixture.generated(&usual()).await?;
        ensure!(key.expose_secret().len() * 8 == ones.len(), "a generated key has another size");
        for (bit, ones) in ones.iter_mut().enumerate() {
            *ones += usize::from(key.expose_secret()[bit / 8] >> (bit % 8) & 1);
        }
    }
    let stuck = ones.iter().position(|ones| !(8..=56).contains(ones));
    ensure!(stuck.is_none(), "bit {stuck:?} of the generated keys is (nearly) always the same");
    Ok(())
}
