//! The minimum format: raised by the settings, it shuts format 0 out and does not sink again.

use secret_store_core::{ErrorKind, Format, Legacy, ProtectOptions, Record, SecretStoreExt};

use super::{SECOND, put};
use crate::support::{APP, World, app, current, id, kind, raised, refusal, settings, settings_key, wait};

#[test]
fn the_floor_of_the_settings_shuts_format_0_out() {
    let world = World::new();
    let both = world.legacy(Legacy::ReadWrite);
    put(&both, "old").expect("stored in format 0");
    put(&world.legacy(Legacy::Read), "new").expect("stored in format 1");
    let format = |name| wait(both.get(&id(name))).map(|secret| secret.info().format);
    assert_eq!((format("old").ok(), format("new").ok()), (Some(Format::Zero), Some(Format::One)));

    world.plant(&settings_key(), raised(1));
    let readers = [world.legacy(Legacy::Read), world.legacy(Legacy::ReadWrite)];
    let kept = wait(both.list(&app(APP))).expect("listed").items.len();
    assert_eq!(kept, 2);
    for reader in &readers {
        let before = world.records.calls();
        wait(reader.get(&id("new"))).expect("format 1 asks no settings");
        assert_eq!(world.records.calls() - before, 1);
        let calls = world.keys.calls();
        for read in [
            wait(reader.get(&id("old"))),
            wait(reader.get_many(&[id("new"), id("old")])).map(|mut all| all.remove(0)),
            wait(reader.get_all(&app(APP))).map(|mut all| all.remove(0)),
        ] {
            let error = refusal(read);
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("minimum format"), "{error}");
        }
        assert!(world.keys.calls() <= calls + 1, "no key is asked for format 0");
        assert_eq!(kind(wait(reader.accept_rollback(&id("old")))), ErrorKind::Unsupported);
    }
    let [_, writer] = &readers;
    assert_eq!(kind(put(writer, "third")), ErrorKind::Unsupported);
    assert!(world.stored(&current(&id("third"))).is_none());
}

#[test]
fn a_floor_that_was_seen_does_not_sink() {
    let world = World::new();
    put(&world.legacy(Legacy::ReadWrite), "old").expect("stored");
    let reader = world.legacy(Legacy::Read);
    let kept = wait(world.legacy(Legacy::ReadWrite).protect(&id("kept"), "v".into(), ProtectOptions::default()));
    let kept = kept.expect("protected");
    wait(reader.unprotect(&kept)).expect("opens");
    wait(reader.get(&id("old"))).expect("opens");
    world.plant(&settings_key(), raised(1));
    wait(reader.get(&id("old"))).expect("what was read a moment ago");
    world.clock.advance(30 * SECOND);
    assert_eq!(kind(wait(reader.get(&id("old")))), ErrorKind::Unsupported);
    assert_eq!(kind(wait(reader.unprotect(&kept))), ErrorKind::Unsupported, "by what this process has seen");
    // Newer settings without it, or none that can be read, change nothing.
    world.plant(&settings_key(), settings(9, &[]));
    world.clock.advance(60 * SECOND);
    assert_eq!(kind(wait(reader.get(&id("old")))), ErrorKind::Unsupported);
    world.clock.advance(60 * SECOND);
    world.plant(&settings_key(), Record::new());
    assert_eq!(kind(wait(reader.get(&id("old")))), ErrorKind::Unsupported);
}
