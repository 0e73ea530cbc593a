//! The channel: what it carries, and what it refuses.

mod agreement;
mod attacks;
mod lifetimes;
mod messages;
mod sessions;
mod support;

use std::sync::Barrier;

use secret_store_core::ErrorKind;
use secret_store_transport::channel::{MAX_PAYLOAD_BYTES, MAX_REQUEST_LIFETIME};

use support::{MINUTE, ManualClock, agree, ask, kind, server, take};

#[test]
fn requests_and_responses_of_any_size_arrive() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    for size in [0, 1, 255, 65_536, MAX_PAYLOAD_BYTES] {
        let payload = vec![0x5a; size];
        let (request, mut pending) = client.seal(&payload, MINUTE).expect("seals");
        let (opened, reply) = at_server.open(&request).expect("opens");
        assert_eq!(opened.expose_secret(), payload);
        let response = at_server.respond(reply, &payload).expect("responds");
        assert_eq!(client.open(&mut pending, &response).expect("opens").expose_secret(), payload);
    }
    let large = vec![0; MAX_PAYLOAD_BYTES + 1];
    assert!(matches!(kind(client.seal(&large, MINUTE)), ErrorKind::TooLarge { .. }));
    let reply = take(&at_server, &ask(&client, "more").0, "more");
    assert!(matches!(kind(at_server.respond(reply, &large)), ErrorKind::TooLarge { .. }));
    assert_eq!(kind(client.seal(b"", MAX_REQUEST_LIFETIME + MINUTE)), ErrorKind::InvalidInput);
}

#[test]
fn requests_and_their_responses_may_overtake_each_other() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let mut sent: Vec<_> = (0..64).map(|number| (number, ask(&client, &format!("request {number}")))).collect();
    sent.reverse();
    let answered: Vec<_> = sent
        .into_iter()
        .map(|(number, (request, pending))| {
            let reply = take(&at_server, &request, &format!("request {number}"));
            assert_eq!(reply.id(), pending.id());
            (number, pending, at_server.respond(reply, format!("response {number}").as_bytes()).expect("responds"))
        })
        .collect();
    for (number, mut pending, response) in answered.into_iter().rev() {
        let opened = client.open(&mut pending, &response).expect("opens");
        assert_eq!(opened.text().expect("text"), format!("response {number}"));
    }
}

#[test]
fn threads_share_a_session() {
    const THREADS: usize = 8;
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (client, at_server, barrier) = (&client, &at_server, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for number in 0..50 {
                    let text = format!("{thread}/{number}");
                    let (request, mut pending) = ask(client, &text);
                    let reply = take(at_server, &request, &text);
                    let response = at_server.respond(reply, text.as_bytes()).expect("responds");
                    assert_eq!(client.open(&mut pending, &response).expect("opens").text().expect("text"), text);
                }
            });
        }
    });
}

#[test]
fn both_ends_share_a_binding_that_no_other_session_has() {
    let clock = ManualClock::new();
    let server = server(&clock);
    let (client, at_server) = agree(&server, &clock);
    let (other, _) = agree(&server, &clock);
    assert_eq!((client.binding(), client.id()), (at_server.binding(), at_server.id()));
    assert_ne!(client.binding(), other.binding());
    assert_ne!(client.id(), other.id());
}

#[test]
fn debug_shows_no_key_and_no_payload() {
    let clock = ManualClock::new();
    let server = server(&clock);
    let (client, at_server) = agree(&server, &clock);
    let (request, pending) = ask(&client, "payload");
    let (opened, reply) = at_server.open(&request).expect("opens");
    let shown = format!("{server:?}{client:?}{at_server:?}{request:?}{pending:?}{opened:?}{reply:?}");
    assert!(!shown.contains("payload") && shown.contains("[redacted]"), "{shown}");
    assert!(shown.contains("ChannelRequest([120 bytes])"), "{shown}");
}
