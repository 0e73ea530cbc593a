//! The messages as serde gives them.

use secret_store_transport::Message;
use secret_store_transport::channel::{ChannelAnswer, ChannelHello, ChannelRequest, ChannelResponse, ClientHandshake};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::support::{Frame, ManualClock, agree, ask, context, key_of, server, take};

fn survives<M: Message + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(message: &M) {
    let json = serde_json::to_string(message).expect("serialises");
    assert_eq!(&serde_json::from_str::<M>(&json).expect("parses"), message);
    assert_eq!(&M::from_bytes(message.as_bytes().to_vec()).expect("parses"), message);
    for wrong in
        [json.replacen("U1gx", "U1gw", 1), format!("{}A\"", &json[..json.len() - 1]), "\"\"".into(), "7".into()]
    {
        assert!(serde_json::from_str::<M>(&wrong).is_err());
    }
}

#[test]
fn messages_survive_json_and_nothing_else_parses() {
    let clock = ManualClock::new();
    let server = server(&clock);
    let (_, hello) = ClientHandshake::start(&key_of(&server), &context("vault/production")).expect("starts");
    let (_, answer) = server.accept(&hello).expect("accepts");
    let (client, at_server) = agree(&server, &clock);
    let (request, _) = ask(&client, "get");
    let response = at_server.respond(take(&at_server, &request, "get"), b"hunter2").expect("responds");
    survives::<ChannelHello>(&hello);
    survives::<ChannelAnswer>(&answer);
    survives::<ChannelRequest>(&request);
    survives::<ChannelResponse>(&response);
    let long = format!("\"{}\"", "A".repeat(ChannelHello::MAX_BYTES * 2));
    assert!(serde_json::from_str::<ChannelHello>(&long).is_err());
}

/// A sealed payload has a nonce, 32 committing bytes and a tag at least.
#[test]
fn too_short_a_payload_is_no_message() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let (request, _) = ask(&client, "");
    let reply = take(&at_server, &request, "");
    let response = at_server.respond(reply, b"").expect("responds");
    let mut short = Frame::of(&request);
    assert_eq!(short.fields[3].pop().map(|_| short.fields[3].len()), Some(59));
    assert!(short.into_message::<ChannelRequest>(8).is_err());
    let mut short = Frame::of(&response);
    short.fields[2].pop();
    assert!(short.into_message::<ChannelResponse>(9).is_err());
}
