//! What lies at the edges: times without end, answers that cross, what a listing lacks.

use std::time::Duration;

use futures::FutureExt;
use secret_store_core::{
    Change, Consistency, EnvelopeStore, ErrorKind, GetOptions, ListOptions, Persistence, Precondition, PutOptions,
    Record, RecordKey, SecretStore, SecretStoreExt, Watch, WatchOptions, Write,
};

use super::support::{APP, Fault, SHORTEST, TICK, World, begun, begun_read, id, kind, reads, wait};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// "For ever" is what many write as the largest duration there is.
#[test]
fn times_without_end_are_only_long() {
    let world = World::new();
    let forever = world.options().with_ttl(Duration::MAX).with_refresh_ahead(Duration::MAX);
    let store = world.cached(&forever.with_negative_ttl(Duration::MAX).with_stale(Duration::MAX));
    assert_eq!((reads(&store, "Db"), kind(wait(store.get(&id("None"))))), ("one".into(), ErrorKind::NotFound));
    world.elsewhere("None", "there");
    world.clock.advance(YEAR);
    assert_eq!((reads(&store, "Db"), kind(wait(store.get(&id("None"))))), ("one".into(), ErrorKind::NotFound));
    assert_eq!(world.backend.gets(), 2);
    // Another life, in which only what is stale has no end.
    let store = world.cached(&world.options().with_stale(Duration::MAX));
    reads(&store, "Db");
    world.backend.fail(Fault::Before(ErrorKind::Unavailable));
    world.clock.advance(YEAR);
    assert_eq!(reads(&store, "Db"), "one");
}

#[test]
fn a_watch_without_an_end_of_its_wait_reports_what_is_there() {
    let world = World::new();
    let options = WatchOptions::default().with_clock(world.clock.clone()).with_interval(Duration::MAX);
    let mut watch = Watch::secret(world.backend.clone(), id("Db")).with_options(options.clone());
    assert!(matches!(wait(watch.changed()), Ok(Change::Set(_))));
    world.backend.fail(Fault::Before(ErrorKind::Unavailable));
    let mut failing = Watch::secret(world.backend, id("Db")).with_options(options);
    assert_eq!(kind(wait(failing.changed())), ErrorKind::Unavailable);
}

/// A listing lets the question that is under way no longer count. What it answers is heard all the same where it is a refusal.
#[test]
fn a_refusal_is_not_masked_where_a_listing_came_between() {
    for refusal in [ErrorKind::PermissionDenied, ErrorKind::KeyUnavailable, ErrorKind::Integrity, ErrorKind::NotFound] {
        let world = World::new();
        let store = world.cached(&world.options());
        reads(&store, "Db");
        world.clock.advance(SHORTEST - TICK);
        let gate = world.backend.hold();
        world.backend.fail(Fault::Before(refusal));
        let asking = begun_read(&store, "Db");
        world.backend.fail(None);
        world.backend.hold_no_more();
        wait(store.list(&APP.parse().expect("valid"))).expect("listed");
        drop(gate);
        assert_eq!(kind(wait(asking)), refusal);
        world.backend.fail(Fault::Before(ErrorKind::Unavailable));
        assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Unavailable, "{refusal:?} is masked by what was kept");
    }
}

/// A strong read of several sets right what it says, as one of one does: also where it fails.
#[test]
fn a_strong_read_of_several_that_is_refused_ends_their_entries() {
    for refusal in [None, Some(ErrorKind::PermissionDenied), Some(ErrorKind::Unavailable)] {
        let world = World::new();
        let store = world.cached(&world.options());
        world.elsewhere("B", "b");
        assert_eq!((reads(&store, "Db"), reads(&store, "B")), ("one".into(), "b".into()));
        let strong = GetOptions::default().with_consistency(Consistency::Strong);
        match refusal {
            Some(kind) => world.backend.fail(Fault::Before(kind)),
            None => wait(world.backend.store.delete(&id("Db"))).expect("deleted elsewhere"),
        }
        let error = wait(store.get_many_with(&["B", "Db"].map(id), strong)).expect_err("refused");
        assert_eq!(error.kind(), refusal.unwrap_or(ErrorKind::NotFound));
        let found = wait(store.get(&id("Db"))).map(|secret| secret.text().expect("text").to_owned());
        match refusal {
            // Nothing was learnt.
            Some(ErrorKind::Unavailable) => assert_eq!(found.expect("kept"), "one"),
            _ => assert_eq!(kind(found), refusal.unwrap_or(ErrorKind::NotFound), "the entry is there still"),
        }
    }
}

