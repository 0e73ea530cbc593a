//! What criterion measured: this library against what it stands on, and rotations.

use std::fmt::Write as _;
use std::path::Path;

use secret_store_benches::SIZES;
use secret_store_benches::rotation::SECRETS;

use crate::{IMPLEMENTATIONS, Outcome, json};

/// Size and ratio.
type Aim = (usize, f64);

/// What is compared: group, measurement, what it is measured against, and the aims with `aws-lc`.
const ROWS: [(&str, &str, &str, &[Aim]); 7] = [
    ("open", "envelope", "bare", &[(256, 1.25), (1024, 1.2), (4096, 1.2), (65536, 1.2)]),
    ("open", "unprotect", "bare", &[]),
    ("open", "get", "bare", &[(1024, 1.9)]),
    ("seal", "envelope", "bare", &[]),
    ("seal", "floor", "bare", &[]),
    ("seal", "protect", "floor", &[(32, 1.2), (256, 1.2), (1024, 1.2), (4096, 1.2), (65536, 1.2)]),
    ("seal", "put", "floor", &[]),
];

/// The most that a cached read may take, in nanoseconds.
const CACHED_AIM: f64 = 150.0;

const INTRODUCTION: &str = "
## This library

* `bare`: the cipher alone, its key ready, into a buffer that is there already.
* `envelope`: header, commitment, allocation and wipe around it, the key ready.
* `unprotect`, `get`: by `EnvelopeStore` with the document key cached; `get` through `Arc<dyn SecretStore>` and the memory backend.
* `cached get`: by `CachedStore`, which has the clear secret, through `Arc<dyn SecretStore>`. Its aim is 150 ns.
* `floor`: what no local write can do without: one random draw of 56 bytes, a wrap, a key schedule, a seal.
* `protect`, `put`: by `EnvelopeStore` over the memory backend.

A rotation over the memory backend reads every record twice and moves it once; its ratio is to the unwrapping and wrapping alone of one
document key. Its memory is the most that one run holds beyond what it began with; that it does not grow with the number of secrets is
asserted by `benches/tests/rotation.rs`.

Aims, with aws-lc: `envelope` opens in 1.25 times `bare` at 256 bytes and 1.2 times from 1 KiB; `protect` takes 1.2 times `floor`; `get` takes
1.9 times `bare` at 1 KiB.
";

pub(crate) fn section(target: &Path, page: &mut String) -> Outcome<()> {
    page.push_str(INTRODUCTION);
    for (implementation, _) in IMPLEMENTATIONS {
        writeln!(page, "\n### {implementation}\n")?;
        table(&target.join("criterion"), implementation, page)?;
        rotation(&target.join("criterion"), implementation, page)?;
    }
    Ok(())
}

fn table(criterion: &Path, implementation: &str, page: &mut String) -> Outcome<()> {
    writeln!(page, "| | against | 32 B | 256 B | 1 KiB | 4 KiB | 64 KiB |\n|---|---|---|---|---|---|---|")?;
    for (group, name, against, aims) in ROWS {
        write!(page, "| {group}: {name} | {against} |")?;
        for bytes in SIZES {
            let median = |name: &str| median(criterion, &format!("{implementation} {group}"), name, bytes);
            let (time, ratio) = (median(name)?, median(name)? / median(against)?);
            let aim = aims.iter().find(|(size, _)| *size == bytes && implementation == "aws-lc");
            let mark = if aim.is_some_and(|(_, aim)| ratio > *aim) { "**" } else { "" };
            write!(page, " {time:.0} {mark}({ratio:.2}){mark} |")?;
        }
        writeln!(page)?;
    }
    write!(page, "| open: cached get | |")?;
    for bytes in SIZES {
        let time = median(criterion, &format!("{implementation} open"), "cached get", bytes)?;
        let mark = if time > CACHED_AIM { "**" } else { "" };
        write!(page, " {mark}{time:.0}{mark} |")?;
    }
    Ok(writeln!(page)?)
}

/// A tenant's key over many secrets: how fast, against the cipher's part of it, and in how much memory.
fn rotation(criterion: &Path, implementation: &str, page: &mut String) -> Outcome<()> {
    let group = format!("{implementation} rotation");
    writeln!(
        page,
        "\n| rotation of a tenant's key | rewraps a second | a rewrap | unwrap + wrap | ratio | peak memory |"
    )?;
    writeln!(page, "|---|---|---|---|---|---|")?;
    for secrets in SECRETS {
        let one = median(criterion, &group, "rotate", secrets)? / f64::from(u32::try_from(secrets)?);
        let bare = median(criterion, &group, "bare", 1)?;
        let peak = std::fs::read_to_string(criterion.join(&group).join(format!("peak-{secrets}")))?;
        let peak = peak.trim().parse::<u64>()?.div_ceil(1024);
        let (rate, ratio) = (1e9 / one, one / bare);
        writeln!(page, "| {secrets} secrets | {rate:.0} | {one:.0} ns | {bare:.0} ns | {ratio:.1} | {peak} KiB |")?;
    }
    Ok(())
}

fn median(criterion: &Path, group: &str, name: &str, bytes: usize) -> Outcome<f64> {
    // Criterion makes folders of names.
    let path = criterion.join(group).join(name).join(bytes.to_string()).join("new/estimates.json");
    json(&path)?["median"]["point_estimate"].as_f64().ok_or_else(|| "criterion wrote no median".into())
}
