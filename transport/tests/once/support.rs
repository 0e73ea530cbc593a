//! A clock that moves when told, and persistences whose commits land late or whose callers die.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use secret_store_core::{
    ApplicationName, Clock, Consistency, Error, ErrorKind, ListQuery, Page, Persistence, Record, RecordKey, Result,
    Revision, Stored, Write,
};
use secret_store_memory::MemoryPersistence;
use secret_store_transport::Once;

#[derive(Debug)]
pub(crate) struct ManualClock(AtomicU64);

impl ManualClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_700_000_000_000)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).expect("a short time"), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, _duration: Duration) {
        unreachable!("nothing here waits")
    }
}

pub(crate) fn application(name: &str) -> ApplicationName {
    ApplicationName::new(name).expect("a valid name")
}

pub(crate) fn server(records: Arc<dyn Persistence>, clock: &Arc<ManualClock>) -> Once {
    Once::new(records).with_clock(Arc::clone(clock) as Arc<dyn Clock>)
}

pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.expect_err("refused").kind()
}

/// Every record of an application's marks.
pub(crate) async fn dump(records: &MemoryPersistence, name: &str) -> Vec<(Arc<str>, Arc<Record>)> {
    let page = records.list(&ListQuery::new(format!("~n~{name}"))).await.expect("lists");
    assert!(page.next.is_none(), "the tests stay within a page");
    page.items.into_iter().map(|(sort, stored)| (sort, stored.record)).collect()
}

/// Keeps commits back, answering that it does not know; they land when told.
#[derive(Debug)]
pub(crate) struct Late {
    pub(crate) inner: Arc<MemoryPersistence>,
    kept: Mutex<Vec<Vec<Write>>>,
}

impl Late {
    pub(crate) fn new(inner: &Arc<MemoryPersistence>) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), kept: Mutex::default() })
    }

    /// Lets everything land; answers how many commits did.
    pub(crate) async fn land(&self) -> usize {
        let kept = std::mem::take(&mut *self.kept.lock().expect("no panic under this lock"));
        let mut landed = 0;
        for writes in kept {
            landed += usize::from(self.inner.commit(writes).await.is_ok());
        }
        landed
    }
}

#[async_trait]
impl Persistence for Late {
    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.inner.load(key, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.inner.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.kept.lock().expect("no panic under this lock").push(writes);
        Err(Error::new(ErrorKind::Unavailable, "the test does not say"))
    }
}

/// Pauses before and after each call, so that its caller can be dropped there. Optionally time passes in each pause.
#[derive(Debug)]
pub(crate) struct Pausing {
    pub(crate) inner: Arc<MemoryPersistence>,
    pub(crate) passes: Option<(Arc<ManualClock>, Duration)>,
}

impl Pausing {
    async fn pause(&self) {
        if let Some((clock, time)) = &self.passes {
            clock.advance(*time);
        }
        let mut paused = false;
        std::future::poll_fn(|_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending })
            .await;
    }
}

#[async_trait]
impl Persistence for Pausing {
    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.pause().await;
        let found = self.inner.load(key, consistency).await;
        self.pause().await;
        found
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.inner.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.pause().await;
        let committed = self.inner.commit(writes).await;
        self.pause().await;
        committed
    }
}

/// Polls a future so many times and drops it; its answer where it came to one.
pub(crate) fn poll_times<T>(future: impl Future<Output = T>, times: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(std::task::Waker::noop());
    for _ in 0..times {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return Some(answer);
        }
    }
    None
}
