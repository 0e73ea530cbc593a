//! Requests and responses that only a client and a server read, whatever lies between them.
//!
//! One round trip agrees on a session; then any number of requests, in any order, each with its response. The messages are bytes: carry
//! them as you like, over a connection that others end, log, or answer in the server's place.
//!
//! ```
//! use std::time::Duration;
//! use secret_store_transport::channel::{ChannelContext, ChannelServer, ClientHandshake, ServerKey, ServerKeyPair};
//!
//! # fn main() -> secret_store_core::Result<()> {
//! let context = ChannelContext::new("vault/production")?;
//! let server = ChannelServer::new(ServerKeyPair::generate()?, context.clone());
//! // The client has the server's key from its configuration, a key record, or an attestation document.
//! let key = ServerKey::trusted(*server.public_key());
//!
//! let (handshake, hello) = ClientHandshake::start(&key, &context)?;
//! let (at_server, answer) = server.accept(&hello)?;
//! let at_client = handshake.finish(&answer)?;
//!
//! let (request, mut pending) = at_client.seal(b"get MainDb", Duration::from_secs(60))?;
//! let (payload, reply) = at_server.open(&request)?;
//! assert_eq!(payload.expose_secret(), b"get MainDb");
//! let response = at_server.respond(reply, b"hunter2")?;
//! assert_eq!(at_client.open(&mut pending, &response)?.expose_secret(), b"hunter2");
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! * **Only the server answers**: whoever holds the private key of the [`ServerKey`], and nobody else, can make an answer, open a request, make a
//!   response. How the client comes to trust that key is a step of its own, and there is no way around it.
//! * **Forward secrecy, for requests too**: nothing is sent before both ends have contributed an ephemeral key. Who takes the server's key later
//!   opens nothing that was sent before.
//! * **Bound together**: both ephemeral keys, the server's key, the protocol and the [context](ChannelContext) go into one hash, and this into
//!   every message. Each direction has a key of its own; a response is bound to the very request it answers.
//! * **Once**: a request is opened once, in any order within a window of 1,024, within its lifetime; so is a response.
//! * **Sessions end**: by idleness, by age, after 2²⁰ requests, on request; the keys are wiped when that is found, at the next call or by
//!   [`Sessions::sweep`].
//!
//! It does not hide lengths, times, or which requests belong to one session; and it does not tell who the client is: the payload must, bound to
//! [`ClientSession::binding`] where it is a signature.
//!
//! # The construction, and why
//!
//! The agreement is `Noise_NK_25519_AESGCM_SHA256`: the pattern NK of the [Noise Protocol Framework](https://noiseprotocol.org/noise.html)
//! (revision 34, section 7.4), with empty payloads. What fits the purpose: a server key known in advance, an anonymous client, one round trip.
//! Its properties were proven by others (Dowling, Rösler, Schwenk, *Flexible Authenticated and Confidential Channel Establishment*, 2020;
//! Girol, Hirschi, Sasse, Jackson, Cremers, Basin, *A Spectral Analysis of Noise*, 2020). From its second message on it has the strongest
//! levels that an anonymous client admits: the server authenticated, resistant to impersonation by key compromise (2), strong forward secrecy
//! for what the client sends (5), and for what it gets, that of its ephemeral key (1).
//! HPKE in its base mode has no forward secrecy against the server's key, and with a second, ephemeral key added it would be a protocol
//! of our own making.
//!
//! The handshake is written out here, on the primitives of RustCrypto and dalek, because the library there is (`snow` 0.10) wipes no key, and
//! takes shared secrets of zeros. It is 100 lines, and holds known answers of two other implementations (cacophony's and snow's).
//!
//! Messages are not numbered into nonces, as Noise has it for connections: a cloned virtual machine would use a nonce twice. They are sealed by
//! [`ContentKey`](secret_store_core::ContentKey) (AES-256-GCM, random nonces, committing) under the two keys of Noise's `Split`, with the handshake's
//! hash, number, expiry and, in a response, the request's nonce and tag as associated data (sections 11.2 and 11.4 of Noise).
//!
//! # Several servers
//!
//! A session is in the memory of one process. Others refuse its requests ([`Expired`](secret_store_core::ErrorKind::Expired)), so replay marks need not be
//! shared: send the requests of a session where it was agreed on, or let the client agree anew. Where a process with its sessions may be
//! cloned while it runs (a snapshot of a virtual machine), [mark](crate::Once::mark) the [id](Reply::id) of what must not happen twice.

mod client;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod frozen;
mod key;
mod message;
mod noise;
mod server;
mod session;
mod sessions;
mod window;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secret_store_core::{Clock, Error, ErrorKind, Result, SystemClock};

pub use client::{ClientHandshake, ClientSession, Pending};
pub use key::{ServerKey, ServerKeyPair, ServerPublicKey};
pub use message::{ChannelAnswer, ChannelHello, ChannelRequest, ChannelResponse};
pub use server::{ChannelServer, Reply, ServerSession};
pub use session::{RequestId, SessionId};
pub use sessions::Sessions;

use crate::wire::{Kind, transcript};

/// The largest payload of a request or a response: 1 MiB.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

/// The longest lifetime of a request: ten minutes.
pub const MAX_REQUEST_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The number of requests over one session: 2²⁰, far below what random nonces admit (NIST SP 800-38D, section 8.3).
pub const MAX_REQUESTS: u64 = 1 << 20;

/// `Noise_NK_25519_AESGCM_SHA256` and AES-256-GCM with random nonces: the only suite of the channel's messages.
const SUITE: u8 = 3;

fn check_suite(suite: u8) -> Result<()> {
    if suite == SUITE {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, format!("suite {suite} is unknown for a channel: upgrade the library")))
}

/// What a channel is for: bytes that both ends must name alike, such as service and environment. A hello in one context is refused in
/// every other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChannelContext(Arc<[u8]>);

impl ChannelContext {
    /// The largest context, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// A context of at most 1,024 bytes; empty says nothing.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](ErrorKind::TooLarge).
    pub fn new(context: impl Into<Vec<u8>>) -> Result<Self> {
        let context = context.into();
        if context.len() > Self::MAX_BYTES {
            return Err(Error::too_large("the context of a channel", Self::MAX_BYTES as u64, context.len() as u64));
        }
        Ok(Self(context.into()))
    }

    /// Noise's prologue.
    fn prologue(&self) -> Vec<u8> {
        transcript(Kind::ChannelHello, SUITE, "prologue", &[&self.0])
    }
}

/// For how long a session lasts. Each end has its own.
#[derive(Clone)]
#[non_exhaustive]
pub struct ChannelOptions {
    idle: Duration,
    lifetime: Duration,
    clock: Arc<dyn Clock>,
}

impl ChannelOptions {
    /// The longest lifetime of a session: 24 hours.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

    /// How long a session may go without an authentic message; ten minutes by default.
    #[must_use]
    pub const fn with_idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// How long a session lasts at most; one hour by default, never more than [`ChannelOptions::MAX_LIFETIME`].
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(Self::MAX_LIFETIME);
        self
    }

    /// Another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl Default for ChannelOptions {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(10 * 60),
            lifetime: Duration::from_secs(60 * 60),
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for ChannelOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ChannelOptions");
        debug.field("idle", &self.idle).field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
