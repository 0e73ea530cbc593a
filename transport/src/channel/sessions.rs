//! The sessions of one server.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secret_store_core::{Error, ErrorKind, Result, SecretValue};

use super::message::ChannelRequest;
use super::server::{Reply, ServerSession};
use super::session::{SessionId, over};

/// A bounded table of a server's sessions.
///
/// A session that no request came over yet may be the trace of an old hello, or of somebody who only wants to fill the table: it is kept for
/// at most [`Sessions::UNCONFIRMED`], and gives way, the oldest first, when the table is full. One that is in use gives way to none: since
/// clients are anonymous, whoever may say hello and send a request as often as there are places can take them all until they are idle. Limit that
/// by what you know of the caller, as for [hellos](super::ChannelServer::accept).
#[derive(Debug)]
pub struct Sessions {
    limit: usize,
    table: Mutex<HashMap<SessionId, Arc<ServerSession>>>,
}

impl Sessions {
    /// How long a session waits for its first request: 30 seconds.
    pub const UNCONFIRMED: Duration = Duration::from_secs(30);

    /// An empty table for at most so many sessions, of half a kilobyte each.
    #[must_use]
    pub fn new(limit: NonZeroUsize) -> Self {
        Self { limit: limit.get(), table: Mutex::default() }
    }

    /// Keeps a session.
    ///
    /// # Errors
    ///
    /// [`Throttled`](ErrorKind::Throttled) when all places are taken by sessions in use: do not send the answer.
    pub fn insert(&self, session: ServerSession) -> Result<Arc<ServerSession>> {
        let mut table = self.table();
        if table.len() >= self.limit {
            make_room(&mut table, self.limit);
        }
        if table.len() >= self.limit {
            return Err(Error::new(
                ErrorKind::Throttled,
                "as many sessions as are admitted are in use: come back later",
            ));
        }
        let session = Arc::new(session);
        table.insert(session.id(), Arc::clone(&session));
        Ok(session)
    }

    /// Opens a request by the session that it names, and gives the right to answer it [there](ServerSession::respond).
    ///
    /// # Errors
    ///
    /// [`Expired`](ErrorKind::Expired) for a session that is over or was never here, and as [`ServerSession::open`].
    pub fn open(&self, request: &ChannelRequest) -> Result<(Arc<ServerSession>, SecretValue, Reply)> {
        let session = self.find(request.session()?).ok_or_else(over)?;
        let (payload, reply) = session.open(request)?;
        Ok((session, payload, reply))
    }

    /// The session of this id, unless it is over.
    #[must_use]
    pub fn find(&self, id: SessionId) -> Option<Arc<ServerSession>> {
        let mut table = self.table();
        let session = Arc::clone(table.get(&id)?);
        if is_over(&session) {
            table.remove(&id);
            return None;
        }
        Some(session)
    }

    /// Ends a session and wipes its keys.
    pub fn close(&self, id: SessionId) {
        if let Some(session) = self.table().remove(&id) {
            session.close();
        }
    }

    /// Ends all of them.
    pub fn close_all(&self) {
        for (_, session) in self.table().drain() {
            session.close();
        }
    }

    /// Removes those that are over, so that their keys are wiped. Call it now and then; a full table does by itself.
    pub fn sweep(&self) {
        self.table().retain(|_, session| !is_over(session));
    }

    /// How many there are, those included that are over and were not swept yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn table(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<ServerSession>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_over(session: &ServerSession) -> bool {
    if !session.is_confirmed() && session.session().idle() > Sessions::UNCONFIRMED {
        session.close();
    }
    session.is_over()
}

fn make_room(table: &mut HashMap<SessionId, Arc<ServerSession>>, limit: usize) {
    table.retain(|_, session| !is_over(session));
    if table.len() < limit {
        return;
    }
    let unconfirmed = table.values().filter(|session| !session.is_confirmed());
    let oldest = unconfirmed.max_by_key(|session| session.session().idle()).map(|session| session.id());
    if let Some(session) = oldest.and_then(|id| table.remove(&id)) {
        session.close();
    }
}
