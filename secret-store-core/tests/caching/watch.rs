//! Changes as they happen, by a clock that moves when told.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use secret_store_core::{
    Change, Consistency, EncryptionContext, ErrorKind, KeyProvider, MasterKeyId, Persistence, Precondition, Record,
    RecordKey, Result, SecretStoreExt, SecretVersion, StoreId, Value, Watch, WatchOptions, WrappedKey, Write,
};

use super::support::{APP, Fault, World, id, kind, wait};

const INTERVAL: Duration = Duration::from_secs(30);
/// Each wait is a random tenth shorter or longer.
const LONGEST: Duration = Duration::from_secs(33);
const SHORTEST: Duration = Duration::from_secs(27);

impl World {
    fn watch_options(&self) -> WatchOptions {
        WatchOptions::default().with_clock(self.clock.clone()).with_interval(INTERVAL)
    }

    fn watch(&self) -> Watch {
        Watch::secret(self.backend.clone(), id("Db")).with_options(self.watch_options())
    }

    fn watch_all(&self) -> Watch {
        Watch::application(self.backend.clone(), APP.parse().expect("valid")).with_options(self.watch_options())
    }

    /// Wraps the document key of `Db` under another master key, as a rotation does.
    fn rewrap(&self, to: &str) {
        let key = RecordKey::new(APP, "Db");
        let stored = wait(self.records.load(&key, Consistency::Strong)).expect("loads").expect("there");
        let record = Record::clone(&stored.record);
        let bytes = record.bytes("ProtectedDocumentKey").expect("bytes").clone();
        let wrapped = WrappedKey::new(MasterKeyId::new("main").expect("valid"), bytes);
        let store = StoreId::new("prod").expect("valid");
        let context = EncryptionContext::document_key(&store, &id("Db"), SecretVersion::new(1).expect("not zero"));
        let to = MasterKeyId::new(to).expect("valid");
        let moved = wait(self.keys.rewrap_key(&wrapped, &context, &to, &context)).expect("rewrapped");
        let record = record
            .with("ProtectedDocumentKey", Value::Bytes(moved.as_shared().clone()))
            .with("MasterKeyId", Value::from(to.as_str()));
        wait(self.records.commit(vec![Write::put(key, record, Precondition::Revision(stored.revision))]))
            .expect("kept");
    }

    /// What the watch says within the longest wait.
    #[track_caller]
    fn next(&self, watch: &mut Watch) -> Result<Change> {
        let mut next = Box::pin(watch.changed());
        if let Some(change) = next.as_mut().now_or_never() {
            return change;
        }
        self.clock.advance(LONGEST);
        next.now_or_never().expect("the look is over")
    }

    /// The watch has nothing to say at once, nor within two looks.
    #[track_caller]
    fn quiet(&self, watch: &mut Watch) {
        let mut next = Box::pin(watch.changed());
        for _ in 0..3 {
            assert!(next.as_mut().now_or_never().is_none());
            self.clock.advance(LONGEST);
        }
    }
}

/// The name and, of one that is there, the version.
fn said(change: Result<Change>) -> (String, Option<u64>) {
    match change.expect("the look succeeded") {
        Change::Set(info) => (info.id.name().to_string(), Some(info.version.get())),
        gone => (gone.id().name().to_string(), None),
    }
}

#[test]
fn a_change_a_deletion_and_a_new_creation_are_reported() {
    for all in [false, true] {
        let world = World::new();
        let mut watch = if all { world.watch_all() } else { world.watch() };
        assert_eq!(said(world.next(&mut watch)), ("Db".into(), Some(1)), "what is there at first");
        world.quiet(&mut watch);
        world.elsewhere("Db", "two");
        assert_eq!(said(world.next(&mut watch)), ("Db".into(), Some(2)));
        wait(world.backend.store.delete(&id("Db"))).expect("deleted");
        assert_eq!(said(world.next(&mut watch)), ("Db".into(), None));
        world.quiet(&mut watch);
        world.elsewhere("Db", "again");
        assert_eq!(said(world.next(&mut watch)), ("Db".into(), Some(3)));
        world.quiet(&mut watch);
    }
}

