//! Measures get and put against the same requests by the SDK alone, in turns, and writes `benches/aws.md`:
//! `cargo run --release -p secret-store-benches-aws`. With `-- --quick`, a few times, without writing.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use secret_store_benches_aws::{Direct, Ours, Stage};

/// The sizes of values that are measured, in bytes.
const SIZES: [usize; 3] = [64, 1024, 16384];
/// What the median may cost over the SDK alone.
const AIM: f64 = 1.10;

const INTRODUCTION: &str = "## AWS

Written by `cargo run --release -p secret-store-benches-aws`. `get` and `put` over KMS and DynamoDB against a program that sends the same
requests with the same payloads by clients of the same configuration and does nothing else: no encryption of the value, no checks. The
services are the stand-ins in the same process; every get asks KMS. The two take turns, so that both meet the same machine. Medians in
microseconds. The aim is a ratio of 1.10; it is bold where it is missed. A network or a real service makes both slower and the ratio
smaller. That the requests are the same is tested in `benches/aws/tests/same_requests.rs`.

| | value | times | SDK alone | secret-store | ratio |
|---|---|---|---|---|---|
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (warm_up, times) = if quick { (2, 5) } else { (200, 2000) };
    let stage = Stage::new().await;
    let mut section = String::from(INTRODUCTION);
    for bytes in SIZES {
        let (ours, direct) = stage.programs(bytes).await;
        for operation in [Operation::Get, Operation::Put] {
            measure(operation, warm_up, &ours, &direct).await;
            let [alone, with] = measure(operation, times, &ours, &direct).await;
            let ratio = with.as_secs_f64() / alone.as_secs_f64();
            let mark = if ratio > AIM { "**" } else { "" };
            let name = operation.name();
            let (alone, with) = (micros(alone), micros(with));
            section += &format!("| {name} | {bytes} B | {times} | {alone:.0} | {with:.0} | {mark}{ratio:.3}{mark} |\n");
        }
    }
    if !quick {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent).unwrap_or(Path::new("."));
        std::fs::write(root.join("benches/aws.md"), &section)?;
    }
    std::io::stdout().write_all(section.as_bytes())
}

#[derive(Clone, Copy)]
enum Operation {
    Get,
    Put,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
        }
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Medians of the SDK alone and of the store. They take turns, and take turns at being first.
async fn measure(operation: Operation, times: usize, ours: &Ours, direct: &Direct) -> [Duration; 2] {
    let (mut alone, mut with) = (Vec::with_capacity(times), Vec::with_capacity(times));
    for turn in 0..times {
        for store in [turn % 2 == 0, turn % 2 == 1] {
            let began = Instant::now();
            match (operation, store) {
                (Operation::Get, true) => ours.get().await,
                (Operation::Get, false) => direct.get().await,
                (Operation::Put, true) => ours.put().await,
                (Operation::Put, false) => direct.put().await,
            }
            let took = began.elapsed();
            if store { with.push(took) } else { alone.push(took) }
        }
    }
    [alone, with].map(|mut taken| {
        taken.sort_unstable();
        taken[taken.len() / 2]
    })
}
