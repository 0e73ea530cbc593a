//! What a verifier found.

use super::super::head::{AuditHead, WriterHead};
use super::super::timestamp::Timestamp;
use super::super::writer::WriterId;
use super::fault::Fault;
use crate::error::{Error, ErrorKind, Result};

/// An operation whose intent is in the log and whose outcome is not: it is unknown whether it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct UnknownOperation {
    /// Whose chain.
    pub writer: WriterId,
    /// The number of the intent.
    pub sequence: u64,
}

/// What a [`Verifier`](super::Verifier) found.
#[derive(Clone, Debug)]
#[must_use = "a fault that nobody looks at is not detected"]
pub struct Verification {
    pub(super) entries: u64,
    pub(super) authenticated: u64,
    pub(super) unprotected: u64,
    pub(super) faults: Vec<Fault>,
    pub(super) fault_count: u64,
    pub(super) unknown: Vec<UnknownOperation>,
    pub(super) unknown_count: u64,
    pub(super) writers: Vec<(WriterId, WriterHead)>,
}

impl Verification {
    /// The number of entries that were given.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The number of entries that a key authenticates.
    #[must_use]
    pub fn authenticated(&self) -> u64 {
        self.authenticated
    }

    /// The number of entries without a fault that neither a key nor the head vouches for: whoever can write to the log may have made
    /// them. 0 wherever a key was given.
    #[must_use]
    pub fn unprotected(&self) -> u64 {
        self.unprotected
    }

    /// What is wrong, in the order of the entries: the first thousand.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// How much is wrong in all.
    #[must_use]
    pub fn fault_count(&self) -> u64 {
        self.fault_count
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.fault_count == 0
    }

    /// Nothing, or an error that names the first fault.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity).
    pub fn check(&self) -> Result<()> {
        match self.faults.first() {
            None => Ok(()),
            Some(fault) => Err(Error::new(ErrorKind::Integrity, fault.to_string()).with_operation("verify audit log")),
        }
    }

    /// Mutations whose intent has no outcome: the first ten thousand that were open at a time. A process that died in between, a
    /// dropped future, an outcome that the sink refused.
    #[must_use]
    pub fn unknown(&self) -> &[UnknownOperation] {
        &self.unknown
    }

    /// The number of all mutations whose intent has no outcome.
    #[must_use]
    pub fn unknown_count(&self) -> u64 {
        self.unknown_count
    }

    /// The head of the log that was verified, to keep where those who can write to the log cannot.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) when anything is wrong: the head would vouch for it;
    /// [`TooLarge`](ErrorKind::TooLarge) for more than a million writers.
    pub fn head(&self, time: impl Into<Timestamp>) -> Result<AuditHead> {
        self.check()?;
        AuditHead::new(time.into(), self.writers.iter().copied())
    }
}
