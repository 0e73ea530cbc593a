//! What a rotation of a credential key says.

use std::collections::BTreeMap;
use std::fmt;

use secret_store_core::{Error, ErrorKind};

use crate::credential::place::{CredentialKeyVersion, CredentialPlace};
use crate::credential::records;

/// How many findings are kept; all are counted.
const MAX_KEPT: usize = 100;

/// A user's credentials, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialCensus {
    /// How many are under each version of the key, as their headers claim.
    pub by_version: BTreeMap<CredentialKeyVersion, u64>,
    /// Fields that were removed.
    pub removed: u64,
    /// Records that are no credential, or another one than their place says.
    pub malformed: u64,
}

/// A record that a rotation did not touch because it is no credential, or does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialFinding {
    /// Which field, where that can be told.
    pub place: Option<CredentialPlace>,
    /// What is wrong, to match on.
    pub kind: ErrorKind,
}

impl fmt::Display for CredentialFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.kind),
            None => write!(f, "a record in no field's place: {}", self.kind),
        }
    }
}

/// How far a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialProgress {
    /// Fields looked at by this call.
    pub seen: u64,
    /// Those of them that it encrypted anew.
    pub changed: u64,
    /// Those that are in its way.
    pub reported: u64,
}

/// What a rotation did, and what it left.
#[derive(Clone, Debug)]
#[must_use = "findings are reported here, and keep the old key alive"]
pub struct CredentialRotation {
    to: CredentialKeyVersion,
    seen: u64,
    changed: u64,
    reported: u64,
    findings: Vec<CredentialFinding>,
    pub(super) shredded: Vec<CredentialKeyVersion>,
    is_finished: bool,
}

impl CredentialRotation {
    pub(super) fn new(to: CredentialKeyVersion) -> Self {
        Self { to, seen: 0, changed: 0, reported: 0, findings: Vec::new(), shredded: Vec::new(), is_finished: false }
    }

    pub(super) fn count(&mut self, changed: bool) {
        self.seen += 1;
        self.changed += u64::from(changed);
    }

    pub(super) fn find(&mut self, sort: &str, error: &Error) {
        self.seen += 1;
        self.reported += 1;
        if self.findings.len() < MAX_KEPT {
            self.findings.push(CredentialFinding { place: records::place_of(sort), kind: error.kind() });
        }
    }

    pub(super) fn finish(&mut self) {
        self.is_finished = true;
    }

    pub(super) fn progress(&self) -> CredentialProgress {
        CredentialProgress { seen: self.seen, changed: self.changed, reported: self.reported }
    }

    /// The version that credentials are under now.
    #[must_use]
    pub fn version(&self) -> CredentialKeyVersion {
        self.to
    }

    /// How many fields this call encrypted anew.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.changed
    }

    /// What was in its way: the first hundred. [`reported`](Self::reported) counts all.
    #[must_use]
    pub fn findings(&self) -> &[CredentialFinding] {
        &self.findings
    }

    /// How many records were in its way.
    #[must_use]
    pub fn reported(&self) -> u64 {
        self.reported
    }

    /// The versions whose keys this call deleted.
    #[must_use]
    pub fn shredded(&self) -> &[CredentialKeyVersion] {
        &self.shredded
    }

    /// Whether every older key is gone. `false` where a finding keeps the old key alive.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }
}
