//! What all processes share: the records, the clock, the wire between, and chance.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures::FutureExt;
use secret_store_core::{Clock, ErrorKind, MasterKeyId, Persistence, Result, Revision, Write};
use secret_store_memory::MemoryPersistence;

use super::clock::SimulatedClock;
use super::invariants::Observer;
use super::master_keys::MasterKeys;
use super::model::Model;
use super::plan::Plan;
use super::random::Chance;

/// Which process, by its place in the trace.
pub(crate) type ProcessId = usize;
type Reply = Arc<Mutex<Option<Result<Vec<Option<Revision>>>>>>;

/// A commit that was sent and is not there yet.
struct OnTheWire {
    number: u64,
    lands_at: Duration,
    from: ProcessId,
    writes: Vec<Write>,
    reply: Reply,
    waker: Option<Waker>,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Passes,
    /// It is not made.
    Fails(ErrorKind),
    /// It is made, and its answer is lost.
    LosesAnswer,
    /// It takes so long, on the wire.
    Takes(Duration),
    /// It is not sent before the process has waited so long.
    Queues(Duration),
    /// It is sent and never arrives, or long after.
    Hangs,
    /// The process dies before.
    CrashesBefore,
    /// The process dies after.
    CrashesAfter,
    /// The process stands still so long.
    Freezes(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Commit,
    Key,
}

/// How much goes wrong in a trace.
pub(crate) struct Disturbance {
    /// In so many of a hundred calls.
    pub(crate) percent: usize,
    /// At most so often.
    pub(crate) left: usize,
}

pub(crate) struct State {
    pub(crate) chance: Chance,
    pub(crate) disturbance: Disturbance,
    /// How often a process was disturbed: what it answers then may be `Unavailable`.
    pub(crate) disturbed: BTreeMap<ProcessId, u64>,
    pub(crate) crashed: Option<ProcessId>,
    pub(crate) frozen_until: BTreeMap<ProcessId, Duration>,
    pub(crate) violation: Option<String>,
    /// What has happened, in words; only where somebody will read it.
    pub(crate) events: Option<Vec<String>>,
    /// Which steps of the plan were reported complete.
    pub(crate) completed: Vec<bool>,
    wire: Vec<OnTheWire>,
    sent: u64,
}

pub(crate) struct World {
    pub(crate) memory: Arc<MemoryPersistence>,
    pub(crate) keys: Arc<MasterKeys>,
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) plan: Plan,
    pub(crate) model: Mutex<Model>,
    pub(crate) observer: OnceLock<Observer>,
    state: Mutex<State>,
}

