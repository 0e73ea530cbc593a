//! The chain of one writer: entries get their numbers and hashes here, and go to the sink in their order.
//!
//! No lock is held while the sink works. Entries that come meanwhile wait and go together in the next call, which is under way for
//! all of them at once: whoever of them is polled drives it on, and one that is not polled, or is dropped, holds up nobody. What
//! the sink did not answer for is sent again, the same bytes, before anything else.

use std::collections::VecDeque;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use smallvec::SmallVec;

use super::codes::Phase;
use super::entry::{AuditEntry, Event, Link, NO_HASH};
use super::head::WriterHead;
use super::key::{AuditKey, Hash};
use super::sink::AuditSink;
use super::timestamp::Timestamp;
use super::writer::WriterId;
use crate::error::{Error, ErrorKind, Result};

/// So many entries go to the sink in one call, unless one operation alone has more.
const MAX_ENTRIES: usize = 100;

/// The entries of one operation that are written at one time; usually one.
pub(super) type Events = SmallVec<[Event; 1]>;

/// A failure of the sink, for everybody whose entries were concerned.
type Failure = Arc<Error>;
type Sending = Shared<BoxFuture<'static, Result<(), Failure>>>;

/// Where entries go, and by what they are authenticated.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) sink: Arc<dyn AuditSink>,
    pub(super) key: Option<Arc<AuditKey>>,
}

/// One writer.
#[derive(Debug)]
pub(super) struct Chain {
    destination: Arc<Destination>,
    writer: WriterId,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The last entry that the sink has taken.
    end: End,
    waiting: VecDeque<Group>,
    flight: Option<Flight>,
    /// Counts calls of the sink.
    calls: u64,
    /// Somebody else's entry stands in this writer's place: nothing can be added any more.
    is_dead: bool,
}

#[derive(Clone, Copy, Debug)]
struct End {
    sequence: u64,
    hash: Hash,
    time: Timestamp,
}

/// Entries that have no number yet.
#[derive(Debug)]
struct Group {
    events: Events,
    ticket: Arc<Ticket>,
}

impl Group {
    /// Whether it still matters: an outcome always does, because what it tells has happened; a read or an intent only as long as
    /// somebody waits for it, because nothing is released and nothing is begun without.
    fn is_wanted(&self) -> bool {
        Arc::strong_count(&self.ticket) > 1 || self.tells_outcome()
    }

    fn tells_outcome(&self) -> bool {
        self.events.first().is_some_and(|event| event.phase == Phase::Outcome)
    }
}

/// Tells whoever waits for a group what became of it: the number of its first entry.
#[derive(Debug, Default)]
struct Ticket(OnceLock<Result<u64, Failure>>);

impl Ticket {
    fn settle(&self, answer: Result<u64, Failure>) {
        // The first answer stands: an outcome may be sent once more after its caller was told that it failed.
        let _ = self.0.set(answer);
    }
}

/// Entries that were sent and not yet answered for.
struct Flight {
    entries: Arc<[AuditEntry]>,
    tickets: Vec<(Arc<Ticket>, u64)>,
    /// The number of the call, and the call while anybody waits for it.
    call: u64,
    sending: Option<WeakShared<BoxFuture<'static, Result<(), Failure>>>>,
    is_repeated: bool,
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("entries", &self.entries).field("call", &self.call).finish_non_exhaustive()
    }
}

impl Chain {
    pub(super) fn begin(destination: Arc<Destination>) -> Result<Self> {
        let end = End { sequence: 0, hash: NO_HASH, time: Timestamp::EPOCH };
        let state = State { end, waiting: VecDeque::new(), flight: None, calls: 0, is_dead: false };
        Ok(Self { destination, writer: WriterId::generate()?, state: Mutex::new(state) })
    }

    /// Puts the entries into the chain; they are durable when it returns `Ok`. Answers the number of the first.
    ///
    /// A dropped call leaves them in the chain or not; it holds up nobody.
    pub(super) async fn append(&self, events: Events) -> Result<u64, Failure> {
        let ticket = Arc::new(Ticket::default());
        let mut group = Some(Group { events, ticket: Arc::clone(&ticket) });
        loop {
            let (call, sending) = {
                let mut state = self.state();
                if let Some(answer) = ticket.0.get() {
                    return answer.clone();
                }
                if state.is_dead {
                    return Err(Arc::new(displaced()));
                }
                state.waiting.extend(group.take());
                state.send(self.writer, &self.destination).expect("this very group waits at least")
            };
            let answer = sending.await;
            self.state().settle(call, answer);
        }
    }

    /// Sends what is not answered for, and outcomes that nobody waits for any more.
    pub(super) async fn flush(&self) -> Result<(), Failure> {
        loop {
            let Some((call, sending)) = self.state().send(self.writer, &self.destination) else { return Ok(()) };
            let answer = sending.await;
            self.state().settle(call, answer.clone());
            answer?;
        }
    }

