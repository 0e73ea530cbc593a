//! Measurements that take turns, so that all meet the same machine: ratios hold also where others use it too.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long one turn is about, in nanoseconds; longer where one run is.
const TURN: u128 = 500_000;
/// How long those that take turns take them at least: a burst of other work is shorter, also where there are few turns.
const LEAST: Duration = Duration::from_secs(1);
/// How often as many turns are taken again at most, where some of them were disturbed.
const AGAIN: usize = 4;
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

/// The median of each in nanoseconds. They take so many turns at least, and turns at being first.
///
/// What hands work to another thread may wait for a processor in most of its turns while others use the machine: where the half of
/// them took far longer than the fastest did, all take their turns again.
///
/// # Panics
///
/// Never: there are turns.
#[must_use]
pub fn medians(mut contenders: Vec<Contender>, turns: usize) -> Vec<(&'static str, f64)> {
    let times: Vec<usize> = contenders.iter_mut().map(Contender::times).collect();
    let mut taken = vec![Vec::with_capacity(turns); contenders.len()];
    for _ in 0..=AGAIN {
        take_turns(&mut contenders, &times, turns, &mut taken);
        if !taken.iter_mut().any(|taken| is_disturbed(taken)) {
            break;
        }
    }
    contenders
        .iter()
        .zip(taken)
        .zip(times)
        .map(|((contender, mut taken), times)| (contender.name, median(&mut taken).as_secs_f64() * 1e9 / times as f64))
        .collect()
}

/// So many turns of each, and more until [`LEAST`] is over.
fn take_turns(contenders: &mut [Contender], times: &[usize], turns: usize, taken: &mut [Vec<Duration>]) {
    let (began, count) = (Instant::now(), contenders.len());
    let mut turn = 0;
    while turn < turns || began.elapsed() < LEAST {
        for place in 0..count {
            let at = (turn + place) % count;
            taken[at].push((contenders[at].run)(times[at]));
        }
        turn += 1;
    }
}

fn median(taken: &mut [Duration]) -> Duration {
    taken.sort_unstable();
    taken[taken.len() / 2]
}

/// Whether the middle is more than twice what a tenth of the turns did not exceed.
fn is_disturbed(taken: &mut [Duration]) -> bool {
    let middle = median(taken);
    middle > 2 * taken[taken.len() / 10]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_all_turns_and_bursts_are_seen() {
        let micros = |each: &[u64]| each.iter().copied().map(Duration::from_micros).collect::<Vec<_>>();
        let mut quiet = micros(&[9, 10, 11, 12, 10, 9, 10, 90, 80, 10]);
        assert_eq!(median(&mut quiet), Duration::from_micros(10));
        assert!(!is_disturbed(&mut quiet), "less than the half of them");
        let mut burst = micros(&[10, 10_000, 11, 9_000, 10_000, 10, 10_000, 8_000, 10_000, 10_000]);
        assert!(is_disturbed(&mut burst));
    }

    #[test]
    fn a_few_turns_of_what_is_slow_go_on_for_a_while() {
        let mut taken = [Vec::new(), Vec::new()];
        let mut contenders = [(); 2].map(|()| Contender::new("slow", || std::thread::sleep(Duration::from_millis(20))));
        let began = Instant::now();
        take_turns(&mut contenders, &[1, 1], 3, &mut taken);
        assert!(began.elapsed() >= LEAST);
        assert!(taken[0].len() > 3, "{}", taken[0].len());
        assert_eq!(taken[0].len(), taken[1].len());
    }
}
