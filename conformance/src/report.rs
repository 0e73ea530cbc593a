//! What a run found.

use std::fmt;
use std::time::Duration;

/// From here on the report says how long a case took.
const SLOW: Duration = Duration::from_secs(1);

/// The result of a suite: every case by name, with what became of it.
///
/// `Display` prints all of it, passed cases included. Nothing is skipped silently: a skipped case counts, prints with
/// its reason, and [`assert_complete`](Report::assert_complete) refuses it.
#[derive(Clone, Debug)]
#[must_use = "a report that nobody looks at finds nothing: call assert_passed or assert_complete"]
pub struct Report {
    suite: &'static str,
    cases: Vec<CaseReport>,
}

/// One case of a report.
#[derive(Clone, Debug)]
pub struct CaseReport {
    name: String,
    outcome: Outcome,
    elapsed: Duration,
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The obligation is kept.
    Passed,
    /// It is not, and this is how.
    Failed(String),
    /// The case could not run, and this is why.
    Skipped(String),
}

impl Report {
    pub(crate) fn new(suite: &'static str, cases: Vec<CaseReport>) -> Self {
        Self { suite, cases }
    }

    /// With the cases of another one, behind its own.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.cases.extend(other.cases);
        self
    }

    /// All cases, in the order they ran.
    #[must_use]
    pub fn cases(&self) -> &[CaseReport] {
        &self.cases
    }

    /// What became of a case, by its full name (`ordering::sorts_by_bytes`); `None` where there is none of this name.
    #[must_use]
    pub fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.cases.iter().find(|case| case.name == name).map(CaseReport::outcome)
    }

    /// The names of the cases that passed.
    pub fn passed(&self) -> impl Iterator<Item = &str> {
        self.of(|outcome| *outcome == Outcome::Passed)
    }

    /// The names of the cases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &str> {
        self.of(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    /// The names of the cases that did not run.
    pub fn skipped(&self) -> impl Iterator<Item = &str> {
        self.of(|outcome| matches!(outcome, Outcome::Skipped(_)))
    }

    fn of(&self, wanted: impl Fn(&Outcome) -> bool) -> impl Iterator<Item = &str> {
        self.cases.iter().filter(move |case| wanted(&case.outcome)).map(|case| case.name.as_str())
    }

    /// Demands that no case failed and at least one passed.
    ///
    /// # Panics
    ///
    /// Otherwise, with the whole report.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(self.failed().next().is_none(), "{self}");
        assert!(self.passed().next().is_some(), "no case ran\n{self}");
    }

    /// Demands that every case ran and passed.
    ///
    /// # Panics
    ///
    /// Otherwise, with the whole report.
    #[track_caller]
    pub fn assert_complete(&self) {
        self.assert_passed();
        assert!(self.skipped().next().is_none(), "cases were skipped\n{self}");
    }
}

impl CaseReport {
    pub(crate) fn new(name: String, outcome: Outcome, elapsed: Duration) -> Self {
        Self { name, outcome, elapsed }
    }

    /// The case's name, `group::case`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long it took.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// What became of it.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.cases {
            match &case.outcome {
                Outcome::Passed if case.elapsed >= SLOW => {
                    writeln!(f, "  passed   {} ({:.1?})", case.name, case.elapsed)?
                }
                Outcome::Passed => writeln!(f, "  passed   {}", case.name)?,
                Outcome::Skipped(reason) => writeln!(f, "  SKIPPED  {}: {reason}", case.name)?,
                Outcome::Failed(reason) => writeln!(f, "  FAILED   {}: {reason}", case.name)?,
            }
        }
        let (passed, failed, skipped) = (self.passed().count(), self.failed().count(), self.skipped().count());
        write!(f, "{}: {passed} passed, {failed} failed, {skipped} skipped", self.suite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: &[Outcome]) -> Report {
        let cases = outcomes
            .iter()
            .enumerate()
            .map(|(n, outcome)| CaseReport::new(format!("g::{n}"), outcome.clone(), Duration::ZERO));
        Report::new("suite", cases.collect())
    }

    fn panics(work: impl FnOnce() + std::panic::UnwindSafe) -> bool {
        std::panic::catch_unwind(work).is_err()
    }

    #[test]
    fn asserting_is_as_strict_as_it_says() {
        let (passed, failed, skipped) =
            (Outcome::Passed, Outcome::Failed("because".into()), Outcome::Skipped("no disk".into()));
        report(std::slice::from_ref(&passed)).assert_complete();
        report(&[passed.clone(), skipped.clone()]).assert_passed();
        assert!(panics(|| report(&[passed.clone(), skipped.clone()]).assert_complete()));
        assert!(panics(|| report(&[passed.clone(), failed.clone()]).assert_passed()));
        assert!(panics(|| report(&[]).assert_passed()), "an empty run proves nothing");
        assert!(panics(|| report(std::slice::from_ref(&skipped)).assert_passed()));
    }

    #[test]
    fn everything_is_printed() {
        let text = report(&[Outcome::Passed, Outcome::Failed("because".into()), Outcome::Skipped("no disk".into())]);
        assert_eq!(
            text.to_string(),
            "  passed   g::0\n  FAILED   g::1: because\n  SKIPPED  g::2: no disk\nsuite: 1 passed, 1 failed, 1 skipped"
        );
        assert_eq!(text.outcome("g::1"), Some(&Outcome::Failed("because".into())));
        assert_eq!(text.outcome("g::3"), None);
    }
}
