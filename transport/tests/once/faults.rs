//! Commits whose outcome is unknown, servers that die, time that passes at the wrong moment.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::fault::{Failing, Fault, Operation, Racing, TimingOut};
use secret_store_core::{ErrorKind, Persistence};
use secret_store_memory::MemoryPersistence;
use secret_store_transport::{Expiry, Once};

use crate::support::{Late, ManualClock, Pausing, application, dump, kind, poll_times, server};
use crate::{MINUTE, USE};

#[test]
fn its_own_commit_is_recognised_when_the_answer_is_lost() {
    block_on(async {
        let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
        let timing_out = Arc::new(TimingOut::new(Arc::clone(&records) as Arc<dyn Persistence>));
        let (one, two) = (server(timing_out.clone(), &clock), server(records.clone(), &clock));
        let nonce = two.issue(&app, USE, MINUTE).await.expect("issues");
        timing_out.lose(Fault::new(ErrorKind::Unavailable));
        one.consume(&app, USE, &nonce).await.expect("landed, and is its own");
        assert_eq!(kind(two.consume(&app, USE, &nonce).await), ErrorKind::Replayed);
        timing_out.lose(Fault::new(ErrorKind::Unavailable));
        let expiry = Expiry::after(&*clock, MINUTE);
        one.mark(&app, USE, &[7; 16], expiry).await.expect("landed, and is its own");
        assert_eq!(kind(two.mark(&app, USE, &[7; 16], expiry).await), ErrorKind::Replayed);
        assert_eq!(timing_out.lost(), 2);
    });
}

#[test]
fn a_commit_that_failed_is_tried_again_a_few_times() {
    block_on(async {
        for failure in [ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::Contention] {
            let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
            let failing = Arc::new(Failing::new(Arc::clone(&records) as Arc<dyn Persistence>));
            let once = server(failing.clone(), &clock);
            let nonce = once.issue(&app, USE, MINUTE).await.expect("issues");
            failing.fail(Fault::new(failure).on(Operation::Commit).times(3));
            once.consume(&app, USE, &nonce).await.expect("at the fourth attempt");
            failing.fail(Fault::new(failure).on(Operation::Commit).forever());
            let expiry = Expiry::after(&*clock, MINUTE);
            assert_eq!(kind(once.mark(&app, USE, &[7; 16], expiry).await), failure);
            failing.heal();
            once.mark(&app, USE, &[7; 16], expiry).await.expect("nothing landed");
            failing.fail(Fault::new(ErrorKind::Unavailable).on(Operation::Load).forever());
            assert_eq!(kind(once.mark(&app, USE, &[7; 16], expiry).await), ErrorKind::Unavailable, "never a success");
        }
    });
}

/// Whether the commits of one server land before or after another server asks: never two successes.
#[test]
fn a_commit_that_lands_late_makes_no_second_success() {
    block_on(async {
        let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
        let late = Late::new(&records);
        let (one, two) = (server(late.clone(), &clock), server(records.clone(), &clock));
        let expiry = Expiry::after(&*clock, MINUTE);

        let nonce = two.issue(&app, USE, MINUTE).await.expect("issues");
        assert_eq!(kind(one.consume(&app, USE, &nonce).await), ErrorKind::Unavailable);
        two.consume(&app, USE, &nonce).await.expect("nothing has landed yet");
        assert_eq!(kind(one.mark(&app, USE, &[7; 16], expiry).await), ErrorKind::Unavailable);
        two.mark(&app, USE, &[7; 16], expiry).await.expect("nothing has landed yet");
        let before = dump(&records, "App").await;
        assert_eq!(late.land().await, 0, "what comes late comes to nothing");
        assert_eq!(dump(&records, "App").await, before);

        let nonce = two.issue(&app, USE, MINUTE).await.expect("issues");
        assert_eq!(kind(one.consume(&app, USE, &nonce).await), ErrorKind::Unavailable);
        assert_eq!(kind(one.mark(&app, USE, &[8; 16], expiry).await), ErrorKind::Unavailable);
        assert_eq!(late.land().await, 2, "of four attempts each, one lands");
        assert_eq!(kind(two.consume(&app, USE, &nonce).await), ErrorKind::Replayed);
        assert_eq!(kind(two.mark(&app, USE, &[8; 16], expiry).await), ErrorKind::Replayed);
    });
}

