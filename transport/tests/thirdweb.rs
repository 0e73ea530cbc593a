//! The compatibility mode with thirdweb's vault: what it refuses, and the two attacks that its format admits, beside the channel, which refuses them.

use std::time::Duration;

use chacha20poly1305::aead::Aead;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use secret_store_core::{ErrorKind, Result};
use secret_store_transport::Message;
use secret_store_transport::channel::{
    ChannelContext, ChannelRequest, ChannelResponse, ChannelServer, ClientHandshake, MAX_PAYLOAD_BYTES, ServerKey,
    ServerKeyPair, ServerPublicKey,
};
use secret_store_transport::thirdweb::{Client, Enclave, EnclaveKeyPair, Sealed};
use serde_json::{Value, json};
use sha2::Sha256;

fn enclave() -> (EnclaveKeyPair, ServerKey) {
    let pair = EnclaveKeyPair::generate().expect("random");
    let key = ServerKey::trusted(*pair.public_key());
    (pair, key)
}

fn json(sealed: &Sealed) -> Value {
    serde_json::to_value(sealed).expect("serialises")
}

fn sealed(json: Value) -> Sealed {
    serde_json::from_value(json).expect("has the form")
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().expect("refused").kind()
}

/// The first weakness: who sees the request, and knows no key of the enclave's, answers in its place.
#[test]
fn weakness_a_response_forged_without_the_enclaves_key_is_accepted() {
    let (_, key) = enclave();
    let (client, request) = Client::seal(&key, b"{\"operation\":\"ping\"}").expect("seals");
    let seen = json(&request);
    let ephemeral = hex::decode(seen["ephemeralPublicKey"].as_str().expect("text")).expect("hexadecimal");
    let to_client = ServerKey::trusted(ServerPublicKey::from_bytes(&ephemeral).expect("a key"));
    let (_, forged) = Client::seal(&to_client, b"{\"forged\":true}").expect("seals");
    assert_eq!(client.open_unauthenticated(&forged).expect("opens").expose_secret(), b"{\"forged\":true}");
}

/// The second weakness: with the enclave's public key put in, the client's own request is a response to it.
#[test]
fn weakness_a_reflected_request_is_accepted() {
    let (pair, key) = enclave();
    let (client, request) = Client::seal(&key, b"{\"operation\":\"ping\"}").expect("seals");
    let mut reflected = json(&request);
    reflected["ephemeralPublicKey"] = json!(hex::encode(pair.public_key().as_bytes()));
    let opened = client.open_unauthenticated(&sealed(reflected)).expect("opens");
    assert_eq!(opened.expose_secret(), b"{\"operation\":\"ping\"}");
}

/// And what follows of having no session: a request is opened as often as it comes.
#[test]
fn weakness_a_replayed_request_is_accepted() {
    let (pair, key) = enclave();
    let (_, request) = Client::seal(&key, b"pay").expect("seals");
    for _ in 0..2 {
        assert_eq!(pair.open(&request).expect("opens").0.expose_secret(), b"pay");
    }
}

/// The same three attacks on the channel: all refused.
#[test]
fn the_channel_refuses_what_the_compatibility_mode_accepts() {
    let context = ChannelContext::new("vault").expect("short");
    let agree = || {
        let server = ChannelServer::new(ServerKeyPair::generate().expect("random"), context.clone());
        let key = ServerKey::trusted(*server.public_key());
        let (handshake, hello) = ClientHandshake::start(&key, &context).expect("starts");
        let (session, answer) = server.accept(&hello).expect("accepts");
        (handshake.finish(&answer).expect("finishes"), session)
    };
    let (client, session) = agree();
    let (request, mut pending) = client.seal(b"ping", Duration::from_secs(60)).expect("seals");

    // Forged by whoever sees everything and has keys and a session of its own.
    let (own, other) = agree();
    let (own_request, _) = own.seal(b"ping", Duration::from_secs(60)).expect("seals");
    let forged = other.respond(other.open(&own_request).expect("opens").1, b"forged").expect("responds");
    let mut forged = forged.as_bytes().to_vec();
    forged[9..25].copy_from_slice(client.id().as_bytes());
    let forged = ChannelResponse::from_bytes(forged).expect("well formed");
    assert_eq!(kind(client.open(&mut pending, &forged)), ErrorKind::Integrity);

    // Reflected: as it is, and made to look like a response.
    assert_eq!(kind(ChannelResponse::from_bytes(request.as_bytes().to_vec())), ErrorKind::NotSealed);
    let mut reflected = request.as_bytes().to_vec();
    reflected[3] = 9;
    reflected.drain(37..49);
    let reflected = ChannelResponse::from_bytes(reflected).expect("well formed");
    assert_eq!(kind(client.open(&mut pending, &reflected)), ErrorKind::Integrity);

    // Replayed.
    let (_, reply) = session.open(&request).expect("opens");
    let again = ChannelRequest::from_bytes(request.as_bytes().to_vec()).expect("well formed");
    assert_eq!(kind(session.open(&again)), ErrorKind::Replayed);
    let response = session.respond(reply, b"pong").expect("responds");
    assert_eq!(client.open(&mut pending, &response).expect("opens").expose_secret(), b"pong");
}

