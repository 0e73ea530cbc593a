//! Messages that an attacker made of others: none is accepted.

use std::collections::HashSet;
use std::sync::Barrier;

use secret_store_core::ErrorKind;
use secret_store_transport::Message;
use secret_store_transport::channel::{ChannelAnswer, ChannelHello, ChannelRequest, ChannelResponse};

use crate::support::{Frame, ManualClock, REQUEST, RESPONSE, agree, ask, damaged, kind, server, take};

#[test]
fn no_damaged_request_is_accepted() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let (request, _) = ask(&client, "get MainDb");
    let (well_formed, of) = damaged(&request);
    assert!(of == request.as_bytes().len() * 9 + 4 && well_formed.len() > 700, "fields of the right length: {of}");
    for damaged in well_formed {
        let refusal = kind(at_server.open(&damaged));
        let expected = [ErrorKind::Integrity, ErrorKind::Expired, ErrorKind::InvalidInput];
        assert!(expected.contains(&refusal), "{refusal:?}");
    }
    take(&at_server, &request, "get MainDb");
}

#[test]
fn no_damaged_response_is_accepted() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let (request, mut pending) = ask(&client, "get MainDb");
    let response = at_server.respond(take(&at_server, &request, "get MainDb"), b"hunter2").expect("responds");
    let (well_formed, _) = damaged(&response);
    assert!(well_formed.len() > 700);
    for damaged in well_formed {
        assert_eq!(kind(client.open(&mut pending, &damaged)), ErrorKind::Integrity);
    }
    assert_eq!(client.open(&mut pending, &response).expect("opens").expose_secret(), b"hunter2");
}

/// What is no message of the kind, or one of a later format, is told apart before anything else.
#[test]
fn frames_of_other_kinds_formats_and_suites_are_named() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let (request, _) = ask(&client, "get MainDb");
    let response = at_server.respond(take(&at_server, &request, "get MainDb"), b"hunter2").expect("responds");
    let bytes = request.as_bytes();
    let with = |at: usize, byte: u8| {
        let mut changed = bytes.to_vec();
        changed[at] = byte;
        changed
    };
    assert_eq!(kind(ChannelResponse::from_bytes(bytes.to_vec())), ErrorKind::NotSealed, "reflected to the client");
    assert_eq!(kind(ChannelRequest::from_bytes(response.as_bytes().to_vec())), ErrorKind::NotSealed, "to the server");
    assert_eq!(kind(ChannelHello::from_bytes(bytes.to_vec())), ErrorKind::TooLarge { limit: 57, actual: 123 });
    assert_eq!(kind(ChannelRequest::from_bytes(b"{\"get\": \"MainDb\"}".to_vec())), ErrorKind::NotSealed);
    assert_eq!(kind(ChannelRequest::from_bytes(with(2, b'2'))), ErrorKind::Unsupported);
    for suite in [0, 1, 2, 4, 255] {
        assert_eq!(kind(ChannelRequest::from_bytes(with(4, suite))), ErrorKind::Unsupported);
    }
    assert_eq!(kind(ChannelAnswer::from_bytes(Vec::new())), ErrorKind::NotSealed);
    let large = vec![0; ChannelRequest::MAX_BYTES + 1];
    assert!(matches!(kind(ChannelRequest::from_bytes(large)), ErrorKind::TooLarge { .. }));
}

/// The frame made to fit, so that the keys and what is authenticated have to tell.
#[test]
fn reflected_messages_are_refused() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let (request, mut pending) = ask(&client, "get MainDb");
    let mut to_client = Frame::of(&request);
    to_client.fields.remove(2);
    let to_client: ChannelResponse = to_client.into_message(RESPONSE).expect("well formed");
    assert_eq!(kind(client.open(&mut pending, &to_client)), ErrorKind::Integrity);

    let response = at_server.respond(take(&at_server, &request, "get MainDb"), b"hunter2").expect("responds");
    for number in [0_u64, 1] {
        let mut to_server = Frame::of(&response);
        to_server.fields[1] = number.to_be_bytes().to_vec();
        to_server.fields.insert(2, Frame::of(&request).fields[2].clone());
        let to_server: ChannelRequest = to_server.into_message(REQUEST).expect("well formed");
        let refusal = kind(at_server.open(&to_server));
        assert_eq!(refusal, if number == 0 { ErrorKind::Replayed } else { ErrorKind::Integrity });
    }
    client.open(&mut pending, &response).expect("is its own");
}

