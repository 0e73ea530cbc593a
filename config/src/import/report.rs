//! What an import does and did.

use std::fmt;

use secret_store_core::{Error, SecretName, SecretVersion};

use super::Existing;

/// What a run would do, if nobody changes anything before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportPlan {
    /// What becomes of those that are there.
    pub on_existing: Existing,
    /// They would be created.
    pub create: Vec<SecretName>,
    /// They are there.
    pub existing: Vec<SecretName>,
}

impl ImportPlan {
    /// Whether a run would write nothing because something is there.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.on_existing == Existing::Refuse && !self.existing.is_empty()
    }
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "it names what was written and what was left"]
pub struct ImportReport {
    /// What was written, in this order.
    pub written: Vec<Written>,
    /// What was there and was left.
    pub skipped: Vec<SecretName>,
}

/// A secret that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Its name.
    pub name: SecretName,
    /// Its version.
    pub version: SecretVersion,
}

/// A run that ended before its end.
#[derive(Debug)]
#[non_exhaustive]
pub struct ImportError {
    /// What was done until then.
    pub report: ImportReport,
    /// What was not written, beginning with the one that failed. Where the [kind](Error::kind) is
    /// [`Unavailable`](secret_store_core::ErrorKind::Unavailable), that one may have been.
    pub not_written: Vec<SecretName>,
    /// Why. It names the secret that failed, if it was one.
    pub error: Error,
}

impl ImportError {
    pub(super) fn new(report: ImportReport, error: Error, not_written: Vec<SecretName>) -> Self {
        Self { report, not_written, error }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (written, missing) = (self.report.written.len(), self.not_written.len());
        write!(f, "the import stopped: {written} secrets were written and {missing} were not")?;
        match self.not_written.first() {
            Some(first) => write!(f, ", from `{}` on", first.as_str().escape_debug()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
