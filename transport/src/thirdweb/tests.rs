//! Frozen messages of another implementation.

use serde_json::Value;

use super::*;

fn drawn(vectors: &Value, key: &str, message: &str) -> Drawn {
    let bytes = [&vectors[key], &vectors[message]["nonce"]]
        .map(|hexadecimal| hex::decode(hexadecimal.as_str().expect("text")).expect("hexadecimal"));
    Drawn(Zeroizing::new(bytes.concat().try_into().expect("a key and a nonce")))
}

#[test]
fn the_frozen_messages_are_made_and_open() {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/thirdweb.json")).expect("JSON");
    let text = |name: &str| vectors[name].as_str().expect("text").to_owned();
    let private = hex::decode(text("enclave_private")).expect("hexadecimal").try_into().expect("32 bytes");
    let pair = EnclaveKeyPair::from_private_key(&private);
    assert_eq!(pair.private_key().expose_secret(), private);
    assert_eq!(serde_json::to_value(Enclave::new(*pair.public_key())).expect("JSON"), vectors["enclave"]);

    let key = ServerKey::trusted(*pair.public_key());
    let payload = text("request_payload");
    let (client, request) =
        Client::seal_by(&drawn(&vectors, "client_ephemeral", "request"), &key, payload.as_bytes()).expect("seals");
    assert_eq!(serde_json::to_value(&request).expect("JSON"), vectors["request"]);
    let (opened, reply) = pair.open(&request).expect("opens");
    assert_eq!(opened.text().expect("text"), payload);

    let payload = text("response_payload");
    let response = reply.seal_by(&drawn(&vectors, "enclave_ephemeral", "response"), payload.as_bytes()).expect("seals");
    assert_eq!(serde_json::to_value(&response).expect("JSON"), vectors["response"]);
    assert_eq!(client.open_unauthenticated(&response).expect("opens").text().expect("text"), payload);
}
