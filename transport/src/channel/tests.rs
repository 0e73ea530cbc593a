//! What needs fixed ephemeral keys: the frozen session of another implementation, and a process that was cloned.

use std::sync::atomic::Ordering;

use futures::executor::block_on;
use secret_store_core::ApplicationName;
use secret_store_memory::MemoryPersistence;

use super::frozen::{
    CONTEXT, NOW_MILLIS, REQUEST, REQUEST_PAYLOAD, RESPONSE, RESPONSE_PAYLOAD, STORED_KEY, answered, context, key,
    options, server, session, start,
};
use super::*;
use crate::wire::Message;
use crate::{Once, SingleUse};

struct Vectors(serde_json::Value);

impl Vectors {
    fn read() -> Self {
        Self(serde_json::from_str(include_str!("../../tests/vectors/channel.json")).expect("JSON"))
    }

    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().expect("text")
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.text(name)).expect("hexadecimal")
    }
}

#[test]
fn the_frozen_session_is_that_of_the_vectors() {
    let vectors = Vectors::read();
    let keys = ["server_private", "client_ephemeral", "server_ephemeral"];
    assert_eq!(keys.map(|name| vectors.bytes(name)), [0, 1, 2].map(|which| key(which).to_vec()));
    assert_eq!(
        ["context", "stored_key", "request", "response"].map(|name| vectors.text(name)),
        [CONTEXT, STORED_KEY, REQUEST, RESPONSE]
    );
    assert_eq!(vectors.text("request_payload").as_bytes(), REQUEST_PAYLOAD);
    assert_eq!(vectors.text("response_payload").as_bytes(), RESPONSE_PAYLOAD);
    assert_eq!(vectors.0["now_millis"], NOW_MILLIS);
}

#[test]
fn the_frozen_agreement_is_made() {
    let vectors = Vectors::read();
    let server = server();
    assert_eq!(hex::encode(server.public_key().as_bytes()), vectors.text("server_public"));
    let pair = ServerKeyPair::from_stored(&vectors.bytes("stored_key")).expect("parses");
    assert_eq!(pair.public_key(), server.public_key());
    assert_eq!(hex::encode(pair.to_stored().expose_secret()), vectors.text("stored_key"));
    let (handshake, hello) = start(&server, &context());
    assert_eq!(hex::encode(hello.as_bytes()), vectors.text("hello"));
    let (at_server, answer) = answered(&server, &hello);
    assert_eq!(hex::encode(answer.as_bytes()), vectors.text("answer"));
    let client = handshake.finish(&answer).expect("finishes");
    for binding in [client.binding(), at_server.binding()] {
        assert_eq!(hex::encode(binding), vectors.text("handshake"));
    }
    assert_eq!(client.id().to_string(), vectors.text("session"));
}

#[test]
fn the_frozen_messages_open() {
    let vectors = Vectors::read();
    let (client, at_server) = session();
    let request = ChannelRequest::from_bytes(vectors.bytes("request")).expect("a request");
    let (payload, reply) = at_server.open(&request).expect("opens");
    assert_eq!(payload.text().expect("text"), vectors.text("request_payload"));
    assert_eq!(reply.id().to_bytes()[..16], vectors.bytes("session"));

    let response = ChannelResponse::from_bytes(vectors.bytes("response")).expect("a response");
    let mut pending = client.pending(&request, &reply);
    let payload = client.open(&mut pending, &response).expect("opens");
    assert_eq!(payload.text().expect("text"), vectors.text("response_payload"));
    // What is sealed today differs by its nonce alone.
    let sealed = client.seal(vectors.text("request_payload").as_bytes(), Duration::from_secs(60)).expect("seals").0;
    let (sealed, frozen) = (sealed.as_bytes(), request.as_bytes());
    assert_eq!(sealed.len(), frozen.len());
    assert_eq!(sealed[..53], frozen[..53]);
    assert_ne!(sealed[53..65], frozen[53..65]);
}

/// A virtual machine that was cloned while it ran: both copies have the session, and its window.
#[test]
fn of_two_clones_of_a_server_one_takes_a_request_that_is_marked() {
    let server = server();
    let (handshake, hello) = start(&server, &context());
    let ((original, answer), (clone, _)) = (answered(&server, &hello), answered(&server, &hello));
    let client = handshake.finish(&answer).expect("finishes");
    let (request, _) = client.seal(b"pay", Duration::from_secs(60)).expect("seals");
    let records = Arc::new(MemoryPersistence::new());
    let application = ApplicationName::new("vault").expect("valid");
    let taken = [&original, &clone].map(|session| {
        let (_, reply) = session.open(&request).expect("each window is its own");
        let once = Once::new(records.clone()).with_clock(Arc::clone(&options().clock));
        block_on(once.mark(&application, SingleUse::Channel, &reply.id().to_bytes(), reply.expiry()))
    });
    let [first, second] = taken;
    first.expect("the first one takes it");
    assert_eq!(second.expect_err("marked").kind(), ErrorKind::Replayed);
}

#[test]
fn a_session_is_used_up_after_so_many_requests() {
    let (client, at_server) = session();
    client.next.store(MAX_REQUESTS - 1, Ordering::Relaxed);
    let (last, _) = client.seal(b"the last one", Duration::ZERO).expect("seals");
    assert_eq!(client.seal(b"one more", Duration::ZERO).expect_err("used up").kind(), ErrorKind::Expired);
    assert!(client.is_over());
    at_server.open(&last).expect("opens");

    let (client, at_server) = session();
    let beyond = client.seal_as(MAX_REQUESTS, b"one more", Duration::ZERO).expect("seals").0;
    assert_eq!(at_server.open(&beyond).expect_err("no such number").kind(), ErrorKind::Integrity);
}

/// Both copies of a client send a request of the same number: the response to one is none to the other.
#[test]
fn of_two_clones_of_a_client_one_gets_the_response() {
    let server = server();
    let ((original, hello), (clone, _)) = (start(&server, &context()), start(&server, &context()));
    let (at_server, answer) = answered(&server, &hello);
    let (original, clone) = (original.finish(&answer).expect("finishes"), clone.finish(&answer).expect("finishes"));
    let lifetime = Duration::from_secs(60);
    let (one, mut pending_one) = original.seal(b"get One", lifetime).expect("seals");
    let (two, mut pending_two) = clone.seal(b"get Two", lifetime).expect("seals");
    assert_eq!(pending_one.id(), pending_two.id());
    let response = at_server.respond(at_server.open(&one).expect("opens").1, b"1").expect("responds");
    assert_eq!(at_server.open(&two).expect_err("the same number").kind(), ErrorKind::Replayed);
    assert_eq!(clone.open(&mut pending_two, &response).expect_err("another's").kind(), ErrorKind::Integrity);
    assert_eq!(original.open(&mut pending_one, &response).expect("opens").expose_secret(), b"1");
}
