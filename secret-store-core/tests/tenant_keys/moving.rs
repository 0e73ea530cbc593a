//! Keys move: a tenant key from one master key to another, a document key from one version of a tenant key to the next.

use secret_store_conformance::fault::KeyCall;
use secret_store_core::{
    ErrorKind, KeyProvider, MasterKeyId, SecretStoreExt, TenantKeyInfo, TenantKeyState, TenantKeys, WrappedKey,
};

use super::support::{
    ACME, APP, MAIN, OTHER, SECOND, World, acme, active, active_at, app, context, context_in, generated, id, key_of,
    kind, master, opens, refused, tenant, version, version_at, wait,
};

fn versions(world: &World) -> Vec<TenantKeyInfo> {
    wait(world.keys().versions(&acme())).expect("lists")
}

#[test]
fn a_tenant_key_moves_by_one_call_and_everything_under_it_stays() {
    let world = World::new();
    let keys = world.keys();
    let store = world.store(&keys);
    wait(store.put(&id("Db"), "first".into())).expect("stored");
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
    wait(store.put(&id("Db"), "second".into())).expect("stored");
    wait(store.put(&id("Other"), "third".into())).expect("stored");
    wait(keys.retire(&acme(), version(1))).expect("retires");
    let secrets = |world: &World| -> Vec<_> {
        let all = world.memory.snapshot();
        all.iter()
            .filter(|(key, _)| !key.partition().starts_with("~k~"))
            .map(|(key, stored)| (key, stored.record.to_bytes(), stored.revision.clone()))
            .collect()
    };
    let (before, old) = (secrets(&world), versions(&world));
    assert_eq!((before.len(), old.len()), (3, 2));
    drop(world.asked.take());
    for info in &old {
        let moved = wait(keys.rewrap_version(info, &master(SECOND))).expect("moves");
        assert_eq!((moved.version, moved.state), (info.version, info.state), "a retired one stays retired");
        assert_eq!(moved.master_key_id, Some(master(SECOND)));
        assert_ne!(moved.revision, info.revision);
        let stored = versions(&world).into_iter().find(|found| found.version == info.version).expect("there");
        assert_eq!((&stored.revision, stored.wrapped_key()), (&moved.revision, moved.wrapped_key()));
        // Once more: it is there already.
        assert_eq!(wait(keys.rewrap_version(&moved, &master(SECOND))).expect("there").revision, moved.revision);
    }
    let asked = world.asked.take();
    assert_eq!(asked.len(), old.len(), "one call for each version");
    assert!(asked.iter().all(|call| matches!(call, KeyCall::Rewrap { to, from, to_context, .. }
        if *to == master(SECOND) && from == to_context)));
    assert_eq!(secrets(&world), before, "secrets are byte for byte what they were");
    assert_eq!(world.record(&active_at(ACME)), active(2));
    // The old master key is needed no more.
    world.master_keys.disable(&master(MAIN));
    let reader = world.store(&world.keys());
    for (name, number, value) in [("Db", 1, "first"), ("Db", 2, "second"), ("Other", 1, "third")] {
        let number = secret_store_core::SecretVersion::new(number).expect("not zero");
        let secret = wait(reader.get_version(&id(name), number)).expect("opens");
        assert_eq!(secret.text().expect("text"), value);
    }
    // What was listed before is stale.
    assert_eq!(kind(wait(keys.rewrap_version(&old[0], &master(SECOND)))), ErrorKind::KeyUnavailable);
    world.master_keys.enable(&master(MAIN));
    assert_eq!(kind(wait(keys.rewrap_version(&old[0], &master(SECOND)))), ErrorKind::Conflict);
}

#[test]
fn a_tenant_key_moves_to_what_the_configuration_allows_alone() {
    let world = World::new();
    wait(world.keys().create(&acme())).expect("creates");
    let info = versions(&world).remove(0);
    let asked = world.asked.count();
    for to in [master("stranger"), key_of(OTHER), key_of(ACME)] {
        assert_eq!(kind(wait(world.keys().rewrap_version(&info, &to))), ErrorKind::KeyNotAllowed);
    }
    let narrow = world.builder().wrap_with([master(MAIN)]).build().expect("valid");
    assert_eq!(kind(wait(narrow.rewrap_version(&info, &master(SECOND)))), ErrorKind::KeyNotAllowed);
    let narrow = world.builder().unwrap_with([master(SECOND)]).build().expect("valid");
    assert_eq!(kind(wait(narrow.rewrap_version(&info, &master(SECOND)))), ErrorKind::KeyNotAllowed);
    let closed = world.builder().refuse_other_tenants().build().expect("valid");
    assert_eq!(kind(wait(closed.rewrap_version(&info, &master(SECOND)))), ErrorKind::KeyNotAllowed);
    assert_eq!(world.asked.count(), asked, "no master key is asked");
}

#[test]
fn a_move_does_not_bring_a_destroyed_key_back() {
    let world = World::new();
    let keys = world.keys();
    let (_, wrapped) = generated(&keys, ACME, "Db");
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
    let listed = versions(&world);
    wait(keys.destroy_tenant(&acme())).expect("destroys");
    for info in &listed {
        assert_eq!(kind(wait(keys.rewrap_version(info, &master(SECOND)))), ErrorKind::Conflict);
    }
    for info in versions(&world) {
        assert_eq!(info.state, TenantKeyState::Destroyed);
        assert_eq!(kind(wait(keys.rewrap_version(&info, &master(SECOND)))), ErrorKind::KeyDestroyed);
    }
    assert_eq!(refused(&world.keys(), &wrapped, "Db"), ErrorKind::KeyDestroyed);
}

