//! What is known of one writer.

use std::collections::BTreeSet;

use super::super::codes::Phase;
use super::super::entry::{AuditEntry, NO_HASH};
use super::super::head::WriterHead;
use super::super::key::Hash;
use super::super::timestamp::Timestamp;

/// So many operations without an outcome are kept one by one; the rest are counted.
const MAX_UNKNOWN: usize = 10_000;

/// What is known of one writer so far.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Its last entry so far; `None` for its hash where that entry was at fault.
    pub(super) sequence: u64,
    pub(super) hash: Option<Hash>,
    pub(super) time: Timestamp,
    pub(super) is_authenticated: bool,
    /// The entry that the head names was met, and was the same.
    pub(super) is_at_head: bool,
    /// Entries without an authentic MAC, up to the head and after it.
    pub(super) bare_to_head: u64,
    pub(super) bare_after_head: u64,
    pub(super) intents: u64,
    pub(super) outcomes: u64,
    pub(super) open: BTreeSet<u64>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            sequence: 0,
            hash: Some(NO_HASH),
            time: Timestamp::EPOCH,
            is_authenticated: false,
            is_at_head: false,
            bare_to_head: 0,
            bare_after_head: 0,
            intents: 0,
            outcomes: 0,
            open: BTreeSet::new(),
        }
    }

    /// Answers how many operations without an outcome are kept, of all writers.
    pub(super) fn count_operation(&mut self, entry: &AuditEntry, mut kept: usize) -> usize {
        match entry.phase() {
            Phase::Read => {}
            Phase::Intent => {
                self.intents += 1;
                if kept < MAX_UNKNOWN {
                    kept += usize::from(self.open.insert(entry.sequence()));
                }
            }
            Phase::Outcome => {
                self.outcomes += 1;
                kept -= usize::from(self.open.remove(&entry.operation()));
            }
        }
        kept
    }

    /// Entries that whoever can write to the log may have made.
    pub(super) fn unprotected(&self) -> u64 {
        self.bare_after_head + if self.is_at_head { 0 } else { self.bare_to_head }
    }

    pub(super) fn head(&self) -> Option<WriterHead> {
        let hash = self.hash?;
        (self.sequence > 0).then_some(WriterHead {
            sequence: self.sequence,
            hash,
            is_authenticated: self.is_authenticated,
        })
    }
}
