//! Nonces and replay marks: once only, on however many servers, whatever fails.

mod faults;
mod support;
mod sweeping;

use std::sync::{Arc, Barrier};
use std::time::Duration;

use futures::executor::block_on;
use secret_store_core::{ErrorKind, SystemClock};
use secret_store_memory::MemoryPersistence;
use secret_store_transport::{Expiry, Nonce, Once, SingleUse};

use support::{ManualClock, application, dump, kind, server};

const MINUTE: Duration = Duration::from_secs(60);
const USE: SingleUse = SingleUse::Submission;

#[test]
fn a_nonce_is_consumed_once_by_whichever_of_two_servers() {
    block_on(async {
        let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
        let (one, two) = (server(records.clone(), &clock), server(records.clone(), &clock));
        let nonce = one.issue(&app, USE, MINUTE).await.expect("issues");
        two.consume(&app, USE, &nonce).await.expect("the first use, on the other server");
        let before = dump(&records, "App").await;
        for server in [&one, &two, &one] {
            assert_eq!(kind(server.consume(&app, USE, &nonce).await), ErrorKind::Replayed);
        }
        assert_eq!(dump(&records, "App").await, before, "a refusal writes nothing");
    });
}

#[test]
fn a_nonce_holds_for_its_use_and_application_alone() {
    block_on(async {
        let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
        let once = server(records.clone(), &clock);
        let nonce = once.issue(&app, USE, MINUTE).await.expect("issues");
        assert_eq!(kind(once.consume(&app, SingleUse::Retrieval, &nonce).await), ErrorKind::NotFound);
        assert_eq!(kind(once.consume(&application("Ap"), USE, &nonce).await), ErrorKind::NotFound);
        let before = dump(&records, "App").await;
        for bit in 0..Nonce::BYTES * 8 {
            let mut forged = *nonce.as_bytes();
            forged[bit / 8] ^= 1 << (bit % 8);
            let refusal = kind(once.consume(&app, USE, &Nonce::from_bytes(forged)).await);
            assert!(matches!(refusal, ErrorKind::NotFound | ErrorKind::Expired), "bit {bit}: {refusal:?}");
        }
        assert_eq!(dump(&records, "App").await, before);
        once.consume(&app, USE, &nonce).await.expect("still there for its use");
    });
}

#[test]
fn an_expired_nonce_is_refused_and_so_is_a_longer_lifetime() {
    block_on(async {
        let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
        let once = server(records.clone(), &clock);
        let (late, in_time) =
            (once.issue(&app, USE, MINUTE).await.expect("issues"), once.issue(&app, USE, 2 * MINUTE).await);
        clock.advance(MINUTE + Expiry::SKEW + Duration::from_millis(1));
        assert_eq!(kind(once.consume(&app, USE, &late).await), ErrorKind::Expired);
        once.consume(&app, USE, &in_time.expect("issues")).await.expect("in time");
        let longer = Once::MAX_LIFETIME + Duration::from_millis(1);
        assert_eq!(kind(once.issue(&app, USE, longer).await), ErrorKind::InvalidInput);
        assert_eq!(dump(&records, "App").await.len(), 2);
    });
}

#[test]
fn the_first_mark_of_an_id_wins() {
    block_on(async {
        let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
        let (one, two) = (server(records.clone(), &clock), server(records.clone(), &clock));
        let expiry = Expiry::after(&*clock, MINUTE);
        one.mark(&app, USE, &[7; 16], expiry).await.expect("the first");
        let before = dump(&records, "App").await;
        assert_eq!(kind(two.mark(&app, USE, &[7; 16], expiry).await), ErrorKind::Replayed);
        assert_eq!(kind(one.mark(&app, USE, &[7; 16], expiry).await), ErrorKind::Replayed);
        for id in [&[7; 15][..], &[7; 65], b""] {
            assert_eq!(kind(one.mark(&app, USE, id, expiry).await), ErrorKind::InvalidInput);
        }
        let ahead = Expiry::after(&*clock, Once::MAX_LIFETIME + Expiry::SKEW + Duration::from_millis(1));
        assert_eq!(kind(one.mark(&app, USE, &[8; 16], ahead).await), ErrorKind::InvalidInput);
        assert_eq!(kind(one.mark(&app, USE, &[8; 16], Expiry::from_millis(u64::MAX)).await), ErrorKind::InvalidInput);
        assert_eq!(kind(one.mark(&app, USE, &[8; 16], Expiry::from_millis(0)).await), ErrorKind::Expired);
        assert_eq!(dump(&records, "App").await, before, "a refusal writes nothing");
        two.mark(&app, SingleUse::Retrieval, &[7; 16], expiry).await.expect("for another use");
        two.mark(&app, USE, &[7; 17], expiry).await.expect("another id");
    });
}

/// A mark whose id is a nonce's number is no use of the nonce.
#[test]
fn a_mark_never_meets_a_nonce() {
    block_on(async {
        let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
        let once = server(records.clone(), &clock);
        let nonce = once.issue(&app, USE, MINUTE).await.expect("issues");
        once.mark(&app, USE, &nonce.as_bytes()[8..], nonce.expiry()).await.expect("a place of its own");
        once.consume(&app, USE, &nonce).await.expect("not used yet");
    });
}

#[test]
fn of_many_at_once_exactly_one_wins() {
    const THREADS: usize = 8;
    let (records, app) = (Arc::new(MemoryPersistence::new()), application("App"));
    for round in 0..50_u8 {
        let issuer = Once::new(records.clone());
        let nonce = block_on(issuer.issue(&app, USE, MINUTE)).expect("issues");
        let expiry = Expiry::after(&SystemClock, MINUTE);
        let barrier = Barrier::new(THREADS);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let race = || {
                let once = Once::new(records.clone());
                barrier.wait();
                let consumed = block_on(once.consume(&app, USE, &nonce));
                (consumed, block_on(once.mark(&app, USE, &[round; 16], expiry)))
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(race)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(outcomes.iter().filter(|(consumed, _)| consumed.is_ok()).count(), 1, "round {round}");
        assert_eq!(outcomes.iter().filter(|(_, marked)| marked.is_ok()).count(), 1, "round {round}");
        for lost in outcomes.into_iter().flat_map(|(consumed, marked)| [consumed, marked]).filter(Result::is_err) {
            assert_eq!(kind(lost), ErrorKind::Replayed);
        }
    }
}

#[test]
fn a_nonce_survives_json_and_shows_no_more_than_its_expiry() {
    let nonce = Nonce::from_bytes([0x5a; 32]);
    let json = serde_json::to_string(&nonce).expect("serialises");
    assert_eq!(serde_json::from_str::<Nonce>(&json).expect("parses"), nonce);
    for wrong in ["\"\"", "\"WlpaWlo\"", "\"!\"", &format!("\"{}\"", "A".repeat(44)), "7", "null"] {
        assert!(serde_json::from_str::<Nonce>(wrong).is_err(), "{wrong}");
    }
    assert_eq!(format!("{nonce:?}"), format!("Nonce(until {} ms)", 0x5a5a_5a5a_5a5a_5a5a_u64));
}
