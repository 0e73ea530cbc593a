//! Where ciphertext lives.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::record::Record;

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
/// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) by [`Error::conflict`] for a precondition that does not hold,
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

/// An opaque mark of one state of one record, issued by the persistence. Advisory: nothing authenticates it.
#[derive(Clone, Debug)]
pub struct Revision(Repr);

#[derive(Clone, Debug)]
enum Repr {
    Number(u64),
    Text(Arc<str>),
}

impl Revision {
    /// A revision of any text of the persistence's own making.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(Repr::Text(text.into()))
    }

    /// The revision as text; [`Revision::new`] of it is equal to it.
    #[must_use]
    pub fn as_text(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Number(number) => Cow::Owned(number.to_string()),
            Repr::Text(text) => Cow::Borrowed(text),
        }
    }
}

impl From<u64> for Revision {
    fn from(number: u64) -> Self {
        Self(Repr::Number(number))
    }
}

impl PartialEq for Revision {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Number(a), Repr::Number(b)) => a == b,
            _ => self.as_text() == other.as_text(),
        }
    }
}

impl Eq for Revision {}

impl std::hash::Hash for Revision {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_text().hash(state);
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_text().escape_debug())
    }
}

/// What must be true of a record for a write to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precondition {
    /// Nothing.
    #[default]
    Any,
    /// No record is there.
    Absent,
    /// The record has this revision.
    Revision(Revision),
}

impl Precondition {
    /// Whether the precondition holds of what is there: the one definition every persistence shares.
    #[must_use]
    pub fn holds(&self, current: Option<&Revision>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => current.is_none(),
            Self::Revision(expected) => current == Some(expected),
        }
    }
}

/// One write of a commit.
#[derive(Clone, Debug)]
pub enum Write {
    /// Creates or replaces a record.
    Put {
        /// Where.
        key: RecordKey,
        /// What.
        record: Arc<Record>,
        /// On what condition.
        precondition: Precondition,
    },
    /// Removes a record.
    Delete {
        /// Where.
        key: RecordKey,
        /// On what condition.
        precondition: Precondition,
    },
    /// Changes nothing, but the commit fails unless the precondition holds.
    Check {
        /// Where.
        key: RecordKey,
        /// The condition.
        precondition: Precondition,
    },
}

impl Write {
    /// A put.
    #[must_use]
    pub fn put(key: RecordKey, record: impl Into<Arc<Record>>, precondition: Precondition) -> Self {
        Self::Put { key, record: record.into(), precondition }
    }

    /// A delete.
    #[must_use]
    pub fn delete(key: RecordKey, precondition: Precondition) -> Self {
        Self::Delete { key, precondition }
    }

    /// A check.
    #[must_use]
    pub fn check(key: RecordKey, precondition: Precondition) -> Self {
        Self::Check { key, precondition }
    }

    /// The record's key.
    #[must_use]
    pub fn key(&self) -> &RecordKey {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }

    /// The condition.
    #[must_use]
    pub fn precondition(&self) -> &Precondition {
        match self {
            Self::Put { precondition, .. } | Self::Delete { precondition, .. } | Self::Check { precondition, .. } => {
                precondition
            }
        }
    }

    /// Checks what every persistence must refuse before it begins: two writes of one key, more writes or larger records
    /// than `limits` allow.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) or [`TooLarge`](crate::ErrorKind::TooLarge).
    pub fn check_all(writes: &[Self], limits: &Limits) -> Result<()> {
        if writes.len() > limits.writes_per_commit {
            return Err(Error::too_large(
                "number of writes in one commit",
                limits.writes_per_commit as u64,
                writes.len() as u64,
            ));
        }
        for (index, write) in writes.iter().enumerate() {
            if writes[..index].iter().any(|earlier| earlier.key() == write.key()) {
                return Err(Error::invalid_input("two writes of one commit name the same record"));
            }
            if let Self::Put { record, .. } = write {
                record.check_size(limits.record_bytes)?;
            }
        }
        Ok(())
    }
}

