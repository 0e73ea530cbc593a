//! What a rotation says: while it works, and at its end.

use std::fmt;
use std::time::Duration;

use super::pass::Settled;
use super::place::{Phase, Place};
use crate::error::{Error, ErrorKind};
use crate::id::{ApplicationName, SecretId, SecretVersion};
use crate::persistence::RecordKey;

/// How many findings are kept; all are counted.
const MAX_KEPT: usize = 100;

/// A record that is in the way: that a rotation did not touch, or that a key is needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Where it stands.
    pub key: RecordKey,
    /// Whose it is, where that can be told.
    pub secret: Option<SecretId>,
    /// Which earlier version; `None` for a current record.
    pub version: Option<SecretVersion>,
    /// What it is, to match on; `None` where nothing is wrong with it.
    pub kind: Option<ErrorKind>,
    /// What it is, in one clause.
    pub reason: String,
}

impl Finding {
    pub(super) fn new(place: &Place, error: &Error) -> Self {
        Self { kind: Some(error.kind()), ..Self::needed(place, error.to_string()) }
    }

    pub(super) fn needed(place: &Place, reason: String) -> Self {
        let (key, secret) = (place.key.clone(), Some(place.id.clone()));
        Self { key, secret, version: place.version, kind: None, reason }
    }

    pub(super) fn of_key(key: RecordKey, error: &Error) -> Self {
        Self { key, secret: None, version: None, kind: Some(error.kind()), reason: error.to_string() }
    }

    pub(super) fn foreign(key: RecordKey) -> Self {
        let reason = "nothing that this library writes stands under such a name".to_owned();
        Self { key, secret: None, version: None, kind: Some(ErrorKind::Integrity), reason }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.secret, self.version) {
            (Some(secret), Some(version)) => write!(f, "{secret}, version {version}: {}", self.reason),
            (Some(secret), None) => write!(f, "{secret}: {}", self.reason),
            (None, _) => write!(f, "{:?}: {}", self.key, self.reason),
        }
    }
}

/// Findings: all counted, the first hundred kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    count: u64,
    first: Vec<Finding>,
}

impl Findings {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first hundred.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Finding> {
        self.first.iter()
    }

    pub(super) fn push(&mut self, finding: Finding) {
        self.count += 1;
        if self.first.len() < MAX_KEPT {
            // Names may be confidential, and the report has them.
            tracing::warn!(kind = ?finding.kind, "a record is in the way of a rotation: its report names it");
            self.first.push(finding);
        }
    }
}

/// How far a rotation is in one application, for a progress callback.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RotationProgress {
    /// Where it works.
    pub application: ApplicationName,
    /// Whether this is the pass that proves the end.
    pub is_closing: bool,
    /// Which records it visits.
    pub phase: Phase,
    /// Records visited in this pass.
    pub seen: u64,
    /// Records changed by this run.
    pub changed: u64,
    /// Records in this pass that are neither as before nor as they are to be.
    pub reported: u64,
    /// Records visited a second in this pass.
    pub per_second: f64,
    /// Records that this pass has still to visit, as far as is known: by a whole pass before, or
    /// [counted](super::RotationOptions::counting_first) ones.
    pub remaining: Option<u64>,
}

/// What became of one application.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApplicationReport {
    /// Which one.
    pub application: ApplicationName,
    /// Whether the proof is complete: everything was visited after late writers were shut out. False where it was cancelled.
    pub is_finished: bool,
    /// Records changed by this run.
    pub changed: u64,
    /// Records visited by the last pass.
    pub seen: u64,
    /// Records that are neither as before nor as they are to be: they were not touched.
    pub neither: Findings,
}

impl ApplicationReport {
    /// Of an application that was not reached before the rotation was cancelled.
    pub(super) fn not_begun(application: &ApplicationName) -> Self {
        Self { application: application.clone(), is_finished: false, changed: 0, seen: 0, neither: Findings::default() }
    }
}

/// What became of a rotation.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RotationReport {
    /// In the order they were worked on.
    pub applications: Vec<ApplicationReport>,
}

impl RotationReport {
    /// Whether every application is finished and no record was left in between.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.applications.iter().all(|of| of.is_finished && of.neither.is_empty())
    }

    /// Records changed by this run.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.applications.iter().map(|of| of.changed).sum()
    }
}

/// The counts of one run in one application.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) seen: u64,
    pub(super) changed: u64,
    /// Of these, not yet in the job's record.
    unwritten: u64,
    pub(super) neither: Findings,
    /// How many there are in all, where that was counted.
    pub(super) expected: Option<u64>,
    /// When the pass began, on the monotonic clock.
    pub(super) began: Duration,
}

impl Tally {
    /// Begins another pass.
    pub(super) fn begin_pass(&mut self, now: Duration) {
        (self.seen, self.neither, self.began) = (0, Findings::default(), now);
    }

    /// Counts a page. Answers whether all of it was done: if not, it will be visited again, and only what was changed counts.
    pub(super) fn add(&mut self, settled: Vec<Settled>) -> bool {
        let changed = settled.iter().filter(|settled| matches!(settled, Settled::Changed)).count() as u64;
        self.changed += changed;
        self.unwritten += changed;
        if settled.iter().any(|settled| matches!(settled, Settled::Left)) {
            return false;
        }
        for settled in settled {
            self.seen += u64::from(!matches!(settled, Settled::Skipped));
            if let Settled::Reported(finding) = settled {
                self.neither.push(finding);
            }
        }
        true
    }

    pub(super) fn take_unwritten(&mut self) -> u64 {
        std::mem::take(&mut self.unwritten)
    }
}
