//! Numbers, history, preconditions, idempotency tokens: what a user builds upon.

use std::collections::BTreeSet;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;

use secret_store_core::{
    ApplicationConfig, DeleteOptions, EnvelopeStore, ErrorKind, GetOptions, HistoryRetention, ListOptions, Metadata,
    Precondition, PutOptions, Result, Revision, SecretInfo, SecretStore, SecretStoreExt, SystemClock,
};

use super::support::{Call, Strike, World, app, current, id, kind, last, refusal, slot, version, wait};

fn text(store: &EnvelopeStore, name: &str) -> Result<String> {
    wait(store.get(&id(name))).map(|secret| secret.text().expect("text").to_owned())
}

fn put(store: &EnvelopeStore, value: &str) -> SecretInfo {
    wait(store.put(&id("Db"), value.into())).expect("stored")
}

/// The numbers of the whole history, page by page.
fn history(store: &EnvelopeStore, name: &str, page: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut options = ListOptions::default().with_limit(NonZeroUsize::new(page).expect("not zero"));
    loop {
        let page = wait(store.history_with(&id(name), options.clone())).expect("a page");
        assert!(page.items.len() <= options.limit.get());
        numbers.extend(page.items.iter().map(|info| info.version.get()));
        match page.next {
            Some(next) => options = options.with_after(next),
            None => return numbers,
        }
    }
}

fn keep(retention: HistoryRetention, world: &World) -> EnvelopeStore {
    world.builder().history(retention).build().expect("valid")
}

fn newest(count: u64) -> HistoryRetention {
    HistoryRetention::Versions(NonZeroU64::new(count).expect("not zero"))
}

#[test]
fn numbers_go_on_after_a_delete() {
    for retention in [HistoryRetention::All, newest(1), newest(2), HistoryRetention::None] {
        let world = World::new();
        let store = keep(retention, &world);
        let mut seen = Vec::new();
        for round in 0..3 {
            for n in 0..3 {
                seen.push(put(&store, &format!("{round} {n}")).version.get());
            }
            wait(store.delete(&id("Db"))).expect("deleted");
            assert_eq!(kind(wait(store.get(&id("Db")))), ErrorKind::NotFound);
            assert_eq!(kind(wait(store.delete(&id("Db")))), ErrorKind::NotFound);
            // The next put is another process's.
            seen.push(put(&keep(retention, &world), "other").version.get());
        }
        assert_eq!(seen, (1..=12).collect::<Vec<_>>(), "{retention:?}");
    }
}

#[test]
fn the_history_keeps_what_it_is_told_to() {
    let numbers = |retention| {
        let world = World::new();
        let store = keep(retention, &world);
        (0..5).for_each(|n| drop(put(&store, &n.to_string())));
        let kept = history(&store, "Db", 100);
        for number in 1..=5u64 {
            let found = wait(store.get_version(&id("Db"), version(number)));
            assert_eq!(found.is_ok(), number == 5 || kept.contains(&number), "{retention:?} {number}");
            if let Ok(secret) = found {
                assert_eq!(secret.text().expect("text"), (number - 1).to_string());
                assert_eq!(secret.info().version, version(number));
            }
        }
        wait(store.delete(&id("Db"))).expect("deleted");
        (kept, history(&store, "Db", 2))
    };
    assert_eq!(numbers(HistoryRetention::All), (vec![4, 3, 2, 1], vec![5, 4, 3, 2, 1]));
    assert_eq!(numbers(newest(1)), (vec![4], vec![5]));
    assert_eq!(numbers(newest(3)), (vec![4, 3, 2], vec![5, 4, 3]));
    assert_eq!(numbers(HistoryRetention::None), (vec![], vec![]));
}

/// Each put removes the one version that falls out: a smaller retention leaves older ones alone.
#[test]
fn the_retention_may_change() {
    let world = World::new();
    (0..4).for_each(|n| drop(put(&world.store(), &n.to_string())));
    assert_eq!(history(&world.store(), "Db", 9), [3, 2, 1]);
    put(&keep(newest(2), &world), "5");
    assert_eq!(history(&world.store(), "Db", 9), [4, 3, 1], "2 fell out");
    put(&keep(HistoryRetention::None, &world), "6");
    assert_eq!(history(&world.store(), "Db", 9), [4, 3, 1], "5 was not kept");
    put(&world.store(), "7");
    assert_eq!(history(&world.store(), "Db", 9), [6, 4, 3, 1]);
    assert_eq!(kind(wait(world.store().get_version(&id("Db"), version(5)))), ErrorKind::NotFound);
    // An application's own setting goes before the store's.
    let config = ApplicationConfig::default().with_history(HistoryRetention::None);
    let store = world.builder().application(app(super::support::APP), config).build().expect("valid");
    put(&store, "8");
    assert_eq!(history(&store, "Db", 9), [6, 4, 3, 1]);
}

