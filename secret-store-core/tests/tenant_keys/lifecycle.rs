//! Made, activated, retired, destroyed: what each step writes, what opens afterwards, and what does not.

use std::time::Duration;

use secret_store_core::{
    ErrorKind, KeyProvider, Persistence, Precondition, TenantConfig, TenantKeyState, TenantKeys, Write,
};

use super::support::{
    ACME, APP, MAIN, World, acme, active, active_at, app, context_in, generated, key_of, kind, opens, refused, tenant,
    tombstone, version, version_at, wait,
};

const TRUST: Duration = Duration::from_secs(60);

#[test]
fn the_first_wrap_makes_the_key_and_records_the_application() {
    let world = World::new();
    let keys = world.keys();
    assert_eq!(wait(keys.active_version(&acme())).expect("answers"), None);
    assert!(world.memory.snapshot().is_empty(), "looking makes nothing");
    let (key, wrapped) = generated(&keys, ACME, "Db");
    assert_eq!(wrapped.master_key_id(), &key_of(ACME));
    assert_eq!(TenantKeys::version_of(&wrapped).expect("a wrap"), Some(version(1)));
    let record = world.record(&version_at(ACME, 1));
    assert_eq!(
        record.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        ["CreatedAt", "MasterKeyId", "ProtectedTenantKey", "State"]
    );
    assert_eq!(record.text("MasterKeyId").map(|id| &**id), Some(MAIN));
    assert_eq!(world.record(&active_at(ACME)), active(1));
    assert_eq!(wait(keys.applications(&acme())).expect("lists"), [app(APP)]);
    opens(&keys, &wrapped, "Db", &key);
    // Another process opens it.
    opens(&world.keys(), &wrapped, "Db", &key);
    wait(keys.generate_key(&key_of(ACME), &context_in("Acme.Test", "Db"))).expect("generates");
    assert_eq!(wait(keys.applications(&acme())).expect("lists"), [app(APP), app("Acme.Test")]);
    assert_eq!(world.memory.snapshot().len(), 4);
}

#[test]
fn creating_ahead_makes_one_key_however_often() {
    let world = World::new();
    for _ in 0..3 {
        assert_eq!(wait(world.keys().create(&acme())).expect("creates"), version(1));
    }
    assert_eq!(world.memory.snapshot().len(), 2);
    let made = wait(world.keys().versions(&acme())).expect("lists");
    assert_eq!((made.len(), made[0].state, made[0].version), (1, TenantKeyState::Enabled, version(1)));
    assert_eq!(made[0].master_key_id.as_ref().map(|id| id.as_str()), Some(MAIN));
}

#[test]
fn a_new_version_wraps_and_the_old_one_goes_on_opening() {
    let world = World::new();
    let keys = world.keys();
    let late = world.keys();
    let (old_key, old) = generated(&keys, ACME, "Db");
    drop(generated(&late, ACME, "Db"));
    assert_eq!(wait(keys.activate_next(&acme(), version(1))).expect("activates"), version(2));
    let (new_key, new) = generated(&keys, ACME, "Db");
    assert_eq!(TenantKeys::version_of(&new).expect("a wrap"), Some(version(2)));
    for keys in [&keys, &late, &world.keys()] {
        opens(keys, &old, "Db", &old_key);
        opens(keys, &new, "Db", &new_key);
    }
    // Another process trusts what it knows for a minute at most.
    let wraps_under = |keys: &TenantKeys| TenantKeys::version_of(&generated(keys, ACME, "Db").1).expect("a wrap");
    assert_eq!(wraps_under(&late), Some(version(1)));
    world.clock.advance(TRUST);
    assert_eq!(wraps_under(&late), Some(version(2)));
}

