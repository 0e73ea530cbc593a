//! Histories and listings come page by page, in order, and nothing of another name among them.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use secret_store_core::{ErrorKind, ListOptions, SecretStore, SecretStoreExt};

use super::history;
use crate::support::{APP, World, app, id, kind, wait};

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
            let page = wait(store.list_with(&app(APP), options.clone())).expect("a page");
            found.extend(page.items.iter().map(|info| info.id.name().as_str().to_owned()));
            match page.next {
                Some(next) => options = options.with_after(next),
                None => break,
            }
        }
        assert_eq!(found, names.iter().cloned().collect::<Vec<_>>());
    }
    let all = wait(store.get_all(&app(APP))).expect("all");
    assert_eq!(all.len(), 25);
    assert!(all.iter().all(|secret| secret.expose_secret() == b"2"));
    assert!(wait(store.get_all(&app("Other"))).expect("none").is_empty());
}
