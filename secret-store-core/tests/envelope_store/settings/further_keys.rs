//! Further wraps follow a replacement as the first one does.

use secret_store_core::{ErrorKind, MasterKeyId};

use super::{NEW, put, three_keys, with_further};
use crate::support::{MAIN, current, id, master, refusal, settings, settings_key};

#[test]
fn further_keys_are_followed_too() {
    for (replaced, further, expected) in [
        (&[(NEW, "third")][..], NEW, (MAIN, &["third"][..])),
        (&[(MAIN, "third")], NEW, ("third", &[NEW])),
        // One of the two takes the other's place: one wrap is left.
        (&[(MAIN, NEW)], NEW, (NEW, &[])),
        (&[(NEW, MAIN)], NEW, (MAIN, &[])),
    ] {
        let world = three_keys();
        world.plant(&settings_key(), settings(1, replaced));
        let info = put(&with_further(&world, further), "Db").expect("stored");
        let also: Vec<_> = info.also_wrapped_with.iter().map(MasterKeyId::as_str).collect();
        assert_eq!((info.master_key_id.as_str(), &also[..]), expected, "{replaced:?}");
    }
}

#[test]
fn a_further_key_is_followed_only_to_a_key_that_is_listed() {
    let world = three_keys();
    world.plant(&settings_key(), settings(1, &[(NEW, "third")]));
    for store in [
        world.builder().also_wrap_with([master(NEW)]).build().expect("valid"),
        world.builder().wrap_with([MAIN, NEW].map(master)).also_wrap_with([master(NEW)]).build().expect("valid"),
    ] {
        let error = refusal(put(&store, "Db"));
        assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
        assert!(error.to_string().contains("wrap_with"), "{error}");
        assert!(world.stored(&current(&id("Db"))).is_none());
    }
}
