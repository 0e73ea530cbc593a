//! Records in ordered maps.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use secret_store_core::{
    Consistency, Error, Limits, ListQuery, Order, Page, Persistence, RecordKey, Result, Revision, Stored, Write,
};

/// Partition → sort key → record. Two levels, so that a lookup borrows both halves of a key and a listing is one range.
type Records = BTreeMap<Arc<str>, BTreeMap<Arc<str>, Stored>>;

/// A [`Persistence`] in memory. Nothing persists.
///
/// Every read is strongly consistent. A commit happens under one lock and without suspension, so a dropped future has
/// either done all of it or nothing. Revisions count the puts of the whole store: no number ever returns, whatever is
/// deleted, created again or [restored](MemoryPersistence::restore).
///
/// Share it by `Arc`: each value is a store of its own.
#[derive(Default)]
pub struct MemoryPersistence {
    state: RwLock<State>,
    limits: Limits,
}

#[derive(Default)]
struct State {
    /// Shared with snapshots; the first commit after a snapshot copies the maps, never the records.
    records: Arc<Records>,
    /// The revision given last. Not part of a snapshot: it only grows.
    last_revision: u64,
}

/// The records of one moment, shared with the store they came from: taking one costs no copy.
#[derive(Clone)]
pub struct Snapshot(Arc<Records>);

impl MemoryPersistence {
    /// An empty store with the [default limits](Limits::DEFAULT).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Other limits, to stand in for another backend.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The records of this moment. Costs no copy.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(Arc::clone(&self.read().records))
    }

    /// Puts back the records of a snapshot, also of another store, with the revisions they had; later puts still get
    /// revisions this store never gave. This is what restoring a backup does to a store.
    pub fn restore(&self, snapshot: &Snapshot) {
        let highest = snapshot.iter().filter_map(|(_, stored)| stored.revision.as_text().parse().ok()).max();
        let mut state = self.write();
        state.records = Arc::clone(&snapshot.0);
        state.last_revision = state.last_revision.max(highest.unwrap_or(0));
    }

    // A poisoned lock is as good as a healthy one: nothing in a commit can panic between its first and its last change.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// All records, ordered by partition and sort key.
    pub fn iter(&self) -> impl Iterator<Item = (RecordKey, &Stored)> {
        self.0.iter().flat_map(|(partition, records)| {
            records.iter().map(|(sort, stored)| (RecordKey::new(Arc::clone(partition), Arc::clone(sort)), stored))
        })
    }

    /// One record.
    #[must_use]
    pub fn get(&self, key: &RecordKey) -> Option<&Stored> {
        find(&self.0, key)
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn find<'a>(records: &'a Records, key: &RecordKey) -> Option<&'a Stored> {
    records.get(&**key.partition())?.get(&**key.sort())
}

impl State {
    fn check(&self, writes: &[Write]) -> Result<()> {
        for (index, write) in writes.iter().enumerate() {
            let current = find(&self.records, write.key()).map(|stored| &stored.revision);
            if !write.precondition().holds(current) {
                return Err(Error::conflict(index, current.cloned()));
            }
        }
        Ok(())
    }

    fn apply(&mut self, write: Write) -> Option<Revision> {
        match write {
            Write::Put { key, record, .. } => {
                self.last_revision += 1;
                let revision = Revision::from(self.last_revision);
                let partition = Arc::make_mut(&mut self.records).entry(Arc::clone(key.partition())).or_default();
                partition.insert(Arc::clone(key.sort()), Stored { record, revision: revision.clone() });
                Some(revision)
            }
            Write::Delete { key, .. } => {
                self.remove(&key);
                None
            }
            Write::Check { .. } => None,
        }
    }

    fn remove(&mut self, key: &RecordKey) {
        let records = Arc::make_mut(&mut self.records);
        if let Some(partition) = records.get_mut(&**key.partition()) {
            partition.remove(&**key.sort());
            if partition.is_empty() {
                records.remove(&**key.partition());
            }
        }
    }
}

#[async_trait]
impl Persistence for MemoryPersistence {
    fn limits(&self) -> Limits {
        self.limits
    }

    async fn load(&self, key: &RecordKey, _: Consistency) -> Result<Option<Stored>> {
        Ok(find(&self.read().records, key).cloned())
    }

    /// All of one moment, which the trait does not ask for.
    async fn load_many(&self, keys: &[RecordKey], _: Consistency) -> Result<Vec<Option<Stored>>> {
        let state = self.read();
        Ok(keys.iter().map(|key| find(&state.records, key).cloned()).collect())
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        let state = self.read();
        // An ordered map panics on a range that begins after its end.
        let Some(partition) = state.records.get(&**query.partition()).filter(|_| !query.is_empty_range()) else {
            return Ok(Page::default());
        };
        let after = query.after().map_or(Bound::Unbounded, |sort| Bound::Excluded(&**sort));
        let before = query.before().map_or(Bound::Unbounded, |sort| Bound::Excluded(&**sort));
        let range = partition.range::<str, _>((after, before));
        let range = range.map(|(sort, stored)| (Arc::clone(sort), stored.clone()));
        let one_more = query.limit().get().saturating_add(1);
        let items = match query.order() {
            Order::Ascending => range.take(one_more).collect(),
            Order::Descending => range.rev().take(one_more).collect(),
        };
        Ok(Page::overfetched(items, query.limit()))
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        Write::check_all(&writes, &self.limits)?;
        let mut state = self.write();
        state.check(&writes)?;
        Ok(writes.into_iter().map(|write| state.apply(write)).collect())
    }
}

/// Sizes only: names belong to the program.
impl fmt::Debug for MemoryPersistence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryPersistence").field("records", &self.snapshot().len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("records", &self.len()).finish_non_exhaustive()
    }
}