#[test]
fn a_restore_is_a_new_version() {
    let world = World::new();
    let store = world.store();
    let metadata = Metadata::new().with("owner", "team-a");
    wait(store.put_with(&id("Db"), "one".into(), PutOptions::default().with_metadata(metadata.clone())))
        .expect("stored");
    put(&store, "two");
    let info = wait(store.restore(&id("Db"), version(1))).expect("restored");
    assert_eq!((info.version, &info.metadata), (version(3), &metadata));
    assert_eq!(text(&store, "Db").expect("opens"), "one");
    assert_eq!(wait(store.get_version(&id("Db"), version(2))).expect("opens").text().expect("text"), "two");
    // Of a deleted secret, too.
    wait(store.delete(&id("Db"))).expect("deleted");
    assert_eq!(wait(store.restore(&id("Db"), version(2))).expect("restored").version, version(4));
    assert_eq!(text(&store, "Db").expect("opens"), "two");
    assert_eq!(kind(wait(store.restore(&id("Db"), version(9)))), ErrorKind::NotFound);
}

#[test]
fn a_version_is_found_where_it_stands() {
    let world = World::new();
    let store = world.store();
    (1..=3).for_each(|n| drop(put(&store, &n.to_string())));
    for number in 1..=3 {
        let secret = wait(store.get_version(&id("Db"), version(number))).expect("opens");
        assert_eq!((secret.text().expect("text"), secret.info().version), (&*number.to_string(), version(number)));
    }
    assert_eq!(kind(wait(store.get_version(&id("Db"), version(4)))), ErrorKind::NotFound);
    let below = GetOptions::default().with_version(version(2)).with_minimum_version(version(3));
    assert_eq!(kind(wait(store.get_with(&id("Db"), below))), ErrorKind::InvalidInput);
    let versioned = GetOptions::default().with_version(version(1));
    assert_eq!(kind(wait(store.get_many_with(&[id("Db")], versioned.clone()))), ErrorKind::InvalidInput);
    assert_eq!(kind(wait(store.get_all_with(id("Db").application(), versioned))), ErrorKind::InvalidInput);
}

/// While a version moves from the current record to the history, a read of both may miss it in both.
#[test]
fn a_version_that_moves_while_it_is_read_is_found() {
    let world = World::new();
    put(&world.store(), "one");
    let before = Arc::new(secret_store_memory::MemoryPersistence::new());
    let writer = world.store();
    // The batch answers the slot as it was and the current record as it is.
    let after = {
        let snapshot = world.memory().snapshot();
        put(&writer, "two");
        let mixed = before;
        mixed.restore(&world.memory().snapshot());
        wait(secret_store_core::Persistence::commit(
            &*mixed,
            vec![secret_store_core::Write::delete(slot(&id("Db"), 1), Precondition::Any)],
        ))
        .expect("memory takes it");
        assert!(snapshot.get(&slot(&id("Db"), 1)).is_none());
        mixed
    };
    world.records.hook(move |call| match call {
        Call::LoadMany(..) => Strike::From(Arc::clone(&after)),
        _ => Strike::Pass,
    });
    let found = wait(world.store().get_version(&id("Db"), version(1))).expect("it was there all the time");
    assert_eq!(found.text().expect("text"), "one");
}

#[test]
fn histories_are_paged_newest_first_and_apart() {
    let world = World::new();
    let store = world.store();
    let names = ["a", "a#b", "a ", "aa", "A", "a\u{20}b", "é"];
    for name in names {
        (0..12).for_each(|n| drop(wait(store.put(&id(name), n.to_string().as_str().into())).expect("stored")));
        wait(store.delete(&id(name))).expect("deleted");
        wait(store.put(&id(name), "new".into())).expect("stored");
    }
    for name in names {
        for page in [1, 2, 5, 12, 13, 100] {
            assert_eq!(history(&store, name, page), (1..=12).rev().collect::<Vec<_>>(), "{name} by {page}");
        }
    }
    assert_eq!(history(&store, "never", 5), Vec::<u64>::new());
    for cursor in ["", "a", "a\u{1f}", "a#b\u{1f}00000000000000000001", "b", "a\u{1f}:"] {
        let options = ListOptions::default().with_after(cursor);
        assert_eq!(kind(wait(store.history_with(&id("a"), options))), ErrorKind::InvalidInput, "{cursor:?}");
    }
}