impl World {
    pub(crate) fn new(seed: u64, is_told: bool) -> Arc<Self> {
        let mut chance = Chance::new(seed);
        let plan = Plan::draw(&mut chance);
        let disturbance = Disturbance { percent: *chance.pick(&[0, 2, 4, 8, 15]), left: chance.below(16) };
        let world = Arc::new(Self {
            memory: Arc::new(MemoryPersistence::new()),
            keys: Arc::new(MasterKeys(plan.master_keys())),
            clock: Arc::new(SimulatedClock::new(plan.tick())),
            model: Mutex::new(Model::new(&plan)),
            observer: OnceLock::new(),
            state: Mutex::new(State {
                chance,
                disturbance,
                disturbed: BTreeMap::new(),
                crashed: None,
                frozen_until: BTreeMap::new(),
                violation: None,
                events: is_told.then(Vec::new),
                completed: vec![false; plan.steps.len()],
                wire: Vec::new(),
                sent: 0,
            }),
            plan,
        });
        let observer = Observer::new(&world);
        assert!(world.observer.set(observer).is_ok(), "it is set once");
        world
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn observer(&self) -> &Observer {
        self.observer.get().expect("it is set from the beginning")
    }

    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut Chance) -> T) -> T {
        draw(&mut self.state().chance)
    }

    /// Tells what happens, where somebody listens.
    pub(crate) fn tell(&self, event: impl FnOnce() -> String) {
        let now = self.clock.monotonic().as_secs();
        if let Some(events) = &mut self.state().events {
            events.push(format!("{now:>5} s  {}", event()));
        }
    }

    /// The first violation ends a trace.
    pub(crate) fn violate(&self, what: impl FnOnce() -> String) {
        let mut state = self.state();
        if state.violation.is_none() {
            state.violation = Some(what());
        }
    }

    pub(crate) fn take_events(&self) -> Vec<String> {
        self.state().events.take().unwrap_or_default()
    }

    pub(crate) fn disturbances(&self, process: ProcessId) -> u64 {
        self.state().disturbed.get(&process).copied().unwrap_or_default()
    }

    pub(crate) fn disturb(&self, process: ProcessId) {
        *self.state().disturbed.entry(process).or_default() += 1;
    }

    /// Draws what becomes of a call.
    pub(crate) fn fate(&self, process: ProcessId, call: Call) -> Fate {
        let mut state = self.state();
        let State { chance, disturbance, disturbed, .. } = &mut *state;
        if disturbance.left == 0 || !chance.percent(disturbance.percent) {
            return Fate::Passes;
        }
        disturbance.left -= 1;
        *disturbed.entry(process).or_default() += 1;
        match (chance.below(12), call) {
            (0, _) => Fate::Fails(ErrorKind::Throttled),
            (1, _) => Fate::Fails(ErrorKind::Unavailable),
            (2, Call::Commit) => Fate::Fails(ErrorKind::Contention),
            (2..=4, Call::Commit) => Fate::LosesAnswer,
            (5, Call::Commit) => Fate::Hangs,
            (2..=5, _) => Fate::Takes(chance.seconds(80)),
            (6, Call::Commit) => Fate::Takes(chance.seconds(29)),
            (6, _) => Fate::Fails(ErrorKind::Unavailable),
            (7, _) => Fate::Queues(chance.seconds(29)),
            (8 | 9, _) => Fate::Freezes(chance.seconds(200)),
            (10, _) => Fate::CrashesBefore,
            _ => Fate::CrashesAfter,
        }
    }

    /// Makes a commit happen, and looks at what it has done.
    pub(crate) fn land(&self, from: ProcessId, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        let keys: Vec<_> = writes.iter().map(|write| write.key().clone()).collect();
        let answer = self.memory.commit(writes).now_or_never().expect("memory waits for nothing");
        self.tell(|| {
            let outcome = answer.as_ref().map_or_else(|error| format!("{:?}", error.kind()), |_| "done".to_owned());
            format!("process {from} commits {keys:?}: {outcome}")
        });
        if answer.is_ok() {
            self.observer().look(self, from, &keys);
        }
        answer
    }

    /// Sends a commit that lands so late, or never by itself.
    pub(crate) fn send(&self, from: ProcessId, writes: Vec<Write>, takes: Option<Duration>) -> (u64, Reply) {
        let reply = Reply::default();
        let lands_at = takes.map_or(Duration::MAX, |takes| self.clock.after(takes));
        let mut state = self.state();
        state.sent += 1;
        let number = state.sent;
        state.wire.push(OnTheWire { number, lands_at, from, writes, reply: Arc::clone(&reply), waker: None });
        (number, reply)
    }

    pub(crate) fn wake_for(&self, number: u64, waker: &Waker) {
        if let Some(sent) = self.state().wire.iter_mut().find(|sent| sent.number == number) {
            sent.waker = Some(waker.clone());
        }
    }

    /// The sender of a commit waits no more: it is lost, or lands by then.
    pub(crate) fn abandon(&self, number: u64, lands_until: Duration) {
        let is_lost = self.draw(|chance| chance.percent(40));
        let mut state = self.state();
        let Some(at) = state.wire.iter().position(|sent| sent.number == number) else { return };
        let lands_at = state.wire[at].lands_at.min(lands_until);
        if is_lost || lands_at < self.clock.monotonic() {
            state.wire.remove(at);
        } else {
            state.wire[at].lands_at = lands_at;
        }
    }

    /// When something happens next by itself.
    pub(crate) fn next_event(&self) -> Option<Duration> {
        let state = self.state();
        let landing = state.wire.iter().map(|sent| sent.lands_at).filter(|at| *at < Duration::MAX).min();
        let thaw = state.frozen_until.values().min().copied();
        [landing, thaw, self.clock.next()].into_iter().flatten().min()
    }

    /// Lets time pass. What is on the wire lands before anybody sees the new time.
    pub(crate) fn advance_to(&self, moment: Duration) {
        loop {
            let sent = {
                let mut state = self.state();
                let due = state.wire.iter().enumerate().filter(|(_, sent)| sent.lands_at <= moment);
                let Some((at, _)) = due.min_by_key(|(_, sent)| (sent.lands_at, sent.number)) else { break };
                state.wire.remove(at)
            };
            let answer = self.land(sent.from, sent.writes);
            *sent.reply.lock().expect("no panic under this lock") = Some(answer);
            sent.waker.inspect(Waker::wake_by_ref);
        }
        self.clock.advance_to(moment);
        let now = self.clock.monotonic();
        self.state().frozen_until.retain(|_, until| *until > now);
    }
}

pub(crate) fn master(id: &str) -> MasterKeyId {
    MasterKeyId::new(id).expect("valid")
}
