//! Other libraries and the bare ciphers beside this one: the same values, in turns, in one process.
//!
//! Writes the medians to `target/peers/<implementation>.json`; with `--test`, runs each once and writes nothing.

mod asherah;
mod bare;
mod ours;
mod tink;

use std::collections::BTreeMap;
use std::path::Path;

use secret_store_benches::turns::{Contender, medians, once};
use secret_store_benches::{IMPLEMENTATION, SIZES};

const TURNS: usize = 400;

fn main() {
    let all = |bytes| -> Vec<Contender> {
        [ours::contenders(bytes), asherah::contenders(bytes), tink::contenders(bytes), bare::contenders(bytes)]
            .into_iter()
            .flatten()
            .collect()
    };
    if std::env::args().any(|argument| argument == "--test") {
        SIZES.into_iter().for_each(|bytes| once(all(bytes)));
        return;
    }
    let mut found: BTreeMap<&str, BTreeMap<usize, f64>> = BTreeMap::new();
    for bytes in SIZES {
        for (name, median) in medians(all(bytes), TURNS) {
            found.entry(name).or_default().insert(bytes, median);
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in a workspace");
    let folder = root.join("target/peers");
    std::fs::create_dir_all(&folder).expect("a folder to write to");
    let file = std::fs::File::create(folder.join(format!("{IMPLEMENTATION}.json"))).expect("a file to write to");
    serde_json::to_writer_pretty(file, &found).expect("written");
}
