//! What may happen once only, whichever of several servers on one store it reaches.

mod marks;
mod nonce;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use secret_store_core::{
    ApplicationName, Clock, Consistency, Error, ErrorKind, ListQuery, Persistence, Precondition, Record, RecordKey,
    Result, SystemClock, Write,
};

use crate::expiry::Expiry;
use marks::{State, UserId};
pub use nonce::Nonce;

/// What something is used for. Part of where its mark stands: a nonce for one use is none for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SingleUse {
    /// A sealed submission.
    Submission,
    /// A request for secrets.
    Retrieval,
    /// A message over a channel.
    Channel,
}

/// Single-use marks, shared by all servers on one [`Persistence`].
///
/// A *nonce* is issued to a client, and [consumed](Once::consume) by the one request that brings it back. A [*mark*](Once::mark)
/// needs no round trip: the client chooses the id, and the first request with it wins.
///
/// # Guarantees
///
/// * Exactly one [`consume`](Once::consume) of a nonce and one [`mark`](Once::mark) of an id answers `Ok`, of any number, on any
///   number of servers, whatever commits fail, time out, or land late. `Ok` is answered after the mark is durable. A call that ends in
///   an error may have used it up.
/// * A mark outlives its expiry by [`Once::RETENTION`]; from then on the request is refused as expired. This holds while the
///   clocks of the servers differ by no more than [`Expiry::SKEW`].
/// * **Cancel safe**: a dropped call has used it up or has not.
///
/// Nothing authenticates marks, as nothing authenticates absence. Who may write to these records can use up what others hold, and
/// can make a message be taken a second time *within its expiry*, by removing its mark. So keep lifetimes short, and
/// authenticate whatever a second time would do harm to by something else as well (an expected version, a revision).
///
/// Marks stand in the partition `~n~` + application, in the order of their expiry. Run [`Once::sweep`] now and then.
#[derive(Clone, Debug)]
pub struct Once {
    records: Arc<dyn Persistence>,
    clock: Arc<dyn Clock>,
}

/// What one call of [`Once::sweep`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swept {
    /// How many records it removed.
    pub removed: usize,
    /// Whether there may be more to remove now.
    pub more: bool,
}

impl Once {
    /// The longest lifetime of a nonce, or of what is marked: 24 hours.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

    /// How long a mark is kept after its expiry: two minutes, which is more than two servers' clocks and a message's
    /// [`SKEW`](Expiry::SKEW) together.
    pub const RETENTION: Duration = Duration::from_secs(120);

    /// The number of bytes of an id to [mark](Once::mark): 16 to 64.
    pub const ID_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

    /// How often a commit is tried whose outcome is unknown.
    const ATTEMPTS: usize = 4;

    /// Over the records of a persistence: the store's own, or another.
    #[must_use]
    pub fn new(records: Arc<dyn Persistence>) -> Self {
        Self { records, clock: Arc::new(SystemClock) }
    }

    /// Another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Issues a nonce for one use in an application, valid for a lifetime of at most [`Once::MAX_LIFETIME`].
    ///
    /// Writes one record: let nobody call it whom you do not know, or limit how often.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a longer lifetime, [`Unavailable`](ErrorKind::Unavailable), and what
    /// the persistence answers.
    pub async fn issue(&self, application: &ApplicationName, usage: SingleUse, lifetime: Duration) -> Result<Nonce> {
        if lifetime > Self::MAX_LIFETIME {
            return Err(Error::invalid_input("the lifetime of a nonce is longer than 24 hours: shorten it"));
        }
        let nonce = Nonce::generate(Expiry::after(&*self.clock, lifetime))?;
        let write = Write::put(marks::nonce_key(application, usage, &nonce), marks::issued(), Precondition::Absent);
        self.records.commit(vec![write]).await.map_err(|error| error.with_operation("issue nonce"))?;
        Ok(nonce)
    }

    /// Uses a nonce up.
    ///
    /// # Errors
    ///
    /// [`Replayed`](ErrorKind::Replayed) where it was used before, [`Expired`](ErrorKind::Expired),
    /// [`NotFound`](ErrorKind::NotFound) where it was not issued for this use and application, and what the persistence
    /// answers: after [`Unavailable`](ErrorKind::Unavailable) it may be used up.
    pub async fn consume(&self, application: &ApplicationName, usage: SingleUse, nonce: &Nonce) -> Result<()> {
        self.consume_once(application, usage, nonce).await.map_err(|error| error.with_operation("consume nonce"))
    }

