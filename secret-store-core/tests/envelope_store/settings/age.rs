//! How long a writer trusts the settings that it has read, and how long its commit may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use secret_store_core::{Clock, ErrorKind, SecretStoreExt};

use super::{NEW, SECOND, following, key_of, put, replaced};
use crate::support::{KeyCall, MAIN, World, id, kind, master, refusal, settings_key, version, wait};

/// Polls once what must wait.
fn starts<F: Future + Unpin>(running: &mut F) {
    let poll = running.poll_unpin(&mut Context::from_waker(Waker::noop()));
    assert!(poll.is_pending(), "it waits");
}

#[test]
fn settings_are_trusted_for_a_while_and_read_again() {
    let world = World::new();
    let store = following(&world);
    put(&store, "Db").expect("stored");
    world.plant(&settings_key(), replaced(1));
    world.clock.advance(29 * SECOND);
    put(&store, "Db").expect("stored");
    assert_eq!(key_of(&world, "Db"), MAIN, "what was read a moment ago");
    world.clock.advance(SECOND);
    put(&store, "Db").expect("stored");
    assert_eq!(key_of(&world, "Db"), NEW);
}

/// A writer that is paused between its key and its commit longer than it may trust its settings begins again with new ones.
#[test]
fn a_paused_writer_does_not_write_under_a_key_that_was_replaced_meanwhile() {
    for (pause, expected, keys) in [(59, MAIN, 1), (60, NEW, 2), (3600, NEW, 2)] {
        let world = World::new();
        let store = following(&world);
        let open = world.keys.hold(KeyCall::Generate);
        let name = id("Db");
        let mut writer = store.put(&name, "v".into());
        starts(&mut writer);
        world.plant(&settings_key(), replaced(1));
        world.clock.advance(pause * SECOND);
        open.send(()).expect("it waits");
        let info = wait(writer).expect("stored");
        assert_eq!((key_of(&world, "Db").as_str(), info.version), (expected, version(1)), "{pause} s");
        assert_eq!(world.keys.calls(), keys, "{pause} s");
    }
}

/// The time of day counts too: the monotonic clock stands still while a machine is suspended.
#[test]
fn a_suspended_machine_does_not_make_settings_young() {
    #[derive(Debug, Default)]
    struct Suspended(AtomicUsize);

    #[async_trait::async_trait]
    impl Clock for Suspended {
        fn now(&self) -> std::time::SystemTime {
            std::time::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst) as u64)
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, _: Duration) {}
    }

    let world = World::new();
    let clock = Arc::new(Suspended::default());
    let store = world.builder().wrap_with([master(MAIN), master(NEW)]).clock(clock.clone()).build().expect("valid");
    let open = world.keys.hold(KeyCall::Generate);
    let name = id("Db");
    let mut writer = store.put(&name, "v".into());
    starts(&mut writer);
    world.plant(&settings_key(), replaced(1));
    clock.0.store(3600, Ordering::SeqCst);
    open.send(()).expect("it waits");
    wait(writer).expect("stored");
    assert_eq!(key_of(&world, "Db"), NEW);
    // Set back, it is the monotonic one that counts.
    clock.0.store(0, Ordering::SeqCst);
    put(&store, "Db").expect("stored");
}

#[test]
fn a_commit_is_bounded_by_time() {
    let world = World::new();
    let store = world.builder().commit_timeout(10 * SECOND).build().expect("valid");
    world.records.stall();
    let name = id("Db");
    let mut writer = store.put(&name, "v".into());
    starts(&mut writer);
    world.clock.advance(9 * SECOND);
    starts(&mut writer);
    world.clock.advance(SECOND);
    let Poll::Ready(outcome) = writer.poll_unpin(&mut Context::from_waker(Waker::noop())) else {
        panic!("its time is over");
    };
    let error = refusal(outcome);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("may have landed"), "{error}");
    for wrong in [Duration::ZERO, 61 * SECOND] {
        assert_eq!(kind(world.builder().commit_timeout(wrong).build()), ErrorKind::InvalidInput);
    }
}

/// A commit that is done at once needs no timer.
#[test]
fn a_ready_commit_arms_no_timer() {
    #[derive(Debug)]
    struct NoTimer;

    #[async_trait::async_trait]
    impl Clock for NoTimer {
        fn now(&self) -> std::time::SystemTime {
            std::time::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, _: Duration) {
            panic!("nothing to wait for");
        }
    }

    let world = World::new();
    let store = world.builder().clock(Arc::new(NoTimer)).build().expect("valid");
    put(&store, "Db").expect("stored");
    wait(store.delete(&id("Db"))).expect("deleted");
}
