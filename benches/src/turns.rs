//! Measurements that take turns, so that all meet the same machine: ratios hold also where others use it too.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long one turn is about, in nanoseconds; longer where one run is.
const TURN: u128 = 500_000;
/// How many inputs are ready at a time: so few that they stay in the processor's caches.
const INPUTS: usize = 8;

/// Something to measure. Its result is dropped within the time: wiping belongs to what an operation costs.
#[expect(missing_debug_implementations, reason = "it is a function")]
pub struct Contender {
    name: &'static str,
    /// Runs so often and answers how long it took.
    run: Box<dyn FnMut(usize) -> Duration>,
}

impl Contender {
    /// An operation.
    pub fn new<T>(name: &'static str, mut operation: impl FnMut() -> T + 'static) -> Self {
        let run = move |times: usize| {
            let began = Instant::now();
            for _ in 0..times {
                drop(black_box(operation()));
            }
            began.elapsed()
        };
        Self { name, run: Box::new(run) }
    }

    /// An operation that consumes its input, whose making is not measured.
    pub fn with_input<I, T>(
        name: &'static str,
        mut input: impl FnMut() -> I + 'static,
        mut operation: impl FnMut(I) -> T + 'static,
    ) -> Self {
        let run = move |times: usize| {
            let mut took = Duration::ZERO;
            let mut left = times;
            while left > 0 {
                let inputs: Vec<I> = (0..left.min(INPUTS)).map(|_| input()).collect();
                left -= inputs.len();
                let began = Instant::now();
                for input in inputs {
                    drop(black_box(operation(black_box(input))));
                }
                took += began.elapsed();
            }
            took
        };
        Self { name, run: Box::new(run) }
    }

    /// How often it runs in a turn.
    fn times(&mut self) -> usize {
        (self.run)(64);
        let took = (self.run)(64).as_nanos().max(1);
        // A turn that is shorter than what a scheduler grants at once is seldom interrupted: what is slow runs once.
        usize::try_from(64 * TURN / took).unwrap_or(usize::MAX).max(1)
    }
}

/// How many turns the arguments of this program ask for: so many, an eighth of them with `--quick`, none with `--test`.
#[must_use]
pub fn asked(turns: usize) -> Option<usize> {
    let has = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    if has("--test") {
        return None;
    }
    Some(if has("--quick") { turns.div_ceil(8) } else { turns })
}

/// Runs each once.
pub fn once(contenders: Vec<Contender>) {
    for mut contender in contenders {
        (contender.run)(1);
    }
}

/// The median of each in nanoseconds. They take so many turns, and turns at being first.
///
/// # Panics
///
/// Never: there are turns.
#[must_use]
pub fn medians(mut contenders: Vec<Contender>, turns: usize) -> Vec<(&'static str, f64)> {
    let times: Vec<usize> = contenders.iter_mut().map(Contender::times).collect();
    let mut taken = vec![Vec::with_capacity(turns); contenders.len()];
    let count = contenders.len();
    for turn in 0..turns {
        for place in 0..count {
            let at = (turn + place) % count;
            taken[at].push((contenders[at].run)(times[at]));
        }
    }
    let median = |mut taken: Vec<Duration>, times: usize| {
        taken.sort_unstable();
        taken[taken.len() / 2].as_secs_f64() * 1e9 / times as f64
    };
    contenders
        .iter()
        .zip(taken)
        .zip(times)
        .map(|((contender, taken), times)| (contender.name, median(taken, times)))
        .collect()
}