#[test]
fn activating_after_a_version_makes_one_new_version_however_often() {
    let world = World::new();
    wait(world.keys().create(&acme())).expect("creates");
    for _ in 0..3 {
        let activated = wait(world.keys().activate_next(&acme(), version(1))).expect("activates");
        assert_eq!(activated, version(2));
    }
    assert_eq!(wait(world.keys().versions(&acme())).expect("lists").len(), 2);
    assert_eq!(kind(wait(world.keys().activate_next(&acme(), version(3)))), ErrorKind::InvalidInput);
    assert_eq!(kind(wait(world.keys().activate_next(&tenant("nobody"), version(1)))), ErrorKind::NotFound);
}

/// One commit: there is no moment at which a version is active and not there, or there and never activated.
#[test]
fn a_version_and_its_activation_are_one_commit() {
    use secret_store_conformance::fault::{Call, Recording};
    let world = World::new();
    let recording = std::sync::Arc::new(Recording::new(world.memory.clone()));
    let keys = world.builder_over(recording.clone()).build().expect("valid");
    wait(keys.create(&acme())).expect("creates");
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
    let written: Vec<_> = recording.take().iter().map(Call::written).filter(|keys| !keys.is_empty()).collect();
    let pair = |number| vec![version_at(ACME, number), active_at(ACME)];
    assert_eq!(written, [pair(1), pair(2)]);
}

#[test]
fn a_retired_version_opens_and_is_never_active_again() {
    let world = World::new();
    let keys = world.keys();
    let (key, wrapped) = generated(&keys, ACME, "Db");
    assert_eq!(kind(wait(keys.retire(&acme(), version(1)))), ErrorKind::InvalidInput, "it is active");
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
    for _ in 0..2 {
        wait(keys.retire(&acme(), version(1))).expect("retires");
    }
    let states: Vec<_> = wait(keys.versions(&acme())).expect("lists").iter().map(|info| info.state).collect();
    assert_eq!(states, [TenantKeyState::Retired, TenantKeyState::Enabled]);
    opens(&world.keys(), &wrapped, "Db", &key);
    assert_eq!(kind(wait(keys.retire(&acme(), version(3)))), ErrorKind::NotFound);
}

#[test]
fn a_destroyed_version_opens_nothing_and_leaves_a_tombstone() {
    let world = World::new();
    let keys = world.keys();
    let (_, old) = generated(&keys, ACME, "Db");
    assert_eq!(kind(wait(keys.destroy_version(&acme(), version(1)))), ErrorKind::InvalidInput, "not retired");
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
    assert_eq!(kind(wait(keys.destroy_version(&acme(), version(1)))), ErrorKind::InvalidInput, "not retired");
    let (key, new) = generated(&keys, ACME, "Db");
    wait(keys.retire(&acme(), version(1))).expect("retires");
    for _ in 0..2 {
        wait(keys.destroy_version(&acme(), version(1))).expect("destroys");
    }
    let record = world.record(&version_at(ACME, 1));
    assert_eq!(record.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["DestroyedAt", "State"]);
    let asked = world.asked.count();
    for keys in [&keys, &world.keys()] {
        assert_eq!(refused(keys, &old, "Db"), ErrorKind::KeyDestroyed);
    }
    assert_eq!(world.asked.count(), asked, "no master key is asked about a destroyed key");
    for keys in [&keys, &world.keys()] {
        opens(keys, &new, "Db", &key);
    }
    assert_eq!(kind(wait(keys.retire(&acme(), version(1)))), ErrorKind::KeyDestroyed);
    // Its number is not used again.
    assert_eq!(wait(keys.activate_next(&acme(), version(2))).expect("activates"), version(3));
}

