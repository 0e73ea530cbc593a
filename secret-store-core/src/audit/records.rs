//! Entries as records of a [`Persistence`](crate::Persistence): where they stand and what is in them.

use std::sync::Arc;

use super::entry::AuditEntry;
use super::timestamp::Timestamp;
use super::writer::WriterId;
use crate::error::{Error, Result};
use crate::id::ApplicationName;
use crate::persistence::RecordKey;
use crate::record::{Record, Value};

/// The entries of one application are spread over so many partitions, by their writers, so that no one partition takes all of
/// a busy application's writes.
pub(super) const SHARDS: u8 = 16;

const ENTRY: &str = "Entry";
/// Occurs neither in times, nor in writer ids, nor in numbers.
const SEPARATOR: char = '\u{1f}';

/// `~a`, a hexadecimal digit, `~` and the application.
pub(super) fn partition(application: &ApplicationName, shard: u8) -> Arc<str> {
    format!("~a{shard:x}~{}", application.as_str()).into()
}

/// Time, writer and number: the order of one writer's entries, and by time among writers.
pub(super) fn sort(time: Timestamp, writer: WriterId, sequence: u64) -> Arc<str> {
    format!("{time}{SEPARATOR}{writer}{SEPARATOR}{sequence:020}").into()
}

/// Sorts before every entry of this time, and after all earlier ones.
pub(super) fn sort_before(time: Timestamp) -> Arc<str> {
    time.to_string().into()
}

pub(super) fn key(entry: &AuditEntry) -> RecordKey {
    let partition = partition(entry.application(), entry.writer().shard());
    RecordKey::new(partition, sort(entry.time(), entry.writer(), entry.sequence()))
}

/// The entry's bytes and nothing beside them: what a person may want to read of it would be a second, unauthenticated truth.
pub(super) fn record(entry: &AuditEntry) -> Record {
    Record::new().with(ENTRY, Value::Bytes(Arc::clone(entry.as_bytes())))
}

pub(super) fn bytes(record: &Record) -> Result<&Arc<[u8]>> {
    record.bytes(ENTRY).filter(|_| record.len() == 1).ok_or_else(Error::integrity)
}
