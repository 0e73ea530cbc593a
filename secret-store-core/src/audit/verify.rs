//! Whether a log is what was written: every entry there, once, unchanged, in its place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::entry::{AuditEntry, NO_HASH, Phase};
use super::head::{AuditHead, WriterHead};
use super::key::{AuditKey, Hash};
use super::timestamp::Timestamp;
use super::writer::WriterId;
use crate::error::{Error, ErrorKind, Result};
use crate::id::ApplicationName;

/// So many faults are kept one by one; the rest are counted.
const MAX_FAULTS: usize = 1000;
/// So many operations without an outcome are kept one by one; the rest are counted.
const MAX_UNKNOWN: usize = 10_000;

/// Checks a log entry by entry. The memory it takes grows with the number of writers, not of entries.
///
/// Give it the entries of a whole log, those of each writer in their order (as every log of this library gives them), then
/// [`finish`](Verifier::finish). What it finds depends on what it is given:
///
/// * **a key and a head**: every entry that was changed, removed, repeated, moved or added, recomputed chains, writers removed
///   whole and ends cut off included – of what was written before the head. After it, all but ends cut off and whole writers
///   removed.
/// * **a key alone**: all but ends cut off and whole writers removed.
/// * **a head alone**: everything before the head; of what came after it, only accidents.
/// * **neither**: accidents. Whoever can write to the log can make another that fits together.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    keys: Vec<Arc<AuditKey>>,
    head: Option<Arc<AuditHead>>,
    environment: Option<Arc<str>>,
    application: Option<ApplicationName>,
    order: Option<(Timestamp, WriterId, u64)>,
    writers: BTreeMap<WriterId, State>,
    index: u64,
    authenticated: u64,
    faults: Vec<Fault>,
    fault_count: u64,
    open_count: usize,
}

/// What is known of one writer so far.
#[derive(Clone, Debug)]
struct State {
    /// Its last entry so far; `None` for its hash where that entry was at fault.
    sequence: u64,
    hash: Option<Hash>,
    time: Timestamp,
    is_authenticated: bool,
    /// The entry that the head names was met, and was the same.
    is_at_head: bool,
    /// Entries without an authentic MAC, up to the head and after it.
    bare_to_head: u64,
    bare_after_head: u64,
    intents: u64,
    outcomes: u64,
    open: BTreeSet<u64>,
}

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
    /// An entry came before that belongs after it, by [`Verifier::in_order_of_time`].
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

/// An operation whose intent is in the log and whose outcome is not: it is unknown whether it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct UnknownOperation {
    /// Whose chain.
    pub writer: WriterId,
    /// The number of the intent.
    pub sequence: u64,
}

/// What a [`Verifier`] found.
#[derive(Clone, Debug)]
#[must_use = "a fault that nobody looks at is not detected"]
pub struct Verification {
    entries: u64,
    authenticated: u64,
    unprotected: u64,
    faults: Vec<Fault>,
    fault_count: u64,
    unknown: Vec<UnknownOperation>,
    unknown_count: u64,
    writers: Vec<(WriterId, WriterHead)>,
}

impl Verifier {
    /// With nothing to check against but the chain itself.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands that every entry is authenticated by this key, or another one given, or that the head vouches for it as it is: so
    /// entries from before there was a key stay verifiable.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Arc<AuditKey>>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Demands that the log comes to this head at least.
    #[must_use]
    pub fn with_head(mut self, head: impl Into<Arc<AuditHead>>) -> Self {
        self.head = Some(head.into());
        self
    }

