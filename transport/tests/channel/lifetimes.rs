//! Requests and sessions end.

use std::time::Duration;

use secret_store_core::ErrorKind;
use secret_store_transport::Expiry;
use secret_store_transport::channel::{ChannelOptions, ClientHandshake};

use crate::support::{MINUTE, ManualClock, agree, ask, context, key_of, kind, options, server, take};

const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn an_expired_request_is_refused_and_so_is_its_response() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let ((in_time, _), (late, _)) = (ask(&client, "get"), ask(&client, "get"));
    let (answered, mut pending) = ask(&client, "get");
    let response = at_server.respond(take(&at_server, &answered, "get"), b"hunter2").expect("responds");
    clock.advance(MINUTE + Expiry::SKEW);
    take(&at_server, &in_time, "get");
    clock.advance(MOMENT);
    assert_eq!(kind(at_server.open(&late)), ErrorKind::Expired);
    assert_eq!(kind(client.open(&mut pending, &response)), ErrorKind::Expired);
}

/// Nothing is sealed that no client opens any more, and no reply outlives its request.
#[test]
fn what_is_answered_too_late_is_not_sealed() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let ((in_time, mut pending), (late, _)) = (ask(&client, "get"), ask(&client, "get"));
    let [in_time, late] = [in_time, late].map(|request| take(&at_server, &request, "get"));
    assert_eq!(in_time.expiry(), late.expiry());
    clock.advance(MINUTE + Expiry::SKEW);
    let response = at_server.respond(in_time, b"hunter2").expect("at the last moment");
    assert_eq!(client.open(&mut pending, &response).expect("opens").expose_secret(), b"hunter2");
    clock.advance(MOMENT);
    assert_eq!(kind(at_server.respond(late, b"hunter2")), ErrorKind::Expired);
    assert!(!at_server.is_over(), "the session goes on");
    let (request, mut pending) = ask(&client, "again");
    let response = at_server.respond(take(&at_server, &request, "again"), b"hunter3").expect("responds");
    client.open(&mut pending, &response).expect("opens");
}

/// The session's end counts too, by whichever clock says more, also while the request would still be valid.
#[test]
fn nothing_is_sealed_after_the_sessions_end() {
    for suspended in [false, true] {
        let clock = ManualClock::new();
        let (client, at_server) = agree(&server(&clock), &clock);
        let requests = [(); 2].map(|()| client.seal(b"get", 10 * MINUTE).expect("seals").0);
        let [in_time, late] = requests.map(|request| take(&at_server, &request, "get"));
        let pass = |by| if suspended { clock.suspend(by) } else { clock.advance(by) };
        pass(10 * MINUTE);
        at_server.respond(in_time, b"hunter2").expect("at the last moment of idleness");
        pass(MOMENT);
        assert_eq!(kind(at_server.respond(late, b"hunter2")), ErrorKind::Expired);
        assert!(at_server.is_over());
    }
}

/// A client whose clock is far ahead would make requests that stay valid for too long.
#[test]
fn a_request_valid_for_too_long_is_refused() {
    let (clock, ahead) = (ManualClock::new(), ManualClock::new());
    ahead.advance(10 * MINUTE);
    let server = server(&clock);
    let (handshake, hello) =
        ClientHandshake::start_with(&key_of(&server), &context("vault/production"), options(&ahead)).expect("starts");
    let (at_server, answer) = server.accept(&hello).expect("accepts");
    let client = handshake.finish(&answer).expect("finishes");
    assert_eq!(kind(at_server.open(&ask(&client, "get").0)), ErrorKind::InvalidInput);
    clock.advance(MINUTE - Expiry::SKEW);
    take(&at_server, &ask(&client, "get").0, "get");
}