/// Nor is a refusal masked that a read of all heard of.
#[test]
fn a_refused_read_of_all_ends_the_entries_of_its_application() {
    for refusal in [ErrorKind::PermissionDenied, ErrorKind::KeyUnavailable, ErrorKind::Integrity] {
        let world = World::new();
        let store = world.cached(&world.options());
        let other = secret_store_core::SecretId::parse("Other", "A").expect("valid");
        wait(world.backend.store.put(&other, "v".into())).expect("stored");
        wait(store.get(&other)).expect("reads");
        reads(&store, "Db");
        world.backend.fail(Fault::Before(refusal));
        assert_eq!(kind(wait(store.get_all(&APP.parse().expect("valid")))), refusal);
        world.backend.fail(Fault::Before(ErrorKind::Unavailable));
        assert_eq!(kind(wait(store.get_all(&APP.parse().expect("valid")))), ErrorKind::Unavailable);
        assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::Unavailable, "{refusal:?} is masked by what was kept");
        wait(store.get(&other)).expect("of another application nothing was said");
    }
}

/// Who lists learns what is there no more.
#[test]
fn an_entry_that_a_listing_lacks_goes() {
    for lists in [false, true] {
        let world = World::new();
        let store = world.cached(&world.options());
        let app = APP.parse().expect("valid");
        for name in ["A", "B", "C", "D", "Da", "Z"] {
            world.elsewhere(name, "v");
            reads(&store, name);
        }
        reads(&store, "Db");
        kind(wait(store.get(&id("None"))));
        for name in ["A", "C", "Da", "Z"] {
            wait(world.backend.store.delete(&id(name))).expect("deleted elsewhere");
        }
        if lists {
            let mut options = ListOptions::default().with_limit(std::num::NonZeroUsize::new(2).expect("not zero"));
            loop {
                let page = wait(store.list_with(&app, options.clone())).expect("a page");
                let Some(next) = page.next else { break };
                options = options.with_after(next);
            }
        } else {
            assert_eq!(wait(store.get_all(&app)).expect("all").len(), 3);
        }
        let before = world.backend.gets();
        for name in ["A", "C", "Da", "Z"] {
            assert_eq!(kind(wait(store.get(&id(name)))), ErrorKind::NotFound, "{name}, by a listing: {lists}");
        }
        ["B", "D", "Db"].iter().for_each(|name| drop(reads(&store, name)));
        kind(wait(store.get(&id("None"))));
        assert_eq!(world.backend.gets(), before + 4, "nothing else was dropped");
    }
}

/// A page says nothing about what lies outside of it, nor about another application.
#[test]
fn a_page_drops_nothing_that_it_does_not_cover() {
    let world = World::new();
    let store = world.cached(&world.options());
    for name in ["A", "B", "Z"] {
        world.elsewhere(name, "v");
        reads(&store, name);
    }
    let other = secret_store_core::SecretId::parse("Other", "A").expect("valid");
    wait(world.backend.store.put(&other, "v".into())).expect("stored");
    wait(store.get(&other)).expect("reads");
    let before = world.backend.gets();
    let one = ListOptions::default().with_limit(std::num::NonZeroUsize::MIN);
    let first = wait(store.list_with(&APP.parse().expect("valid"), one.clone())).expect("a page");
    assert_eq!(first.items.len(), 1);
    wait(store.list_with(&APP.parse().expect("valid"), one.with_after(first.next.expect("more")))).expect("a page");
    ["A", "B", "Z"].iter().for_each(|name| drop(reads(&store, name)));
    wait(store.get(&other)).expect("reads");
    assert_eq!(world.backend.gets(), before);
}