#[test]
fn requests_are_opened_once() {
    const THREADS: usize = 8;
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    for _ in 0..50 {
        let (request, _) = ask(&client, "pay");
        let barrier = Barrier::new(THREADS);
        let refusals: Vec<_> = std::thread::scope(|scope| {
            let race = || {
                barrier.wait();
                at_server.open(&request).err().map(|error| error.kind())
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(race)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(refusals.iter().filter(|refusal| refusal.is_none()).count(), 1);
        assert!(refusals.into_iter().flatten().all(|refusal| refusal == ErrorKind::Replayed));
    }
}

#[test]
fn requests_older_than_the_window_are_refused() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let sent: Vec<_> = (0..1026).map(|_| ask(&client, "get").0).collect();
    take(&at_server, &sent[1025], "get");
    for old in &sent[..2] {
        assert_eq!(kind(at_server.open(old)), ErrorKind::Replayed, "1,024 others came later");
    }
    for request in sent[2..1025].iter().rev() {
        take(&at_server, request, "get");
    }
    for request in &sent {
        assert_eq!(kind(at_server.open(request)), ErrorKind::Replayed);
    }
}

#[test]
fn a_response_is_opened_once_and_for_its_request_alone() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let ((one, mut pending_one), (two, mut pending_two)) = (ask(&client, "get One"), ask(&client, "get Two"));
    let response = at_server.respond(take(&at_server, &one, "get One"), b"1").expect("responds");
    let other = at_server.respond(take(&at_server, &two, "get Two"), b"2").expect("responds");
    assert_eq!(kind(client.open(&mut pending_one, &other)), ErrorKind::Integrity);
    // Renumbered to fit.
    let mut swapped = Frame::of(&other);
    swapped.fields[1] = Frame::of(&response).fields[1].clone();
    let swapped = swapped.into_message(RESPONSE).expect("well formed");
    assert_eq!(kind(client.open(&mut pending_one, &swapped)), ErrorKind::Integrity);
    assert_eq!(client.open(&mut pending_one, &response).expect("opens").expose_secret(), b"1");
    assert_eq!(kind(client.open(&mut pending_one, &response)), ErrorKind::Replayed);
    assert_eq!(client.open(&mut pending_two, &other).expect("opens").expose_secret(), b"2");
}

/// Numbers and payloads put together anew.
#[test]
fn parts_of_two_requests_make_no_third() {
    let clock = ManualClock::new();
    let (client, at_server) = agree(&server(&clock), &clock);
    let (one, two) = (Frame::of(&ask(&client, "get One").0), Frame::of(&ask(&client, "get Two").0));
    let mut seen = HashSet::new();
    for mask in 1..15_usize {
        let mut mixed = one.clone();
        for field in 0..4 {
            if mask >> field & 1 == 1 {
                mixed.fields[field].clone_from(&two.fields[field]);
            }
        }
        if mixed.fields == one.fields || mixed.fields == two.fields || !seen.insert(mixed.fields.clone()) {
            continue;
        }
        let mixed: ChannelRequest = mixed.into_message(REQUEST).expect("well formed");
        assert_eq!(kind(at_server.open(&mixed)), ErrorKind::Integrity, "mask {mask:04b}");
    }
    assert_eq!(seen.len(), 2, "session and expiry are the same");
    for request in [one, two] {
        at_server.open(&request.into_message(REQUEST).expect("well formed")).expect("as it was sent");
    }
}

#[test]
fn nothing_of_one_session_is_taken_in_another() {
    let clock = ManualClock::new();
    let server = server(&clock);
    let ((client, at_server), (other_client, other)) = (agree(&server, &clock), agree(&server, &clock));
    let ((request, mut pending), (other_request, mut other_pending)) = (ask(&client, "get"), ask(&other_client, "get"));
    assert_eq!(kind(other.open(&request)), ErrorKind::Integrity);
    let mut renamed = Frame::of(&request);
    renamed.fields[0] = other.id().as_bytes().to_vec();
    assert_eq!(kind(other.open(&renamed.into_message(REQUEST).expect("well formed"))), ErrorKind::Integrity);

    let reply = take(&at_server, &request, "get");
    let response = at_server.respond(reply, b"1").expect("responds");
    take(&other, &other_request, "get");
    assert_eq!(kind(other_client.open(&mut other_pending, &response)), ErrorKind::Integrity);
    let mut renamed = Frame::of(&response);
    renamed.fields[0] = other.id().as_bytes().to_vec();
    let renamed = renamed.into_message(RESPONSE).expect("well formed");
    assert_eq!(kind(other_client.open(&mut other_pending, &renamed)), ErrorKind::Integrity);
    assert_eq!(kind(client.open(&mut other_pending, &response)), ErrorKind::Integrity);
    client.open(&mut pending, &response).expect("is its own");

    let reply = take(&other, &ask(&other_client, "more").0, "more");
    assert_eq!(kind(at_server.respond(reply, b"1")), ErrorKind::InvalidInput, "answered over the wrong session");
}
