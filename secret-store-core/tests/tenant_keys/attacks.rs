//! Whoever may write to the database forges, swaps, replays and removes records of tenant keys and wraps under them: it can deny,
//! never widen. Nothing is wrapped under a key that the configuration does not name, and no refusal calls a master key in vain.

use std::sync::Arc;

use secret_store_conformance::fault::Forgery;
use secret_store_core::{
    DocumentKey, EncryptionContext, ErrorKind, GeneratedKey, KeyEncryptionKey, KeyProvider, MasterKeyId, Record,
    Result, SecretId, SecretVersion, StoreId, TenantKeys, Value, WrappedKey,
};
use secret_store_memory::MemoryKeyProvider;

use super::support::{
    ACME, MAIN, OTHER, SECOND, STORE, World, acme, active_at, context, context_in, generated, key_of, kind, master,
    opens, refused, tenant, version, version_at, wait,
};

/// Two tenants with two versions each, and a wrap under each of the four keys.
pub(super) struct Scene {
    pub(super) world: World,
    /// Tenant, version, key in clear, wrap.
    pub(super) wraps: Vec<(&'static str, u32, Vec<u8>, WrappedKey)>,
}

pub(super) fn scene() -> Scene {
    let world = World::new();
    let keys = world.keys();
    let mut wraps = Vec::new();
    for tenant in [ACME, OTHER] {
        for number in 1..=2 {
            let (key, wrapped) = generated(&keys, tenant, "Db");
            assert_eq!(TenantKeys::version_of(&wrapped).expect("a wrap"), Some(version(number)));
            wraps.push((tenant, number, key, wrapped));
            if number == 1 {
                wait(keys.activate_next(&super::support::tenant(tenant), version(1))).expect("activates");
            }
        }
    }
    Scene { world, wraps }
}

#[track_caller]
pub(super) fn wraps(keys: &TenantKeys) -> ErrorKind {
    kind(wait(keys.generate_key(&key_of(ACME), &context("Db"))))
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

#[test]
fn tenant_key_records_in_the_place_of_others_open_nothing() {
    let Scene { world, wraps } = scene();
    let places: Vec<_> = wraps.iter().map(|(tenant, number, ..)| version_at(tenant, *number)).collect();
    let honest: Vec<_> = places.iter().map(|place| world.record(place)).collect();
    for (at, place) in places.iter().enumerate() {
        for (from, record) in honest.iter().enumerate() {
            world.plant(place, record.clone());
            let keys = world.keys();
            for (of, (_, _, key, wrapped)) in wraps.iter().enumerate() {
                match of == at && from != at {
                    true => assert_eq!(refused(&keys, wrapped, "Db"), ErrorKind::Integrity, "{from} stands at {at}"),
                    false => opens(&keys, wrapped, "Db", key),
                }
            }
        }
        world.plant(place, honest[at].clone());
    }
}

/// The control: what makes the difference is that the inner provider binds the context. One that does not lets a writer wrap under
/// whatever stands in the place of its tenant's key: a key that the forger knows, another tenant's, an older version.
#[test]
fn by_a_provider_that_binds_nothing_planted_keys_would_be_used() {
    for binds in [false, true] {
        let world = World::new();
        let provider: Arc<dyn KeyProvider> =
            if binds { world.master_keys.clone() } else { Arc::new(Unbound(world.master_keys.clone())) };
        let keys = || {
            let builder = TenantKeys::builder(Arc::clone(&provider), world.records.clone());
            builder.store_id(STORE).master_key(MAIN).build().expect("valid")
        };
        wait(keys().create(&tenant(OTHER))).expect("creates");
        wait(keys().create(&acme())).expect("creates");
        wait(keys().activate_next(&acme(), version(1))).expect("activates");
        let at = version_at(ACME, 2);
        let honest = world.record(&at);
        // A document key of an application of the forger's: it is known there, and so is its wrap.
        let known = wait(provider.generate_key(&master(MAIN), &context("of its own"))).expect("generates");
        let planted = honest.with("ProtectedTenantKey", Value::Bytes(Arc::clone(known.wrapped.as_shared())));
        for record in [world.record(&version_at(OTHER, 1)), world.record(&version_at(ACME, 1)), planted] {
            world.plant(&at, record);
            let made = wait(keys().generate_key(&key_of(ACME), &context("Db")));
            assert_eq!(made.is_ok(), !binds);
            assert!(made.is_ok() || kind(made) == ErrorKind::Integrity);
        }
        if !binds {
            let made = wait(keys().generate_key(&key_of(ACME), &context("Db"))).expect("it notices nothing");
            let known = KeyEncryptionKey::from_bytes(known.document_key.expose_secret().try_into().expect("32 bytes"));
            let (store, id) = (StoreId::new(STORE).expect("valid"), super::support::id("Db"));
            let first = SecretVersion::FIRST;
            let bound = EncryptionContext::tenant_wrapped_document_key(&store, &id, first, &acme(), version(2));
            let opened = known.unwrap(&made.wrapped.as_bytes()[8..], &bound).expect("the forger opens it");
            assert_eq!(opened.expose_secret(), made.document_key.expose_secret());
        }
    }
}

/// A key provider that ignores what a key belongs to.
#[derive(Debug)]
struct Unbound(Arc<MemoryKeyProvider>);

#[async_trait::async_trait]
impl KeyProvider for Unbound {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.0.accepts(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, _: &EncryptionContext) -> Result<GeneratedKey> {
        self.0.generate_key(id, &context("whatever")).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, _: &EncryptionContext) -> Result<WrappedKey> {
        self.0.wrap_key(id, key, &context("whatever")).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, _: &EncryptionContext) -> Result<DocumentKey> {
        self.0.unwrap_key(key, &context("whatever")).await
    }
}

/// A wrap belongs to its tenant, its version, its secret: under no other name does it open, and no other tenant's key is asked.
#[test]
fn a_wrap_opens_under_its_own_tenant_and_version_alone() {
    let Scene { world, wraps } = scene();
    let keys = world.keys();
    for (tenant, number, key, wrapped) in &wraps {
        for named in [ACME, OTHER] {
            for claimed in 1..=3 {
                let mut bytes = wrapped.as_bytes().to_vec();
                bytes[4..8].copy_from_slice(&u32::to_be_bytes(claimed));
                let forged = WrappedKey::new(key_of(named), bytes);
                match named == *tenant && claimed == *number {
                    true => opens(&keys, &forged, "Db", key),
                    false => assert_eq!(refused(&keys, &forged, "Db"), ErrorKind::Integrity, "{named} {claimed}"),
                }
            }
        }
        assert_eq!(refused(&keys, wrapped, "Db2"), ErrorKind::Integrity);
        let elsewhere = wait(keys.unwrap_key(wrapped, &context_in("Other.App", "Db")));
        assert_eq!(kind(elsewhere), ErrorKind::Integrity);
    }
}

#[test]
fn every_bit_and_length_of_a_wrap_counts() {
    let Scene { world, wraps } = scene();
    let keys = world.keys();
    let (_, _, key, wrapped) = &wraps[0];
    let altered = |bytes: Vec<u8>| WrappedKey::new(key_of(ACME), bytes);
    for bit in 0..wrapped.as_bytes().len() * 8 {
        let kind = refused(&keys, &altered(flipped(wrapped.as_bytes(), bit)), "Db");
        assert!(matches!(kind, ErrorKind::Integrity | ErrorKind::Unsupported), "{bit}: {kind:?}");
    }
    for length in 0..wrapped.as_bytes().len() {
        let cut = altered(wrapped.as_bytes()[..length].to_vec());
        assert_eq!(refused(&keys, &cut, "Db"), ErrorKind::Integrity);
    }
    assert_eq!(refused(&keys, &altered([wrapped.as_bytes(), &[0]].concat()), "Db"), ErrorKind::Integrity);
    opens(&keys, wrapped, "Db", key);
}

/// Each single change of each record of a tenant, for a reader and for a writer that begin with it.
#[test]
fn every_change_of_a_record_is_refused_or_changes_nothing() {
    let Scene { world, wraps } = scene();
    let (_, _, old_key, old) = &wraps[0];
    let (_, _, new_key, new) = &wraps[1];
    let mut answered = 0;
    for place in [version_at(ACME, 1), version_at(ACME, 2), active_at(ACME)] {
        let honest = world.record(&place);
        for forgery in Forgery::every(&honest) {
            world.plant(&place, forgery.of(&honest));
            let keys = world.keys();
            for (wrapped, key) in [(old, old_key), (new, new_key)] {
                // Right or refused.
                if let Ok(opened) = wait(keys.unwrap_key(wrapped, &context("Db"))) {
                    assert_eq!(opened.expose_secret(), &key[..], "{forgery:?}");
                    answered += 1;
                }
            }
            if let Ok(made) = wait(keys.generate_key(&key_of(ACME), &context("Db"))) {
                let under = TenantKeys::version_of(&made.wrapped).expect("a wrap");
                assert_eq!(under, Some(version(2)), "{forgery:?} moves a writer to another key");
            }
        }
        world.plant(&place, honest);
    }
    assert!(answered > 100, "changes of what nobody relies on stay without effect: {answered}");
}

#[test]
fn the_wrapped_tenant_key_counts_to_the_last_bit() {
    let Scene { world, wraps } = scene();
    let honest = world.record(&version_at(ACME, 1));
    let bytes = honest.bytes("ProtectedTenantKey").expect("bytes").to_vec();
    let changes = (0..bytes.len() * 8).map(|bit| flipped(&bytes, bit));
    let cuts = (0..bytes.len()).map(|length| bytes[..length].to_vec());
    for changed in changes.chain(cuts).chain([[&bytes[..], &[0]].concat()]) {
        world.plant(&version_at(ACME, 1), honest.clone().with("ProtectedTenantKey", Value::from(changed)));
        assert_eq!(refused(&world.keys(), &wraps[0].3, "Db"), ErrorKind::Integrity);
    }
}

#[test]
fn a_master_key_that_a_record_names_is_bounded_by_the_configuration() {
    let world = World::new();
    let (key, wrapped) = generated(&world.keys(), ACME, "Db");
    let honest = world.record(&version_at(ACME, 1));
    let named = |id: &str| honest.clone().with("MasterKeyId", id.into());
    let asked = world.asked.count();
    world.plant(&version_at(ACME, 1), named("stranger"));
    assert_eq!(refused(&world.keys(), &wrapped, "Db"), ErrorKind::KeyNotAllowed);
    world.plant(&version_at(ACME, 1), named(SECOND));
    let strict = world.builder().unwrap_with([master(MAIN)]).build().expect("valid");
    assert_eq!(refused(&strict, &wrapped, "Db"), ErrorKind::KeyNotAllowed);
    // Tenant keys under tenant keys: no such thing.
    for tenant in [ACME, OTHER] {
        world.plant(&version_at(ACME, 1), named(key_of(tenant).as_str()));
        assert_eq!(refused(&world.keys(), &wrapped, "Db"), ErrorKind::Integrity);
    }
    assert_eq!(world.asked.count(), asked, "none of this asks a master key");
    world.plant(&version_at(ACME, 1), named(SECOND));
    assert_eq!(refused(&world.keys(), &wrapped, "Db"), ErrorKind::Integrity);
    world.plant(&version_at(ACME, 1), honest);
    opens(&world.keys(), &wrapped, "Db", &key);
}

/// A document key's wrap in the place of a tenant key, and the reverse: purposes are never mixed.
#[test]
fn wraps_of_other_purposes_are_no_tenant_keys() {
    let world = World::new();
    let (_, wrapped) = generated(&world.keys(), ACME, "Db");
    let honest = world.record(&version_at(ACME, 1));
    // A master-wrapped document key whose content its writer knows: it must not become the tenant's key.
    let known = wait(world.master_keys.generate_key(&master(MAIN), &context("Db"))).expect("generates");
    let planted = honest.clone().with("ProtectedTenantKey", Value::Bytes(Arc::clone(known.wrapped.as_shared())));
    world.plant(&version_at(ACME, 1), planted);
    assert_eq!(wraps(&world.keys()), ErrorKind::Integrity);
    assert_eq!(refused(&world.keys(), &wrapped, "Db"), ErrorKind::Integrity);
    // The wrapped tenant key as a document key.
    world.plant(&version_at(ACME, 1), honest.clone());
    let bytes = honest.bytes("ProtectedTenantKey").expect("bytes");
    let as_document_key = WrappedKey::new(master(MAIN), Arc::clone(bytes));
    assert_eq!(refused(&world.keys(), &as_document_key, "Db"), ErrorKind::Integrity);
    // A wrap by a tenant named as one by a master key, and the reverse.
    let renamed = WrappedKey::new(master(MAIN), Arc::clone(wrapped.as_shared()));
    assert_eq!(refused(&world.keys(), &renamed, "Db"), ErrorKind::Integrity);
    let renamed = WrappedKey::new(key_of(ACME), Arc::clone(known.wrapped.as_shared()));
    assert_eq!(refused(&world.keys(), &renamed, "Db"), ErrorKind::Integrity);
}

#[test]
fn another_store_over_the_same_records_opens_no_tenant_key() {
    let world = World::new();
    let (key, wrapped) = generated(&world.keys(), ACME, "Db");
    let elsewhere = world.builder().store_id("staging").build().expect("valid");
    assert_eq!(refused(&elsewhere, &wrapped, "Db"), ErrorKind::Integrity);
    assert_eq!(wraps(&elsewhere), ErrorKind::Integrity);
    // A wrap for one store is none for another, also by the same key.
    let id = SecretId::parse(super::support::APP, "Db").expect("valid");
    let staging = StoreId::new("staging").expect("valid");
    let other = EncryptionContext::document_key(&staging, &id, SecretVersion::FIRST);
    assert_eq!(kind(wait(world.keys().unwrap_key(&wrapped, &other))), ErrorKind::Integrity);
    assert_eq!(STORE, "prod");
    opens(&world.keys(), &wrapped, "Db", &key);
}

#[test]
fn a_listing_with_something_else_in_it_is_refused() {
    let Scene { world, .. } = scene();
    for sort in ["v1", "v0000000000", "v00000000x1"] {
        let place = secret_store_core::RecordKey::new("~k~acme", sort);
        world.plant(&place, world.record(&version_at(ACME, 1)));
        assert_eq!(kind(wait(world.keys().versions(&acme()))), ErrorKind::Integrity, "{sort}");
        world.erase(&place);
    }
    let place = secret_store_core::RecordKey::new("~k~acme", "APP#~h~Other");
    world.plant(&place, Record::new());
    assert_eq!(kind(wait(world.keys().applications(&acme()))), ErrorKind::Integrity);
    world.erase(&place);
    assert_eq!(wait(world.keys().versions(&acme())).expect("lists").len(), 2);
}
