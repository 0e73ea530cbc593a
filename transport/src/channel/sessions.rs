//! The sessions of one server.

use std::collections::{BTreeMap, HashMap};
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
///
/// A hello to a full table costs the same however large the table is: those that are over are looked for once a second at most, or once in
/// as many hellos as there are places.
#[derive(Debug)]
pub struct Sessions {
    limit: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<SessionId, Held>,
    /// Those that no request had come over when they were last looked at, in the order in which they came.
    unconfirmed: BTreeMap<u64, SessionId>,
    arrived: u64,
    /// When all were looked at, and how many hellos came to the full table since.
    swept: Option<Duration>,
    turned: usize,
}

#[derive(Debug)]
struct Held {
    session: Arc<ServerSession>,
    /// Its number among all that came.
    number: u64,
}

impl Sessions {
    /// How long a session waits for its first request: 30 seconds.
    pub const UNCONFIRMED: Duration = Duration::from_secs(30);

    /// For so long a session that is over may keep a place in a full table, if nobody [sweeps](Self::sweep): one second.
    const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

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
        if table.sessions.len() >= self.limit {
            table.make_room(self.limit, session.session().clock().monotonic());
        }
        if table.sessions.len() >= self.limit {
            return Err(Error::new(
                ErrorKind::Throttled,
                "as many sessions as are admitted are in use: come back later",
            ));
        }
        Ok(table.insert(session))
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
        let session = Arc::clone(&table.sessions.get(&id)?.session);
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
        let mut table = self.table();
        table.sessions.values().for_each(|held| held.session.close());
        table.sessions.clear();
        table.unconfirmed.clear();
    }

    /// Removes those that are over, so that their keys are wiped. Call it now and then; a full table does by itself.
    pub fn sweep(&self) {
        self.table().sweep();
    }

    /// How many there are, those included that are over and were not swept yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().sessions.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_over(session: &ServerSession) -> bool {
    if !session.is_confirmed() && session.session().idle() > Sessions::UNCONFIRMED {
        session.close();
    }
    session.is_over()
}

impl Table {
    fn insert(&mut self, session: ServerSession) -> Arc<ServerSession> {
        let (id, session) = (session.id(), Arc::new(session));
        self.remove(&id);
        self.sessions.insert(id, Held { session: Arc::clone(&session), number: self.arrived });
        self.unconfirmed.insert(self.arrived, id);
        self.arrived += 1;
        session
    }

    fn remove(&mut self, id: &SessionId) -> Option<Arc<ServerSession>> {
        let held = self.sessions.remove(id)?;
        self.unconfirmed.remove(&held.number);
        Some(held.session)
    }

    fn sweep(&mut self) {
        let unconfirmed = &mut self.unconfirmed;
        self.sessions.retain(|_, held| {
            let is_kept = !is_over(&held.session);
            if !is_kept {
                unconfirmed.remove(&held.number);
            }
            is_kept
        });
    }

    /// Looking at all for each hello, a flood of them would be quadratic.
    fn make_room(&mut self, limit: usize, now: Duration) {
        self.turned += 1;
        let is_due = |swept: Duration| now.saturating_sub(swept) >= Sessions::SWEEP_INTERVAL;
        if self.turned >= limit || self.swept.is_none_or(is_due) {
            self.sweep();
            (self.swept, self.turned) = (Some(now), 0);
        }
        while self.sessions.len() >= limit {
            // Each leaves this order once: it gives way, or is in use from now on.
            let Some((_, oldest)) = self.unconfirmed.pop_first() else { return };
            if self.sessions.get(&oldest).is_some_and(|held| !held.session.is_confirmed())
                && let Some(session) = self.remove(&oldest)
            {
                session.close();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ChannelContext, ChannelServer, ClientHandshake, ServerKey, ServerKeyPair};
    use super::*;

    /// Whatever takes a session out of the table, takes it out of the order as well: neither grows without the other.
    #[test]
    fn the_order_holds_nothing_that_the_table_does_not() {
        let context = ChannelContext::new("test").expect("short");
        let server = ChannelServer::new(ServerKeyPair::generate().expect("random"), context.clone());
        let key = ServerKey::trusted(*server.public_key());
        let sessions = Sessions::new(NonZeroUsize::new(3).expect("not zero"));
        let insert = || {
            let (_, hello) = ClientHandshake::start(&key, &context).expect("starts");
            sessions.insert(server.accept(&hello).expect("accepts").0).expect("room")
        };
        let counts = || (sessions.len(), sessions.table().unconfirmed.len());
        for _ in 0..5 {
            insert();
        }
        assert_eq!(counts(), (3, 3), "two gave way");
        sessions.close(insert().id());
        assert_eq!(counts(), (2, 2), "closed");
        let over = insert();
        over.close();
        assert!(sessions.find(over.id()).is_none());
        assert_eq!(counts(), (2, 2), "found to be over");
        insert().close();
        sessions.sweep();
        assert_eq!(counts(), (2, 2), "swept");
        sessions.close_all();
        assert_eq!(counts(), (0, 0));
    }
}
