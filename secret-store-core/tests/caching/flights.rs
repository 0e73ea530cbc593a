//! One question at a time, whoever asks, waits, gives up or is forgotten.

use std::sync::Arc;
use std::time::Duration;

use secret_store_core::{ErrorKind, SecretStoreExt};

use super::support::{Fault, World, begun_read, id, kind, poll, reads, wait};

#[test]
fn concurrent_reads_ask_once() {
    let world = World::new();
    let store = world.cached(&world.options());
    let gate = world.backend.hold();
    let reads: Vec<_> = (0..32).map(|_| begun_read(&store, "Db")).collect();
    drop(gate);
    for read in reads {
        assert_eq!(wait(read).expect("reads").text().expect("text"), "one");
    }
    assert_eq!(world.backend.gets(), 1);
    assert_eq!((store.metrics().misses, store.metrics().coalesced), (1, 31));
}

#[test]
fn concurrent_reads_on_threads_ask_once_for_each_secret() {
    let world = Arc::new(World::new());
    ["A", "B", "C"].iter().for_each(|name| world.elsewhere(name, "v"));
    let store = world.cached(&world.strict());
    for round in 1..=20 {
        std::thread::scope(|scope| {
            for name in ["A", "B", "C"].repeat(3) {
                let store = store.clone();
                scope.spawn(move || assert_eq!(reads(&store, name), "v"));
            }
        });
        assert_eq!(world.backend.gets(), 3 * round);
        world.clock.advance(Duration::from_secs(60));
    }
}

#[test]
fn whoever_drives_may_be_dropped_or_forgotten() {
    let world = World::new();
    let store = world.cached(&world.options());
    let gate = world.backend.hold();
    let dropped = begun_read(&store, "Db");
    let forgotten = begun_read(&store, "Db");
    let mut waits = begun_read(&store, "Db");
    drop(dropped);
    assert!(poll(&mut waits).is_pending());
    drop(gate);
    assert_eq!(wait(waits).expect("reads").text().expect("text"), "one");
    assert_eq!(reads(&store, "Db"), "one");
    assert_eq!(world.backend.gets(), 1);
    drop(forgotten);
    assert_eq!(reads(&store, "Db"), "one");
}

#[test]
fn when_all_are_dropped_nothing_is_kept_and_the_next_asks() {
    let world = World::new();
    let store = world.cached(&world.options());
    let gate = world.backend.hold();
    let all = [begun_read(&store, "Db"), begun_read(&store, "Db")];
    drop(all);
    drop(gate);
    world.elsewhere("Db", "two");
    assert_eq!(reads(&store, "Db"), "two");
    assert_eq!(world.backend.gets(), 2);
}

#[test]
fn whoever_waits_shares_a_failure() {
    let world = World::new();
    let store = world.cached(&world.options());
    world.backend.fail(Fault::Before(ErrorKind::PermissionDenied));
    let gate = world.backend.hold();
    let all: Vec<_> = (0..8).map(|_| begun_read(&store, "Db")).collect();
    drop(gate);
    for read in all {
        let error = wait(read).expect_err("denied");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
    assert_eq!(world.backend.gets(), 1);
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::PermissionDenied);
    assert_eq!(world.backend.gets(), 2);
}

/// Whoever purges wants nothing that was asked before; whoever reads afterwards joins no such question.
#[test]
fn a_purge_during_a_question_keeps_nothing_of_it() {
    type Purge = fn(&super::support::Cached);
    let purges: [Purge; 4] = [
        |store| store.purge(&id("Db")),
        |store| store.purge_application(id("Db").application()),
        |store| store.purge_all(),
        |store| store.cache().purge(),
    ];
    for purge in purges {
        let world = World::new();
        let store = world.cached(&world.options());
        let gate = world.backend.hold();
        let before = begun_read(&store, "Db");
        purge(&store);
        world.elsewhere("Db", "two");
        let after = begun_read(&store, "Db");
        drop(gate);
        assert_eq!(wait(after).expect("reads").text().expect("text"), "two");
        assert_eq!(wait(before).expect("reads").text().expect("text"), "one");
        assert_eq!(reads(&store, "Db"), "two");
        assert_eq!(world.backend.gets(), 2);
    }
}

/// A panic of the store beneath reaches whoever waits, and the next read asks anew.
#[test]
fn a_panic_is_passed_on_and_forgotten() {
    #[derive(Debug)]
    struct Panics(Arc<super::support::Backend>, std::sync::atomic::AtomicBool);
    #[async_trait::async_trait]
    impl secret_store_core::SecretStore for Panics {
        async fn get_with(
            &self,
            id: &secret_store_core::SecretId,
            options: secret_store_core::GetOptions,
        ) -> secret_store_core::Result<secret_store_core::Secret> {
            assert!(!self.1.swap(false, std::sync::atomic::Ordering::SeqCst), "the test made this call panic");
            self.0.get_with(id, options).await
        }
        async fn put_with(
            &self,
            id: &secret_store_core::SecretId,
            value: secret_store_core::SecretValue,
            options: secret_store_core::PutOptions,
        ) -> secret_store_core::Result<secret_store_core::SecretInfo> {
            self.0.put_with(id, value, options).await
        }
        async fn delete_with(
            &self,
            id: &secret_store_core::SecretId,
            options: secret_store_core::DeleteOptions,
        ) -> secret_store_core::Result<()> {
            self.0.delete_with(id, options).await
        }
        async fn list_with(
            &self,
            application: &secret_store_core::ApplicationName,
            options: secret_store_core::ListOptions,
        ) -> secret_store_core::Result<secret_store_core::Page<secret_store_core::SecretInfo>> {
            self.0.list_with(application, options).await
        }
        async fn history_with(
            &self,
            id: &secret_store_core::SecretId,
            options: secret_store_core::ListOptions,
        ) -> secret_store_core::Result<secret_store_core::Page<secret_store_core::SecretInfo>> {
            self.0.history_with(id, options).await
        }
    }
    let world = World::new();
    let store = Panics(world.backend.clone(), true.into());
    let store = secret_store_core::CachedStore::with_options(store, &world.options());
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait(store.get(&id("Db")))));
    assert!(outcome.is_err());
    assert_eq!(wait(store.get(&id("Db"))).expect("reads").text().expect("text"), "one");
}