/// States between two looks come and go; the last one is never lost.
#[test]
fn the_newest_state_is_reported_whatever_came_between() {
    let world = World::new();
    let mut watch = world.watch();
    world.next(&mut watch).expect("there");
    (0..5).for_each(|_| world.elsewhere("Db", "v"));
    assert_eq!(said(world.next(&mut watch)), ("Db".into(), Some(6)));
    // Deleted and created with the value it had: another version all the same.
    wait(world.backend.store.delete(&id("Db"))).expect("deleted");
    world.elsewhere("Db", "v");
    assert_eq!(said(world.next(&mut watch)), ("Db".into(), Some(7)));
    world.quiet(&mut watch);
}

#[test]
fn of_an_application_each_secret_is_reported_by_itself() {
    let world = World::new();
    let mut watch = world.watch_all();
    world.next(&mut watch).expect("there");
    ["A", "B", "C"].iter().for_each(|name| world.elsewhere(name, "v"));
    wait(world.backend.store.delete(&id("Db"))).expect("deleted");
    let changes: Vec<_> = (0..4).map(|_| said(world.next(&mut watch))).collect();
    let expected = [("Db", None), ("A", Some(1)), ("B", Some(1)), ("C", Some(1))];
    assert_eq!(changes, expected.map(|(name, version)| (name.to_owned(), version)));
    world.quiet(&mut watch);
}

#[test]
fn what_the_program_has_already_is_not_reported() {
    let world = World::new();
    let has = wait(world.backend.store.get(&id("Db"))).expect("reads").info().clone();
    let mut watch = world.watch().seen([&has]);
    world.quiet(&mut watch);
    // What changed between the read and the first look is.
    let mut late = world.watch().seen([&has]);
    world.elsewhere("Db", "two");
    assert_eq!(said(world.next(&mut late)), ("Db".into(), Some(2)));
}

/// The wait is between nine and eleven tenths, and not the same for all.
#[test]
fn looks_are_spread() {
    let world = World::new();
    let mut asked = Vec::new();
    for _ in 0..32 {
        let mut watch = world.watch();
        world.next(&mut watch).expect("there");
        let before = world.backend.gets();
        let mut next = Box::pin(watch.changed());
        assert!(next.as_mut().now_or_never().is_none());
        world.clock.advance(SHORTEST - Duration::from_millis(1));
        assert!(next.as_mut().now_or_never().is_none());
        assert_eq!(world.backend.gets(), before, "none looks so early");
        world.clock.advance(INTERVAL - SHORTEST);
        assert!(next.as_mut().now_or_never().is_none());
        asked.push(world.backend.gets() - before);
        world.clock.advance(LONGEST - INTERVAL + Duration::from_millis(1));
        assert!(next.as_mut().now_or_never().is_none());
        assert!(world.backend.gets() > before, "none looks so late");
    }
    assert!(asked.contains(&0) && asked.contains(&1), "{asked:?}");
}

#[test]
fn errors_are_reported_and_nothing_is_lost_by_them() {
    for failure in [ErrorKind::Unavailable, ErrorKind::PermissionDenied, ErrorKind::Integrity] {
        let world = World::new();
        let mut watch = world.watch();
        world.next(&mut watch).expect("there");
        world.backend.fail(Fault::Before(failure));
        world.elsewhere("Db", "two");
        assert_eq!(kind(world.next(&mut watch)), failure);
        // The next look is after twice, then four and eight times the interval, and no later.
        for doubled in [2, 4, 8, 8] {
            let before = world.backend.gets();
            let mut next = Box::pin(watch.changed());
            world.clock.advance(SHORTEST * doubled - Duration::from_secs(1));
            assert!(next.as_mut().now_or_never().is_none());
            assert_eq!(world.backend.gets(), before);
            world.clock.advance(LONGEST * doubled);
            assert_eq!(kind(next.now_or_never().expect("looked")), failure);
        }
        world.backend.fail(None);
        world.clock.advance(LONGEST * 8);
        assert_eq!(said(world.next(&mut watch)), ("Db".into(), Some(2)));
        // Back to the interval, with nothing said twice.
        world.elsewhere("Db", "three");
        assert_eq!(said(world.next(&mut watch)), ("Db".into(), Some(3)));
        world.quiet(&mut watch);
    }
}

