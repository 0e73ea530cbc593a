//! The cache beneath document keys and clear secrets, over many schedules of several threads: its own source is compiled here
//! once more, with the locks of a schedule explorer, which may change threads at each of them.
//!
//! The bounded map beneath is taken as it is: no other thread runs in the middle of one of its operations.

mod crossing;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shuttle::future::block_on;
use shuttle::thread;

#[allow(dead_code, unreachable_pub, unused_imports, reason = "the library uses what these tests do not")]
#[path = "../../src"]
mod source {
    pub(crate) mod cache;
}

/// What the source takes from the library.
mod clock {
    pub(crate) use secret_store_core::Clock;
}

mod error {
    pub(crate) use secret_store_core::{Error, ErrorKind, Result};

    pub(crate) fn repeated(error: &Error) -> Error {
        Error::new(error.kind(), "several waited for this")
    }
}

mod observe {
    pub(crate) use secret_store_core::observe::{Cache, Lookup, cache};
}

mod sync {
    use std::sync::PoisonError;

    pub(crate) use shuttle::sync::{Mutex, MutexGuard};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

use source::cache::{Cache, Lifetimes};

const TTL: Duration = Duration::from_secs(60);
/// Of each kind: random ones, and those with few changes of threads.
const SCHEDULES: usize = 500;

#[derive(Debug, Default)]
struct TestClock(AtomicU64);

#[async_trait::async_trait]
impl secret_store_core::Clock for TestClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, _: Duration) {}
}

/// A backend of numbers that only grow, and the cache over it.
struct World {
    cache: Arc<Cache<u8, u64>>,
    clock: Arc<TestClock>,
    stored: [AtomicU64; KEYS],
    /// What no read that begins from now on may be below.
    floor: [AtomicU64; KEYS],
    asked: [AtomicUsize; KEYS],
    under_way: [AtomicUsize; KEYS],
    /// Whether what was asked is under way once at a time: not where something superseded it.
    is_single: bool,
}

const KEYS: usize = 8;

/// A question under way, until it is answered or dropped.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl World {
    fn new(capacity: usize, is_single: bool) -> Arc<Self> {
        let clock = Arc::new(TestClock::default());
        let lifetimes = Lifetimes { value: TTL, error: TTL, ahead: Duration::ZERO, stale: Duration::ZERO };
        let cache =
            Cache::new(capacity, lifetimes, |_| false, clock.clone(), Some(observe::Cache::Secrets)).expect("it is on");
        Arc::new(Self {
            cache,
            clock,
            stored: Default::default(),
            floor: Default::default(),
            asked: Default::default(),
            under_way: Default::default(),
            is_single,
        })
    }

    async fn load(self: Arc<Self>, key: u8) -> error::Result<u64> {
        let place = usize::from(key);
        self.asked[place].fetch_add(1, Ordering::SeqCst);
        let others = self.under_way[place].fetch_add(1, Ordering::SeqCst);
        let _under_way = UnderWay(&self.under_way[place]);
        assert!(others == 0 || !self.is_single, "asked twice at the same time");
        shuttle::future::yield_now().await;
        let value = self.stored[usize::from(key)].load(Ordering::SeqCst);
        shuttle::future::yield_now().await;
        Ok(value)
    }

    async fn read(self: Arc<Self>, key: u8) -> u64 {
        let floor = self.floor[usize::from(key)].load(Ordering::SeqCst);
        let answer = match self.cache.fresh(&key, |_| true) {
            Some(answer) => answer.expect("no load fails"),
            None => {
                let load = || Arc::clone(&self).load(key);
                let turn = self.cache.turn(key, load);
                self.cache.settle(turn).await.expect("no load fails")
            }
        };
        assert!(answer >= floor, "{answer} was read where {floor} was known");
        answer
    }

    /// Begins to read, and gives up.
    fn cancelled(self: &Arc<Self>, key: u8, polls: usize) {
        let mut read = Box::pin(Arc::clone(self).read(key));
        for _ in 0..polls {
            if read.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                return;
            }
            thread::yield_now();
        }
    }

    /// A write of one's own; it is known when it is acknowledged.
    fn write(&self, key: u8) {
        let write = self.cache.begin_write(key);
        thread::yield_now();
        let value = self.stored[usize::from(key)].fetch_add(1, Ordering::SeqCst) + 1;
        thread::yield_now();
        write.landed(Some(value));
        self.floor[usize::from(key)].fetch_max(value, Ordering::SeqCst);
    }

    /// Another process writes, and this one purges because of it.
    fn purge_after_a_foreign_write(&self, key: u8, all: bool) {
        let value = self.stored[usize::from(key)].fetch_add(1, Ordering::SeqCst) + 1;
        thread::yield_now();
        if all {
            self.cache.purge()
        } else {
            self.cache.forget(&key)
        }
        self.floor[usize::from(key)].fetch_max(value, Ordering::SeqCst);
    }

    /// A strong read.
    fn read_directly(self: &Arc<Self>, key: u8) {
        let floor = self.stored[usize::from(key)].load(Ordering::SeqCst);
        let direct = self.cache.begin_direct(&key);
        let answer = block_on(Arc::clone(self).load(key));
        let value = self.cache.end_direct(&key, &direct, answer).expect("no load fails");
        assert!(value >= floor);
        self.floor[usize::from(key)].fetch_max(value, Ordering::SeqCst);
    }

    fn asked(&self, key: u8) -> usize {
        self.asked[usize::from(key)].load(Ordering::SeqCst)
    }
}

