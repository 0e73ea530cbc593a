//! Records in memory behind a hook that sees each call first and may spoil it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secret_store_core::{
    Consistency, Error, ErrorKind, Limits, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, Write,
};
use secret_store_memory::MemoryPersistence;

#[derive(Debug)]
pub(crate) enum Call<'a> {
    Load(&'a RecordKey, Consistency),
    LoadMany(&'a [RecordKey], Consistency),
    List(&'a ListQuery),
    Commit(&'a [Write]),
}

/// What becomes of a call.
#[derive(Clone, Debug)]
pub(crate) enum Strike {
    Pass,
    /// It is not made.
    Before(ErrorKind),
    /// It is made, and its answer is lost.
    After(ErrorKind),
    /// A read is answered from these records instead.
    From(Arc<MemoryPersistence>),
}

type Hook = Arc<dyn Fn(&Call<'_>) -> Strike + Send + Sync>;

pub(crate) struct Records {
    memory: MemoryPersistence,
    calls: AtomicUsize,
    hook: Mutex<Option<Hook>>,
}

impl Records {
    pub(crate) fn new(memory: MemoryPersistence) -> Self {
        Self { memory, calls: AtomicUsize::new(0), hook: Mutex::default() }
    }

    /// The records themselves: reading and writing here is seen by no hook.
    pub(crate) fn memory(&self) -> &MemoryPersistence {
        &self.memory
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn hook(&self, hook: impl Fn(&Call<'_>) -> Strike + Send + Sync + 'static) {
        *self.hook.lock().expect("no panic under this lock") = Some(Arc::new(hook));
    }

    pub(crate) fn unhook(&self) {
        *self.hook.lock().expect("no panic under this lock") = None;
    }

    /// The hook runs outside the lock: it may use this persistence itself.
    fn meet(&self, call: &Call<'_>) -> Result<Met> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let hook = self.hook.lock().expect("no panic under this lock").clone();
        match hook.map_or(Strike::Pass, |hook| hook(call)) {
            Strike::Pass => Ok(Met { lost: None, instead: None }),
            Strike::Before(kind) => Err(failure(kind)),
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
        let met = self.meet(&Call::Load(key, consistency))?;
        met.answer(met.source(&self.memory).load(key, consistency).await)
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        let met = self.meet(&Call::LoadMany(keys, consistency))?;
        met.answer(met.source(&self.memory).load_many(keys, consistency).await)
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        let met = self.meet(&Call::List(query))?;
        met.answer(met.source(&self.memory).list(query).await)
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        let met = self.meet(&Call::Commit(&writes))?;
        met.answer(self.memory.commit(writes).await)
    }
}