/// What a persistence takes in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The size of one record as [`Record::size`] counts it, in bytes.
    pub record_bytes: usize,
    /// Writes in one commit.
    pub writes_per_commit: usize,
    /// Keys in one `load_many` that still cost one round trip.
    pub batch: usize,
}

impl Limits {
    /// The limits of a backend without any of its own: records of 1 MiB, 100 writes a commit, 100 keys a batch.
    pub const DEFAULT: Self = Self { record_bytes: 1024 * 1024, writes_per_commit: 100, batch: 100 };

    /// Another record size, in bytes.
    #[must_use]
    pub const fn with_record_bytes(mut self, bytes: usize) -> Self {
        self.record_bytes = bytes;
        self
    }

    /// Another number of writes in one commit; at least 4, which a put with its history needs.
    #[must_use]
    pub const fn with_writes_per_commit(mut self, writes: usize) -> Self {
        self.writes_per_commit = writes;
        self
    }

    /// Another number of keys in one batch.
    #[must_use]
    pub const fn with_batch(mut self, keys: usize) -> Self {
        self.batch = keys;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
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

/// The order of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// By the bytes of the sort key, smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// One partition, an exclusive range of sort keys, an order, a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    partition: Arc<str>,
    after: Option<Arc<str>>,
    before: Option<Arc<str>>,
    order: Order,
    limit: NonZeroUsize,
    consistency: Consistency,
    in_any_order: bool,
}

impl ListQuery {
    /// The page size unless [`ListQuery::with_limit`] sets another.
    pub const DEFAULT_LIMIT: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

    /// The whole partition, ascending, 100 records a page, eventually consistent.
    #[must_use]
    pub fn new(partition: impl Into<Arc<str>>) -> Self {
        Self {
            partition: partition.into(),
            after: None,
            before: None,
            order: Order::Ascending,
            limit: Self::DEFAULT_LIMIT,
            consistency: Consistency::Eventual,
            in_any_order: false,
        }
    }

    /// Only sort keys greater than this.
    #[must_use]
    pub fn with_after(mut self, sort: impl Into<Arc<str>>) -> Self {
        self.after = Some(sort.into());
        self
    }

    /// Only sort keys less than this.
    #[must_use]
    pub fn with_before(mut self, sort: impl Into<Arc<str>>) -> Self {
        self.before = Some(sort.into());
        self
    }

    /// The order of the answer.
    #[must_use]
    pub fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Leaves it to the persistence in which order the pages come, the same for all of one visit: for whoever reads a whole partition and
    /// keeps no order. Each bound must then be the [`next`](Page::next) of a page, or admit a whole range of names by its beginning.
    ///
    /// A hint: it is right to answer in order. [`BlindNames`](crate::BlindNames), which otherwise reads a partition for each of its pages,
    /// reads each record once.
    #[must_use]
    pub fn in_any_order(mut self) -> Self {
        self.in_any_order = true;
        self
    }

    /// The same of another partition.
    pub(crate) fn with_partition(&self, partition: Arc<str>) -> Self {
        Self { partition, ..self.clone() }
    }

    /// The same without bounds.
    pub(crate) fn unbounded(self) -> Self {
        Self { after: None, before: None, ..self }
    }

    /// The largest number of records in a page.
    #[must_use]
    pub fn with_limit(mut self, limit: NonZeroUsize) -> Self {
        self.limit = limit;
        self
    }

    /// How fresh the page must be.
    #[must_use]
    pub fn with_consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = consistency;
        self
    }