#[test]
fn listings_are_paged_by_name_and_name_no_auxiliary_record() {
    let world = World::new();
    let store = world.store();
    let names: BTreeSet<String> = (0..25).map(|n| format!("s{n:02}")).collect();
    for name in &names {
        wait(store.put(&id(name), "1".into())).expect("stored");
        wait(store.put(&id(name), "2".into())).expect("stored");
    }
    wait(store.put(&id("gone"), "1".into())).expect("stored");
    wait(store.delete(&id("gone"))).expect("deleted");
    for page in [1, 7, 25, 26] {
        let mut options = ListOptions::default().with_limit(NonZeroUsize::new(page).expect("not zero"));
        let mut found = Vec::new();
        loop {
            let page = wait(store.list_with(&app(super::support::APP), options.clone())).expect("a page");
            found.extend(page.items.iter().map(|info| info.id.name().as_str().to_owned()));
            match page.next {
                Some(next) => options = options.with_after(next),
                None => break,
            }
        }
        assert_eq!(found, names.iter().cloned().collect::<Vec<_>>());
    }
    let all = wait(store.get_all(&app(super::support::APP))).expect("all");
    assert_eq!(all.len(), 25);
    assert!(all.iter().all(|secret| secret.expose_secret() == b"2"));
    assert!(wait(store.get_all(&app("Other"))).expect("none").is_empty());
}

#[test]
fn several_are_all_or_an_error_in_the_order_asked() {
    let world = World::new();
    let store = world.store();
    let ids: Vec<_> = (0..250).map(|n| id(&format!("s{n}"))).collect();
    for id in &ids {
        wait(store.put(id, id.name().as_str().into())).expect("stored");
    }
    let asked: Vec<_> = ids.iter().rev().chain(&ids[..3]).cloned().collect();
    let found = wait(world.store().get_many(&asked)).expect("all");
    assert_eq!(found.len(), 253);
    for (id, secret) in asked.iter().zip(&found) {
        assert_eq!((secret.id(), secret.expose_secret()), (id, id.name().as_str().as_bytes()));
    }
    assert!(wait(store.get_many(&[])).expect("none").is_empty());
    let error = refusal(wait(store.get_many(&[id("s1"), id("missing"), id("s2")])));
    assert_eq!((error.kind(), error.secret()), (ErrorKind::NotFound, Some(&id("missing"))));
}

#[test]
fn a_precondition_holds_or_nothing_is_written() {
    let world = World::new();
    let store = world.store();
    let on = |precondition| PutOptions::default().with_precondition(precondition);
    let stale = Precondition::Revision(Revision::new("0"));
    let error = refusal(wait(store.put_with(&id("Db"), "x".into(), on(stale.clone()))));
    assert_eq!((error.kind(), error.revision()), (ErrorKind::Conflict, None), "nothing is there");
    let first = wait(store.put_with(&id("Db"), "1".into(), on(Precondition::Absent))).expect("created");
    for precondition in [Precondition::Absent, stale] {
        let error = refusal(wait(store.put_with(&id("Db"), "x".into(), on(precondition))));
        assert_eq!((error.kind(), error.revision()), (ErrorKind::Conflict, Some(&first.revision)));
    }
    let second = wait(store.put_with(&id("Db"), "2".into(), on(Precondition::Revision(first.revision.clone()))));
    let second = second.expect("the revision that was read");
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").info(), &second, "the put answers what a get does");
    let delete =
        |precondition| wait(store.delete_with(&id("Db"), DeleteOptions::default().with_precondition(precondition)));
    assert_eq!(kind(delete(Precondition::Absent)), ErrorKind::InvalidInput);
    let error = refusal(delete(Precondition::Revision(first.revision)));
    assert_eq!((error.kind(), error.revision()), (ErrorKind::Conflict, Some(&second.revision)));
    assert_eq!(text(&store, "Db").expect("still there"), "2");
    delete(Precondition::Revision(second.revision.clone())).expect("deleted");
    // A revision that was is not there again after a new start.
    assert_eq!(
        kind(wait(store.put_with(&id("Db"), "x".into(), on(Precondition::Revision(second.revision))))),
        ErrorKind::Conflict
    );
    let third = wait(store.put_with(&id("Db"), "3".into(), on(Precondition::Absent))).expect("created again");
    assert_eq!(third.version, version(3));
    assert_eq!(history(&store, "Db", 9), [2, 1]);
}

