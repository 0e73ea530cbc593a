//! What is migrated: the records of format 0, each where it stands, and nothing else.

use secret_store_core::rotation::{JobState, RotationTarget};
use secret_store_core::{ApplicationConfig, ErrorKind, Format, Legacy, SecretStoreExt};

use super::super::{NEW, drive, job, records};
use super::{
    check_both, configured, fill_both, in_format_0, migrate, migration, reader, text_of_version, write_as_the_original,
};
use crate::support::{
    APP, CREATED_AT, MAIN, World, app, current, id, kind, last, master, refusal, settings, settings_key, slot, version,
    wait,
};

#[test]
fn format_0_becomes_format_1_in_place() {
    let world = World::new();
    fill_both(&world);
    let before = records(&world);
    let places = [current(&id("a")), current(&id("b")), slot(&id("deleted"), 1), slot(&id("moved"), 1)];
    assert_eq!(in_format_0(&world), places);
    check_both(&reader(&world));
    let census = wait(migration(&reader(&world)).dry_run()).expect("counted");
    assert_eq!((census.original(), census.applications[0].terminal), (4, 3));
    assert_eq!(census.applications[0].losses, Default::default(), "nothing is lost");
    assert_eq!(records(&world), before, "a dry run writes nothing");

    let report = migrate(&world);
    assert_eq!((report.changed(), report.is_complete()), (4, true));
    assert_eq!((job(&world).target, job(&world).state), (RotationTarget::Migration, JobState::Finished));
    assert_eq!(in_format_0(&world), []);
    // Nobody needs to allow format 0 any more.
    check_both(&world.store());
    let after = records(&world);
    for (key, record) in &before {
        if !places.contains(key) {
            assert_eq!(record, &after[key], "{key:?} was not format 0");
        }
    }
    // Nothing came into being but the last numbers of the two that got one.
    let new: Vec<_> = after.keys().filter(|key| !before.contains_key(key)).cloned().collect();
    assert_eq!(new, [last(&id("a")), last(&id("b"))]);
    let secret = wait(world.store().get(&id("a"))).expect("opens");
    let info = secret.info();
    assert_eq!((info.version, info.format, info.created_at), (version(1), Format::One, None));
    // Again: nothing to do, nothing touched.
    assert_eq!(migrate(&world).changed(), 0);
    assert_eq!(records(&world), after);
    // They go on as all others do.
    let store = world.store();
    assert_eq!(wait(store.put(&id("a"), "a2".into())).expect("stored").version, version(2));
    assert_eq!(text_of_version(&store, "a", 1), "a1");
    wait(store.delete(&id("b"))).expect("deleted");
    assert_eq!(wait(store.put(&id("b"), "b2".into())).expect("stored").version, version(2));
    assert_eq!(wait(store.repair(&id("moved"))).expect("in order").expect("there").version, version(3));
}

#[test]
fn a_migrated_secret_is_in_order() {
    let world = World::new();
    write_as_the_original(&world, "a", "a1");
    migrate(&world);
    let before = records(&world);
    assert_eq!(wait(world.store().repair(&id("a"))).expect("in order").expect("there").version, version(1));
    assert_eq!(records(&world), before);
}

#[test]
fn new_keys_are_wrapped_as_those_of_a_put() {
    let world = World::new();
    write_as_the_original(&world, "a", "a1");
    let config = ApplicationConfig::default().with_legacy(Legacy::Read);
    let builder = world.builder().also_wrap_with([master(NEW)]).application(app(APP), config);
    drive(&world, migration(&builder.build().expect("valid")).run()).expect("migrated");
    let secret = wait(world.store().get(&id("a"))).expect("opens");
    let info = secret.info();
    assert_eq!((info.master_key_id.as_str(), &info.also_wrapped_with[..]), (MAIN, &[master(NEW)][..]));
    assert!(world.record(&current(&id("a"))).get(CREATED_AT).is_none(), "nobody knows when it was made");
    // A key that was replaced is not wrapped under again.
    write_as_the_original(&world, "b", "b1");
    world.plant(&settings_key(), settings(1, &[(MAIN, NEW)]));
    migrate(&world);
    assert_eq!(wait(world.store().get(&id("b"))).expect("opens").info().master_key_id, master(NEW));
}

#[test]
fn it_does_not_begin_where_the_configuration_forbids_it() {
    for (legacy, fix) in [(Legacy::ReadWrite, "`Legacy::Read`"), (Legacy::Off, "`Legacy::Read`")] {
        let world = World::new();
        fill_both(&world);
        let before = world.memory().snapshot().len();
        let (calls, asked) = (world.records.calls(), world.keys.calls());
        let store = configured(&world, legacy);
        for error in [refusal(wait(migration(&store).dry_run())), refusal(wait(migration(&store).run()))] {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains(fix), "{error}");
        }
        assert_eq!((world.records.calls(), world.keys.calls()), (calls, asked), "nobody is asked");
        assert_eq!(world.memory().snapshot().len(), before);
    }
    assert_eq!(kind(migration(&reader(&World::new())).secret(&id("a")).map(drop)), ErrorKind::InvalidInput);
}