    /// The query that goes on after a page's [`next`](Page::next).
    #[must_use]
    pub fn continued(self, next: impl Into<Arc<str>>) -> Self {
        match self.order {
            Order::Ascending => self.with_after(next),
            Order::Descending => self.with_before(next),
        }
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> &Arc<str> {
        &self.partition
    }

    /// Whether the order is left to the persistence.
    #[must_use]
    pub fn is_in_any_order(&self) -> bool {
        self.in_any_order
    }

    /// The exclusive lower bound, if any.
    #[must_use]
    pub fn after(&self) -> Option<&Arc<str>> {
        self.after.as_ref()
    }

    /// The exclusive upper bound, if any.
    #[must_use]
    pub fn before(&self) -> Option<&Arc<str>> {
        self.before.as_ref()
    }

    /// The order of the answer.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// The largest number of records in a page.
    #[must_use]
    pub fn limit(&self) -> NonZeroUsize {
        self.limit
    }

    /// How fresh the page must be.
    #[must_use]
    pub fn consistency(&self) -> Consistency {
        self.consistency
    }

    /// Whether the bounds admit a sort key: the one definition every persistence shares.
    #[must_use]
    pub fn admits(&self, sort: &str) -> bool {
        self.after.as_deref().is_none_or(|after| sort > after)
            && self.before.as_deref().is_none_or(|before| sort < before)
    }

    /// Whether the bounds admit nothing at all (an ordered map panics on such a range).
    #[must_use]
    pub fn is_empty_range(&self) -> bool {
        matches!((&self.after, &self.before), (Some(after), Some(before)) if after >= before)
    }
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the order asked for.
    pub items: Vec<T>,
    /// Where the next page begins (exclusive), or `None` when this was the last.
    pub next: Option<Arc<str>>,
}

impl<T> Page<(Arc<str>, T)> {
    /// Makes a page of one item more than the limit, as a backend fetches them to learn whether more follows.
    #[must_use]
    pub fn overfetched(mut items: Vec<(Arc<str>, T)>, limit: NonZeroUsize) -> Self {
        let more = items.len() > limit.get();
        items.truncate(limit.get());
        let next = if more { items.last().map(|(sort, _)| Arc::clone(sort)) } else { None };
        Self { items, next }
    }
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { items: Vec::new(), next: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preconditions_hold_of_exactly_what_they_say() {
        let (one, two) = (Revision::from(1), Revision::from(2));
        assert!(Precondition::Any.holds(None) && Precondition::Any.holds(Some(&one)));
        assert!(Precondition::Absent.holds(None) && !Precondition::Absent.holds(Some(&one)));
        let expects = Precondition::Revision(one.clone());
        assert!(expects.holds(Some(&one)) && !expects.holds(Some(&two)) && !expects.holds(None));
    }

    #[test]
    fn a_revision_survives_its_text() {
        let number = Revision::from(42);
        let text = Revision::new(number.as_text().into_owned());
        assert_eq!(number, text);
        assert_ne!(number, Revision::new("042"));
        let hash = |revision: &Revision| {
            use std::hash::{BuildHasher, RandomState};
            thread_local!(static STATE: RandomState = RandomState::new());
            STATE.with(|state| state.hash_one(revision))
        };
        assert_eq!(hash(&number), hash(&text));
    }

    #[test]
    fn an_overfetched_page_points_at_its_own_last_item() {
        let items: Vec<(Arc<str>, u8)> = ["a", "b", "c"].into_iter().map(|sort| (Arc::from(sort), 0)).collect();
        let two = NonZeroUsize::new(2).expect("not zero");
        let page = Page::overfetched(items.clone(), two);
        assert_eq!((page.items.len(), page.next.as_deref()), (2, Some("b")));
        let three = NonZeroUsize::new(3).expect("not zero");
        assert_eq!(Page::overfetched(items, three).next, None);
    }

    #[test]
    fn a_query_continues_in_its_order() {
        let query = ListQuery::new("p").with_after("a").with_before("z");
        assert!(query.admits("b") && !query.admits("a") && !query.admits("z"));
        let up = query.clone().continued("m");
        assert!(!up.admits("m") && up.admits("n") && !up.admits("b"));
        let down = query.with_order(Order::Descending).continued("m");
        assert!(!down.admits("m") && down.admits("b") && !down.admits("n"));
        assert!(ListQuery::new("p").with_after("b").with_before("b").is_empty_range());
    }
}
