//! Allocations and memory.

use std::fmt::Write as _;
use std::path::Path;

use secret_store_benches::footprint::{ENTRIES, VALUE_BYTES};
use serde_json::Value;

use crate::{IMPLEMENTATIONS, Outcome, json};

/// The most that the clear secrets may take, in MiB.
const AIM: f64 = 64.0;

const ALLOCATIONS: &str = "
## Allocations

Counted, for values of 1 KiB over the memory backend, whose own are counted too; of an operation on a hundred secrets, the share of
one. Bounds stand in `benches/src/operations.rs` and are asserted by `benches/tests/costs.rs`, which bounds random draws and round trips
too. A read through a trait object is a boxed future at least.
";

pub(crate) fn section(target: &Path, page: &mut String) -> Outcome<()> {
    page.push_str(ALLOCATIONS);
    let mut all = Vec::new();
    for (implementation, _) in IMPLEMENTATIONS {
        all.push((implementation, json(&target.join(format!("counts/{implementation}.json")))?));
    }
    allocations(&all, page)?;
    memory(&all, page)
}

fn allocations(all: &[(&str, Value)], page: &mut String) -> Outcome<()> {
    write!(page, "\n| |")?;
    all.iter().try_for_each(|(implementation, _)| write!(page, " {implementation} | bytes |"))?;
    writeln!(page, "\n|---|{}", "---|---|".repeat(all.len()))?;
    let rows = |found: &Value| found["allocations"].as_array().map_or(0, Vec::len);
    for row in 0..all.first().map_or(0, |(_, found)| rows(found)) {
        for (place, (_, found)) in all.iter().enumerate() {
            let counted = &found["allocations"][row];
            if place == 0 {
                let name = counted["operation"].as_str().ok_or("an operation has a name")?;
                let share = if counted["secrets"] == 1 { "" } else { ", a secret" };
                write!(page, "| {name}{share} |")?;
            }
            write!(page, " {} | {:.0} |", number(&counted["allocations"])?, number(&counted["bytes"])?)?;
        }
        writeln!(page)?;
    }
    Ok(())
}

fn memory(all: &[(&str, Value)], page: &mut String) -> Outcome<()> {
    writeln!(
        page,
        "
## Memory of cached entries

Bytes an entry, with {ENTRIES} of them, values of {VALUE_BYTES} bytes and names of 41 bytes together: what is asked of the allocator, in
how many pieces, and by how much the process grows, which counts what the C library of aws-lc allocates too. {ENTRIES} clear secrets are
to take {AIM} MiB at most, asserted by `benches/tests/memory.rs`.

| | implementation | bytes | allocations | process grows | all of them |
|---|---|---|---|---|---|"
    )?;
    for kept in ["clear secrets", "document keys"] {
        for (implementation, found) in all {
            let found = &found[kept];
            let resident = number(&found["resident"]).unwrap_or_default();
            let total = resident * ENTRIES as f64 / f64::from(1 << 20);
            let mark = if kept == "clear secrets" && total > AIM { "**" } else { "" };
            let (bytes, pieces) = (number(&found["bytes"])?, number(&found["allocations"])?);
            writeln!(
                page,
                "| {kept} | {implementation} | {bytes:.0} | {pieces:.1} | {resident:.0} | {mark}{total:.1} MiB{mark} |"
            )?;
        }
    }
    Ok(())
}

fn number(value: &Value) -> Outcome<f64> {
    value.as_f64().ok_or_else(|| "a number is missing: run without --report".into())
}
