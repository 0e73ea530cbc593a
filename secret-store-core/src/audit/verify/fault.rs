//! What can be wrong with a log.

use std::fmt;

use super::super::writer::WriterId;

/// One thing that is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The position, from 0, of the entry at fault among those given; of what is missing, of the entry before which it should stand
    /// (for an end cut off, the number of all entries).
    pub index: u64,
    /// Whose chain, as far as the entry says.
    pub writer: Option<WriterId>,
    /// The number of the entry at fault, or of the first that is missing.
    pub sequence: Option<u64>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// It is no entry, or not in the one form of one.
    Malformed,
    /// It is an entry of a later release: verify with that one.
    Unsupported,
    /// Its hash is not that of its content.
    Altered,
    /// No key that was given authenticates it, and the head does not vouch for it.
    NotAuthentic,
    /// It belongs to another place: another record, application or environment.
    Misplaced,
    /// Entries of its writer are missing before it: from the fault's number through this one.
    Missing {
        /// The number of the last that is missing.
        through: u64,
    },
    /// Its writer's entry of this number, or a later one, came before: repeated, or out of order.
    Repeated,
    /// An entry came before that belongs after it, by [`Verifier::in_order_of_time`](super::Verifier::in_order_of_time).
    OutOfOrder,
    /// It does not continue the entry before it in its chain: one of the two is not what was written.
    Broken,
    /// The head names another entry of this number.
    NotOfHead,
    /// The log ends before the head: entries are missing from the fault's number through this one.
    Cut {
        /// The number of the last that the head names.
        through: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "audit entry {}", self.index)?;
        match (self.writer, self.sequence) {
            (Some(writer), Some(sequence)) => write!(f, " (writer {writer}, number {sequence}): ")?,
            _ => f.write_str(": ")?,
        }
        match self.kind {
            FaultKind::Malformed => f.write_str("no entry"),
            FaultKind::Unsupported => f.write_str("of a later release"),
            FaultKind::Altered => f.write_str("altered"),
            FaultKind::NotAuthentic => f.write_str("not authentic"),
            FaultKind::Misplaced => f.write_str("in the wrong place"),
            FaultKind::Missing { through } => write!(f, "entries up to number {through} are missing before it"),
            FaultKind::Repeated => f.write_str("repeated or out of order"),
            FaultKind::OutOfOrder => f.write_str("out of order"),
            FaultKind::Broken => f.write_str("does not continue the one before"),
            FaultKind::NotOfHead => f.write_str("another one than the head names"),
            FaultKind::Cut { through } => {
                write!(f, "the log is cut off, the head names entries up to number {through}")
            }
        }
    }
}
