//! Transport beside the primitives that it is made of: the same sizes, in turns, in one process.
//!
//! Writes the medians to `target/transport/<implementation>.json`; with `--test`, runs each once and writes nothing.

mod channel;
mod credentials;
mod sealed;

use std::collections::BTreeMap;

use secret_store_benches::turns::{Contender, asked, medians, once};
use secret_store_benches::{TRANSPORT_SIZES, keep};

const TURNS: usize = 200;

/// What is compared with each other: takes turns by itself.
type Group = (&'static str, fn(usize) -> Vec<Contender>);

const GROUPS: [Group; 6] = [
    ("sealed to X25519", sealed::x25519),
    ("sealed to RSA-3072", sealed::rsa),
    ("credential", credentials::seal_and_open),
    ("ingest", credentials::ingest),
    ("agreement", channel::agreement),
    ("channel", channel::messages),
];

fn main() {
    let mut found: BTreeMap<&str, BTreeMap<&str, BTreeMap<usize, f64>>> = BTreeMap::new();
    for (group, contenders) in GROUPS {
        for bytes in TRANSPORT_SIZES {
            let Some(turns) = asked(TURNS) else {
                once(contenders(bytes));
                continue;
            };
            for (name, median) in medians(contenders(bytes), turns) {
                found.entry(group).or_default().entry(name).or_default().insert(bytes, median);
            }
        }
    }
    if !found.is_empty() {
        keep("transport", &found);
    }
}