#[test]
fn an_idle_session_ends_at_both_ends() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    for _ in 0..4 {
        clock.advance(10 * MINUTE);
        let (request, mut pending) = ask(&client, "get");
        let response = at_server.respond(take(&at_server, &request, "get"), b"hunter2").expect("responds");
        client.open(&mut pending, &response).expect("kept alive by what it does");
    }
    let (request, mut pending) = client.seal(b"get", 10 * MINUTE).expect("seals");
    let response = at_server.respond(take(&at_server, &request, "get"), b"hunter2").expect("responds");
    let (unread, _) = client.seal(b"get", 10 * MINUTE).expect("seals");
    clock.advance(10 * MINUTE + MOMENT);
    assert!(client.is_over() && at_server.is_over());
    assert_eq!(kind(client.seal(b"get", MINUTE)), ErrorKind::Expired);
    assert_eq!(kind(client.open(&mut pending, &response)), ErrorKind::Expired);
    assert_eq!(kind(at_server.open(&unread)), ErrorKind::Expired);
    clock.set_back(20 * MINUTE);
    assert_eq!(kind(client.seal(b"get", MINUTE)), ErrorKind::Expired, "no clock brings it back");
}

/// Whoever sends what is not authentic keeps no session alive.
#[test]
fn a_forged_request_keeps_no_session_alive() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let (request, _) = ask(&client, "get");
    let mut forged = crate::support::Frame::of(&request);
    forged.fields[3][20] ^= 1;
    let forged = forged.into_message(8).expect("well formed");
    for _ in 0..10 {
        assert_eq!(kind(at_server.open(&forged)), ErrorKind::Integrity);
        clock.advance(Duration::from_secs(8));
    }
    clock.advance(9 * MINUTE);
    assert!(at_server.is_over());
}

#[test]
fn a_session_ends_by_age_however_much_it_is_used() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    for _ in 0..12 {
        take(&at_server, &ask(&client, "get").0, "get");
        clock.advance(5 * MINUTE);
    }
    take(&at_server, &ask(&client, "get").0, "get");
    clock.set_back(30 * MINUTE);
    clock.advance(MOMENT);
    assert!(client.is_over() && at_server.is_over(), "by the clock that nobody sets");
}

#[test]
fn an_answer_that_comes_too_late_makes_no_session() {
    let clock = ManualClock::new();
    let server = server(&clock);
    let (handshake, hello) =
        ClientHandshake::start_with(&key_of(&server), &context("vault/production"), options(&clock)).expect("starts");
    let (_, answer) = server.accept(&hello).expect("accepts");
    clock.advance(61 * MINUTE);
    assert_eq!(kind(handshake.finish(&answer)), ErrorKind::Expired);
}

#[test]
fn lifetimes_are_options_with_a_limit() {
    let clock = ManualClock::new();
    let server = server(&clock);
    let options = options(&clock).with_idle(100 * 24 * 60 * MINUTE).with_lifetime(100 * 24 * 60 * MINUTE);
    let (handshake, hello) =
        ClientHandshake::start_with(&key_of(&server), &context("vault/production"), options).expect("starts");
    let (_, answer) = server.accept(&hello).expect("accepts");
    let client = handshake.finish(&answer).expect("finishes");
    clock.advance(ChannelOptions::MAX_LIFETIME);
    assert!(!client.is_over());
    clock.advance(MOMENT);
    assert!(client.is_over());
}

#[test]
fn a_closed_session_is_over() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let ((request, _), (other, _)) = (ask(&client, "get"), ask(&client, "get"));
    let reply = take(&at_server, &request, "get");
    client.close();
    assert_eq!(kind(client.seal(b"get", MINUTE)), ErrorKind::Expired);
    at_server.close();
    assert_eq!(kind(at_server.open(&other)), ErrorKind::Expired);
    assert_eq!(kind(at_server.respond(reply, b"hunter2")), ErrorKind::Expired);
    assert!(client.is_over() && at_server.is_over());
}

#[test]
fn a_response_keeps_the_clients_session_alive() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let (request, mut pending) = client.seal(b"get", 10 * MINUTE).expect("seals");
    let response = at_server.respond(take(&at_server, &request, "get"), b"hunter2").expect("responds");
    clock.advance(9 * MINUTE);
    client.open(&mut pending, &response).expect("opens");
    clock.advance(9 * MINUTE);
    assert!(!client.is_over() && at_server.is_over(), "each end by what it got");
}

#[test]
fn a_session_ends_while_the_machine_is_suspended() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let (request, _) = ask(&client, "get");
    clock.suspend(10 * MINUTE + MOMENT);
    assert_eq!(kind(at_server.open(&request)), ErrorKind::Expired);
    assert!(client.is_over() && at_server.is_over());
}
