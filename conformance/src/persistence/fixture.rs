//! What each case works with.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use secret_store_core::{
    Clock, Consistency, ErrorKind, Limits, ListQuery, Order, Page, Persistence, Precondition, Record, RecordKey,
    Result, Revision, Stored, SystemClock, Value, Write,
};

use super::instance::Instance;
use crate::case::Stop;
use crate::options::Options;

/// The partition most cases use.
pub(super) const PARTITION: &str = "Conformance.Test";

/// How often a commit that met another one is repeated before it counts as stuck.
const MAX_CONTENDED: u32 = 1000;

/// A fresh instance and how to use it.
pub(super) struct Fixture {
    pub(super) instance: Instance,
    pub(super) options: Options,
}

/// A handle that tasks can share.
#[derive(Clone, Debug)]
pub(super) struct Handle(Arc<dyn Persistence>);

impl Fixture {
    pub(super) fn new(instance: Instance, options: Options) -> Self {
        Self { instance, options }
    }

    pub(super) fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.instance.persistence))
    }

    /// Drops every handle, then opens the same storage again.
    pub(super) async fn reopened(mut self) -> Result<Self, Stop> {
        let Some(reopen) = self.instance.reopen.clone() else {
            return Err(Stop::skipped("the factory gives no way to reopen: use Instance::with_reopen"));
        };
        self.instance.persistence = Arc::new(Closed);
        self.instance.persistence = reopen().await?;
        Ok(self)
    }
}

/// Stands where the old handle was while the storage is opened again.
#[derive(Debug)]
struct Closed;

#[async_trait::async_trait]
impl Persistence for Closed {
    async fn load(&self, _: &RecordKey, _: Consistency) -> Result<Option<Stored>> {
        Err(closed())
    }

    async fn list(&self, _: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        Err(closed())
    }

    async fn commit(&self, _: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        Err(closed())
    }
}

fn closed() -> secret_store_core::Error {
    secret_store_core::Error::new(ErrorKind::Unavailable, "closed until it is reopened")
}

impl Handle {
    pub(super) fn raw(&self) -> &dyn Persistence {
        &*self.0
    }

    pub(super) fn limits(&self) -> Limits {
        self.0.limits()
    }

    /// Commits; repeats while another commit is in the way, as every user of a persistence does.
    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        for _ in 0..MAX_CONTENDED {
            match self.0.commit(writes.clone()).await {
                Err(error) if matches!(error.kind(), ErrorKind::Contention | ErrorKind::Throttled) => {
                    SystemClock.sleep(Duration::from_millis(2)).await;
                }
                answer => return answer,
            }
        }
        self.0.commit(writes).await
    }

    /// One put; answers its revision.
    pub(super) async fn put(
        &self,
        key: &RecordKey,
        record: Record,
        precondition: Precondition,
    ) -> Result<Revision, Stop> {
        let answer = self.commit(vec![Write::put(key.clone(), record, precondition)]).await?;
        match answer.as_slice() {
            [Some(revision)] => Ok(revision.clone()),
            other => Err(Stop::failed(format!("one put was answered {other:?}, expected one revision"))),
        }
    }

    pub(super) async fn delete(&self, key: &RecordKey, precondition: Precondition) -> Result<()> {
        self.commit(vec![Write::delete(key.clone(), precondition)]).await.map(drop)
    }

    pub(super) async fn check(&self, key: &RecordKey, precondition: Precondition) -> Result<()> {
        self.commit(vec![Write::check(key.clone(), precondition)]).await.map(drop)
    }

    pub(super) async fn load(&self, key: &RecordKey) -> Result<Option<Stored>> {
        self.0.load(key, Consistency::Strong).await
    }

    pub(super) async fn load_many(&self, keys: &[RecordKey]) -> Result<Vec<Option<Stored>>> {
        self.0.load_many(keys, Consistency::Strong).await
    }

    /// The record that must be there.
    pub(super) async fn present(&self, key: &RecordKey) -> Result<Stored, Stop> {
        let found = self.load(key).await?;
        found.ok_or_else(|| Stop::failed(format!("{key:?} is absent, expected a record")))
    }

    pub(super) async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.0.list(&query.clone().with_consistency(Consistency::Strong)).await
    }

    /// All pages of a query.
    pub(super) async fn list_all(&self, query: &ListQuery) -> Result<Vec<(Arc<str>, Stored)>, Stop> {
        let mut query = query.clone();
        let mut all = Vec::new();
        let mut empty_pages = 0;
        loop {
            let page = self.list(&query).await?;
            empty_pages = if page.items.is_empty() { empty_pages + 1 } else { 0 };
            if page.items.len() > query.limit().get() {
                return Err(Stop::failed(format!(
                    "a page of {} exceeds its limit {}",
                    page.items.len(),
                    query.limit()
                )));
            }
            all.extend(page.items);
            let Some(next) = page.next else { return Ok(all) };
            if empty_pages > 100 {
                return Err(Stop::failed("a hundred empty pages in a row: the listing does not end"));
            }
            if !query.is_in_any_order() && !query.admits(&next) {
                return Err(Stop::failed(format!(
                    "the page's next {next:?} does not lie in the range it was asked for"
                )));
            }
            query = query.continued(next);
        }
    }

    /// The sort keys of all pages of a query.
    pub(super) async fn sorts(&self, query: &ListQuery) -> Result<Vec<String>, Stop> {
        Ok(self.list_all(query).await?.into_iter().map(|(sort, _)| sort.to_string()).collect())
    }

    /// Puts a small record under each sort key of the partition.
    pub(super) async fn fill(&self, sorts: &[&str]) -> Result<(), Stop> {
        for sort in sorts {
            self.put(&key(sort), small(sort), Precondition::Absent).await?;
        }
        Ok(())
    }
}

/// A key in the usual partition.
pub(super) fn key(sort: &str) -> RecordKey {
    RecordKey::new(PARTITION, sort)
}

/// A small record that is recognised by its text.
pub(super) fn small(text: &str) -> Record {
    Record::new().with("Text", Value::from(text))
}

/// The whole of the usual partition.
pub(super) fn everything() -> ListQuery {
    ListQuery::new(PARTITION)
}

pub(super) fn descending(query: ListQuery) -> ListQuery {
    query.with_order(Order::Descending)
}

pub(super) fn limit(items: usize) -> NonZeroUsize {
    NonZeroUsize::new(items).expect("a page limit of a case is not zero")
}

/// Whether a listing or a load shows exactly this record.
pub(super) fn is(stored: Option<&Stored>, record: &Record) -> bool {
    stored.is_some_and(|stored| *stored.record == *record)
}
