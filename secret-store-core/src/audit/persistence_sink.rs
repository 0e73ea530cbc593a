//! The sink that keeps entries beside the secrets.

use std::sync::Arc;

use async_trait::async_trait;

use super::entry::AuditEntry;
use super::records;
use super::sink::AuditSink;
use crate::error::{Error, ErrorKind, Result};
use crate::persistence::{Consistency, Persistence, Precondition, RecordKey, Write};

/// Keeps entries as records of a [`Persistence`]: the store's own, or another.
///
/// The entries of an application stand in sixteen partitions of their own (`~a0~App` to `~af~App`), each created on the
/// condition that its place is free. So a service needs the right to put into these partitions and to read them, and no right
/// to change or delete there; where the database cannot tell creating from replacing, the chain shows what was replaced.
///
/// [`AuditLog`](super::AuditLog) reads and verifies them.
///
/// Entries that come together go in one commit, as many as the persistence takes in one. Its own write is recognised after a lost
/// answer.
///
/// An entry's place has its time in it. So an entry of a clone of this process, which goes on with the same chain, is refused in the same
/// millisecond; at another time it stands beside the one of this process, and [verifying](super::AuditLog::verify) shows it.
#[derive(Clone, Debug)]
pub struct PersistenceSink {
    records: Arc<dyn Persistence>,
}

impl PersistenceSink {
    /// Over a persistence.
    #[must_use]
    pub fn new(records: Arc<dyn Persistence>) -> Self {
        Self { records }
    }

    /// Commits what is not there yet.
    async fn commit(&self, entries: &[AuditEntry]) -> Result<()> {
        let error = match self.create(entries.iter()).await {
            Ok(()) => return Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Unavailable) => error,
            Err(error) => return Err(error),
        };
        // A conflict: something stands there, perhaps from an earlier attempt. Unavailable: it may have landed.
        let missing = match self.missing(entries).await {
            Ok(missing) => missing,
            Err(found) if found.kind() == ErrorKind::AlreadyExists => return Err(found),
            Err(unread) => return Err(unknown(unread)),
        };
        if missing.is_empty() {
            return Ok(());
        }
        if error.kind() == ErrorKind::Unavailable {
            return Err(error);
        }
        self.create(missing.into_iter()).await.map_err(unknown)
    }

    async fn create(&self, entries: impl Iterator<Item = &AuditEntry>) -> Result<()> {
        let put = |entry| Write::put(records::key(entry), records::record(entry), Precondition::Absent);
        self.records.commit(entries.map(put).collect()).await.map(drop)
    }

    /// Those that are not there; an error where another stands in the place of one.
    async fn missing<'a>(&self, entries: &'a [AuditEntry]) -> Result<Vec<&'a AuditEntry>> {
        let keys: Vec<RecordKey> = entries.iter().map(records::key).collect();
        let found = self.records.load_many(&keys, Consistency::Strong).await?;
        let mut missing = Vec::new();
        for (entry, found) in entries.iter().zip(found) {
            match found {
                None => missing.push(entry),
                Some(found) if *found.record == records::record(entry) => {}
                Some(_) => {
                    return Err(Error::new(
                        ErrorKind::AlreadyExists,
                        "another record stands in the place of an audit entry",
                    ));
                }
            }
        }
        Ok(missing)
    }
}

/// A part is there, or may be.
fn unknown(error: Error) -> Error {
    Error::new(ErrorKind::Unavailable, "some of the audit entries may have landed: see the cause").with_source(error)
}

#[async_trait]
impl AuditSink for PersistenceSink {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        let limits = self.records.limits();
        for entry in entries {
            records::record(entry).check_size(limits.record_bytes)?;
        }
        for (n, part) in entries.chunks(limits.writes_per_commit.max(1)).enumerate() {
            match self.commit(part).await {
                Err(error) if n > 0 && error.kind() != ErrorKind::AlreadyExists => return Err(unknown(error)),
                committed => committed?,
            }
        }
        Ok(())
    }
}
