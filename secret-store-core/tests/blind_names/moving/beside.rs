//! Readers, writers and listings go on beside a move.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::executor::block_on;
use secret_store_core::{GetOptions, ListOptions, SecretStore, SecretStoreExt, SecretVersion};

use super::{fill, moved, new, newest_alone, next, old};
use crate::support::{World, application, id};

/// Readers never miss a secret while it moves, writers lose no update, and the move ends beside them.
#[test]
fn readers_and_writers_go_on_beside_a_move() {
    for round in 0..4 {
        let world = World::new();
        fill(&world.process(old()));
        // Those of the step before read on and write no more; these write.
        let (reader, writer, mover) = (world.process(next()), world.process(new()), world.process(new()));
        let (over, written, reads) = (AtomicBool::new(false), AtomicU64::new(3), AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let lowest = written.load(Ordering::SeqCst);
                    let secret = block_on(reader.store.get(&id("a"))).expect("never missed");
                    assert!(secret.info().version.get() >= lowest, "nothing older than was acknowledged");
                    assert_eq!(block_on(reader.store.list(&application())).expect("a page").items.len(), 2);
                    let history = block_on(reader.store.history(&id("b"))).expect("a page").items;
                    assert_eq!(history.len(), 2);
                    assert!(block_on(reader.store.get(&id("c"))).is_err());
                    reads.fetch_add(1, Ordering::SeqCst);
                }
            });
            scope.spawn(|| {
                for _ in 0..20 {
                    let info = block_on(writer.store.put(&id("a"), "x".into())).expect("stored");
                    written.store(info.version.get(), Ordering::SeqCst);
                }
                over.store(true, Ordering::SeqCst);
            });
            while !over.load(Ordering::SeqCst) {
                moved(&mover);
            }
        });
        assert!(moved(&mover).finished, "round {round}");
        assert!(reads.load(Ordering::SeqCst) > 0);
        assert_eq!(written.load(Ordering::SeqCst), 23, "no number is lost or given twice");
        let alone = world.process(newest_alone());
        let history = block_on(alone.store.history(&id("a"))).expect("a page").items;
        assert_eq!(
            history.iter().map(|info| info.version.get()).collect::<Vec<_>>(),
            (1..23).rev().collect::<Vec<_>>()
        );
        for version in 1..=23 {
            let version = SecretVersion::new(version).expect("not zero");
            block_on(alone.store.get_version(&id("a"), version)).expect("every version opens under the new key alone");
        }
    }
}

/// Pages that were begun before a record moved go on after it.
#[test]
fn pages_go_on_while_records_move() {
    let world = World::new();
    let former = world.process(old());
    let names: Vec<String> = (0..12).map(|n| format!("name-{n:02}")).collect();
    for name in &names {
        block_on(former.store.put(&id(name), "v".into())).expect("stored");
    }
    let process = world.process(new());
    let three = ListOptions::default().with_limit(std::num::NonZeroUsize::new(3).expect("not zero"));
    let mut page = block_on(process.store.list_with(&application(), three.clone())).expect("a page");
    let mut seen: Vec<String> = Vec::new();
    loop {
        seen.extend(page.items.iter().map(|info| info.id.name().as_str().to_owned()));
        // Some of both sides of the cursor move.
        for name in [&names[1], &names[4], &names[7], &names[10]] {
            block_on(process.store.put(&id(name), "moved".into())).expect("stored");
        }
        let Some(next) = page.next else { break };
        page = block_on(process.store.list_with(&application(), three.clone().with_after(next))).expect("a page");
    }
    assert_eq!(seen, names);
    assert_eq!(block_on(process.store.get_all_with(&application(), GetOptions::default())).expect("all").len(), 12);
}