#[test]
fn a_destroyed_tenant_opens_nothing_and_never_begins_again() {
    let world = World::new();
    let keys = world.keys();
    let (_, first) = generated(&keys, ACME, "Db");
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
    let (_, second) = generated(&keys, ACME, "Db");
    let (other_key, other) = generated(&keys, "other", "Db");
    for _ in 0..2 {
        wait(keys.destroy_tenant(&acme())).expect("destroys");
    }
    for keys in [&keys, &world.keys()] {
        for wrapped in [&first, &second] {
            assert_eq!(refused(keys, wrapped, "Db"), ErrorKind::KeyDestroyed);
        }
        let wrap = wait(keys.generate_key(&key_of(ACME), &super::support::context("Db")));
        assert_eq!(kind(wrap), ErrorKind::KeyDestroyed);
        assert_eq!(kind(wait(keys.create(&acme()))), ErrorKind::KeyDestroyed);
        assert_eq!(kind(wait(keys.activate_next(&acme(), version(2)))), ErrorKind::KeyDestroyed);
        assert_eq!(kind(wait(keys.repair(&acme()))), ErrorKind::KeyDestroyed);
        assert_eq!(kind(wait(keys.active_version(&acme()))), ErrorKind::KeyDestroyed);
        opens(keys, &other, "Db", &other_key);
    }
    let left = wait(keys.versions(&acme())).expect("lists");
    assert!(left.iter().all(|info| info.state == TenantKeyState::Destroyed && info.wrapped_key().is_none()));
    // What was the tenant's is still known, so that its ciphertext can be removed too.
    assert_eq!(wait(keys.applications(&acme())).expect("lists"), [app(APP)]);
    assert_eq!(kind(wait(keys.destroy_tenant(&tenant("nobody")))), ErrorKind::NotFound);
}

#[test]
fn a_destroyed_key_is_not_used_longer_than_it_is_cached() {
    for purged in [true, false] {
        let world = World::new();
        let (late, keys) = (world.keys(), world.keys());
        let (key, wrapped) = generated(&late, ACME, "Db");
        wait(keys.destroy_tenant(&acme())).expect("destroys");
        opens(&late, &wrapped, "Db", &key);
        if purged {
            late.purge_tenant(&acme());
        } else {
            world.clock.advance(Duration::from_secs(10 * 60));
        }
        assert_eq!(refused(&late, &wrapped, "Db"), ErrorKind::KeyDestroyed);
    }
    // A writer learns it within the time for which it trusts the active version.
    let world = World::new();
    let late = world.keys();
    drop(generated(&late, ACME, "Db"));
    wait(world.keys().destroy_tenant(&acme())).expect("destroys");
    world.clock.advance(TRUST);
    let wrap = wait(late.generate_key(&key_of(ACME), &super::support::context("Db")));
    assert_eq!(kind(wrap), ErrorKind::KeyDestroyed);
}

/// More versions than one commit takes: closed first, then version by version.
#[test]
fn many_versions_are_destroyed_over_several_commits() {
    use secret_store_core::Limits;
    use secret_store_memory::MemoryPersistence;
    let world = World::new();
    let narrow = MemoryPersistence::new().with_limits(Limits::default().with_writes_per_commit(4));
    let narrow = std::sync::Arc::new(narrow);
    let keys = world.builder_over(narrow.clone()).build().expect("valid");
    wait(keys.create(&acme())).expect("creates");
    for number in 1..30 {
        wait(keys.activate_next(&acme(), version(number))).expect("activates");
    }
    wait(keys.destroy_tenant(&acme())).expect("destroys");
    let left = wait(keys.versions(&acme())).expect("lists");
    assert_eq!(left.len(), 30);
    assert!(left.iter().all(|info| info.state == TenantKeyState::Destroyed));
    assert!(narrow.snapshot().iter().all(|(_, stored)| stored.record.get("ProtectedTenantKey").is_none()));
}

#[test]
fn a_tenant_without_its_active_record_is_repaired_by_a_version_above_all() {
    let world = World::new();
    let (key, wrapped) = generated(&world.keys(), ACME, "Db");
    wait(world.keys().activate_next(&acme(), version(1))).expect("activates");
    let spoilt: [&dyn Fn(); 4] = [
        &|| world.erase(&active_at(ACME)),
        &|| world.plant(&active_at(ACME), active(1)),
        &|| world.plant(&active_at(ACME), secret_store_core::Record::new()),
        &|| world.plant(&active_at(ACME), active(9)),
    ];
    for (round, spoil) in (0..).zip(spoilt) {
        let before = wait(world.keys().active_version(&acme())).expect("answers").expect("there is one");
        assert_eq!(
            wait(world.keys().repair(&acme())).expect("in order"),
            before,
            "nothing is done to what is in order"
        );
        spoil();
        let keys = world.keys();
        let repaired = wait(keys.repair(&acme())).unwrap_or_else(|error| panic!("{round}: {error}"));
        assert!(repaired > before, "{round}: {repaired} follows {before}");
        assert_eq!(wait(world.keys().active_version(&acme())).expect("answers"), Some(repaired));
        opens(&keys, &wrapped, "Db", &key);
        drop(generated(&keys, ACME, "Db"));
    }
    assert_eq!(kind(wait(world.keys().repair(&tenant("nobody")))), ErrorKind::NotFound);
}

