//! Allocations of each operation, and the memory of each cached entry.
//!
//! Writes them to `target/counts/<implementation>.json`; with `--test`, counts the allocations and writes nothing.

use secret_store_benches::footprint::{ClearSecrets, DocumentKeys, ENTRIES};
use secret_store_benches::keep;
use secret_store_benches::operations::operations;
use serde_json::{Value, json};

fn main() {
    let allocations: Vec<Value> = operations()
        .into_iter()
        .map(|operation| allocations(operation.name, operation.secrets, operation.run))
        .collect();
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    // Document keys first: freed memory that is used again would not show.
    let keys = DocumentKeys::new();
    let document_keys = memory(|| keys.fill());
    let secrets = ClearSecrets::new();
    let clear_secrets = memory(|| secrets.fill());
    let found = json!({ "allocations": allocations, "document keys": document_keys, "clear secrets": clear_secrets });
    keep("counts", &found);
}

/// Of one secret; the first runs fill caches and grow maps.
fn allocations(name: &str, secrets: usize, mut run: Box<dyn FnMut()>) -> Value {
    (0..16).for_each(|_| run());
    let most = (0..16).map(|_| allocation_counter::measure(&mut run)).max_by_key(|counted| counted.count_total);
    let most = most.expect("several runs");
    let of_one = |number: u64| number as f64 / secrets as f64;
    json!({ "operation": name, "secrets": secrets, "allocations": of_one(most.count_total), "bytes": of_one(most.bytes_total) })
}

/// Of one entry, in bytes: what was asked of the allocator, how often, and what the process holds more than before.
fn memory(fill: impl FnOnce()) -> Value {
    let of_one = |number: i64| number as f64 / ENTRIES as f64;
    let before = resident();
    let held = allocation_counter::measure(fill);
    let resident = before.zip(resident()).map(|(before, after)| of_one(after - before));
    json!({ "bytes": of_one(held.bytes_current), "allocations": of_one(held.count_current), "resident": resident })
}

/// The resident memory of this process in bytes, where the system tells it (proc(5), `/proc/self/status`).
fn resident() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok().map(|kib| kib * 1024)
}