#[test]
fn a_rival_between_reading_and_writing_wins() {
    block_on(async {
        let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
        let racing = Arc::new(Racing::new(Arc::clone(&records) as Arc<dyn Persistence>));
        let (one, two) = (server(racing.clone(), &clock), server(records.clone(), &clock));
        let nonce = two.issue(&app, USE, MINUTE).await.expect("issues");
        let (rival, app_there) = (two.clone(), app.clone());
        racing.before_commit(async move { rival.consume(&app_there, USE, &nonce).await.expect("comes first") });
        assert_eq!(kind(one.consume(&app, USE, &nonce).await), ErrorKind::Replayed);
        assert_eq!(racing.waiting(), 0);
    });
}

/// Dropped at every point where it waits: whoever asks next gets it or is told that it was used, and the one after is refused.
#[test]
fn a_server_that_dies_anywhere_leaves_at_most_one_success() {
    let (clock, app) = (ManualClock::new(), application("App"));
    let expiry = Expiry::after(&*clock, MINUTE);
    let mut seen = [0; 3];
    for polls in 0..6 {
        let records = Arc::new(MemoryPersistence::new());
        let pausing = Arc::new(Pausing { inner: Arc::clone(&records), passes: None });
        let (dying, other) = (server(pausing, &clock), server(records.clone(), &clock));
        let nonce = block_on(other.issue(&app, USE, MINUTE)).expect("issues");
        let first = poll_times(dying.consume(&app, USE, &nonce), polls);
        let second = block_on(other.consume(&app, USE, &nonce));
        assert!(first.as_ref().is_none_or(Result::is_ok));
        assert!(first.is_none() || second.is_err(), "two successes at {polls}");
        seen[usize::from(first.is_some()) + 2 * usize::from(first.is_none() && second.is_err())] += 1;
        assert_eq!(kind(block_on(other.consume(&app, USE, &nonce))), ErrorKind::Replayed);

        let first = poll_times(dying.mark(&app, USE, &[9; 16], expiry), polls);
        let second = block_on(other.mark(&app, USE, &[9; 16], expiry));
        assert!(first.is_none() || second.is_err(), "two successes at {polls}");
        assert_eq!(kind(block_on(other.mark(&app, USE, &[9; 16], expiry))), ErrorKind::Replayed);
    }
    assert!(seen.iter().all(|count| *count > 0), "died before and after the commit, and lived: {seen:?}");
}

/// While a server is suspended, another may sweep the mark that would have refused it.
#[test]
fn a_commit_after_the_expiry_is_no_success() {
    block_on(async {
        let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
        let other = server(records.clone(), &clock);
        let expiry = Expiry::after(&*clock, MINUTE);
        other.mark(&app, USE, &[7; 16], expiry).await.expect("the first use");
        let slow = Pausing { inner: Arc::clone(&records), passes: Some((clock.clone(), 2 * MINUTE)) };
        let suspended = server(Arc::new(slow), &clock);
        let mut asking = Box::pin(suspended.mark(&app, USE, &[7; 16], expiry));
        assert!(futures::poll!(&mut asking).is_pending(), "suspended before its commit");
        clock.advance(Once::RETENTION);
        other.sweep(&app, std::num::NonZeroUsize::MIN).await.expect("sweeps");
        assert!(dump(&records, "App").await.is_empty(), "nothing refuses it any more");
        assert!(futures::poll!(&mut asking).is_pending(), "committed");
        match futures::poll!(&mut asking) {
            std::task::Poll::Ready(answer) => assert_eq!(kind(answer), ErrorKind::Expired),
            std::task::Poll::Pending => panic!("it has nothing to wait for"),
        }
    });
}

/// Of a mark that is not there any more nobody can say whose it was.
#[test]
fn a_mark_that_was_removed_in_between_is_no_success() {
    block_on(async {
        let (records, clock, app) = (Arc::new(MemoryPersistence::new()), ManualClock::new(), application("App"));
        let failing = Arc::new(Failing::new(Arc::clone(&records) as Arc<dyn Persistence>));
        let once = server(failing.clone(), &clock);
        failing.fail(Fault::new(ErrorKind::Conflict).on(Operation::Commit));
        let expiry = Expiry::after(&*clock, MINUTE);
        assert_eq!(kind(once.mark(&app, USE, &[7; 16], expiry).await), ErrorKind::Expired);
    });
}
