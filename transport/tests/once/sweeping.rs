//! What expired is removed, and nothing else.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use secret_store_core::{ErrorKind, Persistence, Precondition, Record, RecordKey, Write};
use secret_store_memory::MemoryPersistence;
use secret_store_transport::{Expiry, Once};

use crate::support::{ManualClock, application, dump, kind, server};
use crate::{MINUTE, USE};

fn limit(records: usize) -> NonZeroUsize {
    NonZeroUsize::new(records).expect("not zero")
}

#[test]
fn what_expired_is_swept_in_bounded_pages_and_nothing_else() {
    block_on(async {
        let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
        let once = server(records.clone(), &clock);
        for id in 0..7_u8 {
            once.mark(&app, USE, &[id; 16], Expiry::after(&*clock, MINUTE)).await.expect("marks");
        }
        let used = once.issue(&app, USE, MINUTE).await.expect("issues");
        once.consume(&app, USE, &used).await.expect("consumes");
        let valid = once.issue(&app, USE, 20 * MINUTE).await.expect("issues");
        once.mark(&application("Other"), USE, &[1; 16], Expiry::after(&*clock, MINUTE)).await.expect("marks");

        clock.advance(MINUTE + Once::RETENTION);
        let swept = once.sweep(&app, limit(3)).await.expect("sweeps");
        assert_eq!((swept.removed, swept.more), (0, false), "to the millisecond");
        clock.advance(Duration::from_millis(1));
        let mut removed = Vec::new();
        loop {
            let swept = once.sweep(&app, limit(3)).await.expect("sweeps");
            removed.push(swept.removed);
            if !swept.more {
                break;
            }
        }
        assert_eq!(removed, [3, 3, 2]);
        assert_eq!(dump(&records, "App").await.len(), 1);
        assert_eq!(dump(&records, "Other").await.len(), 1);
        once.consume(&app, USE, &valid).await.expect("left alone");
    });
}

/// As long as any server could still take a message, its mark is there.
#[test]
fn a_swept_mark_lets_nothing_in_again() {
    block_on(async {
        let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
        let ahead = ManualClock::new();
        ahead.advance(Expiry::SKEW);
        let (slow, fast) = (server(records.clone(), &clock), server(records.clone(), &ahead));
        let (expiry, nonce) = (Expiry::after(&*clock, MINUTE), slow.issue(&app, USE, MINUTE).await.expect("issues"));
        slow.mark(&app, USE, &[7; 16], expiry).await.expect("marks");
        slow.consume(&app, USE, &nonce).await.expect("consumes");
        for _ in 0..400 {
            fast.sweep(&app, limit(100)).await.expect("sweeps");
            let (marked, consumed) =
                (slow.mark(&app, USE, &[7; 16], expiry).await, slow.consume(&app, USE, &nonce).await);
            assert!(matches!(kind(marked), ErrorKind::Replayed | ErrorKind::Expired));
            assert!(matches!(kind(consumed), ErrorKind::Replayed | ErrorKind::Expired));
            clock.advance(Duration::from_secs(1));
            ahead.advance(Duration::from_secs(1));
        }
        assert!(dump(&records, "App").await.is_empty(), "swept in the end");
    });
}

/// What else somebody wrote there keeps no sweep from its work, and is refused where a mark belongs.
#[test]
fn foreign_records_are_refused_and_swept() {
    block_on(async {
        let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
        let once = server(records.clone(), &clock);
        let nonce = once.issue(&app, USE, MINUTE).await.expect("issues");
        let (sort, _) = dump(&records, "App").await.swap_remove(0);
        let junk = || Record::new().with("UsedBy", secret_store_core::Value::Number(1));
        let write = |sort: &str| Write::put(RecordKey::new("~n~App", sort), junk(), Precondition::Any);
        records.commit(vec![write(&sort), write("0"), write("")]).await.expect("commits");
        assert_eq!(kind(once.consume(&app, USE, &nonce).await), ErrorKind::Integrity);
        let swept = once.sweep(&app, limit(10)).await.expect("sweeps");
        assert_eq!((swept.removed, swept.more), (2, false));
        assert_eq!(dump(&records, "App").await.len(), 1);
    });
}
