//! A persistence that answers what used to be there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secret_store_core::{
    Consistency, Limits, ListQuery, Order, Page, Persistence, RecordKey, Result, Revision, Stored, Write,
};

use super::lock;

/// Answers reads from an earlier moment. Commits always meet the present: their preconditions are checked there.
///
/// [`eventual`](Stale::eventual) spoils eventual reads only, which the trait allows; [`lying`](Stale::lying) spoils strong
/// ones too, which makes it a rollback of the whole database that keeps accepting writes.
#[derive(Debug)]
pub struct Stale {
    inner: Arc<dyn Persistence>,
    spoils: Spoils,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoils {
    EventualReads,
    AllReads,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Current,
    OneCommitBehind,
    Frozen,
}

/// What the records were that have been written since.
type Past = BTreeMap<RecordKey, Option<Stored>>;

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    past: Past,
}

impl Stale {
    /// Spoils eventual reads. Answers the present until it is told otherwise.
    #[must_use]
    pub fn eventual(inner: impl Persistence) -> Self {
        Self { inner: Arc::new(inner), spoils: Spoils::EventualReads, state: Mutex::default() }
    }

    /// Spoils every read. Answers the present until it is told otherwise.
    #[must_use]
    pub fn lying(inner: impl Persistence) -> Self {
        Self { inner: Arc::new(inner), spoils: Spoils::AllReads, state: Mutex::default() }
    }

    /// Hides the newest commit from now on, until the next one.
    #[must_use]
    pub fn one_commit_behind(self) -> Self {
        self.enter(Mode::OneCommitBehind);
        self
    }

    /// Answers as of this moment from now on.
    pub fn freeze(&self) {
        self.enter(Mode::Frozen);
    }

    /// Answers the present again.
    pub fn thaw(&self) {
        self.enter(Mode::Current);
    }

    fn enter(&self, mode: Mode) {
        *lock(&self.state) = State { mode, past: Past::new() };
    }

    /// The past of these keys, where it is what this read gets.
    fn past(&self, consistency: Consistency) -> Past {
        match (self.spoils, consistency) {
            (Spoils::EventualReads, Consistency::Strong) => Past::new(),
            _ => lock(&self.state).past.clone(),
        }
    }

    fn remember(&self, before: Past) {
        let mut state = lock(&self.state);
        match state.mode {
            Mode::Current => {}
            Mode::OneCommitBehind => state.past = before,
            Mode::Frozen => {
                for (key, stored) in before {
                    state.past.entry(key).or_insert(stored);
                }
            }
        }
    }

    /// The whole partition as it was, within the query's bounds.
    async fn listing(&self, query: &ListQuery) -> Result<BTreeMap<Arc<str>, Stored>> {
        let past = self.past(query.consistency());
        let mut records = BTreeMap::new();
        let mut rest = query.clone();
        loop {
            let page = self.inner.list(&rest).await?;
            records.extend(page.items);
            match page.next {
                Some(next) => rest = rest.continued(next),
                None => break,
            }
        }
        for (key, stored) in past.into_iter().filter(|(key, _)| key.partition() == query.partition()) {
            match stored {
                Some(stored) if query.admits(key.sort()) => records.insert(Arc::clone(key.sort()), stored),
                _ => records.remove(key.sort()),
            };
        }
        Ok(records)
    }
}

#[async_trait]
impl Persistence for Stale {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        let past = self.past(consistency).remove(key);
        match past {
            Some(stored) => Ok(stored),
            None => self.inner.load(key, consistency).await,
        }
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        let past = self.past(consistency);
        let mut answers = self.inner.load_many(keys, consistency).await?;
        for (key, answer) in keys.iter().zip(&mut answers) {
            if let Some(stored) = past.get(key) {
                answer.clone_from(stored);
            }
        }
        Ok(answers)
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        let records = self.listing(query).await?.into_iter();
        let one_more = query.limit().get().saturating_add(1);
        let items = match query.order() {
            Order::Ascending => records.take(one_more).collect(),
            Order::Descending => records.rev().take(one_more).collect(),
        };
        Ok(Page::overfetched(items, query.limit()))
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        let changed = writes.iter().filter(|write| !matches!(write, Write::Check { .. }));
        let keys: Vec<_> = changed.map(|write| write.key().clone()).collect();
        let before = self.inner.load_many(&keys, Consistency::Strong).await?;
        let answer = self.inner.commit(writes).await?;
        self.remember(keys.into_iter().zip(before).collect());
        Ok(answer)
    }
}