/// So many writers at once.
const WRITERS: usize = 64;

fn threads<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let work = &work;
        let started: Vec<_> = (0..count).map(|n| scope.spawn(move || work(n))).collect();
        started.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

/// Yields around every call, and loses every third commit to another that is under way.
fn slow(world: &World) {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    world.records.hook(move |call| {
        std::thread::yield_now();
        let n = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match call {
            Call::Commit if n.is_multiple_of(3) => Strike::Before(ErrorKind::Contention),
            _ => Strike::Pass,
        }
    });
}

/// Every put is a version of its own, every version is there with its own value.
fn concurrent_puts(world: &World, store: impl Fn() -> EnvelopeStore + Sync) {
    let infos = threads(WRITERS, |n| wait(store().put(&id("Db"), n.to_string().as_str().into())).expect("stored"));
    let numbers: BTreeSet<_> = infos.iter().map(|info| info.version.get()).collect();
    assert_eq!(numbers, (1..=WRITERS as u64).collect());
    world.records.unhook();
    for (n, info) in infos.iter().enumerate() {
        let secret = wait(world.store().get_version(&id("Db"), info.version)).expect("kept");
        assert_eq!(secret.text().expect("text"), n.to_string());
    }
}

#[test]
fn concurrent_puts_of_one_process_are_versions_of_their_own() {
    let world = World::new();
    let store = world.store();
    concurrent_puts(&world, || store.clone());
}

#[test]
fn concurrent_puts_of_many_processes_over_a_contended_database_are_versions_of_their_own() {
    let world = World::new();
    slow(&world);
    concurrent_puts(&world, || world.builder().clock(Arc::new(SystemClock)).build().expect("valid"));
}

#[test]
fn concurrent_creates_have_one_winner() {
    for contended in [false, true] {
        let world = World::new();
        if contended {
            slow(&world);
        }
        let options = PutOptions::default().with_precondition(Precondition::Absent);
        let outcomes = threads(WRITERS, |n| {
            wait(world.store().put_with(&id("Db"), n.to_string().as_str().into(), options.clone()))
        });
        let winners: Vec<_> = outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_ok()).collect();
        assert_eq!(winners.len(), 1);
        world.records.unhook();
        let secret = wait(world.store().get(&id("Db"))).expect("opens");
        assert_eq!((secret.text().expect("text"), secret.info().version), (&*winners[0].0.to_string(), version(1)));
        for lost in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!((lost.kind(), lost.revision()), (ErrorKind::Conflict, Some(&secret.info().revision)));
        }
    }
}

/// Compare-and-swap on a counter: no increment is lost.
#[test]
fn concurrent_compare_and_swap_loses_nothing() {
    let world = World::new();
    slow(&world);
    let store = world.store();
    put(&store, "0");
    threads(8, |_| {
        let store = world.store();
        let mut done = 0;
        while done < 10 {
            let secret = wait(store.get(&id("Db"))).expect("opens");
            let next = secret.text().expect("text").parse::<u64>().expect("a number") + 1;
            let options =
                PutOptions::default().with_precondition(Precondition::Revision(secret.info().revision.clone()));
            match wait(store.put_with(&id("Db"), next.to_string().as_str().into(), options)) {
                Ok(_) => done += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
            }
        }
    });
    assert_eq!(text(&store, "Db").expect("opens"), "80");
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").info().version, version(81));
}

fn token(token: &str) -> PutOptions {
    PutOptions::default().with_idempotency_token(token)
}

