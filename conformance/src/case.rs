//! One case: a named async function, run so that nothing it does stops the others.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location};

use futures::FutureExt;
use futures::future::{BoxFuture, Either, select};
use secret_store_core::{Clock, Error, ErrorKind, SystemClock};

use crate::options::Options;
use crate::report::{CaseReport, Outcome, Report};

/// A case over a fixture `F`, which is made anew for it. Work of another type than the usual one may be unfit for `Send`.
pub(crate) struct Case<F, Work = BoxFuture<'static, Verdict>> {
    pub(crate) name: &'static str,
    pub(crate) run: fn(F) -> Work,
}

/// What a case answers.
pub(crate) type Verdict = Result<(), Stop>;

/// Why a case ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// An obligation is broken, and this is how.
    Failed(String),
    /// The case cannot run here, and this is why.
    Skipped(String),
}

impl Stop {
    #[track_caller]
    pub(crate) fn failed(reason: impl AsRef<str>) -> Self {
        let at = Location::caller();
        Self::Failed(format!("{} ({}:{})", reason.as_ref(), at.file(), at.line()))
    }

    pub(crate) fn skipped(reason: impl Into<String>) -> Self {
        Self::Skipped(reason.into())
    }
}

impl From<Error> for Stop {
    #[track_caller]
    fn from(error: Error) -> Self {
        Self::failed(format!("unexpected error: {error} [{:?}]", error.kind()))
    }
}

/// Ends the case as failed unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($reason:tt)+) => {
        if !$condition {
            return Err($crate::case::Stop::failed(format!($($reason)+)));
        }
    };
}

/// The cases of a group, each by the name of its function.
macro_rules! cases {
    ($fixture:ty; $($rest:tt)+) => {
        $crate::case::cases! { $fixture, futures::future::BoxFuture<'static, Verdict>; $($rest)+ }
    };
    ($fixture:ty, $work:ty; $group:literal: $($case:ident),+ $(,)?) => {
        pub(super) const CASES: &[$crate::case::Case<$fixture, $work>] = &[$($crate::case::Case {
            name: concat!($group, "::", stringify!($case)),
            run: |fixture| Box::pin($case(fixture)),
        }),+];
    };
}

pub(crate) use {cases, ensure};

/// Demands an error of a kind (the numbers of a `TooLarge` do not matter).
#[track_caller]
pub(crate) fn refused<T>(result: Result<T, Error>, kind: ErrorKind, what: &str) -> Result<Error, Stop> {
    match result {
        Ok(_) => Err(Stop::failed(format!("{what}: succeeded, expected {kind:?}"))),
        Err(error) if std::mem::discriminant(&error.kind()) == std::mem::discriminant(&kind) => Ok(error),
        Err(error) => Err(Stop::failed(format!("{what}: {error} [{:?}], expected {kind:?}", error.kind()))),
    }
}

/// Runs the cases one after another, each with a fixture of its own.
pub(crate) async fn run_cases<'a, F, Work, M, Made>(
    suite: &'static str,
    cases: impl Iterator<Item = &'a Case<F, Work>>,
    options: &Options,
    make: M,
) -> Report
where
    F: Send + 'static,
    Work: Future<Output = Verdict> + 'static,
    M: Fn() -> Made,
    Made: Future<Output = Result<F, Stop>>,
{
    let mut reports = Vec::new();
    for case in cases {
        let begun = SystemClock.monotonic();
        let outcome = match &options.only {
            Some(text) if !case.name.contains(text) => Outcome::Skipped(format!("only {text:?} was asked for")),
            _ => run_case(case, options, make()).await,
        };
        reports.push(CaseReport::new(case.name.to_owned(), outcome, SystemClock.monotonic() - begun));
    }
    Report::new(suite, reports)
}

async fn run_case<F, Work: Future<Output = Verdict>>(
    case: &Case<F, Work>,
    options: &Options,
    made: impl Future<Output = Result<F, Stop>>,
) -> Outcome {
    let work = caught(async { (case.run)(made.await?).await });
    let clock = SystemClock;
    let limit = clock.sleep(options.timeout);
    let verdict = match select(Box::pin(work), limit).await {
        Either::Left((verdict, _)) => verdict,
        Either::Right(_) => Err(Stop::Failed(format!("did not finish within {:?}", options.timeout))),
    };
    match verdict {
        Ok(()) => Outcome::Passed,
        Err(Stop::Failed(reason)) => Outcome::Failed(reason),
        Err(Stop::Skipped(reason)) => Outcome::Skipped(reason),
    }
}

/// Turns a panic into a failure.
pub(crate) async fn caught<T>(work: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    // Whatever the panic left half done belongs to this case's own instance, which is dropped.
    let answer = AssertUnwindSafe(work).catch_unwind().await;
    answer.unwrap_or_else(|panic| Err(Stop::Failed(format!("panicked: {}", panic_message(&*panic)))))
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
