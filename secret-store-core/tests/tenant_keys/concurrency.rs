//! Many at once: they converge on one key, and no version is made or ended twice.

use std::collections::BTreeSet;
use std::sync::Barrier;

use secret_store_core::{KeyProvider, TenantKeyState, TenantKeys};

use super::support::{ACME, World, acme, context, key_of, version, wait};

const TASKS: usize = 32;

/// Runs this on so many threads, all beginning at once.
fn at_once<T: Send>(work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(TASKS);
    std::thread::scope(|scope| {
        let begun: Vec<_> = (0..TASKS)
            .map(|number| {
                let (barrier, work) = (&barrier, &work);
                scope.spawn(move || {
                    barrier.wait();
                    work(number)
                })
            })
            .collect();
        begun.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

#[test]
fn first_wraps_in_one_process_and_in_many_converge_on_one_key() {
    for shared in [true, false] {
        let world = World::new();
        let one = world.keys();
        let made = at_once(|number| {
            let keys = if shared { one.clone() } else { world.keys() };
            let name = format!("secret-{number}");
            let generated = wait(keys.generate_key(&key_of(ACME), &context(&name))).expect("generates");
            (name, generated)
        });
        let versions = wait(world.keys().versions(&acme())).expect("lists");
        assert_eq!(versions.len(), 1, "one key");
        let asked = world.asked.count();
        match shared {
            true => assert_eq!(asked, 1, "one process asks once"),
            false => assert!(asked <= 2 * TASKS, "{asked} calls: each makes one at most, and opens one"),
        }
        let reader = world.keys();
        for (name, generated) in made {
            let opened = wait(reader.unwrap_key(&generated.wrapped, &context(&name))).expect("opens everywhere");
            assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
        }
        assert_eq!(wait(reader.applications(&acme())).expect("lists").len(), 1);
    }
}

#[test]
fn activations_after_one_version_make_one_version() {
    for round in 1..10 {
        let world = World::new();
        let one = world.keys();
        wait(one.create(&acme())).expect("creates");
        let activated = at_once(|number| {
            let keys = if number % 2 == 0 { one.clone() } else { world.keys() };
            wait(keys.activate_next(&acme(), version(1))).expect("activates")
        });
        assert!(activated.iter().all(|activated| *activated == version(2)), "{round}: {activated:?}");
        assert_eq!(wait(world.keys().versions(&acme())).expect("lists").len(), 2);
    }
}

/// Wraps, activations, retirements and destruction of old versions by many processes: what a wrap names is there, one version is
/// active, and it is the newest.
#[test]
fn wraps_beside_activations_open_as_long_as_their_version_is_there() {
    let world = World::new();
    wait(world.keys().create(&acme())).expect("creates");
    let made = at_once(|number| {
        let keys = world.keys();
        let mut wraps = Vec::new();
        for round in 0..20 {
            let name = format!("{number}-{round}");
            wraps.push((name.clone(), wait(keys.generate_key(&key_of(ACME), &context(&name))).expect("generates")));
            if number % 4 == 0 {
                let active = wait(keys.active_version(&acme())).expect("answers").expect("there is one");
                wait(keys.activate_next(&acme(), active)).expect("activates");
                let retired = wait(keys.retire(&acme(), active));
                assert!(retired.is_ok(), "{retired:?}");
            }
        }
        wraps
    });
    let reader = world.keys();
    let versions = wait(reader.versions(&acme())).expect("lists");
    let enabled: Vec<_> = versions.iter().filter(|info| info.state == TenantKeyState::Enabled).collect();
    assert_eq!(enabled.len(), 1, "whatever was active before is retired");
    assert_eq!(wait(reader.active_version(&acme())).expect("answers"), Some(enabled[0].version));
    assert_eq!(versions.last().map(|info| info.version), Some(enabled[0].version));
    let mut used = BTreeSet::new();
    for (name, generated) in made.into_iter().flatten() {
        used.insert(TenantKeys::version_of(&generated.wrapped).expect("a wrap"));
        let opened = wait(reader.unwrap_key(&generated.wrapped, &context(&name))).expect("opens");
        assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    }
    assert!(used.len() > 4, "{used:?}");
}

#[test]
fn a_tenant_destroyed_beside_its_writers_has_no_key_left() {
    for _ in 0..20 {
        let world = World::new();
        let one = world.keys();
        wait(one.create(&acme())).expect("creates");
        at_once(|number| match number {
            0 => wait(one.destroy_tenant(&acme())).expect("destroys"),
            number => {
                let keys = if number % 2 == 0 { one.clone() } else { world.keys() };
                drop(wait(keys.generate_key(&key_of(ACME), &context("Db"))));
                drop(wait(keys.activate_next(&acme(), version(1))));
            }
        });
        let versions = wait(world.keys().versions(&acme())).expect("lists");
        assert!(versions.iter().all(|info| info.state == TenantKeyState::Destroyed), "{versions:?}");
        for keys in [&one, &world.keys()] {
            let wrap = wait(keys.generate_key(&key_of(ACME), &context("Db")));
            assert_eq!(super::support::kind(wrap), secret_store_core::ErrorKind::KeyDestroyed);
        }
    }
}