#[test]
fn a_forged_record_is_not_moved() {
    let world = World::new();
    wait(world.keys().create(&acme())).expect("creates");
    wait(world.keys().create(&tenant(OTHER))).expect("creates");
    world.plant(&version_at(ACME, 1), world.record(&version_at(OTHER, 1)));
    let info = versions(&world).remove(0);
    assert_eq!(kind(wait(world.keys().rewrap_version(&info, &master(SECOND)))), ErrorKind::Integrity);
    assert_eq!(world.record(&version_at(ACME, 1)), world.record(&version_at(OTHER, 1)), "nothing was written");
}

#[test]
fn document_keys_move_to_the_active_version_without_the_inner_provider() {
    let world = World::new();
    let keys = world.keys();
    let made: Vec<_> = (0..50).map(|n| (format!("s{n}"), generated(&keys, ACME, &format!("s{n}")))).collect();
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
    let (asked, loads) = (world.asked.count(), world.records.calls());
    let moved: Vec<_> = made
        .iter()
        .map(|(name, (_, wrapped))| {
            let context = context(name);
            wait(keys.rewrap_key(wrapped, &context, &key_of(ACME), &context)).expect("moves")
        })
        .collect();
    assert_eq!((world.asked.count(), world.records.calls()), (asked, loads), "everything is cached");
    let reader = world.keys();
    for ((name, (key, old)), new) in made.iter().zip(&moved) {
        assert_eq!(TenantKeys::version_of(old).expect("a wrap"), Some(version(1)));
        assert_eq!(TenantKeys::version_of(new).expect("a wrap"), Some(version(2)));
        assert_eq!(new.master_key_id(), &key_of(ACME));
        opens(&reader, old, name, key);
        opens(&reader, new, name, key);
        assert_eq!(refused(&reader, new, "another"), ErrorKind::Integrity);
    }
    // A cold rotator asks for the two versions, once each.
    let cold = world.keys();
    let asked = world.asked.count();
    for (name, (_, wrapped)) in &made {
        let context = context(name);
        wait(cold.rewrap_key(wrapped, &context, &key_of(ACME), &context)).expect("moves");
    }
    assert_eq!(world.asked.count(), asked + 2);
}

#[test]
fn document_keys_move_between_the_tiers() {
    let world = World::new();
    let keys = world.keys();
    let context = context("Db");
    let first = wait(keys.generate_key(&master(MAIN), &context)).expect("generates");
    let mut wrapped = first.wrapped;
    let path: [MasterKeyId; 6] =
        [key_of(ACME), key_of(OTHER), master(SECOND), master(MAIN), key_of(ACME), master(MAIN)];
    for to in path {
        drop(world.asked.take());
        let from = wrapped.master_key_id().clone();
        wrapped = wait(keys.rewrap_key(&wrapped, &context, &to, &context)).expect("moves");
        assert_eq!(wrapped.master_key_id(), &to);
        opens(&keys, &wrapped, "Db", first.document_key.expose_secret());
        let within = world.asked.take().iter().any(|call| matches!(call, KeyCall::Rewrap { .. }));
        let of_masters = from.tenant().is_none() && to.tenant().is_none();
        assert_eq!(within, of_masters, "between master keys the inner provider moves it itself");
    }
}

#[test]
fn nothing_moves_to_or_from_what_is_not_accepted() {
    let world = World::new();
    let keys = world.keys();
    let (_, wrapped) = generated(&keys, ACME, "Db");
    let context = context("Db");
    let closed = world.builder().tenant(acme(), Default::default()).refuse_other_tenants().build().expect("valid");
    let asked = world.asked.count();
    for to in [key_of(OTHER), master("stranger")] {
        assert_eq!(kind(wait(closed.rewrap_key(&wrapped, &context, &to, &context))), ErrorKind::KeyNotAllowed);
    }
    let foreign = WrappedKey::new(key_of(OTHER), wrapped.as_bytes());
    let moved = wait(closed.rewrap_key(&foreign, &context, &key_of(ACME), &context));
    assert_eq!(kind(moved), ErrorKind::KeyNotAllowed);
    assert_eq!(world.asked.count(), asked);
    assert!(world.stored(&version_at(OTHER, 1)).is_none(), "no key was made for it");
}

#[test]
fn applications_are_recorded_before_their_first_wrap_whatever_makes_it() {
    let world = World::new();
    let keys = world.keys();
    let key = wait(keys.generate_key(&master(MAIN), &context_in("Moved.In", "Db"))).expect("generates");
    assert_eq!(wait(keys.applications(&acme())).expect("lists"), []);
    let moved = context_in("Moved.In", "Db");
    wait(keys.rewrap_key(&key.wrapped, &moved, &key_of(ACME), &moved)).expect("moves");
    wait(keys.wrap_key(&key_of(ACME), &key.document_key, &context_in("Wrapped", "Db"))).expect("wraps");
    wait(keys.generate_key(&key_of(ACME), &context("Db"))).expect("generates");
    let owned = wait(keys.applications(&acme())).expect("lists");
    assert_eq!(owned, [app(APP), app("Moved.In"), app("Wrapped")]);
    // Reading records nothing.
    let reader = world.keys();
    let before = world.memory.snapshot().len();
    drop(wait(reader.unwrap_key(&generated(&keys, ACME, "x").1, &context("x"))).expect("opens"));
    assert_eq!(world.memory.snapshot().len(), before);
    // A record that somebody removed is there again when the time is over for which it was known.
    world.erase(&secret_store_core::RecordKey::new("~k~acme", "APP#Wrapped"));
    world.clock.advance(std::time::Duration::from_secs(600));
    wait(keys.wrap_key(&key_of(ACME), &key.document_key, &context_in("Wrapped", "Db"))).expect("wraps");
    assert_eq!(wait(keys.applications(&acme())).expect("lists"), owned);
}
