//! Roles that may not read the settings.

use secret_store_core::{ApplicationConfig, ErrorKind, Legacy, SecretStoreExt, SettingsUse};

use super::{NEW, SECOND, following, key_of, put, replaced};
use crate::support::{APP, Call, MAIN, Strike, World, app, id, master, raised, refusal, settings_key, wait};

#[test]
fn a_role_without_the_right_to_read_settings_says_so_in_its_configuration() {
    let world = World::new();
    world.plant(&settings_key(), replaced(1));
    world.records.hook(|call| match call {
        Call::LoadMany(_) => Strike::Before(ErrorKind::PermissionDenied),
        _ => Strike::Pass,
    });
    let error = refusal(put(&following(&world), "Db"));
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("~s~") && error.to_string().contains("SettingsUse::Ignored"), "{error}");
    world.records.unhook();

    let of_application = ApplicationConfig::default().with_settings(SettingsUse::Ignored);
    for store in [
        world.builder().settings(SettingsUse::Ignored).build().expect("valid"),
        world.builder().application(app(APP), of_application).build().expect("valid"),
    ] {
        let before = world.records.calls();
        put(&store, "Db").expect("stored");
        assert_eq!((world.records.calls() - before, key_of(&world, "Db").as_str()), (2, MAIN));
    }
    let follows = ApplicationConfig::default().with_settings(SettingsUse::Followed);
    let store = world.builder().settings(SettingsUse::Ignored).wrap_with([master(MAIN), master(NEW)]);
    let store = store.application(app(APP), follows).build().expect("valid");
    put(&store, "Db").expect("stored");
    assert_eq!(key_of(&world, "Db"), NEW);
}

/// A reader that may not read settings keeps to its configuration, and asks once a minute.
#[test]
fn a_reader_without_the_right_keeps_to_its_configuration() {
    let world = World::new();
    put(&world.legacy(Legacy::ReadWrite), "old").expect("stored");
    world.plant(&settings_key(), raised(1));
    let reader = world.legacy(Legacy::Read);
    let settings = settings_key();
    world.records.deny(settings);
    for _ in 0..3 {
        wait(reader.get(&id("old"))).expect("the configured floor holds");
    }
    assert_eq!(world.records.denied(), 1);
    world.clock.advance(60 * SECOND);
    wait(reader.get(&id("old"))).expect("the configured floor holds");
    assert_eq!(world.records.denied(), 2);
}
