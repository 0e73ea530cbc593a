//! Instructions, counted by callgrind, against the counts that are kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::{IMPLEMENTATIONS, Outcome, bench, json, root};

/// What a count may grow by, in percent. Repeated runs on one machine count the same; another C library or processor differs a little.
const TOLERANCE: u64 = 5;

const OPERATIONS: [&str; 6] = ["open", "seal", "get", "cached_get", "protect", "put"];
const RENEW: &str = "cargo run -p secret-store-benches -- --renew-instructions";

/// Instructions of each operation, by implementation.
type Counts = BTreeMap<String, BTreeMap<String, u64>>;

/// What is kept in `benches/instructions.json`.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The compiler that the counts were taken with.
    compiler: String,
    /// The kind of processor: others count otherwise.
    architecture: String,
    instructions: Counts,
}

fn path() -> Outcome<PathBuf> {
    Ok(root()?.join("benches/instructions.json"))
}

fn kept() -> Outcome<Kept> {
    Ok(serde_json::from_value(json(&path()?)?)?)
}

fn compiler() -> Outcome<String> {
    let version =
        Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())).arg("--version").output()?;
    Ok(String::from_utf8(version.stdout)?.trim().to_owned())
}

/// Counts now.
fn count() -> Outcome<Counts> {
    for (tool, how) in [("valgrind", "install valgrind"), ("gungraun-runner", "cargo install gungraun-runner@0.20.0")] {
        let found = Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
        if !found {
            return Err(format!("{tool} is not there: {how}").into());
        }
    }
    IMPLEMENTATIONS.into_iter().map(|(name, features)| Ok((name.to_owned(), count_with(features)?))).collect()
}

fn count_with(features: &str) -> Outcome<BTreeMap<String, u64>> {
    let folder = root()?.join("target/gungraun-home");
    // What an earlier run left is no answer.
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    bench(&["--bench", "instructions"], &format!("instructions,{features}"), |command| {
        command.env("GUNGRAUN_SAVE_SUMMARY", "json").env("GUNGRAUN_HOME", &folder);
        // Flags of a machine of one's own would give other counts.
        command.env_remove("RUSTFLAGS").stdout(std::process::Stdio::null());
    })?;
    let of = |operation: &str| {
        let summary = folder.join(format!("secret-store-benches/instructions/operations/{operation}.kib/summary.json"));
        let counted = json(&summary)?["profiles"][0]["data"]["parts"][0]["metrics"]["Ir"]["values"]["new"].as_u64();
        Ok((operation.to_owned(), counted.ok_or("gungraun wrote no number of instructions")?))
    };
    OPERATIONS.into_iter().map(of).collect()
}

/// Counts, and writes what is found beside the code.
pub(crate) fn renew() -> Outcome<()> {
    let kept = Kept { compiler: compiler()?, architecture: std::env::consts::ARCH.to_owned(), instructions: count()? };
    Ok(std::fs::write(path()?, format!("{}\n", serde_json::to_string_pretty(&kept)?))?)
}

/// Counts, and fails where there is more than was kept.
pub(crate) fn check() -> Outcome<()> {
    let (kept, compiler) = (kept()?, compiler()?);
    if kept.architecture != std::env::consts::ARCH {
        return Err(
            format!("benches/instructions.json was counted on {}: renew it with `{RENEW}`", kept.architecture).into()
        );
    }
    let report = compare(&kept.instructions, &count()?);
    std::io::stdout().write_all(report.lines.as_bytes())?;
    if !report.regressions {
        return Ok(());
    }
    let cause = if kept.compiler == compiler {
        String::new()
    } else {
        format!(" (they were counted with {}; this is {compiler}, which may be the cause)", kept.compiler)
    };
    Err(format!(
        "more instructions than benches/instructions.json admits{cause}. Find out where they come from; where they are worth it: `{RENEW}`"
    )
    .into())
}

struct Report {
    lines: String,
    regressions: bool,
}

fn compare(kept: &Counts, counted: &Counts) -> Report {
    let mut report = Report { lines: String::new(), regressions: false };
    for (implementation, operations) in counted {
        for (operation, now) in operations {
            let before = kept.get(implementation).and_then(|operations| operations.get(operation));
            let verdict = match before {
                None => {
                    report.regressions = true;
                    "nothing to compare with".to_owned()
                }
                Some(before) => {
                    let grown = now * 100 > before * (100 + TOLERANCE);
                    report.regressions |= grown;
                    let word = match now * 100 < before * (100 - TOLERANCE) {
                        _ if grown => ": TOO MANY",
                        true => ": fewer, renew the file",
                        false => "",
                    };
                    let change = (*now as f64 / *before as f64 - 1.0) * 100.0;
                    format!("{before} before, {change:+.1} %{word}")
                }
            };
            report.lines += &format!("{implementation} {operation}: {now} instructions, {verdict}\n");
        }
    }
    report
}

const INTRODUCTION: &str = "
## Instructions

Of one operation on 1 KiB, its end included, counted by callgrind: the same on a busy machine as on an idle one. callgrind shows the program a
processor without VAES and AVX-512, so that the cipher takes more of them than it does outside. `.ci/run` counts them anew and refuses a growth
of more than 5 %; `cargo run -p secret-store-benches -- --renew-instructions` renews the numbers.
";

/// The counts that are kept.
pub(crate) fn section(page: &mut String) -> Outcome<()> {
    let kept = kept()?;
    writeln!(page, "{INTRODUCTION}\n{}.\n", kept.compiler)?;
    writeln!(page, "| | {} |\n|---|{}", OPERATIONS.join(" | ").replace('_', " "), "---|".repeat(OPERATIONS.len()))?;
    for (implementation, counted) in &kept.instructions {
        write!(page, "| {implementation} |")?;
        OPERATIONS
            .iter()
            .try_for_each(|operation| write!(page, " {} |", counted.get(*operation).copied().unwrap_or(0)))?;
        writeln!(page)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(instructions: u64) -> Counts {
        [("aws-lc".to_owned(), [("open".to_owned(), instructions)].into())].into()
    }

    #[test]
    fn more_than_five_percent_or_an_unknown_operation_is_a_regression_and_less_is_none() {
        let kept = counts(1000);
        for (now, regressions) in [(1050, false), (1051, true), (900, false), (2000, true)] {
            let report = compare(&kept, &counts(now));
            assert_eq!(report.regressions, regressions, "{}", report.lines);
        }
        assert!(compare(&Counts::new(), &kept).regressions);
        assert!(compare(&kept, &counts(900)).lines.contains("renew"));
    }
}
