//! Whom a client comes to talk to.

use std::time::{Duration, SystemTime};

use futures::executor::block_on;
use secret_store_core::{Clock, ErrorKind};
use secret_store_transport::channel::{
    ChannelContext, ChannelServer, ClientHandshake, ServerKey, ServerKeyPair, ServerPublicKey,
};
use secret_store_transport::{AuthorityKey, KeyAlgorithm, KeyClaims, KeyRecord, KeyRole, Trust};

use crate::support::{ANSWER, Frame, MINUTE, ManualClock, agree, ask, context, damaged, key_of, kind, options, server};

#[test]
fn a_hello_is_for_one_server_in_one_context() {
    let clock = ManualClock::new();
    let (server_one, server_two) = (server(&clock), server(&clock));
    let (_, hello) = ClientHandshake::start(&key_of(&server_one), &context("vault/production")).expect("starts");
    assert_eq!(kind(server_two.accept(&hello)), ErrorKind::Integrity);
    for other in ["", "vault/productio", "vault/production\0", "vault/development"] {
        let (_, hello) = ClientHandshake::start(&key_of(&server_one), &context(other)).expect("starts");
        assert_eq!(kind(server_one.accept(&hello)), ErrorKind::Integrity, "{other}");
    }
    server_one.accept(&hello).expect("is its own");
}

/// Somebody between them, with a key of their own, can play neither part.
#[test]
fn a_substituted_public_key_is_refused() {
    let clock = ManualClock::new();
    let (real, mallory) = (server(&clock), server(&clock));
    // The client is to believe that Mallory's answer is the server's.
    let (handshake, hello) = ClientHandshake::start(&key_of(&real), &context("vault/production")).expect("starts");
    assert_eq!(kind(mallory.accept(&hello)), ErrorKind::Integrity);
    let (_, own_hello) = ClientHandshake::start(&key_of(&mallory), &context("vault/production")).expect("starts");
    let (_, answer) = mallory.accept(&own_hello).expect("its own client");
    assert_eq!(kind(handshake.finish(&answer)), ErrorKind::Integrity);
    // The client was made to trust Mallory's key: the server refuses, so no request passes through to it unnoticed.
    assert_eq!(kind(real.accept(&own_hello)), ErrorKind::Integrity);
}

#[test]
fn an_answer_is_to_one_hello() {
    let clock = ManualClock::new();
    let server = server(&clock);
    let start = || ClientHandshake::start(&key_of(&server), &context("vault/production")).expect("starts");
    let ((one, hello_one), (two, hello_two)) = (start(), start());
    let ((_, answer_one), (_, answer_two)) =
        (server.accept(&hello_one).expect("accepts"), server.accept(&hello_two).expect("accepts"));
    assert_eq!(kind(one.finish(&answer_two)), ErrorKind::Integrity, "swapped");
    two.finish(&answer_two).expect("is its own");
    let (reflected, hello) = start();
    let reflection = Frame::of(&hello).into_message(ANSWER).expect("the form is the same");
    assert_eq!(kind(reflected.finish(&reflection)), ErrorKind::Integrity, "its own hello");
    let (replayed, _) = start();
    assert_eq!(kind(replayed.finish(&answer_one)), ErrorKind::Integrity, "an old answer");
}

/// A hello that is said again makes a session of which nobody has the keys: not who says it again, and not its first client.
#[test]
fn a_repeated_hello_opens_nothing() {
    let clock = ManualClock::new();
    let server = server(&clock);
    let (handshake, hello) =
        ClientHandshake::start_with(&key_of(&server), &context("vault/production"), options(&clock)).expect("starts");
    let (first, answer) = server.accept(&hello).expect("accepts");
    let (again, _) = server.accept(&hello).expect("accepts");
    assert_ne!(first.id(), again.id());
    let client = handshake.finish(&answer).expect("finishes");
    let (request, _) = ask(&client, "get MainDb");
    assert_eq!(kind(again.open(&request)), ErrorKind::Integrity);
    let mut renamed = Frame::of(&request);
    renamed.fields[0] = again.id().as_bytes().to_vec();
    assert_eq!(kind(again.open(&renamed.into_message(8).expect("well formed"))), ErrorKind::Integrity);
    first.open(&request).expect("is its own");
}

/// Who records everything and takes the server's key later opens nothing: the ephemeral keys are gone.
#[test]
fn the_servers_key_alone_opens_nothing_that_was_recorded() {
    let clock = ManualClock::new();
    let pair = ServerKeyPair::generate().expect("random");
    let stolen = ServerKeyPair::from_stored(pair.to_stored().expose_secret()).expect("the same key");
    let server = ChannelServer::new(pair, context("vault/production")).with_options(options(&clock));
    let (handshake, hello) =
        ClientHandshake::start_with(&key_of(&server), &context("vault/production"), options(&clock)).expect("starts");
    let (at_server, answer) = server.accept(&hello).expect("accepts");
    let client = handshake.finish(&answer).expect("finishes");
    let (request, _) = ask(&client, "the secret of today");
    at_server.open(&request).expect("opens");
    drop((client, at_server, server));

    let thief = ChannelServer::new(stolen, context("vault/production")).with_options(options(&clock));
    let (session, _) = thief.accept(&hello).expect("the key is the server's");
    let mut renamed = Frame::of(&request);
    renamed.fields[0] = session.id().as_bytes().to_vec();
    assert_eq!(kind(session.open(&renamed.into_message(8).expect("well formed"))), ErrorKind::Integrity);
}