/// What a watch of an application reports as deleted is not served any more by the store that it looks through.
#[test]
fn through_a_cache_what_was_reported_as_deleted_is_gone() {
    let world = World::new();
    let store = world.cached(&world.options());
    reads(&store, "Db");
    let options = WatchOptions::default().with_clock(world.clock.clone());
    let seen = wait(store.get(&id("Db"))).expect("reads");
    let mut watch = Watch::application(std::sync::Arc::new(store.clone()), APP.parse().expect("valid"))
        .with_options(options)
        .seen([seen.info()]);
    wait(world.backend.store.delete(&id("Db"))).expect("deleted elsewhere");
    assert_eq!(wait(watch.changed()).expect("looked"), Change::Deleted(id("Db")));
    assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::NotFound);
}

/// Whoever purges wants nothing to be there afterwards: not from a read, and not from a write that is on its way.
#[test]
fn a_purge_during_ones_own_write_keeps_nothing_of_it() {
    type Purge = fn(&super::support::Cached);
    let purges: [Purge; 4] = [
        |store| store.purge(&id("Db")),
        |store| store.purge_application(id("Db").application()),
        |store| store.purge_all(),
        |store| store.cache().purge(),
    ];
    for (n, purge) in purges.into_iter().enumerate() {
        let world = World::new();
        let store = world.cached(&world.options());
        reads(&store, "Db");
        let gate = world.backend.hold();
        let writing = {
            let store = store.clone();
            begun(async move { store.put_with(&id("Db"), "two".into(), PutOptions::default()).await })
        };
        purge(&store);
        drop(gate);
        wait(writing).expect("stored");
        assert_eq!(store.metrics().entries, 0, "purge {n}");
        world.backend.hold_no_more();
        assert_eq!(reads(&store, "Db"), "two");
    }
}

/// Nor need anybody count what there is: the largest number is "all of it".
#[test]
fn a_capacity_without_end_is_only_large() {
    for capacity in [usize::MAX, usize::MAX / 2 + 1, u32::MAX as usize] {
        let world = World::new();
        let store = world.cached(&world.options().with_capacity(capacity));
        assert_eq!((reads(&store, "Db"), reads(&store, "Db")), ("one".into(), "one".into()));
        assert_eq!((world.backend.gets(), store.metrics().entries), (1, 1));
    }
}

/// After a table was restored numbers are given again. Another value under the same number is another one for all that.
#[test]
fn a_number_that_is_given_again_after_a_restore_is_a_change() {
    let world = World::new();
    let place = RecordKey::new(APP, "Db");
    let backup = wait(world.records.load(&place, Consistency::Strong)).expect("loads").expect("there");
    world.clock.advance(TICK);
    world.elsewhere("Db", "lost by the restore");
    let options = WatchOptions::default().with_clock(world.clock.clone());
    let mut watch = Watch::secret(world.backend.clone(), id("Db")).with_options(options);
    let Ok(Change::Set(before)) = wait(watch.changed()) else { panic!("it is there") };
    // The table is restored, and a process that knows nothing of what is lost goes on.
    let restore = Write::put(place, Record::clone(&backup.record), Precondition::Any);
    wait(world.records.commit(vec![restore])).expect("restored");
    let other = EnvelopeStore::builder(world.keys.clone(), world.records.clone()).store_id("prod").master_key("main");
    world.clock.advance(Duration::from_secs(3600));
    let other = other.clock(world.clock).build().expect("valid");
    let info = wait(other.put(&id("Db"), "another".into())).expect("stored");
    assert_eq!(info.version, before.version, "the number is given again");
    let change = watch.changed().now_or_never().expect("the next look is due").expect("looked");
    assert_eq!(change, Change::Set(info));
}
