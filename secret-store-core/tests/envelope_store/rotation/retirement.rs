//! The proof that a key is needed no more.

use secret_store_core::rotation::Retirement;
use secret_store_core::{ApplicationConfig, EnvelopeStore, ErrorKind, Record, SecretStoreExt};

use super::super::support::{APP, MAIN, World, app, current, id, kind, master, settings, settings_key, slot, wait};
use super::{GRACE, NEW, SECOND, both, drive, fill, job_key, rotate, step, steps, store};

fn check(world: &World, store: &EnvelopeStore, key: &str) -> Retirement {
    drive(world, store.rotator().check_retirement(&master(key)).application(&app(APP)).run()).expect("checked")
}

#[test]
fn a_rotated_key_is_proved_to_be_needed_no_more() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    let before = check(&world, &store, MAIN);
    let of = &before.applications[0];
    assert!(!before.is_proven() && !of.is_replaced);
    assert_eq!((of.records, of.needed_by.count(), of.unreadable.count()), (16, 16, 0));
    let listed = of.needed_by.iter().find(|found| found.key == slot(&id("b"), 2)).expect("the history is listed");
    assert_eq!((listed.secret.clone(), listed.kind), (Some(id("b")), None));
    assert!(listed.to_string().contains("version 2") && listed.to_string().contains(MAIN), "{listed}");
    rotate(&world, &store).expect("rotated");
    let calls = world.keys.calls();
    let began = world.clock_seconds();
    let after = check(&world, &store, MAIN);
    assert!(after.is_proven(), "{after:?}");
    assert_eq!((after.key.clone(), after.applications[0].records), (master(MAIN), 16));
    assert!(world.clock_seconds() - began >= GRACE.as_secs());
    assert_eq!(world.keys.calls(), calls, "no key is asked");
    assert!(!check(&world, &store, NEW).is_proven());
}

/// Nothing stands under it, and yet writers may use it at any time.
#[test]
fn without_settings_that_replace_it_nothing_is_proved() {
    let world = World::new();
    let store = store(&world);
    let found = check(&world, &store, "unused");
    assert!(found.applications[0].needed_by.is_empty() && !found.is_proven());
    world.plant(&settings_key(), settings(1, &[("unused", NEW)]));
    assert!(check(&world, &store, "unused").is_proven());
    // Taken back while it is checked.
    let rotator = store.rotator();
    let mut running = Box::pin(rotator.check_retirement(&master("unused")).application(&app(APP)).run());
    step(&mut running);
    world.plant(&settings_key(), settings(2, &[]));
    assert!(!drive(&world, running).expect("checked").is_proven());
}

#[test]
fn what_a_late_writer_stores_is_met() {
    let world = World::new();
    let writer = store(&world);
    wait(writer.put(&id("warm"), "v".into())).expect("stored");
    let store = store(&world);
    rotate_settings(&world);
    let rotator = store.rotator();
    let mut running = Box::pin(rotator.check_retirement(&master(MAIN)).application(&app(APP)).run());
    step(&mut running);
    steps(&world, &mut running, 29 * SECOND);
    wait(writer.put(&id("late"), "v".into())).expect("stored");
    let found = drive(&world, running).expect("checked");
    let places: Vec<_> = found.applications[0].needed_by.iter().map(|found| found.key.clone()).collect();
    assert_eq!(places, [current(&id("late")), current(&id("warm"))]);
}

fn rotate_settings(world: &World) {
    world.plant(&settings_key(), settings(1, &[(MAIN, NEW)]));
}

#[test]
fn a_further_wrap_needs_it_too() {
    let world = World::with_keys(&[MAIN, NEW, "third"]);
    let store = world.builder().wrap_with([MAIN, NEW, "third"].map(master)).also_wrap_with([master("third")]);
    let store = store.build().expect("valid");
    wait(store.put(&id("Db"), "v".into())).expect("stored");
    world.plant(&settings_key(), settings(1, &[("third", NEW)]));
    let found = check(&world, &store, "third");
    assert_eq!((found.applications[0].needed_by.count(), found.is_proven()), (1, false));
}

#[test]
fn what_cannot_be_read_or_is_unfinished_spoils_the_proof() {
    let world = World::new();
    let store = store(&world);
    fill(&store);
    rotate(&world, &store).expect("rotated");
    world.plant(&current(&id("x")), Record::new());
    let found = check(&world, &store, MAIN);
    assert_eq!((found.applications[0].unreadable.count(), found.is_proven()), (1, false));
    world.erase(&current(&id("x")));
    assert!(check(&world, &store, MAIN).is_proven());
    let job = world.record(&job_key());
    world.plant(&job_key(), job.with("State", "released".into()));
    let found = check(&world, &store, MAIN);
    assert!(found.applications[0].unfinished.is_some() && !found.is_proven());
}

#[test]
fn every_application_that_is_named_counts() {
    let world = World::new();
    let builder = ["One", APP]
        .iter()
        .fold(both(&world), |builder, name| builder.application(app(name), ApplicationConfig::default()));
    let store = builder.build().expect("valid");
    let of_one = secret_store_core::SecretId::parse("One", "Db").expect("valid");
    wait(store.put(&of_one, "v".into())).expect("stored");
    rotate(&world, &store).expect("one of the two is rotated");
    let rotator = store.rotator();
    let both = drive(&world, rotator.check_retirement(&master(MAIN)).run()).expect("checked");
    let proven: Vec<_> = both.applications.iter().map(|of| (of.application.as_str(), of.is_proven())).collect();
    assert_eq!((proven, both.is_proven()), (vec![("One", false), (APP, true)], false));
    let nowhere = super::store(&world).rotator().check_retirement(&master(MAIN));
    assert_eq!(kind(wait(nowhere.run())), ErrorKind::InvalidInput);
}
