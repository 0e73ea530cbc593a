//! What a commit does to one record, and under which condition.

use std::sync::Arc;

use super::{Limits, RecordKey, Revision};
use crate::error::{Error, Result};
use crate::record::Record;

/// What must be true of a record for a write to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precondition {
    /// Nothing.
    #[default]
    Any,
    /// No record is there.
    Absent,
    /// The record has this revision.
    Revision(Revision),
}

impl Precondition {
    /// Whether the precondition holds of what is there: the one definition every persistence shares.
    #[must_use]
    pub fn holds(&self, current: Option<&Revision>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => current.is_none(),
            Self::Revision(expected) => current == Some(expected),
        }
    }
}

/// One write of a commit.
#[derive(Clone, Debug)]
pub enum Write {
    /// Creates or replaces a record.
    Put {
        /// Where.
        key: RecordKey,
        /// What.
        record: Arc<Record>,
        /// On what condition.
        precondition: Precondition,
    },
    /// Removes a record.
    Delete {
        /// Where.
        key: RecordKey,
        /// On what condition.
        precondition: Precondition,
    },
    /// Changes nothing, but the commit fails unless the precondition holds.
    Check {
        /// Where.
        key: RecordKey,
        /// The condition.
        precondition: Precondition,
    },
}

impl Write {
    /// A put.
    #[must_use]
    pub fn put(key: RecordKey, record: impl Into<Arc<Record>>, precondition: Precondition) -> Self {
        Self::Put { key, record: record.into(), precondition }
    }

    /// A delete.
    #[must_use]
    pub fn delete(key: RecordKey, precondition: Precondition) -> Self {
        Self::Delete { key, precondition }
    }

    /// A check.
    #[must_use]
    pub fn check(key: RecordKey, precondition: Precondition) -> Self {
        Self::Check { key, precondition }
    }

    /// The record's key.
    #[must_use]
    pub fn key(&self) -> &RecordKey {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }

    /// The condition.
    #[must_use]
    pub fn precondition(&self) -> &Precondition {
        match self {
            Self::Put { precondition, .. } | Self::Delete { precondition, .. } | Self::Check { precondition, .. } => {
                precondition
            }
        }
    }

    /// Checks what every persistence must refuse before it begins: two writes of one key, more writes or larger records
    /// than `limits` allow.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) or [`TooLarge`](crate::ErrorKind::TooLarge).
    pub fn check_all(writes: &[Self], limits: &Limits) -> Result<()> {
        if writes.len() > limits.writes_per_commit {
            return Err(Error::too_large(
                "number of writes in one commit",
                limits.writes_per_commit as u64,
                writes.len() as u64,
            ));
        }
        for (index, write) in writes.iter().enumerate() {
            if writes[..index].iter().any(|earlier| earlier.key() == write.key()) {
                return Err(Error::invalid_input("two writes of one commit name the same record"));
            }
            if let Self::Put { record, .. } = write {
                record.check_size(limits.record_bytes)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preconditions_hold_of_exactly_what_they_say() {
        let (one, two) = (Revision::from(1), Revision::from(2));
        assert!(Precondition::Any.holds(None) && Precondition::Any.holds(Some(&one)));
        assert!(Precondition::Absent.holds(None) && !Precondition::Absent.holds(Some(&one)));
        let expects = Precondition::Revision(one.clone());
        assert!(expects.holds(Some(&one)) && !expects.holds(Some(&two)) && !expects.holds(None));
    }
}
