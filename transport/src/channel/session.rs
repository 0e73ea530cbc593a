//! What both ends of a session have: its keys, while it lasts.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use secret_store_core::{Clock, ContentKey, Error, ErrorKind, Result};
use sha2::{Digest, Sha256};

use super::noise::Agreed;
use super::{ChannelOptions, MAX_PAYLOAD_BYTES, SUITE};
use crate::wire::{Kind, transcript};

/// The name of a session: a part of a hash of its handshake. Not secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId([u8; Self::BYTES]);

impl SessionId {
    /// The number of bytes of an id.
    pub const BYTES: usize = 16;

    pub(super) const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    fn of(handshake: &[u8; 32]) -> Self {
        let digest: [u8; 32] = Sha256::digest(transcript(Kind::ChannelAnswer, SUITE, "session", &[handshake])).into();
        let (id, _) = digest.split_first_chunk().expect("a hash is longer than an id");
        Self(*id)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One request of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId {
    pub(super) session: SessionId,
    pub(super) number: u64,
}

impl RequestId {
    /// Session and number (u64 BE): unique among all requests of all sessions, fit for [`Once::mark`](crate::Once::mark) and for an
    /// audit entry.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; SessionId::BYTES + 8] {
        let mut bytes = [0; SessionId::BYTES + 8];
        bytes[..SessionId::BYTES].copy_from_slice(self.session.as_bytes());
        bytes[SessionId::BYTES..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }
}

/// The two directions.
pub(super) struct Keys {
    pub(super) requests: ContentKey,
    pub(super) responses: ContentKey,
}

pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) hash: [u8; 32],
    options: ChannelOptions,
    life: Mutex<Life>,
}

struct Life {
    /// Gone, and so wiped, when the session is over.
    keys: Option<Arc<Keys>>,
    began: Moment,
    used: Moment,
}

impl Session {
    pub(super) fn new(agreed: &Agreed, began: Moment, options: &ChannelOptions) -> Self {
        let [requests, responses] = &agreed.keys;
        let keys = Keys { requests: ContentKey::from_bytes(requests), responses: ContentKey::from_bytes(responses) };
        let life = Life { keys: Some(Arc::new(keys)), began, used: Moment::now(&*options.clock) };
        let id = SessionId::of(&agreed.hash);
        Self { id, hash: agreed.hash, options: options.clone(), life: Mutex::new(life) }
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.options.clock
    }

    /// The keys, unless the session is over by now.
    pub(super) fn keys(&self) -> Result<Arc<Keys>> {
        let mut life = self.life();
        if self.is_past(&life) {
            life.keys = None;
        }
        life.keys.clone().ok_or_else(over)
    }

    /// Notes that the session was used. Only what is authenticated keeps it alive.
    pub(super) fn touch(&self) {
        self.life().used = Moment::now(self.clock());
    }

    pub(super) fn is_over(&self) -> bool {
        self.keys().is_err()
    }

    /// Until something that is being sealed or opened at this moment is done, it keeps the keys.
    pub(super) fn close(&self) {
        self.life().keys = None;
    }

    /// For how long nothing authentic came.
    pub(super) fn idle(&self) -> Duration {
        self.life().used.age(self.clock())
    }

    fn is_past(&self, life: &Life) -> bool {
        let clock = self.clock();
        life.began.age(clock) > self.options.lifetime || life.used.age(clock) > self.options.idle
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        // Nothing here can be left half done.
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id).field("keys", &format_args!("[redacted]")).finish()
    }
}

pub(super) fn over() -> Error {
    Error::new(
        ErrorKind::Expired,
        "the session is over, or was never here: agree on a new one and send the request again",
    )
}

pub(super) fn check_payload(payload: &[u8]) -> Result<()> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(Error::too_large("the payload of a message", MAX_PAYLOAD_BYTES as u64, payload.len() as u64));
    }
    Ok(())
}

/// A moment by both clocks: the monotonic one does not go on while a machine is suspended, the other may be set back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    monotonic: Duration,
    time_of_day: SystemTime,
}

impl Moment {
    pub(super) fn now(clock: &dyn Clock) -> Self {
        Self { monotonic: clock.monotonic(), time_of_day: clock.now() }
    }

    /// The time since then, by whichever clock says more.
    fn age(&self, clock: &dyn Clock) -> Duration {
        let by_day = clock.now().duration_since(self.time_of_day).unwrap_or_default();
        clock.monotonic().saturating_sub(self.monotonic).max(by_day)
    }
}
