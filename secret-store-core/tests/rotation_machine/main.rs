//! Rotations as a state machine: clients and two rotators go on in every order, every call to the records and the master keys is
//! a place where the call fails, its answer is lost, time passes or the process dies, and after every commit all that was ever
//! acknowledged opens.
//!
//! A trace is a seed. One that fails is shown with everything that happened in it; `SEED=… cargo test --test rotation_machine`
//! runs one alone, `TRACES=…` more of them.

mod answers;
mod beginning;
mod clients;
mod clock;
mod ending;
mod invariants;
mod link;
mod master_keys;
mod model;
mod plan;
mod process;
mod random;
mod rotators;
mod scheduler;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use scheduler::Failure;

const TRACES: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

/// Runs a trace again, and tells it.
fn tell(seed: u64, violation: &str) -> String {
    let (again, events) = match scheduler::run(seed, true) {
        Ok(()) => ("it does not fail again".to_owned(), Vec::new()),
        Err(Failure { violation, events }) => (violation, events),
    };
    format!("SEED={seed}: {violation}\n{}\n=> {again}", events.join("\n"))
}

#[test]
fn random_interleavings() {
    if let Some(seed) = number("SEED") {
        let outcome = scheduler::run(seed, false);
        assert!(outcome.is_ok(), "{}", tell(seed, &outcome.err().map(|failure| failure.violation).unwrap_or_default()));
        return;
    }
    let traces = number("TRACES").unwrap_or(TRACES);
    let (next, first) = (AtomicU64::new(0), Mutex::new(None::<(u64, String)>));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= traces || first.lock().expect("no panic under this lock").is_some() {
                        return;
                    }
                    if let Err(Failure { violation, .. }) = scheduler::run(seed, false) {
                        let mut first = first.lock().expect("no panic under this lock");
                        if first.as_ref().is_none_or(|(before, _)| seed < *before) {
                            *first = Some((seed, violation));
                        }
                    }
                }
            });
        }
    });
    if let Some((seed, violation)) = first.into_inner().expect("no panic under this lock") {
        panic!("{}", tell(seed, &violation));
    }
}
