//! The table of a server's sessions.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use secret_store_core::ErrorKind;
use secret_store_transport::channel::{ChannelServer, ServerSession, Sessions};

use crate::support::{MINUTE, ManualClock, agree, ask, kind, server};

fn table(limit: usize) -> Sessions {
    Sessions::new(NonZeroUsize::new(limit).expect("not zero"))
}

#[test]
fn requests_find_their_session() {
    let (clock, sessions) = (ManualClock::new(), table(10));
    let server = server(&clock);
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (client, at_server) = agree(&server, &clock);
            sessions.insert(at_server).expect("room");
            client
        })
        .collect();
    for client in &clients {
        let (request, mut pending) = ask(client, "get");
        let (session, payload, reply) = sessions.open(&request).expect("opens");
        assert_eq!((payload.expose_secret(), session.id()), (&b"get"[..], client.id()));
        let response = session.respond(reply, b"hunter2").expect("responds");
        client.open(&mut pending, &response).expect("opens");
        assert_eq!(kind(sessions.open(&request)), ErrorKind::Replayed);
    }
    sessions.close(clients[0].id());
    assert_eq!(kind(sessions.open(&ask(&clients[0], "get").0)), ErrorKind::Expired);
    sessions.open(&ask(&clients[1], "get").0).expect("opens");
    let kept = sessions.find(clients[2].id()).expect("is there");
    sessions.close_all();
    assert!(sessions.is_empty() && kept.is_over());
}

/// Two servers with one key behind one address: a request is taken where its session is, and there once.
#[test]
fn another_server_with_the_same_key_refuses_a_sessions_requests() {
    let clock = ManualClock::new();
    let (one, two) = (table(10), table(10));
    let server = server(&clock);
    let (client, at_one) = agree(&server, &clock);
    one.insert(at_one).expect("room");
    let (other_client, at_two) = agree(&server, &clock);
    two.insert(at_two).expect("room");
    let (request, _) = ask(&client, "pay");
    assert_eq!(kind(two.open(&request)), ErrorKind::Expired);
    one.open(&request).expect("opens");
    assert_eq!(kind(two.open(&request)), ErrorKind::Expired);
    assert_eq!(kind(one.open(&request)), ErrorKind::Replayed);
    // Nor under the name of a session that it has.
    let mut renamed = crate::support::Frame::of(&request);
    renamed.fields[0] = other_client.id().as_bytes().to_vec();
    assert_eq!(kind(two.open(&renamed.into_message(8).expect("well formed"))), ErrorKind::Integrity);
}

#[test]
fn a_full_table_gives_up_what_is_unconfirmed_and_nothing_else() {
    let (clock, sessions) = (ManualClock::new(), table(2));
    let server = server(&clock);
    let (in_use, at_server) = agree(&server, &clock);
    sessions.insert(at_server).expect("room");
    sessions.open(&ask(&in_use, "get").0).expect("confirms it");
    let mut hellos = Vec::new();
    for _ in 0..5 {
        clock.advance(Duration::from_secs(1));
        let (client, at_server) = agree(&server, &clock);
        sessions.insert(at_server).expect("the oldest unconfirmed one gives way");
        hellos.push(client);
    }
    assert_eq!(sessions.len(), 2);
    assert!(sessions.find(in_use.id()).is_some(), "a flood of hellos ends no session in use");
    assert!(hellos[..4].iter().all(|client| sessions.find(client.id()).is_none()));
    sessions.open(&ask(&hellos[4], "get").0).expect("confirms it");
    let (_, at_server) = agree(&server, &clock);
    assert_eq!(kind(sessions.insert(at_server)), ErrorKind::Throttled);
    sessions.close(hellos[4].id());
    let (_, at_server) = agree(&server, &clock);
    sessions.insert(at_server).expect("room again");
}

#[test]
fn sessions_without_a_request_and_those_that_are_over_are_swept() {
    let (clock, sessions) = (ManualClock::new(), table(10));
    let server = server(&clock);
    let (used, at_server) = agree(&server, &clock);
    sessions.insert(at_server).expect("room");
    sessions.open(&ask(&used, "get").0).expect("confirms it");
    let (unused, at_server) = agree(&server, &clock);
    let kept = sessions.insert(at_server).expect("room");
    clock.advance(Sessions::UNCONFIRMED);
    sessions.sweep();
    assert_eq!(sessions.len(), 2);
    clock.advance(Duration::from_millis(1));
    assert_eq!(kind(sessions.open(&ask(&unused, "get").0)), ErrorKind::Expired, "also before a sweep");
    assert!(kept.is_over());
    assert_eq!(sessions.len(), 1);
    clock.advance(10 * MINUTE);
    sessions.sweep();
    assert!(sessions.is_empty());
}

