//! Measures everything with both implementations and writes `docs/performance.md`:
//! `cargo run --release -p secret-store-benches`.
//!
//! * `-- --quick`: the same in an eighth of the turns and shorter measurements; what it finds varies more.
//! * `-- --report`: from the last run's measurements.
//! * `-- --instructions`: counts instructions alone, and fails where there are more than in `benches/instructions.json`.
//! * `-- --renew-instructions`: counts them and writes that file.

mod counts;
mod criterion;
mod instructions;
mod peers;
mod transport;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Implementations of the cipher, and the features that choose them.
const IMPLEMENTATIONS: [(&str, &str); 2] = [("aws-lc", "aws-lc"), ("rustcrypto", "")];

const INTRODUCTION: &str = "# Performance

Written by `cargo run --release -p secret-store-benches`, which measures both implementations of AES-256-GCM. Times are medians in
nanoseconds; behind each, the ratio to what it is compared with in the same run. What misses its aim is bold. glibc is told to keep freed
memory, as it does by itself in a process whose heap is in use.
";

fn main() -> Outcome<()> {
    let argument = std::env::args().nth(1);
    match argument.as_deref() {
        None => everything(&[]),
        Some("--quick") => everything(&["--quick"]),
        Some("--report") => page(),
        Some("--instructions") => instructions::check(),
        Some("--renew-instructions") => instructions::renew(),
        Some(_) => Err("the arguments are --quick, --report, --instructions or --renew-instructions".into()),
    }
}

fn everything(how: &[&str]) -> Outcome<()> {
    measure(how)?;
    instructions::check()?;
    page()
}

/// Runs the benchmarks with these arguments of their own.
fn measure(how: &[&str]) -> Outcome<()> {
    let own = |command: &mut Command| {
        command.arg("--").args(how);
    };
    for (_, features) in IMPLEMENTATIONS {
        let ours = ["open", "seal", "rotation", "counts", "transport"].map(|bench| ["--bench", bench]);
        bench(&ours.concat(), features, own)?;
        bench(&["--bench", "peers"], &format!("peers,{features}"), own)?;
    }
    Ok(())
}

/// Runs benchmarks of this package.
fn bench(which: &[&str], features: &str, configure: impl FnOnce(&mut Command)) -> Outcome<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["bench", "--quiet", "-p", "secret-store-benches", "--features", features]).args(which);
    // As in a process whose heap is in use: otherwise glibc gives large blocks back to the system and asks for them again, and
    // page faults are what is measured.
    command.env("MALLOC_TRIM_THRESHOLD_", (256 << 20).to_string());
    configure(&mut command);
    if command.status()?.success() { Ok(()) } else { Err("a benchmark failed: its own words stand above".into()) }
}

fn page() -> Outcome<()> {
    let target = root()?.join("target");
    let mut page = String::from(INTRODUCTION);
    peers::section(&target, &mut page)?;
    criterion::section(&target, &mut page)?;
    transport::section(&target, &mut page)?;
    counts::section(&target, &mut page)?;
    instructions::section(&mut page)?;
    for part in ["aws.md", "notes.md"] {
        // One empty line between the parts, however a file ends.
        writeln!(page, "\n{}", std::fs::read_to_string(root()?.join("benches").join(part))?.trim())?;
    }
    std::fs::write(root()?.join("docs/performance.md"), &page)?;
    Ok(std::io::stdout().write_all(page.as_bytes())?)
}

fn root() -> Outcome<PathBuf> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the package lies in a workspace")?.to_owned())
}

fn json(path: &Path) -> Outcome<serde_json::Value> {
    let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(serde_json::from_slice(&text)?)
}
