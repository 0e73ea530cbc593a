//! Pages: right in every range, order and size, and no dearer for the records outside them.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use proptest::prelude::*;
use secret_store_core::{ListQuery, Order, Precondition, RecordKey, Write};
use secret_store_rsa_file::testing::{NativeFileSystem, commit, list, open_native};
use secret_store_rsa_file::{DirectoryOptions, DirectoryPersistence};

use crate::hooked::{Hooked, Moment, Operation};
use crate::scratch::{open, record, scratch};

fn sorts(directory: &DirectoryPersistence, mut query: ListQuery) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let page = list(directory, &query).expect("lists");
        pages.push(page.items.iter().map(|(sort, _)| sort.to_string()).collect());
        match page.next {
            Some(next) => query = query.continued(next),
            None => return pages,
        }
    }
}

fn limit(limit: usize) -> NonZeroUsize {
    NonZeroUsize::new(limit).expect("not zero")
}

/// Keys that share long beginnings, so that folders nest, next to short ones.
fn any_sort() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-cA]{0,3}",
        (126..132_usize, "[a-b]{0,3}").prop_map(|(length, end)| "x".repeat(length) + &end),
        (254..260_usize, "[a-b]{0,2}").prop_map(|(length, end)| "x".repeat(length) + &end),
        "[é/.]{0,2}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn pages_are_those_of_a_sorted_list(
        present in proptest::collection::btree_set(any_sort(), 0..40),
        deleted in proptest::collection::vec(any_sort(), 0..10),
        after in proptest::option::of(any_sort()), before in proptest::option::of(any_sort()),
        descending in any::<bool>(), size in 1..12_usize,
    ) {
        let place = scratch();
        let directory = open(place.path());
        let all: Vec<_> = present.iter().chain(&deleted).collect();
        for sort in &all {
            commit(&directory, &[Write::put(RecordKey::new("p", sort.as_str()), record(1), Precondition::Any)]).expect("puts");
        }
        // Leaves empty folders behind.
        for sort in deleted.iter().filter(|sort| !present.contains(*sort)) {
            commit(&directory, &[Write::delete(RecordKey::new("p", sort.as_str()), Precondition::Any)]).expect("deletes");
        }
        let mut query = ListQuery::new("p").with_limit(limit(size));
        if let Some(after) = after { query = query.with_after(after); }
        if let Some(before) = before { query = query.with_before(before); }
        let mut expected: Vec<_> = present.into_iter().filter(|sort| query.admits(sort)).collect();
        if descending {
            query = query.with_order(Order::Descending);
            expected.reverse();
        }
        let pages = sorts(&directory, query);
        prop_assert!(pages.iter().rev().skip(1).all(|page| page.len() == size));
        prop_assert_eq!(pages.concat(), expected);
    }
}

/// Counts the operations of a handle on a directory.
fn counting(root: &std::path::Path) -> (DirectoryPersistence, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (all, record_reads) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counters = (Arc::clone(&all), Arc::clone(&record_reads));
    let layer = Hooked::new(NativeFileSystem, move |moment, operation, path| {
        if moment == Moment::Before {
            counters.0.fetch_add(1, Ordering::Relaxed);
            let is_record = path.extension().is_some_and(|extension| extension == "json")
                && path.iter().any(|component| component == "records");
            if operation == Operation::Read && is_record {
                counters.1.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    });
    (open_native(layer, root, &DirectoryOptions::default()).expect("opens"), all, record_reads)
}

#[test]
fn a_page_of_a_hundred_thousand_records_reads_only_its_own() {
    let place = scratch();
    let empty = place.path().join("empty");
    let full = place.path().join("full");
    drop(open(&empty));
    let begun = Instant::now();
    let directory = open(&full);
    for batch in 0..1_000 {
        let put = |n| Write::put(RecordKey::new("App", format!("secret-{n:06}")), record(n), Precondition::Any);
        commit(&directory, &(batch * 100..(batch + 1) * 100).map(put).collect::<Vec<_>>()).expect("commits");
    }
    drop(directory);
    crate::scratch::report(&format!("100,000 records written in {:?}", begun.elapsed()));

    let (_, for_empty, _) = counting(&empty);
    let begun = Instant::now();
    let (directory, operations, reads) = counting(&full);
    crate::scratch::report(&format!(
        "opened in {:?} with {} operations",
        begun.elapsed(),
        operations.load(Ordering::Relaxed)
    ));
    assert_eq!(operations.load(Ordering::Relaxed), for_empty.load(Ordering::Relaxed), "opening looks at no record");
    assert_eq!(reads.load(Ordering::Relaxed), 0);

    for (query, first, last, pages_reads) in [
        (ListQuery::new("App"), "secret-000000", "secret-000099", 100),
        (ListQuery::new("App").with_after("secret-054320"), "secret-054321", "secret-054420", 100),
        (ListQuery::new("App").with_order(Order::Descending), "secret-099999", "secret-099900", 100),
        (ListQuery::new("App").with_after("secret-099989"), "secret-099990", "secret-099999", 10),
        (ListQuery::new("App").with_limit(limit(1)), "secret-000000", "secret-000000", 1),
    ] {
        reads.store(0, Ordering::Relaxed);
        let before = operations.load(Ordering::Relaxed);
        let begun = Instant::now();
        let page = list(&directory, &query).expect("lists");
        crate::scratch::report(&format!("a page of {} in {:?}", page.items.len(), begun.elapsed()));
        assert_eq!(&*page.items[0].0, first);
        assert_eq!(&*page.items[page.items.len() - 1].0, last);
        assert_eq!(reads.load(Ordering::Relaxed), pages_reads);
        assert!(operations.load(Ordering::Relaxed) - before < pages_reads + 10);
    }
}
