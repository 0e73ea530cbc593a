//! Whether a log is what was written: every entry there, once, unchanged, in its place.

mod fault;
mod verification;
mod writer_state;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entry::AuditEntry;
use super::head::AuditHead;
use super::key::AuditKey;
use super::timestamp::Timestamp;
use super::writer::WriterId;
use crate::error::ErrorKind;
use crate::id::ApplicationName;

pub use fault::{Fault, FaultKind};
pub use verification::{UnknownOperation, Verification};
use writer_state::State;

/// So many faults are kept one by one; the rest are counted.
const MAX_FAULTS: usize = 1000;

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
