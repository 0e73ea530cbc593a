//! Reading what a [`PersistenceSink`](super::PersistenceSink) keeps.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::try_join_all;

use super::entry::AuditEntry;
use super::filter::AuditFilter;
use super::key::AuditKey;
use super::records::{self, SHARDS};
use super::verify::{Verification, Verifier};
use crate::error::{Error, Result};
use crate::id::ApplicationName;
use crate::persistence::{Consistency, ListQuery, Persistence, RecordKey, Stored};

/// An entry may be written behind the reader's back, between two pages. So often a gap is looked into before it is believed: an
/// attacker who removes entries could otherwise make verification as slow as they like.
const MAX_SECOND_LOOKS: u32 = 256;

/// The log of a [`PersistenceSink`](super::PersistenceSink), for reading: one application at a time, in the order of time,
/// page by page.
///
/// Reads are strongly consistent. Only the pages at hand are in memory: sixteen of at most a hundred entries.
#[derive(Clone, Debug)]
pub struct AuditLog {
    records: Arc<dyn Persistence>,
}

impl AuditLog {
    /// Over the persistence that the sink writes to.
    #[must_use]
    pub fn new(records: Arc<dyn Persistence>) -> Self {
        Self { records }
    }

    /// Reads an application's entries that a filter admits.
    pub fn read(&self, application: &ApplicationName, filter: AuditFilter) -> AuditReader {
        AuditReader {
            merge: Merge::new(self, application, &filter),
            application: application.clone(),
            filter,
            key: None,
        }
    }

    /// Verifies all of an application's entries, in the order of time. Position 0 is the earliest.
    ///
    /// It may run while entries are written: what comes meanwhile is verified or not.
    ///
    /// # Errors
    ///
    /// As the persistence. Whatever is wrong with the log is no error here: it is in the [`Verification`].
    pub async fn verify(&self, application: &ApplicationName, verifier: Verifier) -> Result<Verification> {
        let mut merge = Merge::new(self, application, &AuditFilter::default());
        let mut verifier = verifier.with_application(application.clone());
        let mut second_looks = 0;
        while let Some((key, stored)) = merge.next().await? {
            let Ok(bytes) = records::bytes(&stored.record) else {
                verifier.push_malformed();
                continue;
            };
            // What stands in another place says nothing about what should stand before this one.
            if let Ok(entry) = AuditEntry::from_bytes(bytes)
                && records::key(&entry) == key
                && entry.sequence() > verifier.expected(&entry.writer())
                && second_looks < MAX_SECOND_LOOKS
            {
                second_looks += 1;
                self.look_again(&entry, &mut verifier).await?;
            }
            verifier.push_placed(bytes, |entry| records::key(entry) == key);
        }
        Ok(verifier.finish())
    }

    /// Entries of the writer before this one that were not there when their page was read.
    async fn look_again(&self, entry: &AuditEntry, verifier: &mut Verifier) -> Result<()> {
        let partition = records::partition(entry.application(), entry.writer().shard());
        let writer = entry.writer();
        let after = records::sort(verifier.last_time(&writer), writer, verifier.expected(&writer) - 1);
        let before = records::sort(entry.time(), writer, entry.sequence());
        let mut cursor = Cursor::new(ListQuery::new(partition).with_after(after).with_before(before));
        while let Some((key, stored)) = cursor.next(&*self.records).await? {
            let Ok(bytes) = records::bytes(&stored.record) else { continue };
            // Those of other writers come, or came, by themselves.
            if AuditEntry::from_bytes(bytes).is_ok_and(|found| found.writer() == writer) {
                verifier.push_placed(bytes, |entry| records::key(entry) == key);
            }
        }
        Ok(())
    }
}

/// A running read of an [`AuditLog`].
#[derive(Debug)]
#[must_use = "nothing is read until the next entry is asked for"]
pub struct AuditReader {
    merge: Merge,
    application: ApplicationName,
    filter: AuditFilter,
    key: Option<Arc<AuditKey>>,
}

impl AuditReader {
    /// Refuses entries that this key does not authenticate.
    pub fn with_key(mut self, key: impl Into<Arc<AuditKey>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The next entry that the filter admits, in the order of time. Each is what was written in its place; whether any is missing
    /// only [verifying](AuditLog::verify) shows.
    ///
    /// # Errors
    ///
    /// As the persistence; [`Integrity`](crate::ErrorKind::Integrity) for a record that is no entry, stands in the wrong place, or
    /// that the key does not authenticate. The call after it goes on with the entry after it.
    pub async fn next(&mut self) -> Result<Option<AuditEntry>> {
        while let Some((key, stored)) = self.merge.next().await? {
            let entry = AuditEntry::from_bytes(records::bytes(&stored.record)?)?;
            if records::key(&entry) != key || *entry.application() != self.application {
                return Err(Error::integrity());
            }
            if self.key.as_ref().is_some_and(|key| !entry.is_authentic(key)) {
                return Err(Error::integrity());
            }
            if self.filter.admits(&entry) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

/// The sixteen partitions of an application as one sequence by sort key.
#[derive(Debug)]
struct Merge {
    records: Arc<dyn Persistence>,
    cursors: Vec<Cursor>,
}

impl Merge {
    fn new(log: &AuditLog, application: &ApplicationName, filter: &AuditFilter) -> Self {
        let cursor = |shard| Cursor::new(filter.bound(ListQuery::new(records::partition(application, shard))));
        Self { records: Arc::clone(&log.records), cursors: (0..SHARDS).map(cursor).collect() }
    }

    async fn next(&mut self) -> Result<Option<(RecordKey, Stored)>> {
        let records = &*self.records;
        try_join_all(self.cursors.iter_mut().map(|cursor| cursor.fill(records))).await?;
        let first =
            self.cursors.iter_mut().filter(|cursor| !cursor.page.is_empty()).min_by_key(|cursor| cursor.front());
        Ok(first.and_then(Cursor::take))
    }
}

/// One partition, page by page.
#[derive(Debug)]
struct Cursor {
    /// What comes after the page at hand, if anything.
    rest: Option<ListQuery>,
    partition: Arc<str>,
    page: VecDeque<(Arc<str>, Stored)>,
}

impl Cursor {
    fn new(query: ListQuery) -> Self {
        let partition = Arc::clone(query.partition());
        Self { rest: Some(query.with_consistency(Consistency::Strong)), partition, page: VecDeque::new() }
    }

    /// Fetches pages until one has something, or there are no more. A dropped or failed call fetches the same page again.
    async fn fill(&mut self, records: &dyn Persistence) -> Result<()> {
        while self.page.is_empty()
            && let Some(query) = &self.rest
        {
            let page = records.list(query).await?;
            self.rest = page.next.map(|next| query.clone().continued(next));
            self.page.extend(page.items);
        }
        Ok(())
    }

    async fn next(&mut self, records: &dyn Persistence) -> Result<Option<(RecordKey, Stored)>> {
        self.fill(records).await?;
        Ok(self.take())
    }

    fn front(&self) -> Option<Arc<str>> {
        self.page.front().map(|(sort, _)| Arc::clone(sort))
    }

    fn take(&mut self) -> Option<(RecordKey, Stored)> {
        let (sort, stored) = self.page.pop_front()?;
        Some((RecordKey::new(Arc::clone(&self.partition), sort), stored))
    }
}
