//! The last entry of every writer that is known to stand in the log.

use std::collections::HashMap;

use secret_store_core::audit::{AuditEntry, WriterId};
use secret_store_core::{Error, ErrorKind, Result};

/// Beyond so many writers those that were not heard of for the longest time are forgotten: an entry of theirs that comes again is
/// written again, and one in the place of another is not noticed before the log is verified.
const MAX_WRITERS: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct Ends {
    of: HashMap<WriterId, End>,
    /// Counts entries, to know the oldest.
    entries: u64,
}

#[derive(Debug)]
struct End {
    sequence: u64,
    hash: [u8; 32],
    last: u64,
}

impl Ends {
    /// Takes note of an entry in the log.
    pub(super) fn note(&mut self, entry: &AuditEntry) {
        self.entries += 1;
        if self.of.get(&entry.writer()).is_some_and(|end| end.sequence > entry.sequence()) {
            return;
        }
        if self.of.len() >= MAX_WRITERS && !self.of.contains_key(&entry.writer()) {
            self.forget_half();
        }
        let end = End { sequence: entry.sequence(), hash: *entry.hash(), last: self.entries };
        self.of.insert(entry.writer(), end);
    }

    /// Those of one writer's entries that do not stand in the log yet.
    pub(super) fn missing<'a>(&self, entries: &'a [AuditEntry]) -> Result<&'a [AuditEntry]> {
        let Some(end) = entries.first().and_then(|entry| self.of.get(&entry.writer())) else { return Ok(entries) };
        let (there, missing) = entries.split_at(entries.partition_point(|entry| entry.sequence() <= end.sequence));
        let is_own = match (there.last(), missing.first()) {
            // What stands before this one is in its hash.
            (Some(last), _) => last.sequence() == end.sequence && *last.hash() == end.hash,
            (None, Some(next)) => next.sequence() == end.sequence + 1 && *next.previous() == end.hash,
            (None, None) => true,
        };
        if is_own {
            return Ok(missing);
        }
        Err(Error::new(ErrorKind::AlreadyExists, "the audit log goes on otherwise for this writer than the entries do"))
    }

    fn forget_half(&mut self) {
        let mut all: Vec<_> = self.of.values().map(|end| end.last).collect();
        let middle = all.len() / 2;
        let (_, &mut median, _) = all.select_nth_unstable(middle);
        self.of.retain(|_, end| end.last > median);
    }
}
