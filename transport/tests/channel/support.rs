//! A client, a server, and frames that an attacker takes apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use secret_store_core::{Clock, ErrorKind, Result};
use secret_store_transport::Message;
use secret_store_transport::channel::{
    ChannelContext, ChannelOptions, ChannelRequest, ChannelServer, ClientHandshake, ClientSession, Pending, Reply,
    ServerKey, ServerKeyPair, ServerSession,
};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct ManualClock {
    millis: AtomicU64,
    monotonic: AtomicU64,
    asked: AtomicU64,
}

impl ManualClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            millis: AtomicU64::new(1_700_000_000_000),
            monotonic: AtomicU64::new(0),
            asked: AtomicU64::new(0),
        })
    }

    pub(crate) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).expect("a short time");
        self.millis.fetch_add(by, Ordering::SeqCst);
        self.monotonic.fetch_add(by, Ordering::SeqCst);
    }

    /// How often it was asked since the last time: whoever looks whether a session is over asks it.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.swap(0, Ordering::SeqCst)
    }

    /// The machine is suspended: the monotonic clock stands still.
    pub(crate) fn suspend(&self, by: Duration) {
        self.millis.fetch_add(u64::try_from(by.as_millis()).expect("a short time"), Ordering::SeqCst);
    }

    /// The time of day is set back: no time passes.
    pub(crate) fn set_back(&self, by: Duration) {
        self.millis.fetch_sub(u64::try_from(by.as_millis()).expect("a short time"), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.asked.fetch_add(1, Ordering::SeqCst);
        UNIX_EPOCH + Duration::from_millis(self.millis.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic.load(Ordering::SeqCst))
    }

    async fn sleep(&self, _duration: Duration) {
        unreachable!("nothing here waits")
    }
}

pub(crate) fn context(text: &str) -> ChannelContext {
    ChannelContext::new(text).expect("short")
}

pub(crate) fn options(clock: &Arc<ManualClock>) -> ChannelOptions {
    ChannelOptions::default().with_clock(Arc::clone(clock) as Arc<dyn Clock>)
}

pub(crate) fn server(clock: &Arc<ManualClock>) -> ChannelServer {
    let key = ServerKeyPair::generate().expect("random");
    ChannelServer::new(key, context("vault/production")).with_options(options(clock))
}

pub(crate) fn key_of(server: &ChannelServer) -> ServerKey {
    ServerKey::trusted(*server.public_key())
}

/// Both ends of a new session.
pub(crate) fn agree(server: &ChannelServer, clock: &Arc<ManualClock>) -> (ClientSession, ServerSession) {
    let (handshake, hello) =
        ClientHandshake::start_with(&key_of(server), &context("vault/production"), options(clock)).expect("starts");
    let (at_server, answer) = server.accept(&hello).expect("accepts");
    (handshake.finish(&answer).expect("finishes"), at_server)
}

pub(crate) fn ask(client: &ClientSession, payload: &str) -> (ChannelRequest, Pending) {
    client.seal(payload.as_bytes(), MINUTE).expect("seals")
}

/// The server reads what the client sent.
pub(crate) fn take(server: &ServerSession, request: &ChannelRequest, payload: &str) -> Reply {
    let (opened, reply) = server.open(request).expect("opens");
    assert_eq!(opened.expose_secret(), payload.as_bytes());
    reply
}

pub(crate) fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().expect("refused").kind()
}

/// A message taken apart.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) header: Vec<u8>,
    pub(crate) fields: Vec<Vec<u8>>,
}

impl Frame {
    pub(crate) fn of(message: &impl Message) -> Self {
        let (header, mut rest) = message.as_bytes().split_at(5);
        let mut fields = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk() {
            let (field, after) = after.split_at(usize::try_from(u32::from_be_bytes(*length)).expect("short"));
            fields.push(field.to_vec());
            rest = after;
        }
        Self { header: header.to_vec(), fields }
    }

    /// As a message of another kind, or of the same.
    pub(crate) fn into_message<M: Message>(mut self, kind: u8) -> Result<M> {
        self.header[3] = kind;
        let mut bytes = self.header;
        for field in self.fields {
            bytes.extend_from_slice(&u32::try_from(field.len()).expect("short").to_be_bytes());
            bytes.extend_from_slice(&field);
        }
        M::from_bytes(bytes)
    }
}

pub(crate) const ANSWER: u8 = 7;
pub(crate) const REQUEST: u8 = 8;
pub(crate) const RESPONSE: u8 = 9;

/// Every message that differs from this one by a flipped bit, that is a part of it, or that goes on after it, and still has the form of one;
/// and how many there were in all.
pub(crate) fn damaged<M: Message>(message: &M) -> (Vec<M>, usize) {
    let bytes = message.as_bytes();
    let flipped = (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    });
    let cut = (0..bytes.len()).map(|length| bytes[..length].to_vec());
    let extended = [&[0][..], &[0; 4], &[0xff; 60], bytes].map(|tail| [bytes, tail].concat());
    let all: Vec<_> = flipped.chain(cut).chain(extended).collect();
    let count = all.len();
    (all.into_iter().filter_map(|bytes| M::from_bytes(bytes).ok()).collect(), count)
}
