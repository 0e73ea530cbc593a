//! The highest version of each secret that this process has seen: an older one afterwards is a rollback.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;

use crate::id::{SecretId, SecretVersion};

/// A bounded map from secrets to the lowest version that is still acceptable.
pub(super) struct HighWaterMarks {
    marks: Option<Cache<SecretId, Arc<AtomicU64>>>,
}

impl HighWaterMarks {
    pub(super) fn new(capacity: usize) -> Self {
        Self { marks: (capacity > 0).then(|| Cache::new(capacity)) }
    }

    /// The lowest acceptable version. Take it before the read it is to judge: a mark that a concurrent call raises meanwhile
    /// says nothing about a read that had begun.
    pub(super) fn of(&self, id: &SecretId) -> Mark {
        let mark = self.marks.as_ref().and_then(|marks| marks.get(id));
        let lowest = mark.as_ref().map_or(0, |mark| mark.load(Ordering::Acquire));
        Mark { lowest: SecretVersion::from_stored(lowest), entry: mark }
    }

    /// A version was seen and found authentic.
    pub(super) fn raise(&self, id: &SecretId, version: SecretVersion) {
        if version == SecretVersion::UNVERSIONED {
            return;
        }
        if let Some(marks) = &self.marks {
            let entry = marks.get_or_insert_with(id, || Ok::<_, std::convert::Infallible>(Arc::default()));
            let Ok(entry) = entry;
            entry.fetch_max(version.get(), Ordering::AcqRel);
        }
    }

    /// The operator accepts what is there.
    pub(super) fn set(&self, id: &SecretId, version: SecretVersion) {
        if let Some(marks) = &self.marks {
            marks.insert(id.clone(), Arc::new(AtomicU64::new(version.get())));
        }
    }
}

/// A mark as it was when a read began.
pub(super) struct Mark {
    pub(super) lowest: SecretVersion,
    entry: Option<Arc<AtomicU64>>,
}

impl Mark {
    /// A version was seen and found authentic; cheaper than [`HighWaterMarks::raise`] where an entry exists.
    pub(super) fn raise(&self, marks: &HighWaterMarks, id: &SecretId, version: SecretVersion) {
        match &self.entry {
            Some(entry) => drop((version > self.lowest).then(|| entry.fetch_max(version.get(), Ordering::AcqRel))),
            None => marks.raise(id, version),
        }
    }
}