#[test]
fn no_damaged_hello_or_answer_is_accepted() {
    let clock = ManualClock::new();
    let server = server(&clock);
    let (_, hello) = ClientHandshake::start(&key_of(&server), &context("vault/production")).expect("starts");
    let (_, answer) = server.accept(&hello).expect("accepts");
    let (well_formed, of) = damaged(&hello);
    assert!(of == 57 * 9 + 4 && well_formed.len() == 48 * 8, "every bit of the handshake, and none of the frame");
    for damaged in well_formed {
        assert_eq!(kind(server.accept(&damaged)), ErrorKind::Integrity);
    }
    let (well_formed, _) = damaged(&answer);
    assert_eq!(well_formed.len(), 48 * 8);
    for damaged in well_formed {
        let (handshake, hello) =
            ClientHandshake::start(&key_of(&server), &context("vault/production")).expect("starts");
        server.accept(&hello).expect("accepts");
        assert_eq!(kind(handshake.finish(&damaged)), ErrorKind::Integrity);
    }
}

/// RFC 7748, section 6.1; and one form for each key.
#[test]
fn points_of_low_order_and_second_encodings_are_no_server_keys() {
    let refused = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // 9, the base point, plus the prime; and 9 with the bit that X25519 ignores.
        "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0900000000000000000000000000000000000000000000000000000000000080",
        "",
        "09",
    ];
    for key in refused {
        let key = hex::decode(key).expect("hexadecimal");
        assert_eq!(kind(ServerPublicKey::from_bytes(&key)), ErrorKind::InvalidInput);
    }
    let base = hex::decode("0900000000000000000000000000000000000000000000000000000000000000").expect("hexadecimal");
    assert_eq!(ServerPublicKey::from_bytes(&base).expect("a key").as_bytes()[..], base);
    let longer = [&base[..], &[0]].concat();
    assert_eq!(kind(ServerPublicKey::from_bytes(&longer)), ErrorKind::InvalidInput);
}

#[test]
fn a_key_record_names_the_server_for_as_long_as_it_is_valid() {
    let clock = ManualClock::new();
    let server = server(&clock);
    let (authority, other) = (AuthorityKey::generate().expect("random"), AuthorityKey::generate().expect("random"));
    let record = |role, subject, begin: SystemTime| {
        let key = (KeyAlgorithm::X25519, &server.public_key().as_bytes()[..]);
        let claims = KeyClaims::new(role, subject, 1, key, begin, 60 * MINUTE).expect("valid");
        block_on(KeyRecord::issue(claims, &authority)).expect("signs")
    };
    let trust = Trust::Authority(authority.public_key());
    let good = record(KeyRole::ChannelServer, "vault", clock.now());
    let believed = |record: &KeyRecord, trust: &Trust| ServerKey::from_record(record, trust, "vault", &*clock);
    assert_eq!(believed(&good, &trust).expect("signed"), key_of(&server));
    assert_eq!(believed(&good, &Trust::Fingerprint(good.fingerprint())).expect("pinned"), key_of(&server));

    assert_eq!(kind(believed(&good, &Trust::Authority(other.public_key()))), ErrorKind::Integrity);
    let role = record(KeyRole::OrganisationSealing, "vault", clock.now());
    assert_eq!(kind(believed(&role, &trust)), ErrorKind::PermissionDenied);
    assert_eq!(kind(believed(&role, &Trust::Fingerprint(good.fingerprint()))), ErrorKind::Integrity);
    let subject = record(KeyRole::ChannelServer, "evil", clock.now());
    assert_eq!(kind(believed(&subject, &trust)), ErrorKind::PermissionDenied);
    assert_eq!(
        kind(believed(&record(KeyRole::ChannelServer, "vault", clock.now() + MINUTE), &trust)),
        ErrorKind::Expired
    );
    clock.advance(Duration::from_secs(61 * 60));
    assert_eq!(kind(believed(&good, &trust)), ErrorKind::Expired);
}

#[test]
fn a_key_pair_survives_its_stored_form_and_nothing_else_is_one() {
    let clock = ManualClock::new();
    let pair = ServerKeyPair::generate().expect("random");
    let public = *pair.public_key();
    let stored = pair.to_stored();
    let bytes = stored.expose_secret();
    let again = ServerKeyPair::from_stored(bytes).expect("parses");
    assert_eq!(again.public_key(), &public);
    let server = ChannelServer::new(again, context("vault/production")).with_options(options(&clock));
    agree(&server, &clock);
    for length in 0..bytes.len() {
        assert!(ServerKeyPair::from_stored(&bytes[..length]).is_err());
    }
    assert!(ServerKeyPair::from_stored(&[bytes, &[0]].concat()).is_err());
    // All but the 32 bytes of the key itself.
    for bit in 0..(bytes.len() - 32) * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(ServerKeyPair::from_stored(&flipped).is_err(), "bit {bit}");
    }
    assert_eq!(format!("{pair:?}"), "ServerKeyPair([redacted])");
}

#[test]
fn a_context_is_bounded() {
    ChannelContext::new(vec![0; 1024]).expect("as long as may be");
    assert!(matches!(kind(ChannelContext::new(vec![0; 1025])), ErrorKind::TooLarge { limit: 1024, actual: 1025 }));
}