#[test]
fn the_oldest_unconfirmed_session_gives_way_and_its_keys_with_it() {
    let (clock, sessions) = (ManualClock::new(), table(2));
    let server = server(&clock);
    let insert = || {
        clock.advance(Duration::from_secs(1));
        sessions.insert(agree(&server, &clock).1).expect("room")
    };
    let (oldest, younger) = (insert(), insert());
    let newest = insert();
    assert!(oldest.is_over(), "also for who still has it");
    assert!(sessions.find(younger.id()).is_some() && sessions.find(newest.id()).is_some());
    sessions.close(younger.id());
    assert!(younger.is_over());
}

#[test]
fn what_is_over_gives_way_before_what_is_not() {
    let (clock, sessions) = (ManualClock::new(), table(2));
    let server = server(&clock);
    sessions.insert(agree(&server, &clock).1).expect("room");
    clock.advance(Sessions::UNCONFIRMED);
    let young = sessions.insert(agree(&server, &clock).1).expect("room");
    clock.advance(Duration::from_millis(1));
    sessions.insert(agree(&server, &clock).1).expect("the first one is over");
    assert!(sessions.find(young.id()).is_some());
}

/// A server's end of a session that a request came over.
fn in_use(server: &ChannelServer, clock: &Arc<ManualClock>) -> ServerSession {
    let (client, at_server) = agree(server, clock);
    at_server.open(&ask(&client, "get").0).expect("confirms it");
    at_server
}

/// By how often the clock is asked, which each look at a session does: the same for each hello, whatever the size of the table.
#[test]
fn a_flood_of_hellos_to_a_full_table_costs_the_same_for_each() {
    const LOOKS: u64 = 10;
    let clock = ManualClock::new();
    let server = server(&clock);
    let confirmed: fn(&ChannelServer, &Arc<ManualClock>) -> ServerSession = in_use;
    for (fill, is_admitted) in [(confirmed, false), (|server, clock| agree(server, clock).1, true)] {
        for places in [50, 200] {
            let sessions = table(places);
            for _ in 0..places {
                sessions.insert(fill(&server, &clock)).expect("room");
            }
            let hellos = 3 * places;
            let (mut looks, mut most) = (0, 0);
            for _ in 0..hellos {
                let (_, at_server) = agree(&server, &clock);
                clock.asked();
                assert_eq!(sessions.insert(at_server).is_ok(), is_admitted);
                let asked = clock.asked();
                (looks, most) = (looks + asked, most.max(asked));
            }
            assert_eq!(sessions.len(), places);
            let all = u64::try_from(places).expect("few");
            assert!(most >= all, "all were looked at once at least: {most}");
            assert!(looks <= LOOKS * 3 * all, "{looks} looks for {hellos} hellos to {places} places");
        }
    }
}

#[test]
fn what_is_over_gives_up_its_place_within_a_second() {
    let clock = ManualClock::new();
    let (server, sessions) = (server(&clock), table(100));
    let kept: Vec<_> = (0..100).map(|_| sessions.insert(in_use(&server, &clock)).expect("room")).collect();
    let hello = || sessions.insert(agree(&server, &clock).1);
    assert_eq!(kind(hello()), ErrorKind::Throttled);
    // Ended by whoever answers its requests, not through the table.
    kept[0].close();
    assert_eq!(kind(hello()), ErrorKind::Throttled, "it was looked at a moment ago");
    clock.advance(Duration::from_secs(1));
    hello().expect("room again");
    clock.advance(10 * MINUTE);
    clock.advance(Duration::from_millis(1));
    hello().expect("all are idle");
    assert_eq!(sessions.len(), 1);
}

/// A session that came first and was used since gives way to none; the next one that was not does.
#[test]
fn a_session_that_is_used_after_others_came_gives_way_to_none() {
    let clock = ManualClock::new();
    let (server, sessions) = (server(&clock), table(3));
    let (first, at_server) = agree(&server, &clock);
    sessions.insert(at_server).expect("room");
    let (second, third) = (agree(&server, &clock).1, agree(&server, &clock).1);
    let (second, third) = (sessions.insert(second).expect("room"), sessions.insert(third).expect("room"));
    sessions.open(&ask(&first, "get").0).expect("confirms it");
    let (fourth, at_server) = agree(&server, &clock);
    sessions.insert(at_server).expect("the second gives way");
    assert!(second.is_over() && !third.is_over() && sessions.find(first.id()).is_some());
    sessions.insert(agree(&server, &clock).1).expect("the third gives way");
    assert!(third.is_over() && sessions.find(fourth.id()).is_some() && sessions.find(first.id()).is_some());
}
