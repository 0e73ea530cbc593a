//! Where entries go.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::entry::AuditEntry;
use crate::error::{Error, ErrorKind, Result};

/// Takes audit entries and keeps them.
///
/// [`PersistenceSink`](super::PersistenceSink) keeps them as records, `secret-store-rsa-file` as lines of JSON in files;
/// [`TracingSink`](super::TracingSink) hands them to whoever listens to the program's events.
///
/// # Obligations
///
/// * **Durable**: when `append` returns `Ok`, every entry survives a crash.
/// * **Whole and in order**: entries are kept as they are, byte for byte ([`AuditEntry::as_bytes`]), and those of one writer in
///   the order in which they come. They never come out of order, and never before the entries ahead of them were taken or
///   failed.
/// * **Knows its own**: an entry comes again with the same bytes after a failure or a dropped call. Where it is there already,
///   that is success, and it is there once. Where another entry stands in its place (the same writer and number, other bytes),
///   that is [`AlreadyExists`](ErrorKind::AlreadyExists).
/// * **Says what it does not know**: [`Unavailable`](ErrorKind::Unavailable) where some of the entries may be there and others
///   may not. Any other error means that none of them is there.
/// * **Cancel safe**: of a dropped `append` any number of entries, from the first on, may be there or still arrive. They come
///   again before any other of their writer.
///
/// An entry names secrets and never holds one.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AuditSink: fmt::Debug + Send + Sync + 'static {
    /// Keeps entries, one or more, of one writer, in this order.
    ///
    /// # Errors
    ///
    /// As the obligations say. Whatever the error, the operation that the entry is about is refused.
    async fn append(&self, entries: &[AuditEntry]) -> Result<()>;
}

#[async_trait]
impl<T: AuditSink + ?Sized> AuditSink for Arc<T> {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        (**self).append(entries).await
    }
}

/// Several sinks as one: every entry goes to each of them, in this order, and all must take it.
///
/// Put the one that is likeliest to refuse first: what an earlier sink has taken stays there when a later one refuses, and comes
/// to it again.
#[derive(Clone, Debug)]
pub struct FanOut(Vec<Arc<dyn AuditSink>>);

impl FanOut {
    /// At least one sink.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for none: nothing would be kept.
    pub fn new(sinks: impl IntoIterator<Item = Arc<dyn AuditSink>>) -> Result<Self> {
        let sinks: Vec<_> = sinks.into_iter().collect();
        if sinks.is_empty() {
            return Err(Error::invalid_input("a fan-out without a sink keeps nothing: name at least one"));
        }
        Ok(Self(sinks))
    }
}

#[async_trait]
impl AuditSink for FanOut {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        for (n, sink) in self.0.iter().enumerate() {
            match sink.append(entries).await {
                Ok(()) => {}
                Err(error) if n == 0 || error.kind() == ErrorKind::AlreadyExists => return Err(error),
                // The sinks before this one have them already.
                Err(error) => {
                    return Err(Error::new(ErrorKind::Unavailable, "one of several audit sinks failed: see the cause")
                        .with_source(error));
                }
            }
        }
        Ok(())
    }
}
