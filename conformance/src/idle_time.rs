//! Time that passes only while everybody waits for it.

mod clock;
mod watched;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use secret_store_core::{Clock, KeyProvider, Persistence};

use clock::IdleClock;
use watched::{UnderWay, Watched};

/// Longer than any rotation takes; work that has no end is to be told.
const MOST_STEPS: usize = 100_000;

/// Time that passes only while nothing is under way, so that what waits for minutes is tested in no time, over backends that take
/// theirs, and the same each time.
///
/// A second passes whenever the work that is [run](Self::run) waits, and no call of the backends does. Nothing times out because a
/// machine is busy.
///
/// ```
/// # futures::executor::block_on(async {
/// use secret_store_conformance::IdleTime;
/// use secret_store_core::{EnvelopeStore, SecretStoreExt};
/// use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
///
/// let [old, new] = ["2025".parse()?, "2026".parse()?];
/// let time = IdleTime::new();
/// let keys = time.keys(MemoryKeyProvider::new().with_generated(&old)?.with_generated(&new)?);
/// let builder = EnvelopeStore::builder(keys, time.records(MemoryPersistence::new())).store_id("demo");
/// let store = builder.master_key(&old).wrap_with([old.clone(), new.clone()]).clock(time.clock()).build()?;
///
/// let app = "YourApp.Production".parse()?;
/// let rotation = store.rotator().rotate_master_key(&old, &new).application(&app);
/// assert!(time.run(rotation.run()).await?.is_complete());
/// # Ok::<(), secret_store_core::Error>(())
/// # }).expect("the example runs");
/// ```
#[derive(Clone, Debug, Default)]
pub struct IdleTime {
    clock: Arc<IdleClock>,
    under_way: UnderWay,
}

impl IdleTime {
    /// Begins at a fixed moment.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The clock for everything that is run.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::<IdleClock>::clone(&self.clock)
    }

    /// A layer over a persistence: while a call of it is under way no time passes.
    #[must_use]
    pub fn records(&self, records: impl Persistence) -> Arc<dyn Persistence> {
        Arc::new(Watched::<dyn Persistence>::new(&self.under_way, Arc::new(records)))
    }

    /// A layer over a key provider: while a call of it is under way no time passes.
    #[must_use]
    pub fn keys(&self, keys: impl KeyProvider) -> Arc<dyn KeyProvider> {
        Arc::new(Watched::<dyn KeyProvider>::new(&self.under_way, Arc::new(keys)))
    }

    /// Runs work to its end. A second passes whenever nothing is under way at the backends and the work waits all the same.
    ///
    /// # Panics
    ///
    /// When the work has not ended after a day.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut steps = 0;
        poll_fn(|context| {
            loop {
                if let Poll::Ready(answer) = work.as_mut().poll(context) {
                    return Poll::Ready(answer);
                }
                if self.under_way.is_any() {
                    return Poll::Pending;
                }
                steps += 1;
                assert!(steps < MOST_STEPS, "it has no end");
                self.clock.advance();
            }
        })
        .await
    }

    /// Works until so many calls more of the backends were begun, and drops the work then, as a killed process does. `None` where
    /// it was dropped. To be [run](Self::run).
    pub async fn for_calls<T>(&self, calls: usize, work: impl Future<Output = T>) -> Option<T> {
        let last = self.under_way.begun() + calls;
        let mut work = pin!(work);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if self.under_way.begun() >= last => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}
