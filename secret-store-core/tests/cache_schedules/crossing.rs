//! What happens while an own write is under way: another process writes too, and this one hears of it before its own is acknowledged.

use std::sync::atomic::Ordering;

use crate::{World, all, explore, reader, spawn};

/// What a write leaves is not older than what a purge was made for.
#[test]
fn nothing_older_than_a_purge_during_a_write_is_read() {
    for whole in [false, true] {
        explore(move || {
            let world = World::new(32, false);
            shuttle::future::block_on(std::sync::Arc::clone(&world).read(0));
            let writes = spawn(&world, |world| world.write(0));
            let purges = spawn(&world, move |world| world.purge_after_a_foreign_write(0, whole));
            all(vec![writes, purges, reader(&world, &[0, 0])]);
            shuttle::future::block_on(std::sync::Arc::clone(&world).read(0));
        });
    }
}

/// Nor than what a strong read has seen.
#[test]
fn nothing_older_than_a_strong_read_during_a_write_is_read() {
    explore(|| {
        let world = World::new(32, false);
        shuttle::future::block_on(std::sync::Arc::clone(&world).read(0));
        let foreign = spawn(&world, |world| {
            world.stored[0].fetch_add(1, Ordering::SeqCst);
        });
        let writes = spawn(&world, |world| world.write(0));
        let direct = spawn(&world, |world| world.read_directly(0));
        all(vec![writes, foreign, direct]);
        shuttle::future::block_on(std::sync::Arc::clone(&world).read(0));
    });
}

/// Nor than what a listing has shown, be it another value or none.
#[test]
fn nothing_older_than_a_listing_during_a_write_is_read() {
    for is_there in [true, false] {
        explore(move || {
            let world = World::new(32, false);
            shuttle::future::block_on(std::sync::Arc::clone(&world).read(0));
            let writes = spawn(&world, |world| world.write(0));
            let lists = spawn(&world, move |world| {
                let seen = world.stored[0].fetch_add(1, Ordering::SeqCst) + 1;
                shuttle::thread::yield_now();
                if is_there {
                    world.cache.heed(&0, |kept| kept.as_ref().is_ok_and(|kept| *kept != seen));
                } else {
                    world.cache.heed_absence(|key| *key == 0);
                }
                world.floor[0].fetch_max(seen, Ordering::SeqCst);
            });
            all(vec![writes, lists, reader(&world, &[0])]);
            shuttle::future::block_on(std::sync::Arc::clone(&world).read(0));
        });
    }
}
