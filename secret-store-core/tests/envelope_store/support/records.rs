//! Records in memory behind a hook that sees each call first and may spoil it.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use secret_store_core::{
    Consistency, Error, ErrorKind, Limits, ListQuery, Order, Page, Persistence, RecordKey, Result, Revision, Stored,
    Write,
};
use secret_store_memory::MemoryPersistence;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Load(Consistency),
    LoadMany(Consistency),
    List(Consistency),
    Commit,
}

/// What becomes of a call.
#[derive(Clone, Debug)]
pub(crate) enum Strike {
    Pass,
    /// It is not made.
    Before(ErrorKind),
    /// It is refused: the precondition of this write of it did not hold.
    Lost(usize),
    /// It is made, and its answer is lost.
    After(ErrorKind),
    /// A read is answered from these records instead.
    From(Arc<MemoryPersistence>),
}

type Hook = Arc<dyn Fn(&Call) -> Strike + Send + Sync>;

pub(crate) struct Records {
    memory: MemoryPersistence,
    calls: AtomicUsize,
    hook: Mutex<Option<Hook>>,
    suspends: AtomicBool,
    stalls: AtomicBool,
    denied_key: Mutex<Option<RecordKey>>,
    denied: AtomicUsize,
}

impl Records {
    pub(crate) fn new(memory: MemoryPersistence) -> Self {
        Self {
            memory,
            calls: AtomicUsize::new(0),
            hook: Mutex::default(),
            suspends: AtomicBool::new(false),
            stalls: AtomicBool::new(false),
            denied_key: Mutex::default(),
            denied: AtomicUsize::new(0),
        }
    }

    /// From now on no commit ends.
    pub(crate) fn stall(&self) {
        self.stalls.store(true, Ordering::SeqCst);
    }

    /// From now on this record may not be loaded by itself.
    pub(crate) fn deny(&self, key: RecordKey) {
        *self.denied_key.lock().expect("no panic under this lock") = Some(key);
    }

    /// How often that was tried.
    pub(crate) fn denied(&self) -> usize {
        self.denied.load(Ordering::SeqCst)
    }

    /// From now on every call is pending once before and once after it does its work.
    pub(crate) fn suspend(&self) {
        self.suspends.store(true, Ordering::SeqCst);
    }

    async fn suspended<T>(&self, work: impl Future<Output = T>) -> T {
        let suspends = self.suspends.load(Ordering::SeqCst);
        if suspends {
            pending_once().await;
        }
        let answer = work.await;
        if suspends {
            pending_once().await;
        }
        answer
    }

    /// The records themselves: reading and writing here is seen by no hook.
    pub(crate) fn memory(&self) -> &MemoryPersistence {
        &self.memory
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn hook(&self, hook: impl Fn(&Call) -> Strike + Send + Sync + 'static) {
        *self.hook.lock().expect("no panic under this lock") = Some(Arc::new(hook));
    }

    pub(crate) fn unhook(&self) {
        *self.hook.lock().expect("no panic under this lock") = None;
    }

    /// The hook runs outside the lock: it may use this persistence itself.
    fn meet(&self, call: &Call) -> Result<Met> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let hook = self.hook.lock().expect("no panic under this lock").clone();
        match hook.map_or(Strike::Pass, |hook| hook(call)) {
            Strike::Pass => Ok(Met { lost: None, instead: None }),
            Strike::Before(kind) => Err(failure(kind)),
            Strike::Lost(write) => Err(Error::conflict(write, None)),
            Strike::After(kind) => Ok(Met { lost: Some(kind), instead: None }),
            Strike::From(records) => Ok(Met { lost: None, instead: Some(records) }),
        }
    }
}

fn failure(kind: ErrorKind) -> Error {
    match kind {
        ErrorKind::Conflict => Error::conflict(0, None),
        kind => Error::new(kind, "the test made this call fail"),
    }
}

struct Met {
    lost: Option<ErrorKind>,
    instead: Option<Arc<MemoryPersistence>>,
}

impl Met {
    fn source<'a>(&'a self, memory: &'a MemoryPersistence) -> &'a MemoryPersistence {
        self.instead.as_deref().unwrap_or(memory)
    }

    fn answer<T>(&self, answer: Result<T>) -> Result<T> {
        match self.lost {
            Some(kind) => answer.and(Err(failure(kind))),
            None => answer,
        }
    }
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.memory.fmt(f)
    }
}

#[async_trait]
impl Persistence for Records {
    fn limits(&self) -> Limits {
        self.memory.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        if self.denied_key.lock().expect("no panic under this lock").as_ref() == Some(key) {
            self.denied.fetch_add(1, Ordering::SeqCst);
            return Err(failure(ErrorKind::PermissionDenied));
        }
        let met = self.meet(&Call::Load(consistency))?;
        met.answer(self.suspended(met.source(&self.memory).load(key, consistency)).await)
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        let met = self.meet(&Call::LoadMany(consistency))?;
        met.answer(self.suspended(met.source(&self.memory).load_many(keys, consistency)).await)
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        let met = self.meet(&Call::List(query.consistency()))?;
        met.answer(self.suspended(met.source(&self.memory).list(query)).await)
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        if self.stalls.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let met = self.meet(&Call::Commit)?;
        met.answer(self.suspended(self.memory.commit(writes)).await)
    }
}

fn pending_once() -> impl Future<Output = ()> {
    let mut polled = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Answers a list page by page of at most one record, every other page empty, as the contract allows.
#[derive(Debug)]
pub(crate) struct ShortPages {
    inner: Arc<Records>,
    lists: AtomicUsize,
}

impl ShortPages {
    pub(crate) fn new(inner: Arc<Records>) -> Self {
        Self { inner, lists: AtomicUsize::new(0) }
    }
}

#[async_trait]
impl Persistence for ShortPages {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.inner.load(key, consistency).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        self.inner.load_many(keys, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        let page = self.inner.list(&query.clone().with_limit(NonZeroUsize::MIN)).await?;
        let empty = self.lists.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
        match page.items.first() {
            // Before the first record nothing can be named: an empty page ends where the range begins.
            Some((sort, _)) if empty && query.order() == Order::Descending => {
                Ok(Page { items: Vec::new(), next: Some(format!("{sort}!").into()) })
            }
            _ => Ok(page),
        }
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.inner.commit(writes).await
    }
}
