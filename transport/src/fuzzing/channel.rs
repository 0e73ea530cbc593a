//! The channel's messages, over the frozen session.

use crate::channel::frozen::{
    REQUEST, REQUEST_PAYLOAD, RESPONSE, RESPONSE_PAYLOAD, answered, context, hello, server, session, start,
};
use crate::channel::{ChannelAnswer, ChannelHello, ChannelRequest, ChannelResponse, ServerKeyPair};
use crate::wire::Message;

/// Reads a message, which has one form.
fn parse<M: Message>(bytes: &[u8]) -> Option<M> {
    let message = M::from_bytes(bytes.to_vec()).ok()?;
    assert_eq!(message.as_bytes(), bytes);
    Some(message)
}

/// A hello to the frozen server.
pub fn channel_hello(bytes: &[u8]) -> bool {
    let Some(message) = parse::<ChannelHello>(bytes) else { return false };
    assert_eq!(message.encoded_again(), bytes, "a hello has one form");
    // Whoever can compute may say hello: a fuzzer will hardly find how.
    server().accept(&message).is_ok()
}

/// What [`channel_hello`] accepts.
#[must_use]
pub fn channel_hello_sample() -> Vec<u8> {
    start(&server(), &context()).1.as_bytes().to_vec()
}

/// An answer to the frozen hello.
pub fn channel_answer(bytes: &[u8]) -> bool {
    let Some(message) = parse::<ChannelAnswer>(bytes) else { return false };
    assert_eq!(message.encoded_again(), bytes, "an answer has one form");
    start(&server(), &context()).0.finish(&message).is_ok()
}

/// What [`channel_answer`] accepts.
#[must_use]
pub fn channel_answer_sample() -> Vec<u8> {
    answered(&server(), &hello()).1.as_bytes().to_vec()
}

/// A request over the frozen session.
pub fn channel_request(bytes: &[u8]) -> bool {
    let Some(message) = parse::<ChannelRequest>(bytes) else { return false };
    assert_eq!(message.encoded_again(), bytes, "a request has one form");
    let (_, at_server) = session();
    let Ok((payload, _)) = at_server.open(&message) else { return false };
    assert_eq!(
        (bytes, payload.expose_secret()),
        (&*channel_request_sample(), REQUEST_PAYLOAD),
        "what was sealed opens"
    );
    assert!(at_server.open(&message).is_err(), "a request opens once");
    true
}

/// What [`channel_request`] opens.
#[must_use]
pub fn channel_request_sample() -> Vec<u8> {
    hex::decode(REQUEST).expect("hexadecimal")
}

/// A response to the frozen request.
pub fn channel_response(bytes: &[u8]) -> bool {
    let Some(message) = parse::<ChannelResponse>(bytes) else { return false };
    assert_eq!(message.encoded_again(), bytes, "a response has one form");
    let (client, at_server) = session();
    let request = ChannelRequest::from_bytes(channel_request_sample()).expect("a request");
    let (_, reply) = at_server.open(&request).expect("opens");
    let mut pending = client.pending(&request, &reply);
    let Ok(payload) = client.open(&mut pending, &message) else { return false };
    assert_eq!(
        (bytes, payload.expose_secret()),
        (&*channel_response_sample(), RESPONSE_PAYLOAD),
        "what was sealed opens"
    );
    assert!(client.open(&mut pending, &message).is_err(), "a response opens once");
    true
}

/// What [`channel_response`] opens.
#[must_use]
pub fn channel_response_sample() -> Vec<u8> {
    hex::decode(RESPONSE).expect("hexadecimal")
}

/// A server's key pair in its stored form.
pub fn channel_key(bytes: &[u8]) -> bool {
    let Ok(pair) = ServerKeyPair::from_stored(bytes) else { return false };
    assert_eq!(pair.to_stored().expose_secret(), bytes, "a key has one form");
    true
}

/// Something that [`channel_key`] accepts.
#[must_use]
pub fn channel_key_sample() -> Vec<u8> {
    ServerKeyPair::from_stored(&channel_key_bytes()).expect("a key").to_stored().expose_secret().to_vec()
}

fn channel_key_bytes() -> Vec<u8> {
    hex::decode(crate::channel::frozen::STORED_KEY).expect("hexadecimal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_accepted_and_their_truncations_are_not() {
        type Case = (&'static str, fn(&[u8]) -> bool, Vec<u8>);
        let cases: [Case; 5] = [
            ("channel_hello", channel_hello, channel_hello_sample()),
            ("channel_answer", channel_answer, channel_answer_sample()),
            ("channel_request", channel_request, channel_request_sample()),
            ("channel_response", channel_response, channel_response_sample()),
            ("channel_key", channel_key, channel_key_sample()),
        ];
        for (target, accepts, sample) in cases {
            assert!(accepts(&sample), "{target}");
            assert!(!accepts(&sample[..sample.len() - 1]), "truncated {target}");
            assert!(!accepts(&[&sample[..], &[0]].concat()), "extended {target}");
        }
    }
}
