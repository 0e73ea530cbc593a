//! The client's end.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secret_store_core::{Error, ErrorKind, Result, SecretValue};
use x25519_dalek::StaticSecret;

use super::message::{
    ChannelAnswer, ChannelHello, ChannelRequest, ChannelResponse, RequestParts, RequestSeal, ResponseParts,
};
use super::noise::Initiator;
use super::session::{Moment, RequestId, Session, SessionId, check_payload};
use super::{ChannelContext, ChannelOptions, MAX_REQUEST_LIFETIME, MAX_REQUESTS, ServerKey};
use crate::expiry::Expiry;
use crate::random::random;

/// A client that has said hello and waits for the answer. Its ephemeral key is wiped on drop.
pub struct ClientHandshake {
    noise: Initiator,
    began: Moment,
    options: ChannelOptions,
}

impl ClientHandshake {
    /// Begins the agreement with a server whose key is trusted, in a context that both ends name alike.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn start(server: &ServerKey, context: &ChannelContext) -> Result<(Self, ChannelHello)> {
        Self::start_with(server, context, ChannelOptions::default())
    }

    /// Begins the agreement with other options than the default ones.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn start_with(
        server: &ServerKey,
        context: &ChannelContext,
        options: ChannelOptions,
    ) -> Result<(Self, ChannelHello)> {
        let ephemeral = Box::new(StaticSecret::from(*random()?));
        Self::start_by(ephemeral, server, context, options)
    }

    /// The deterministic part.
    pub(super) fn start_by(
        ephemeral: Box<StaticSecret>,
        server: &ServerKey,
        context: &ChannelContext,
        options: ChannelOptions,
    ) -> Result<(Self, ChannelHello)> {
        let began = Moment::now(&*options.clock);
        let (noise, message) = Initiator::start(&context.prologue(), &server.public_key().point(), ephemeral, &[])?;
        Ok((Self { noise, began, options }, ChannelHello::new(&message)))
    }

    /// The session, if the answer is that of the server.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) for an answer of anybody else, to another hello, or in another context. Begin anew.
    pub fn finish(self, answer: &ChannelAnswer) -> Result<ClientSession> {
        let (agreed, payload) = self.noise.finish(answer.noise()?)?;
        debug_assert!(payload.is_empty(), "the length of an answer is fixed");
        let session = Session::new(&agreed, self.began, &self.options);
        if session.is_over() {
            return Err(super::session::over());
        }
        Ok(ClientSession { session, next: AtomicU64::new(0) })
    }
}

impl fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientHandshake([redacted])")
    }
}

/// A client's end of a session. Its keys are wiped when it is closed, found to be over, or dropped.
///
/// Shared by reference among threads; requests may be sent, arrive and be answered in any order.
#[derive(Debug)]
pub struct ClientSession {
    session: Session,
    pub(super) next: AtomicU64,
}

/// A request that waits for its response.
#[derive(Debug)]
pub struct Pending {
    id: RequestId,
    request: RequestSeal,
    expiry: Expiry,
    answered: bool,
}

impl Pending {
    /// The request's id.
    #[must_use]
    pub const fn id(&self) -> RequestId {
        self.id
    }
}

impl ClientSession {
    /// The session's id.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.session.id
    }

    /// The hash of the whole handshake (Noise, section 11.2): the same on both ends of this session, and on no other. Sign it, or send a token
    /// made over it, to tell the server who the client is. Not secret.
    #[must_use]
    pub const fn binding(&self) -> &[u8; 32] {
        &self.session.hash
    }

    /// Seals a request of at most [`MAX_PAYLOAD_BYTES`](super::MAX_PAYLOAD_BYTES). Within its lifetime, at most
    /// [`MAX_REQUEST_LIFETIME`], the server takes it, and this end its response.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](ErrorKind::TooLarge); [`InvalidInput`](ErrorKind::InvalidInput) for a longer lifetime;
    /// [`Expired`](ErrorKind::Expired) when the session is over: agree on a new one; [`Unavailable`](ErrorKind::Unavailable) when the
    /// operating system gives no random bytes.
    pub fn seal(&self, payload: &[u8], lifetime: Duration) -> Result<(ChannelRequest, Pending)> {
        check_payload(payload)?;
        if lifetime > MAX_REQUEST_LIFETIME {
            return Err(Error::invalid_input("the lifetime of a request is longer than ten minutes: shorten it"));
        }
        let number = self.next_number()?;
        self.seal_as(number, payload, lifetime)
    }

    pub(super) fn seal_as(&self, number: u64, payload: &[u8], lifetime: Duration) -> Result<(ChannelRequest, Pending)> {
        let keys = self.session.keys()?;
        let expiry = Expiry::after(self.session.clock(), lifetime);
        let sealed = keys.requests.seal(&RequestParts::aad(&self.session.hash, number, expiry), payload)?;
        let request = ChannelRequest::new(&self.session.id, number, expiry, &sealed);
        self.session.touch();
        let id = RequestId { session: self.session.id, number };
        let pending = Pending { id, request: request.seal()?, expiry, answered: false };
        Ok((request, pending))
    }

    fn next_number(&self) -> Result<u64> {
        let next = |number: u64| (number < MAX_REQUESTS).then_some(number + 1);
        self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map_err(|_| {
            self.session.close();
            super::session::over()
        })
    }

    /// Opens the response to a request, once.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) for everything else than the server's response to this very request;
    /// [`Replayed`](ErrorKind::Replayed) when it was opened before; [`Expired`](ErrorKind::Expired) when the request or the session is over. The
    /// request goes on waiting.
    pub fn open(&self, pending: &mut Pending, response: &ChannelResponse) -> Result<SecretValue> {
        let keys = self.session.keys()?;
        let parts = response.parts()?;
        let id = RequestId { session: parts.session, number: parts.number };
        if id != pending.id || parts.session != self.session.id {
            return Err(Error::integrity());
        }
        pending.expiry.check(self.session.clock())?;
        if pending.answered {
            return Err(Error::new(ErrorKind::Replayed, "this response was opened before"));
        }
        let aad = ResponseParts::aad(&self.session.hash, id.number, pending.expiry, &pending.request);
        let payload = keys.responses.open(&aad, parts.sealed)?;
        pending.answered = true;
        self.session.touch();
        Ok(payload)
    }

    /// What waits for the response to a request that was sealed elsewhere.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn pending(&self, request: &ChannelRequest, reply: &super::Reply) -> Pending {
        Pending {
            id: reply.id(),
            request: request.seal().expect("was parsed"),
            expiry: reply.expiry(),
            answered: false,
        }
    }

    /// Whether it is over: closed, used up, or past its idle or its whole lifetime.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.session.is_over()
    }

    /// Ends it and wipes its keys. The other end learns of it by nothing but time.
    pub fn close(&self) {
        self.session.close();
    }
}
