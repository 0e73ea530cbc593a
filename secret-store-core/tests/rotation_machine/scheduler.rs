//! Who goes on, and when: chance decides at every place where a process could be held up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use secret_store_core::Clock;

use super::plan::ROTATORS;
use super::process::{Configuration, Process};
use super::world::{ProcessId, World};
use super::{beginning, clients, ending, rotators};

/// A trace that takes so many steps has no end.
const MOST_STEPS: usize = 300_000;

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Says that a process can go on.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Actor {
    configuration: Configuration,
    /// What a client has still to do.
    left: Arc<AtomicUsize>,
    running: Option<Running>,
    flag: Arc<Flag>,
    /// When a dead process is started again.
    restarts_at: Option<Duration>,
}

impl Actor {
    fn start(&mut self, world: &Arc<World>, id: ProcessId) {
        let process = Process::start(world, id, &self.configuration);
        let (is_old, left) = (self.configuration.is_left_behind(), Arc::clone(&self.left));
        self.running = Some(if world.plan.is_rotator(id) {
            Box::pin(rotators::run(process))
        } else {
            Box::pin(async move { clients::run(process, is_old, &left).await })
        });
        self.flag.0.store(true, Ordering::SeqCst);
        self.restarts_at = None;
    }
}

/// How a trace ended.
pub(crate) struct Failure {
    pub(crate) violation: String,
    pub(crate) events: Vec<String>,
}

/// Runs the trace of a seed.
pub(crate) fn run(seed: u64, is_told: bool) -> Result<(), Failure> {
    let world = World::new(seed, is_told);
    let outcome = catch_unwind(AssertUnwindSafe(|| Scheduler::new(&world).run()));
    let violation = match outcome {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(violation)) => violation,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            format!("it panics: {}", text.unwrap_or_default())
        }
    };
    let events = world.take_events();
    Err(Failure { violation, events })
}

struct Scheduler<'a> {
    world: &'a Arc<World>,
    actors: Vec<Actor>,
}

impl<'a> Scheduler<'a> {
    fn new(world: &'a Arc<World>) -> Self {
        let plan = &world.plan;
        world.tell(|| format!("the plan is {:?} with {:?}", plan.steps, plan.names));
        let clients = world.draw(|chance| 2 + chance.below(2));
        let actor = |id: ProcessId| {
            let (drawn, left) = world.draw(|chance| (Configuration::draw(chance, plan), 2 + chance.below(4)));
            let configuration = if plan.is_rotator(id) { Configuration::complete(plan) } else { drawn };
            world.tell(|| format!("process {id} is {configuration:?}"));
            let left = Arc::new(AtomicUsize::new(left));
            Actor { configuration, left, running: None, flag: Arc::default(), restarts_at: None }
        };
        Self { world, actors: (0..ROTATORS + clients).map(actor).collect() }
    }

    fn run(mut self) -> Result<(), String> {
        beginning::fill(self.world)?;
        for (id, actor) in self.actors.iter_mut().enumerate() {
            actor.start(self.world, id);
        }
        for _ in 0..MOST_STEPS {
            if let Some(violation) = self.world.state().violation.take() {
                return Err(violation);
            }
            if self.actors.iter().all(|actor| actor.running.is_none() && actor.restarts_at.is_none()) {
                drop(self.actors);
                return ending::check(self.world);
            }
            self.step()?;
        }
        Err("it has no end".to_owned())
    }

    fn step(&mut self) -> Result<(), String> {
        let able: Vec<ProcessId> = (0..self.actors.len()).filter(|id| self.is_able(*id)).collect();
        if able.is_empty() {
            let restart = self.actors.iter().filter_map(|actor| actor.restarts_at).min();
            let next = [restart, self.world.next_event()].into_iter().flatten().min();
            return self.advance_to(next.ok_or("nobody can go on, and nothing will happen")?);
        }
        let lingers = {
            let mut state = self.world.state();
            let state = &mut *state;
            let lingers = state.disturbance.left > 0 && state.chance.percent(1);
            state.disturbance.left -= usize::from(lingers);
            lingers
        };
        if lingers {
            // Everybody is slow for once.
            (0..self.actors.len()).for_each(|id| self.world.disturb(id));
            let time = self.world.draw(|chance| chance.seconds(30));
            return self.advance_to(self.world.clock.after(time));
        }
        let id = self.world.draw(|chance| *chance.pick(&able));
        self.poll(id);
        Ok(())
    }

    fn is_able(&self, id: ProcessId) -> bool {
        let actor = &self.actors[id];
        actor.running.is_some()
            && actor.flag.0.load(Ordering::SeqCst)
            && !self.world.state().frozen_until.contains_key(&id)
    }

    fn advance_to(&mut self, moment: Duration) -> Result<(), String> {
        self.world.advance_to(moment);
        let now = self.world.clock.monotonic();
        for (id, actor) in self.actors.iter_mut().enumerate() {
            if actor.restarts_at.is_some_and(|at| at <= now) {
                self.world.tell(|| format!("process {id} starts again"));
                actor.start(self.world, id);
            }
        }
        Ok(())
    }

    fn poll(&mut self, id: ProcessId) {
        let actor = &mut self.actors[id];
        actor.flag.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&actor.flag));
        let Some(running) = &mut actor.running else { return };
        let poll = running.as_mut().poll(&mut Context::from_waker(&waker));
        let crashed = self.world.state().crashed.take();
        if poll == Poll::Ready(()) {
            actor.running = None;
        } else if crashed == Some(id) {
            self.world.tell(|| format!("process {id} dies"));
            actor.running = None;
            let pause = self.world.draw(|chance| chance.seconds(90));
            actor.restarts_at = Some(self.world.clock.after(pause));
        }
    }
}
