//! Other libraries and the bare ciphers beside this one: the same values, in turns, in one process.
//!
//! Writes the medians to `target/peers/<implementation>.json`; with `--test`, runs each once and writes nothing.

mod asherah;
mod bare;
mod ours;
mod tink;

use std::collections::BTreeMap;

use secret_store_benches::turns::{Contender, asked, medians, once};
use secret_store_benches::{SIZES, keep};

const TURNS: usize = 400;

fn main() {
    let all = |bytes| -> Vec<Contender> {
        [ours::contenders(bytes), asherah::contenders(bytes), tink::contenders(bytes), bare::contenders(bytes)]
            .into_iter()
            .flatten()
            .collect()
    };
    let Some(turns) = asked(TURNS) else {
        SIZES.into_iter().for_each(|bytes| once(all(bytes)));
        return;
    };
    let mut found: BTreeMap<&str, BTreeMap<usize, f64>> = BTreeMap::new();
    for bytes in SIZES {
        for (name, median) in medians(all(bytes), turns) {
            found.entry(name).or_default().insert(bytes, median);
        }
    }
    keep("peers", &found);
}