#[test]
fn a_repeated_put_with_its_token_answers_the_version_it_made() {
    let world = World::new();
    let store = world.store();
    let first = wait(store.put_with(&id("Db"), "1".into(), token("t1"))).expect("stored");
    let again = || wait(world.store().put_with(&id("Db"), "1".into(), token("t1"))).expect("recognised");
    assert_eq!(again(), first);
    assert!(first.metadata.is_empty(), "the token is no entry of the caller's");
    put(&store, "of another writer");
    assert_eq!(again().version, first.version, "also after another writer");
    wait(store.delete(&id("Db"))).expect("deleted");
    assert_eq!(again().version, first.version, "also after a delete");
    put(&store, "new");
    assert_eq!(again().version, first.version);
    assert_eq!(text(&store, "Db").expect("opens"), "new", "nothing was written");
    assert_eq!(wait(store.put_with(&id("Db"), "1".into(), token("t2"))).expect("stored").version, version(4));
    assert_eq!(wait(store.put_with(&id("Other"), "1".into(), token("t1"))).expect("stored").version, version(1));
    // The token goes before the precondition: what the first try created is there now.
    let create = token("t1").with_precondition(Precondition::Absent);
    assert_eq!(wait(store.put_with(&id("Db"), "1".into(), create)).expect("recognised").version, first.version);
}

#[test]
fn a_token_is_looked_for_in_the_newest_32_versions() {
    let world = World::new();
    let store = world.store();
    wait(store.put_with(&id("Db"), "1".into(), token("t"))).expect("stored");
    (2..=32).for_each(|n| drop(put(&store, &n.to_string())));
    let again = || wait(store.put_with(&id("Db"), "1".into(), token("t"))).expect("answered").version;
    assert_eq!(again(), version(1), "it is the thirty-second");
    put(&store, "33");
    assert_eq!(again(), version(34), "it is out of the window");
}

/// A page may be shorter than asked for, even empty, while more follows.
#[test]
fn a_token_is_found_behind_short_pages() {
    let world = World::new();
    let short = Arc::new(super::support::ShortPages::new(world.records.clone()));
    let store = world.builder_over(short).build().expect("valid");
    wait(store.put_with(&id("Db"), "1".into(), token("t"))).expect("stored");
    (2..=9).for_each(|n| drop(put(&store, &n.to_string())));
    assert_eq!(wait(store.put_with(&id("Db"), "1".into(), token("t"))).expect("answered").version, version(1));
    // Listings, too.
    assert_eq!(history(&store, "Db", 100), (1..=8).rev().collect::<Vec<_>>());
    assert_eq!(wait(store.get_all(&app(super::support::APP))).expect("all").len(), 1);
}

#[test]
fn concurrent_retries_with_one_token_make_one_version() {
    let world = World::new();
    slow(&world);
    let infos = threads(16, |_| wait(world.store().put_with(&id("Db"), "v".into(), token("t"))).expect("stored"));
    assert!(infos.iter().all(|info| info.version == version(1)));
    assert!(history(&world.store(), "Db", 9).is_empty());
}

#[test]
fn metadata_is_kept_listed_and_bound() {
    let world = World::new();
    let store = world.store();
    let metadata = Metadata::new().with("owner", "team-a").with("", "");
    let options = |metadata| PutOptions::default().with_metadata(metadata);
    assert_eq!(kind(wait(store.put_with(&id("Db"), "v".into(), options(metadata)))), ErrorKind::InvalidInput);
    let metadata = Metadata::new().with("owner", "team-a").with("é", "ü");
    let info = wait(store.put_with(&id("Db"), "v".into(), options(metadata.clone()).with_idempotency_token("t")));
    let info = info.expect("stored");
    assert_eq!(info.metadata, metadata);
    assert_eq!(wait(store.get(&id("Db"))).expect("opens").info(), &info);
    assert_eq!(wait(store.list(id("Db").application())).expect("a page").items, std::slice::from_ref(&info));
    put(&store, "without");
    assert!(wait(store.get(&id("Db"))).expect("opens").info().metadata.is_empty());
    assert_eq!(wait(store.history(&id("Db"))).expect("a page").items[0].metadata, metadata);
    assert!(info.created_at.is_some());
}

/// The number space ends loudly, and never by a wrap-around.
#[test]
fn the_last_number_is_the_last() {
    let world = World::new();
    let store = world.store();
    put(&store, "v");
    let record =
        world.record(&current(&id("Db"))).with(super::support::VERSION, secret_store_core::Value::from(u64::MAX));
    world.plant(&current(&id("Db")), record);
    assert!(matches!(kind(wait(world.store().put(&id("Db"), "v".into()))), ErrorKind::TooLarge { .. }));
    assert!(world.stored(&last(&id("Db"))).is_none());
}
