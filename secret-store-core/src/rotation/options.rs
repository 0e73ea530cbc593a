//! How a rotation is run, watched and stopped.

use std::fmt;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use super::lease::Lease;
use super::place::{Phase, Scope};
use super::report::{RotationProgress, Tally};
use super::work::PassKind;
use crate::clock::Clock;
use crate::error::Result;

const DEFAULT_CONCURRENCY: NonZeroUsize = NonZeroUsize::new(8).expect("not zero");
const DEFAULT_PAGE: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

type Callback = Arc<dyn Fn(&RotationProgress) + Send + Sync>;

/// How a rotation is run.
#[derive(Clone)]
#[non_exhaustive]
pub struct RotationOptions {
    /// How many records are worked on at the same time; 8 by default.
    pub concurrency: NonZeroUsize,
    /// How many records are read at a time, and after how many the job is written; 100 by default.
    pub page: NonZeroUsize,
    /// Whether records are counted before the work begins.
    pub(super) counts_first: bool,
    progress: Option<Callback>,
    control: RotationControl,
}

impl Default for RotationOptions {
    fn default() -> Self {
        Self {
            concurrency: DEFAULT_CONCURRENCY,
            page: DEFAULT_PAGE,
            counts_first: false,
            progress: None,
            control: RotationControl::default(),
        }
    }
}

impl fmt::Debug for RotationOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotationOptions")
            .field("concurrency", &self.concurrency)
            .field("page", &self.page)
            .finish_non_exhaustive()
    }
}

impl RotationOptions {
    /// Works on so many records at the same time.
    #[must_use]
    pub fn with_concurrency(mut self, records: NonZeroUsize) -> Self {
        self.concurrency = records;
        self
    }

    /// Reads so many records at a time, and writes the job after each so many.
    #[must_use]
    pub fn with_page(mut self, records: NonZeroUsize) -> Self {
        self.page = records;
        self
    }

    /// Counts the records first, which reads them all once more, so that progress can say what remains from the beginning.
    #[must_use]
    pub fn counting_first(mut self) -> Self {
        self.counts_first = true;
        self
    }

    /// Calls this after each page. It must not block.
    #[must_use]
    pub fn with_progress(mut self, progress: impl Fn(&RotationProgress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// Lets this handle pause, resume and cancel.
    #[must_use]
    pub fn with_control(mut self, control: RotationControl) -> Self {
        self.control = control;
        self
    }

    pub(super) fn mode(&self) -> Mode {
        self.control.mode()
    }

    pub(super) fn control(&self) -> &RotationControl {
        &self.control
    }

    /// Waits, holding the lease, until the work may go on or is cancelled.
    pub(super) async fn wait_while_paused(&self, lease: &mut Lease<'_>) -> Result<Mode> {
        match self.mode() {
            Mode::Paused => lease.hold(self.control.until(|mode| mode != Mode::Paused)).await,
            mode => Ok(mode),
        }
    }

    pub(super) fn report(&self, clock: &dyn Clock, tally: &Tally, scope: &Scope, phase: Phase, kind: PassKind) {
        let Some(progress) = &self.progress else { return };
        let seconds = clock.monotonic().saturating_sub(tally.began).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate to look at")]
        let per_second = if seconds > 0.0 { tally.seen as f64 / seconds } else { 0.0 };
        progress(&RotationProgress {
            application: scope.application.clone(),
            is_closing: kind == PassKind::Closing,
            phase,
            seen: tally.seen,
            changed: tally.changed,
            reported: tally.neither.count(),
            per_second,
            remaining: tally.expected.map(|expected| expected.saturating_sub(tally.seen)),
        });
    }
}

/// Whether the work goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    #[default]
    Running,
    Paused,
    Cancelled,
}

/// Pauses, resumes and cancels a rotation from elsewhere. Cheap to clone: clones share everything.
///
/// Records under way are finished first. A paused rotation keeps its lease; a cancelled one gives it back, and the same rotation
/// may be run again to go on. Dropping the future of a run stops it too, but whoever goes on then waits a minute for its lease.
#[derive(Clone, Debug, Default)]
pub struct RotationControl(Arc<Mutex<(Mode, Vec<Waker>)>>);

impl RotationControl {
    /// Makes a handle.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins no further record until it is resumed.
    pub fn pause(&self) {
        self.set(Mode::Paused);
    }

    /// Goes on after a pause.
    pub fn resume(&self) {
        self.set(Mode::Running);
    }

    /// Ends the run. What is cancelled stays so.
    pub fn cancel(&self) {
        self.set(Mode::Cancelled);
    }

    fn set(&self, mode: Mode) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 != Mode::Cancelled {
            state.0 = mode;
        }
        let wakers = std::mem::take(&mut state.1);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn mode(&self) -> Mode {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits for a mode.
    pub(super) async fn until(&self, is_awaited: impl Fn(Mode) -> bool) -> Mode {
        poll_fn(|context| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if is_awaited(state.0) {
                return Poll::Ready(state.0);
            }
            if !state.1.iter().any(|waker| waker.will_wake(context.waker())) {
                state.1.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}
