//! Where ciphertext lives.

mod limits;
mod query;
mod revision;
mod write;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;
use crate::record::Record;

pub use limits::Limits;
pub use query::{ListQuery, Order, Page};
pub use revision::Revision;
pub use write::{Precondition, Write};

/// A place for records: ordered within partitions, revisioned, with atomic multi-record writes.
///
/// This is the implementor's contract. It never sees plaintext or plaintext keys, and needs only what DynamoDB, a
/// directory, PostgreSQL and an ordered map all have. `secret-store-conformance` tells an author whether an
/// implementation is right.
///
/// # Obligations
///
/// * **Atomic**: a [`commit`](Persistence::commit) happens wholly or not at all, also across a crash, and no reader ever
///   sees a part of one record's write. (A reader may see one record of a commit before another; it loads records one by one.)
/// * **Durable**: when `commit` returns `Ok`, its effect survives a crash.
/// * **Conditional**: preconditions are checked and the writes applied as one step with respect to every other commit.
/// * **Ordered**: [`list`](Persistence::list) orders sort keys by their UTF-8 bytes.
/// * **Revisioned**: every put gives its record a revision that this key never had before.
/// * **Cancel safe**: a dropped `commit` either completes or leaves nothing; dropped reads do nothing.
///
/// # Errors
///
/// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) by [`Error::conflict`](crate::Error::conflict) for a precondition that does not hold,
/// [`Contention`](crate::ErrorKind::Contention) for a write that met another in progress,
/// [`TooLarge`](crate::ErrorKind::TooLarge) above [`limits`](Persistence::limits), before anything is sent,
/// [`Integrity`](crate::ErrorKind::Integrity) for a record that cannot be parsed (never a silent absence),
/// [`Unavailable`](crate::ErrorKind::Unavailable) where it is unknown whether a commit landed,
/// [`Throttled`](crate::ErrorKind::Throttled) and [`PermissionDenied`](crate::ErrorKind::PermissionDenied) as the backend says.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Persistence: fmt::Debug + Send + Sync + 'static {
    /// What the backend can take in one call. Provided: [`Limits::default`].
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Reads one record; `None` where there is none.
    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>>;

    /// Reads several records; the answers stand in the order of `keys`, all of them or an error. Provided: one by one.
    /// Not a snapshot: the records may be of different moments.
    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            found.push(self.load(key, consistency).await?);
        }
        Ok(found)
    }

    /// One page of a partition as (sort key, record), in the query's order (or any, where it [says so](ListQuery::in_any_order)).
    ///
    /// A page may be shorter than the limit, even empty, while [`Page::next`] says that more may follow; it is never
    /// longer. `next` is `None` only when the range is exhausted.
    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>>;

    /// Applies all writes or none. Answers one revision per put and `None` per delete or check, in order.
    ///
    /// Two writes of one commit never name the same key: that is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput). Deleting what does not exist under
    /// [`Precondition::Any`] is a success. An empty commit does nothing.
    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>>;
}

/// The address of a record: a partition and a sort key within it, both compared as bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    partition: Arc<str>,
    sort: Arc<str>,
}

impl RecordKey {
    /// A key of any two texts (a backend escapes what its medium cannot hold).
    #[must_use]
    pub fn new(partition: impl Into<Arc<str>>, sort: impl Into<Arc<str>>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }

    /// The partition: the unit of listing and of access rights.
    #[must_use]
    pub fn partition(&self) -> &Arc<str> {
        &self.partition
    }

    /// The key within the partition.
    #[must_use]
    pub fn sort(&self) -> &Arc<str> {
        &self.sort
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{:?}", self.partition, self.sort)
    }
}

/// A record as it is stored, shared, with the revision the persistence gave it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The record.
    pub record: Arc<Record>,
    /// Its revision.
    pub revision: Revision,
}

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// May miss the newest commits of others (and is cheaper where the backend distinguishes).
    #[default]
    Eventual,
    /// Sees every commit that was acknowledged before the read began.
    Strong,
}