    async fn consume_once(&self, application: &ApplicationName, usage: SingleUse, nonce: &Nonce) -> Result<()> {
        nonce.expiry().check(&*self.clock)?;
        let key = marks::nonce_key(application, usage, nonce);
        let found = self.records.load(&key, Consistency::Strong).await?.ok_or_else(unknown_nonce)?;
        match marks::state(&found.record)? {
            State::Issued => self.claim(&key, Precondition::Revision(found.revision), nonce.expiry()).await,
            State::Used(_) => Err(replayed()),
        }
    }

    /// Marks an id as used, until its expiry, which may be at most [`Once::MAX_LIFETIME`] ahead.
    ///
    /// The id, 16 to 64 bytes, must be unique by itself (random, or a hash of a message that holds something random), and it must be
    /// authenticated together with the expiry: the same id with another expiry is another mark.
    ///
    /// # Errors
    ///
    /// [`Replayed`](ErrorKind::Replayed) where it was marked before, [`Expired`](ErrorKind::Expired),
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an id of another length or an expiry too far ahead, and what the
    /// persistence answers: after [`Unavailable`](ErrorKind::Unavailable) it may be marked.
    pub async fn mark(&self, application: &ApplicationName, usage: SingleUse, id: &[u8], expiry: Expiry) -> Result<()> {
        self.mark_once(application, usage, id, expiry).await.map_err(|error| error.with_operation("mark as used"))
    }

    async fn mark_once(
        &self,
        application: &ApplicationName,
        usage: SingleUse,
        id: &[u8],
        expiry: Expiry,
    ) -> Result<()> {
        if !Self::ID_BYTES.contains(&id.len()) {
            return Err(Error::invalid_input("an id to mark as used has 16 to 64 bytes"));
        }
        expiry.check_within(&*self.clock, Self::MAX_LIFETIME)?;
        self.claim(&marks::mark_key(application, usage, id, expiry), Precondition::Absent, expiry).await
    }

    /// Writes the mark of this call. The condition holds for one commit only, so one call wins; what is there after a commit of
    /// unknown outcome tells which.
    async fn claim(&self, key: &RecordKey, precondition: Precondition, expiry: Expiry) -> Result<()> {
        let mark = Arc::new(marks::used(UserId::generate()?));
        self.commit_mark(key, &mark, precondition).await?;
        // Where this took so long that the marks of others may have been swept before the commit, its success says nothing.
        expiry.check(&*self.clock)
    }

    async fn commit_mark(&self, key: &RecordKey, mark: &Arc<Record>, precondition: Precondition) -> Result<()> {
        let mut attempt = 1;
        loop {
            let write = Write::put(key.clone(), Arc::clone(mark), precondition.clone());
            match self.records.commit(vec![write]).await {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Conflict => return self.whose(key, mark).await,
                // The very same write again: where the first one landed, or still does, this one meets its mark.
                Err(error) if error.is_retryable() && attempt < Self::ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Whose mark stands where ours did not fit.
    async fn whose(&self, key: &RecordKey, mark: &Record) -> Result<()> {
        match self.records.load(key, Consistency::Strong).await? {
            Some(found) if *found.record == *mark => Ok(()),
            Some(_) => Err(replayed()),
            None => Err(Error::new(ErrorKind::Expired, "it was removed in the meantime: ask for a new one")),
        }
    }

    /// Removes what expired more than [`Once::RETENTION`] ago in an application, oldest first, at most `limit` records: call it again while
    /// there is [more](Swept::more), on any server, at any time.
    ///
    /// # Errors
    ///
    /// What the persistence answers; what was removed until then stays so.
    pub async fn sweep(&self, application: &ApplicationName, limit: NonZeroUsize) -> Result<Swept> {
        let Some(end) = marks::sweep_end(&*self.clock) else { return Ok(Swept::default()) };
        let query = ListQuery::new(marks::partition(application)).with_before(end).with_limit(limit);
        let page = self.records.list(&query).await.map_err(|error| error.with_operation("sweep"))?;
        let mut swept = Swept { removed: 0, more: page.next.is_some() };
        for part in page.items.chunks(self.records.limits().writes_per_commit.max(1)) {
            // Whatever stands there, nobody accepts it any more.
            let delete = |(sort, _): &(Arc<str>, _)| {
                Write::delete(RecordKey::new(Arc::clone(query.partition()), Arc::clone(sort)), Precondition::Any)
            };
            let writes = part.iter().map(delete).collect();
            self.records.commit(writes).await.map_err(|error| error.with_operation("sweep"))?;
            swept.removed += part.len();
        }
        Ok(swept)
    }
}

fn replayed() -> Error {
    Error::new(ErrorKind::Replayed, "it was used before: ask for a new nonce, or make a new request")
}

fn unknown_nonce() -> Error {
    Error::new(ErrorKind::NotFound, "this nonce was not issued for this use: ask for a new one")
}
