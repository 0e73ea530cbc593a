//! The server's end.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use secret_store_core::{Error, ErrorKind, Result, SecretValue};
use x25519_dalek::StaticSecret;

use super::message::{
    ChannelAnswer, ChannelHello, ChannelRequest, ChannelResponse, RequestParts, RequestSeal, ResponseParts,
};
use super::noise::Responder;
use super::session::{Moment, RequestId, Session, SessionId, check_payload};
use super::window::Window;
use super::{ChannelContext, ChannelOptions, MAX_REQUEST_LIFETIME, MAX_REQUESTS, ServerKeyPair, ServerPublicKey};
use crate::expiry::Expiry;
use crate::random::random;

/// Agrees on channels with whoever knows the server's key.
#[derive(Debug)]
pub struct ChannelServer {
    key: ServerKeyPair,
    context: ChannelContext,
    options: ChannelOptions,
}

impl ChannelServer {
    /// A server with this key, in a context that both ends name alike.
    #[must_use]
    pub fn new(key: ServerKeyPair, context: ChannelContext) -> Self {
        Self { key, context, options: ChannelOptions::default() }
    }

    /// Other options than the default ones.
    #[must_use]
    pub fn with_options(mut self, options: ChannelOptions) -> Self {
        self.options = options;
        self
    }

    /// The key that clients must trust.
    #[must_use]
    pub const fn public_key(&self) -> &ServerPublicKey {
        self.key.public_key()
    }

    /// Answers a hello. Keep the session in [`Sessions`](super::Sessions), or as it suits you.
    ///
    /// Whoever knows the public key can say hello, and say it again: a repeated hello makes a session that nobody has the keys of.
    /// It costs three multiplications on the curve: limit how often an unknown client may.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) for a hello to another server, or in another context;
    /// [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn accept(&self, hello: &ChannelHello) -> Result<(ServerSession, ChannelAnswer)> {
        self.accept_by(&StaticSecret::from(*random()?), hello)
    }

    /// The deterministic part.
    pub(super) fn accept_by(
        &self,
        ephemeral: &StaticSecret,
        hello: &ChannelHello,
    ) -> Result<(ServerSession, ChannelAnswer)> {
        let (private, public) = (self.key.private(), self.key.public_key().point());
        let (noise, payload) = Responder::read(&self.context.prologue(), private, &public, hello.noise()?)?;
        debug_assert!(payload.is_empty(), "the length of a hello is fixed");
        let (agreed, message) = noise.write(ephemeral, &[])?;
        let session = Session::new(&agreed, Moment::now(&*self.options.clock), &self.options);
        Ok((ServerSession { session, window: Mutex::default() }, ChannelAnswer::new(&message)))
    }
}

/// A server's end of a session. Its keys are wiped when it is closed, found to be over, or dropped.
///
/// It lives in the memory of the process that made it, and so does its window: a request to one server is refused by all others.
/// Shared by reference among threads.
pub struct ServerSession {
    session: Session,
    window: Mutex<Window>,
}

/// The right to answer one request, once.
#[derive(Debug)]
pub struct Reply {
    id: RequestId,
    request: RequestSeal,
    expiry: Expiry,
}

impl Reply {
    /// The request's id.
    #[must_use]
    pub const fn id(&self) -> RequestId {
        self.id
    }

    /// Until when the request is valid, for [`Once::mark`](crate::Once::mark).
    #[must_use]
    pub const fn expiry(&self) -> Expiry {
        self.expiry
    }
}

impl ServerSession {
    /// The session's id.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.session.id
    }

    /// The hash of the whole handshake (Noise, section 11.2): the same on both ends of this session, and on no other. Not secret.
    #[must_use]
    pub const fn binding(&self) -> &[u8; 32] {
        &self.session.hash
    }

    /// Opens a request, once, and gives the right to answer it.
    ///
    /// In any order, within the last 1,024 numbers. Who the client is, the payload must tell.
    ///
    /// # Errors
    ///
    /// [`Replayed`](ErrorKind::Replayed) for one that was opened before or is older than the window;
    /// [`Expired`](ErrorKind::Expired) past its lifetime or the session's; [`InvalidInput`](ErrorKind::InvalidInput) for one that would be valid
    /// too long; [`Integrity`](ErrorKind::Integrity) for everything else than a request of this session's client.
    pub fn open(&self, request: &ChannelRequest) -> Result<(SecretValue, Reply)> {
        let keys = self.session.keys()?;
        let parts = request.parts()?;
        if parts.session != self.session.id || parts.number >= MAX_REQUESTS {
            return Err(Error::integrity());
        }
        if !self.window(|window| window.would_admit(parts.number)) {
            return Err(replayed());
        }
        parts.expiry.check_within(self.session.clock(), MAX_REQUEST_LIFETIME)?;
        let aad = RequestParts::aad(&self.session.hash, parts.number, parts.expiry);
        let payload = keys.requests.open(&aad, parts.sealed)?;
        // Asked again: of two that open the same request at once, one is admitted.
        if !self.window(|window| window.admit(parts.number)) {
            return Err(replayed());
        }
        self.session.touch();
        let id = RequestId { session: self.session.id, number: parts.number };
        Ok((payload, Reply { id, request: request.seal()?, expiry: parts.expiry }))
    }

    /// Seals the response to a request, of at most [`MAX_PAYLOAD_BYTES`](super::MAX_PAYLOAD_BYTES), while the request is valid: later its
    /// client would not open it.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](ErrorKind::TooLarge); [`InvalidInput`](ErrorKind::InvalidInput) for a request of another session;
    /// [`Expired`](ErrorKind::Expired) when the session is over, or the request has [expired](Reply::expiry) by more than
    /// [`Expiry::SKEW`]; [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes.
    #[expect(clippy::needless_pass_by_value, reason = "a reply is given once")]
    pub fn respond(&self, reply: Reply, payload: &[u8]) -> Result<ChannelResponse> {
        check_payload(payload)?;
        if reply.id.session != self.session.id {
            return Err(Error::invalid_input("this request came over another session: answer it there"));
        }
        let keys = self.session.keys()?;
        reply.expiry.check(self.session.clock())?;
        let aad = ResponseParts::aad(&self.session.hash, reply.id.number, reply.expiry, &reply.request);
        let sealed = keys.responses.seal(&aad, payload)?;
        Ok(ChannelResponse::new(&self.session.id, reply.id.number, &sealed))
    }

    /// Whether it is over: closed, or past its idle or its whole lifetime.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.session.is_over()
    }

    /// Ends it and wipes its keys. The other end learns of it by nothing but time, or by what you tell it before.
    pub fn close(&self) {
        self.session.close();
    }

    /// Whether a request was ever opened: until then, the hello may have been anybody's, or an old one.
    pub(super) fn is_confirmed(&self) -> bool {
        self.window(|window| window.has_seen_any())
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    fn window<T>(&self, with: impl FnOnce(&mut Window) -> T) -> T {
        with(&mut self.window.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn replayed() -> Error {
    Error::new(ErrorKind::Replayed, "this request was opened before, or is older than 1,024 others: make a new one")
}

impl fmt::Debug for ServerSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerSession").field(&self.session).finish()
    }
}
