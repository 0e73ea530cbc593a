//! The frozen session of `tests/vectors/channel.json`, whose keys and clock are fixed: for tests and fuzz targets.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use secret_store_core::Clock;
use std::sync::Arc;
use std::time::Duration;
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

use super::{
    ChannelAnswer, ChannelContext, ChannelHello, ChannelOptions, ChannelServer, ClientHandshake, ClientSession,
    ServerKey, ServerKeyPair, ServerSession,
};

pub(crate) const NOW_MILLIS: u64 = 1_800_000_000_000;
pub(crate) const CONTEXT: &str = "vault/production";
pub(crate) const REQUEST_PAYLOAD: &[u8] = b"get MainDb";
pub(crate) const RESPONSE_PAYLOAD: &[u8] = b"hunter2";
pub(crate) const STORED_KEY: &str =
    concat!("5358310a03000000010400000020", "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20");
pub(crate) const REQUEST: &str = concat!(
    "5358310803000000103d9af10d9dfaf74db0ec4b696c50035e00000008000000000000000000000008000001a3185d3a",
    "6000000046000102030405060708090a0b884a0e158b5d33272dfae9c38ed9c9919db5540dbcf00b6ff3f4935d732c5fa",
    "7de916df67e56496d982f421aa2fcad7abd519db609d9b31c69bd"
);
pub(crate) const RESPONSE: &str = concat!(
    "5358310903000000103d9af10d9dfaf74db0ec4b696c50035e000000080000000000000000000000430c0d0e0f101112",
    "1314151617e9e36166356b0bef1ffc8561f9d1f6e693897d2cbfb6cb26875c64688ba1a8075e6a08119cbbd56b2f4362",
    "7ecddeec328a5c3b60f284fe"
);

/// Three times 32 bytes that count up from 1: the server's private key, the ephemeral keys of client and server.
pub(crate) fn key(which: u8) -> [u8; 32] {
    std::array::from_fn(|at| 32 * which + 1 + u8::try_from(at).expect("few"))
}

/// A clock that stands still.
#[derive(Debug)]
struct StandingStill;

#[async_trait]
impl Clock for StandingStill {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(NOW_MILLIS)
    }

    async fn sleep(&self, _duration: Duration) {
        unreachable!("nothing here waits")
    }
}

pub(crate) fn options() -> ChannelOptions {
    ChannelOptions::default().with_clock(Arc::new(StandingStill))
}

pub(crate) fn context() -> ChannelContext {
    ChannelContext::new(CONTEXT).expect("short")
}

pub(crate) fn server() -> ChannelServer {
    let pair = ServerKeyPair::from_private(&Zeroizing::new(key(0)));
    ChannelServer::new(pair, context()).with_options(options())
}

pub(crate) fn start(server: &ChannelServer, context: &ChannelContext) -> (ClientHandshake, ChannelHello) {
    let trusted = ServerKey::trusted(*server.public_key());
    ClientHandshake::start_by(Box::new(StaticSecret::from(key(1))), &trusted, context, options()).expect("starts")
}

pub(crate) fn hello() -> ChannelHello {
    start(&server(), &context()).1
}

pub(crate) fn answered(server: &ChannelServer, hello: &ChannelHello) -> (ServerSession, ChannelAnswer) {
    server.accept_by(&StaticSecret::from(key(2)), hello).expect("accepts")
}

/// Both ends of it.
pub(crate) fn session() -> (ClientSession, ServerSession) {
    let server = server();
    let (handshake, hello) = start(&server, &context());
    let (at_server, answer) = answered(&server, &hello);
    (handshake.finish(&answer).expect("finishes"), at_server)
}