#[test]
fn what_was_altered_or_sealed_to_another_key_is_refused() {
    let (pair, key) = enclave();
    let (_, request) = Client::seal(&key, b"ping").expect("seals");
    let (other, other_key) = enclave();
    assert_eq!(kind(other.open(&request)), ErrorKind::Integrity);
    let response = pair.open(&request).expect("opens").1.seal(b"pong").expect("seals");
    let (other_client, _) = Client::seal(&other_key, b"ping").expect("seals");
    assert_eq!(kind(other_client.open_unauthenticated(&response)), ErrorKind::Integrity);

    for field in ["ciphertext", "ephemeralPublicKey", "nonce"] {
        let bytes = hex::decode(json(&request)[field].as_str().expect("text")).expect("hexadecimal");
        for bit in 0..bytes.len() * 8 {
            // X25519 ignores this bit of a public key (RFC 7748, section 5), and the format binds the key by nothing else.
            if field == "ephemeralPublicKey" && bit == 255 {
                continue;
            }
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let mut altered = json(&request);
            altered[field] = json!(hex::encode(flipped));
            assert_eq!(kind(pair.open(&sealed(altered))), ErrorKind::Integrity, "{field} {bit}");
        }
    }
    let ciphertext = json(&request)["ciphertext"].as_str().expect("text").to_owned();
    for length in 0..ciphertext.len() / 2 {
        let mut cut = json(&request);
        cut["ciphertext"] = json!(ciphertext[..2 * length]);
        assert_eq!(kind(pair.open(&sealed(cut))), ErrorKind::Integrity);
    }
    let mut longer = json(&request);
    longer["ciphertext"] = json!(ciphertext + "00");
    assert_eq!(kind(pair.open(&sealed(longer))), ErrorKind::Integrity);
}

/// With a point of low order everybody knows the shared secret: it is zeros. The message is refused although its tag is right.
#[test]
fn what_everybody_can_seal_is_refused() {
    let (pair, key) = enclave();
    let mut secret = [0; 32];
    Hkdf::<Sha256>::new(None, &[0; 32]).expand(b"encryption", &mut secret).expect("one block");
    let nonce = [9; 24];
    let cipher = XChaCha20Poly1305::new(&secret.into());
    let ciphertext = cipher.encrypt(&nonce.into(), b"forged".as_slice()).expect("seals");
    let forged = json!({
        "ciphertext": hex::encode(ciphertext),
        "ephemeralPublicKey": hex::encode([0; 32]),
        "nonce": hex::encode(nonce),
    });
    assert_eq!(kind(pair.open(&sealed(forged.clone()))), ErrorKind::Integrity);
    let (client, _) = Client::seal(&key, b"ping").expect("seals");
    assert_eq!(kind(client.open_unauthenticated(&sealed(forged))), ErrorKind::Integrity);
}

#[test]
fn points_of_low_order_are_refused() {
    let (pair, key) = enclave();
    let (client, request) = Client::seal(&key, b"ping").expect("seals");
    for low in [[0; 32], [[1].as_slice(), &[0; 31]].concat().try_into().expect("32 bytes")] {
        let mut altered = json(&request);
        altered["ephemeralPublicKey"] = json!(hex::encode::<[u8; 32]>(low));
        let altered = sealed(altered);
        assert_eq!(kind(pair.open(&altered)), ErrorKind::Integrity);
        assert_eq!(kind(client.open_unauthenticated(&altered)), ErrorKind::Integrity);
        let enclave: Enclave = serde_json::from_value(json!({"publicKey": hex::encode(low)})).expect("has the form");
        assert_eq!(kind(enclave.public_key()), ErrorKind::InvalidInput);
    }
}

#[test]
fn the_json_has_one_shape_and_a_limit() {
    let (pair, key) = enclave();
    let (_, request) = Client::seal(&key, &[7; 100]).expect("seals");
    let good = json(&request);
    let mut upper = good.clone();
    upper["ciphertext"] = json!(good["ciphertext"].as_str().expect("text").to_uppercase());
    upper["more"] = json!("ignored");
    pair.open(&sealed(upper)).expect("either case");
    for field in ["ciphertext", "ephemeralPublicKey", "nonce"] {
        let text = good[field].as_str().expect("text");
        let wrong = [
            json!(format!("0x{text}")),
            json!(&text[1..]),
            json!(text.replace(&text[..1], "g")),
            json!(7),
            Value::Null,
        ];
        for wrong in wrong {
            let mut altered = good.clone();
            altered[field] = wrong;
            assert!(serde_json::from_value::<Sealed>(altered).is_err(), "{field}");
        }
        if field != "ciphertext" {
            for other in [format!("{text}00"), text[2..].to_owned(), String::new()] {
                let mut altered = good.clone();
                altered[field] = json!(other);
                assert!(serde_json::from_value::<Sealed>(altered).is_err(), "{field}");
            }
        }
        let mut missing = good.clone();
        missing.as_object_mut().expect("an object").remove(field);
        assert!(serde_json::from_value::<Sealed>(missing).is_err());
    }
    let mut large = good;
    large["ciphertext"] = json!("00".repeat(MAX_PAYLOAD_BYTES + 17));
    let refusal = serde_json::from_value::<Sealed>(large).expect_err("too large").to_string();
    assert!(refusal.contains("longer than 1048592 bytes"), "{refusal}");
    assert!(matches!(kind(Client::seal(&key, &vec![0; MAX_PAYLOAD_BYTES + 1])), ErrorKind::TooLarge { .. }));
    let (_, largest) = Client::seal(&key, &vec![0; MAX_PAYLOAD_BYTES]).expect("seals");
    pair.open(&sealed(json(&largest))).expect("opens");
}

#[test]
fn debug_shows_no_key_and_no_payload() {
    let (pair, key) = enclave();
    let (client, request) = Client::seal(&key, b"payload").expect("seals");
    let (opened, _) = pair.open(&request).expect("opens");
    let shown = format!("{pair:?} {client:?} {request:?} {opened:?}");
    assert_eq!(shown, "EnclaveKeyPair([redacted]) Client([redacted]) Sealed([23 bytes]) SecretValue([redacted])");
}