/// A failure is not a deletion.
#[test]
fn an_outage_deletes_nothing() {
    let world = World::new();
    let mut watch = world.watch_all();
    world.next(&mut watch).expect("there");
    world.backend.fail(Fault::Before(ErrorKind::Unavailable));
    assert_eq!(kind(world.next(&mut watch)), ErrorKind::Unavailable);
    world.backend.fail(None);
    world.clock.advance(LONGEST * 2);
    world.quiet(&mut watch);
}

#[test]
fn a_dropped_call_loses_nothing_and_does_not_wait_anew() {
    let world = World::new();
    let mut watch = world.watch();
    world.next(&mut watch).expect("there");
    world.elsewhere("Db", "two");
    // Dropped again and again, as in a `select!` with something more frequent.
    for _ in 0..11 {
        assert!(watch.changed().now_or_never().is_none_or(|change| change.is_ok()));
        world.clock.advance(Duration::from_secs(2));
    }
    let gate = world.backend.hold();
    world.clock.advance(LONGEST);
    // Dropped in the middle of a look.
    assert!(watch.changed().now_or_never().is_none());
    drop(gate);
    world.backend.hold_no_more();
    assert_eq!(said(watch.changed().now_or_never().expect("it is time")), ("Db".into(), Some(2)));
}

#[test]
fn as_a_stream_it_goes_on_after_errors_and_a_dropped_one_looks_no_more() {
    let world = World::new();
    let mut changes = Box::pin(world.watch().into_stream());
    let next = |changes: &mut std::pin::Pin<Box<_>>| {
        world.clock.advance(LONGEST);
        StreamExt::next(changes).now_or_never().flatten()
    };
    assert_eq!(said(next(&mut changes).expect("an item")), ("Db".into(), Some(1)));
    assert!(StreamExt::next(&mut changes).now_or_never().is_none());
    world.backend.fail(Fault::Before(ErrorKind::Unavailable));
    assert_eq!(kind(next(&mut changes).expect("an item")), ErrorKind::Unavailable);
    world.backend.fail(None);
    world.elsewhere("Db", "two");
    world.clock.advance(LONGEST);
    assert_eq!(said(next(&mut changes).expect("an item")), ("Db".into(), Some(2)));
    drop(changes);
    let before = world.backend.gets();
    (0..10).for_each(|_| world.clock.advance(LONGEST));
    assert_eq!(world.backend.gets(), before);
    assert_eq!(Arc::strong_count(&world.backend), 1, "nobody holds the store any more");
}

/// The same version under another revision: what a rotation of keys leaves.
#[test]
fn a_record_that_was_wrapped_again_is_no_change() {
    for all in [false, true] {
        let world = World::new();
        let mut watch = if all { world.watch_all() } else { world.watch() };
        let before = match world.next(&mut watch).expect("there") {
            Change::Set(info) => info,
            other => panic!("{other:?}"),
        };
        world.rewrap("second");
        let after = wait(world.backend.store.get(&id("Db"))).expect("reads").info().clone();
        assert_eq!((after.version, after.master_key_id.as_str()), (before.version, "second"));
        assert_ne!(after.revision, before.revision);
        world.quiet(&mut watch);
        world.elsewhere("Db", "two");
        assert_eq!(said(world.next(&mut watch)), ("Db".into(), Some(2)));
    }
}

/// So a service takes over a rotated password without a restart, through its cache and at the next look.
#[test]
fn through_a_cache_what_is_read_after_a_change_is_new() {
    let world = World::new();
    let store = world.cached(&world.options().with_ttl(Duration::from_secs(3600)));
    let mut watch = Watch::secret(Arc::new(store.clone()), id("Db")).with_options(world.watch_options());
    let mut watch_all = Watch::application(Arc::new(store.clone()), APP.parse().expect("valid"));
    watch_all = watch_all.with_options(world.watch_options());
    for watch in [&mut watch, &mut watch_all] {
        world.next(watch).expect("there");
    }
    for (watch, value) in [(&mut watch, "two"), (&mut watch_all, "three")] {
        super::support::reads(&store, "Db");
        world.elsewhere("Db", value);
        world.next(watch).expect("changed");
        assert_eq!(super::support::reads(&store, "Db"), value);
    }
}