    /// The last entry that the sink has taken, if any.
    pub(super) fn head(&self) -> Option<(WriterId, WriterHead)> {
        let End { sequence, hash, .. } = self.state().end;
        let is_authenticated = self.destination.key.is_some();
        (sequence > 0).then_some((self.writer, WriterHead { sequence, hash, is_authenticated }))
    }

    /// Whether nothing waits and nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state();
        state.waiting.is_empty() && state.flight.is_none()
    }

    pub(super) fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    /// No critical section leaves anything half done when it panics: each replaces what it changes.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A chain goes on under another writer id when another entry stands in its place: a clone of this process wrote it.
fn displaced() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "another entry stands in this audit writer's place: try again under a new writer",
    )
}

impl State {
    /// The call that is under way, or the next: what has not been answered for, else what waits. `None` where there is neither.
    fn send(&mut self, writer: WriterId, destination: &Destination) -> Option<(u64, Sending)> {
        if self.flight.is_none() {
            self.flight = self.seal(writer, destination.key.as_deref());
        }
        let flight = self.flight.as_mut()?;
        if let Some(sending) = flight.sending.as_ref().and_then(WeakShared::upgrade) {
            return Some((flight.call, sending));
        }
        // Nobody waited for the call any more, or it failed without saying what is there.
        flight.is_repeated = flight.call > 0;
        self.calls += 1;
        flight.call = self.calls;
        let sending = append(Arc::clone(&destination.sink), Arc::clone(&flight.entries)).boxed().shared();
        flight.sending = sending.downgrade();
        Some((flight.call, sending))
    }

    /// Gives what waits its numbers and hashes.
    fn seal(&mut self, writer: WriterId, key: Option<&AuditKey>) -> Option<Flight> {
        let (mut entries, mut tickets) = (Vec::new(), Vec::new());
        let mut end = self.end;
        while let Some(group) = self.waiting.front() {
            if !entries.is_empty() && entries.len() + group.events.len() > MAX_ENTRIES {
                break;
            }
            let Some(group) = self.waiting.pop_front().filter(Group::is_wanted) else { continue };
            let first = end.sequence + 1;
            for (n, mut event) in group.events.into_iter().enumerate() {
                // Clocks jump; within a chain time does not go back, so that sorting by it keeps the order.
                event.time = event.time.max(end.time);
                if n > 0 {
                    event.operation = event.operation.or(Some(first));
                }
                let time = event.time;
                let link = Link { writer, sequence: end.sequence + 1, previous: end.hash };
                let entry = AuditEntry::seal(event, link, key);
                end = End { sequence: link.sequence, hash: *entry.hash(), time };
                entries.push(entry);
            }
            tickets.push((group.ticket, first));
        }
        let flight = Flight { entries: entries.into(), tickets, call: 0, sending: None, is_repeated: false };
        (!flight.entries.is_empty()).then_some(flight)
    }

    /// The sink answered a call. Whoever waited for it comes here; the first does the work.
    fn settle(&mut self, call: u64, answer: Result<(), Failure>) {
        let Some(mut flight) = self.flight.take_if(|flight| flight.call == call) else { return };
        flight.sending = None;
        let failure = match answer {
            Ok(()) => return self.took(&flight),
            Err(failure) => failure,
        };
        for (ticket, _) in flight.tickets.drain(..) {
            ticket.settle(Err(Arc::clone(&failure)));
        }
        match failure.kind() {
            ErrorKind::AlreadyExists => {
                self.is_dead = true;
                self.refuse_waiting(&failure);
                self.waiting.clear();
            }
            // What was sent before may have landed before, whatever the sink says of this call.
            kind if kind == ErrorKind::Unavailable || flight.is_repeated => {
                self.refuse_waiting(&failure);
                self.waiting.retain(Group::tells_outcome);
                self.flight = Some(flight);
            }
            // None of it is there: its numbers are free again. What has happened is still to be told.
            _ => self.take_back_outcomes(&flight.entries),
        }
    }

    fn take_back_outcomes(&mut self, entries: &[AuditEntry]) {
        for entry in entries.iter().rev() {
            let group = Group { events: Events::from_iter([entry.event().clone()]), ticket: Arc::default() };
            if group.tells_outcome() {
                self.waiting.push_front(group);
            }
        }
    }

    fn took(&mut self, flight: &Flight) {
        if let Some(last) = flight.entries.last() {
            self.end = End { sequence: last.sequence(), hash: *last.hash(), time: last.time() };
        }
        for (ticket, first) in &flight.tickets {
            ticket.settle(Ok(*first));
        }
    }

    /// Those who wait learn at once that the sink is not there, instead of one after the other by its time limit.
    fn refuse_waiting(&self, failure: &Failure) {
        for group in &self.waiting {
            group.ticket.settle(Err(Arc::clone(failure)));
        }
    }
}

async fn append(sink: Arc<dyn AuditSink>, entries: Arc<[AuditEntry]>) -> Result<(), Failure> {
    // A panic would reach everybody who waits, and everybody after them.
    let appended = AssertUnwindSafe(sink.append(&entries)).catch_unwind().await;
    let appended = appended.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unavailable, "the audit sink panicked")));
    appended.map_err(Arc::new)
}
