//! The highest version of each secret that this process has seen: an older one afterwards is a rollback.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;

use super::layout;
use crate::id::{SecretId, SecretVersion};
use crate::persistence::RecordKey;

/// A bounded map from secrets to the lowest version that is still acceptable.
pub(super) struct HighWaterMarks {
    marks: Option<Cache<SecretId, Arc<Entry>>>,
}

/// What is known of one secret.
struct Entry {
    /// The highest version that was seen, as [`seen_bits`] orders them.
    seen: AtomicU64,
    /// Where its current record stands, so that no read makes it anew.
    place: RecordKey,
}

impl Entry {
    fn new(id: &SecretId, seen: u64) -> Arc<Self> {
        Arc::new(Self { seen: AtomicU64::new(seen), place: layout::current(id) })
    }
}

impl HighWaterMarks {
    pub(super) fn new(capacity: usize) -> Self {
        Self { marks: (capacity > 0).then(|| Cache::new(capacity)) }
    }

    /// The lowest acceptable version. Take it before the read it is to judge: a mark that a concurrent call raises meanwhile
    /// says nothing about a read that had begun.
    pub(super) fn of(&self, id: &SecretId) -> Mark {
        let entry = self.marks.as_ref().and_then(|marks| marks.get(id));
        let bits = entry.as_ref().map_or(0, |entry| entry.seen.load(Ordering::Acquire));
        Mark { seen: SecretVersion::from_stored(bits >> 1), deleted: bits & 1 == 1, entry }
    }

    /// A version was seen and found authentic.
    pub(super) fn raise(&self, id: &SecretId, version: SecretVersion) {
        if version != SecretVersion::UNVERSIONED {
            self.raise_bits(id, seen_bits(version));
        }
    }

    /// A version was deleted here: from now on only one above it is acceptable.
    pub(super) fn raise_deleted(&self, id: &SecretId, version: SecretVersion) {
        self.raise_bits(id, seen_bits(version) | 1);
    }

    fn raise_bits(&self, id: &SecretId, bits: u64) {
        if let Some(marks) = &self.marks {
            let entry = marks.get_or_insert_with(id, || Ok::<_, std::convert::Infallible>(Entry::new(id, 0)));
            let Ok(entry) = entry;
            entry.seen.fetch_max(bits, Ordering::AcqRel);
        }
    }

    /// The operator accepts what is there.
    pub(super) fn set(&self, id: &SecretId, version: SecretVersion) {
        if let Some(marks) = &self.marks {
            marks.insert(id.clone(), Entry::new(id, seen_bits(version)));
        }
    }
}

/// A version and, in the lowest bit, whether it was deleted: their order is the order of what is acceptable. Numbers beyond 63 bits
/// (nobody counts that far) stand for the largest.
fn seen_bits(version: SecretVersion) -> u64 {
    version.get().min(u64::MAX >> 1) << 1
}

/// A mark as it was when a read began.
pub(super) struct Mark {
    /// The highest version that was seen, 0 for none.
    pub(super) seen: SecretVersion,
    /// Whether it was deleted by this process.
    pub(super) deleted: bool,
    entry: Option<Arc<Entry>>,
}

impl Mark {
    /// Where the current record of the secret stands.
    pub(super) fn place(&self, id: &SecretId) -> Cow<'_, RecordKey> {
        self.entry.as_ref().map_or_else(|| Cow::Owned(layout::current(id)), |entry| Cow::Borrowed(&entry.place))
    }

    /// The lowest version that a current record may have.
    pub(super) fn lowest(&self) -> SecretVersion {
        SecretVersion::from_stored(self.seen.get() + u64::from(self.deleted))
    }

    /// A version was seen and found authentic; cheaper than [`HighWaterMarks::raise`] where an entry exists.
    pub(super) fn raise(&self, marks: &HighWaterMarks, id: &SecretId, version: SecretVersion) {
        match &self.entry {
            Some(entry) if version > self.seen => {
                entry.seen.fetch_max(seen_bits(version), Ordering::AcqRel);
            }
            Some(_) => {}
            None => marks.raise(id, version),
        }
    }
}