#[test]
fn a_restored_backup_is_accepted_on_request() {
    let world = World::new();
    let keys = world.keys();
    let (key, wrapped) = generated(&keys, ACME, "Db");
    let backup = world.memory.snapshot();
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
    wait(keys.destroy_tenant(&acme())).expect("destroys");
    world.memory.restore(&backup);
    world.clock.advance(Duration::from_secs(10 * 60));
    assert_eq!(refused(&keys, &wrapped, "Db"), ErrorKind::RollbackDetected);
    assert_eq!(kind(wait(keys.create(&acme()))), ErrorKind::RollbackDetected);
    keys.accept_rollback(&acme());
    opens(&keys, &wrapped, "Db", &key);
    assert_eq!(wait(keys.create(&acme())).expect("there"), version(1));
}

#[test]
fn versions_below_the_minimum_are_not_used_at_all() {
    let world = World::new();
    let (_, old) = generated(&world.keys(), ACME, "Db");
    let strict = |minimum| {
        let config = TenantConfig::default().with_minimum_version(version(minimum));
        world.builder().tenant(acme(), config).build().expect("valid")
    };
    let calls = world.records.calls();
    assert_eq!(refused(&strict(2), &old, "Db"), ErrorKind::KeyNotAllowed);
    assert_eq!(world.records.calls(), calls, "refused before anything is asked");
    let wrap = wait(strict(2).generate_key(&key_of(ACME), &super::support::context("Db")));
    assert_eq!(kind(wrap), ErrorKind::KeyNotAllowed, "nothing is wrapped under an active version below the minimum");
    assert_eq!(wait(strict(2).activate_next(&acme(), version(1))).expect("activates"), version(2));
    let (key, new) = generated(&strict(2), ACME, "Db");
    opens(&strict(2), &new, "Db", &key);
    assert_eq!(refused(&strict(2), &old, "Db"), ErrorKind::KeyNotAllowed);
    // A tenant without a key does not begin below its minimum either.
    let config = TenantConfig::default().with_minimum_version(version(2));
    let keys = world.builder().tenant(tenant("new"), config).build().expect("valid");
    assert_eq!(kind(wait(keys.create(&tenant("new")))), ErrorKind::KeyNotAllowed);
    assert!(world.stored(&version_at("new", 1)).is_none());
}

#[test]
fn what_somebody_else_put_there_is_not_destroyed_unseen() {
    let world = World::new();
    let keys = world.keys();
    wait(keys.create(&acme())).expect("creates");
    wait(keys.activate_next(&acme(), version(1))).expect("activates");
    wait(keys.retire(&acme(), version(1))).expect("retires");
    // The version becomes active again between the look and the commit.
    let racing = std::sync::Arc::new(secret_store_conformance::fault::Racing::new(world.memory.clone()));
    let memory = world.memory.clone();
    racing.before_commit(async move {
        let put = Write::put(active_at(ACME), active(1), Precondition::Any);
        memory.commit(vec![put]).await.expect("memory takes it");
    });
    let slow = world.builder_over(racing).build().expect("valid");
    assert_eq!(kind(wait(slow.destroy_version(&acme(), version(1)))), ErrorKind::InvalidInput);
    assert_ne!(world.record(&version_at(ACME, 1)), tombstone());
    assert!(world.record(&version_at(ACME, 1)).get("ProtectedTenantKey").is_some());
}