    /// Demands that every entry is of this environment.
    #[must_use]
    pub fn with_environment(mut self, environment: impl Into<Arc<str>>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// Demands that every entry is about this application. [`AuditLog::verify`](super::AuditLog::verify) does so by itself.
    #[must_use]
    pub fn with_application(mut self, application: ApplicationName) -> Self {
        self.application = Some(application);
        self
    }

    /// Demands that the entries come in the order in which a [`PersistenceSink`](super::PersistenceSink) keeps them and an
    /// [`AuditLog`](super::AuditLog) reads them: by time, then writer, then number. Without it only the order of each writer's own
    /// entries counts; that of different writers says nothing then but what their times say.
    #[must_use]
    pub fn in_order_of_time(mut self) -> Self {
        self.order = Some((Timestamp::EPOCH, WriterId::from_bytes([0; 16]), 0));
        self
    }

    /// Takes the next entry. Whatever is wrong with it is in [`faults`](Verifier::faults).
    pub fn push(&mut self, bytes: &[u8]) {
        self.push_placed(bytes, |_| true);
    }

    /// Takes note that something stands in the place of the next entry that is none.
    pub fn push_malformed(&mut self) {
        self.fault(None, FaultKind::Malformed);
        self.index += 1;
    }

    /// Takes the next entry where its medium says something about where it stands.
    pub(super) fn push_placed(&mut self, bytes: &[u8], is_in_place: impl FnOnce(&AuditEntry) -> bool) {
        match AuditEntry::parse(bytes) {
            Err(error) if error.kind() == ErrorKind::Unsupported => self.fault(None, FaultKind::Unsupported),
            Err(_) => self.fault(None, FaultKind::Malformed),
            Ok((entry, is_own_hash)) => match self.judge(&entry, is_own_hash, is_in_place) {
                Err(kind) => self.push_faulty(&entry, kind),
                Ok(is_authenticated) => self.push_sound(&entry, is_authenticated),
            },
        }
        self.index += 1;
    }

    /// The number of the writer's next entry.
    pub(super) fn expected(&self, writer: &WriterId) -> u64 {
        self.writers.get(writer).map_or(1, |state| state.sequence + 1)
    }

    /// When the writer's last entry so far was written.
    pub(super) fn last_time(&self, writer: &WriterId) -> Timestamp {
        self.writers.get(writer).map_or(Timestamp::EPOCH, |state| state.time)
    }

    /// Looks at the entry alone; answers whether a key authenticates it.
    fn judge(
        &self,
        entry: &AuditEntry,
        is_own_hash: bool,
        is_in_place: impl FnOnce(&AuditEntry) -> bool,
    ) -> Result<bool, FaultKind> {
        if !is_own_hash {
            return Err(FaultKind::Altered);
        }
        let is_authentic = self.keys.iter().any(|key| entry.is_authentic(key));
        if !is_authentic && !self.keys.is_empty() && !self.is_of_bare_head(entry) {
            return Err(FaultKind::NotAuthentic);
        }
        let is_expected = self.environment.as_deref().is_none_or(|expected| expected == entry.environment())
            && self.application.as_ref().is_none_or(|expected| expected == entry.application());
        if !is_expected || !is_in_place(entry) {
            return Err(FaultKind::Misplaced);
        }
        Ok(is_authentic)
    }

    /// Whether the head will vouch for an entry without a MAC: its writer had no key.
    fn is_of_bare_head(&self, entry: &AuditEntry) -> bool {
        let head = self.head.as_ref().and_then(|head| head.writer(&entry.writer()));
        head.is_some_and(|head| !head.is_authenticated && entry.sequence() <= head.sequence)
    }

    /// An entry at fault that claims the next place takes it, so that one fault is reported once.
    fn push_faulty(&mut self, entry: &AuditEntry, kind: FaultKind) {
        self.fault(Some(entry), kind);
        if let Some(state) = self.writers.get_mut(&entry.writer())
            && state.sequence + 1 == entry.sequence()
        {
            state.sequence = entry.sequence();
            state.hash = None;
        } else if entry.sequence() == 1 {
            self.writers.entry(entry.writer()).or_insert_with(|| State { sequence: 1, hash: None, ..State::new() });
        }
    }

    fn push_sound(&mut self, entry: &AuditEntry, is_authenticated: bool) {
        self.authenticated += u64::from(is_authenticated);
        let expected = self.expected(&entry.writer());
        if entry.sequence() < expected {
            return self.fault(Some(entry), FaultKind::Repeated);
        }
        let is_in_order = self.is_in_order(entry);
        let state = self.writers.entry(entry.writer()).or_insert_with(State::new);
        let fault = if entry.sequence() > expected {
            Some((expected, FaultKind::Missing { through: entry.sequence() - 1 }))
        } else if state.hash.is_some_and(|hash| hash != *entry.previous()) {
            Some((entry.sequence(), FaultKind::Broken))
        } else {
            None
        };
        state.sequence = entry.sequence();
        state.hash = Some(*entry.hash());
        state.time = entry.time();
        state.is_authenticated = is_authenticated;
        self.open_count = state.count_operation(entry, self.open_count);
        if let Some((sequence, kind)) = fault {
            self.fault_at(Some(entry.writer()), Some(sequence), kind);
        } else if !is_in_order {
            self.fault(Some(entry), FaultKind::OutOfOrder);
        }
        self.compare_with_head(entry, is_authenticated);
    }

    fn is_in_order(&mut self, entry: &AuditEntry) -> bool {
        let place = (entry.time(), entry.writer(), entry.sequence());
        let Some(last) = &mut self.order else { return true };
        let is_after = place > *last;
        *last = place.max(*last);
        is_after
    }

    fn compare_with_head(&mut self, entry: &AuditEntry, is_authenticated: bool) {
        let head = self.head.as_ref().and_then(|head| head.writer(&entry.writer())).copied();
        let Some(state) = self.writers.get_mut(&entry.writer()) else { return };
        let is_of_head = head.is_some_and(|head| entry.sequence() <= head.sequence);
        if !is_authenticated {
            *(if is_of_head { &mut state.bare_to_head } else { &mut state.bare_after_head }) += 1;
        }
        let Some(head) = head.filter(|head| head.sequence == entry.sequence()) else { return };
        state.is_at_head = head.hash == *entry.hash();
        if !state.is_at_head {
            self.fault(Some(entry), FaultKind::NotOfHead);
        }
    }

    fn fault(&mut self, entry: Option<&AuditEntry>, kind: FaultKind) {
        self.fault_at(entry.map(AuditEntry::writer), entry.map(AuditEntry::sequence), kind);
    }

    fn fault_at(&mut self, writer: Option<WriterId>, sequence: Option<u64>, kind: FaultKind) {
        self.fault_count += 1;
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault { index: self.index, writer, sequence, kind });
        }
    }

    /// The faults so far, in the order of the entries: at most a thousand.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Takes note that there are no more entries, and compares with the head.
    pub fn finish(mut self) -> Verification {
        for (writer, head) in self.head.clone().iter().flat_map(|head| head.writers()) {
            let last = self.writers.get(&writer).map_or(0, |state| state.sequence);
            if last < head.sequence {
                self.fault_at(Some(writer), Some(last + 1), FaultKind::Cut { through: head.sequence });
            }
        }
        let mut unknown: Vec<_> = (self.writers.iter())
            .flat_map(|(writer, state)| state.open.iter().map(|at| UnknownOperation { writer: *writer, sequence: *at }))
            .collect();
        unknown.sort_unstable();
        let of_writers = |count: fn(&State) -> u64| self.writers.values().map(count).sum();
        Verification {
            entries: self.index,
            authenticated: self.authenticated,
            unprotected: of_writers(State::unprotected),
            unknown,
            unknown_count: of_writers(|state| state.intents.saturating_sub(state.outcomes)),
            writers: self.writers.iter().filter_map(|(writer, state)| Some((*writer, state.head()?))).collect(),
            faults: self.faults,
            fault_count: self.fault_count,
        }
    }
}

impl State {
    fn new() -> Self {
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
    fn count_operation(&mut self, entry: &AuditEntry, mut kept: usize) -> usize {
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
    fn unprotected(&self) -> u64 {
        self.bare_after_head + if self.is_at_head { 0 } else { self.bare_to_head }
    }

    fn head(&self) -> Option<WriterHead> {
        let hash = self.hash?;
        (self.sequence > 0).then_some(WriterHead {
            sequence: self.sequence,
            hash,
            is_authenticated: self.is_authenticated,
        })
    }
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