fn explore(model: impl Fn() + Send + Sync + Clone + 'static) {
    shuttle::check_random(model.clone(), SCHEDULES);
    shuttle::check_pct(model, SCHEDULES, 3);
}

fn all(threads: Vec<thread::JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().expect("no thread panics"));
}

fn spawn(world: &Arc<World>, task: impl FnOnce(&Arc<World>) + Send + 'static) -> thread::JoinHandle<()> {
    let world = Arc::clone(world);
    thread::spawn(move || task(&world))
}

fn reader(world: &Arc<World>, keys: &'static [u8]) -> thread::JoinHandle<()> {
    spawn(world, move |world| {
        for key in keys {
            block_on(Arc::clone(world).read(*key));
        }
    })
}

#[test]
fn each_key_is_asked_for_once_in_a_lifetime() {
    explore(|| {
        let world = World::new(32, true);
        all(vec![reader(&world, &[0, 1, 0]), reader(&world, &[1, 0]), reader(&world, &[0, 1, 1])]);
        assert_eq!((world.asked(0), world.asked(1)), (1, 1));
        world.clock.0.fetch_add(TTL.as_secs(), Ordering::SeqCst);
        all(vec![reader(&world, &[0]), reader(&world, &[0, 0])]);
        assert_eq!((world.asked(0), world.asked(1)), (2, 1));
    });
}

#[test]
fn whoever_gives_up_stops_nobody() {
    explore(|| {
        let world = World::new(32, true);
        let cancels = |polls| spawn(&world, move |world| world.cancelled(0, polls));
        all(vec![reader(&world, &[0, 0]), cancels(1), cancels(2), reader(&world, &[0])]);
        assert!((1..=3).contains(&world.asked(0)), "asked {} times", world.asked(0));
        // What was answered is kept, and nothing is left under way.
        let asked = world.asked(0);
        block_on(Arc::clone(&world).read(0));
        assert_eq!((world.asked(0), world.under_way[0].load(Ordering::SeqCst)), (asked, 0));
    });
}

#[test]
fn nothing_older_than_an_own_write_is_read() {
    explore(|| {
        let world = World::new(32, false);
        let writes = spawn(&world, |world| (0..2).for_each(|_| world.write(0)));
        all(vec![reader(&world, &[0, 0, 0]), writes, reader(&world, &[0, 0])]);
        assert_eq!(block_on(Arc::clone(&world).read(0)), 2);
    });
}

/// Two writers: what the cache has afterwards is what the backend has.
#[test]
fn of_several_writes_the_last_one_is_read() {
    explore(|| {
        let world = World::new(32, false);
        let writes = || spawn(&world, |world| world.write(0));
        all(vec![writes(), reader(&world, &[0, 0]), writes()]);
        assert_eq!(block_on(Arc::clone(&world).read(0)), 2);
    });
}

#[test]
fn nothing_older_than_a_purge_is_read() {
    for whole in [false, true] {
        explore(move || {
            let world = World::new(32, false);
            let purges = spawn(&world, move |world| world.purge_after_a_foreign_write(0, whole));
            all(vec![reader(&world, &[0, 0]), purges, reader(&world, &[0, 0])]);
            assert_eq!(block_on(Arc::clone(&world).read(0)), 1);
        });
    }
}

#[test]
fn nothing_older_than_a_strong_read_is_read() {
    explore(|| {
        let world = World::new(32, false);
        let foreign = spawn(&world, |world| {
            world.stored[0].fetch_add(1, Ordering::SeqCst);
        });
        let direct = spawn(&world, |world| world.read_directly(0));
        all(vec![reader(&world, &[0, 0]), foreign, direct, reader(&world, &[0])]);
    });
}

#[test]
fn there_are_never_more_entries_than_the_capacity() {
    explore(|| {
        let world = World::new(3, false);
        let counts = spawn(&world, |world| {
            for _ in 0..8 {
                assert!(world.cache.metrics().entries <= 3);
                thread::yield_now();
            }
        });
        let writes = spawn(&world, |world| (0..4).for_each(|key| world.write(key)));
        all(vec![reader(&world, &[0, 1, 2, 3, 4]), counts, reader(&world, &[7, 6, 5, 4, 0]), writes]);
        assert!(world.cache.metrics().entries <= 3);
    });
}
