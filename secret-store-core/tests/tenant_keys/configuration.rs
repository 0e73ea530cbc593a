//! What may be configured, what is refused, and what is refused without asking anybody.

use std::sync::Arc;

use secret_store_core::{
    DocumentKey, EncryptionContext, ErrorKind, KeyProvider, SecretVersion, StoreId, TenantConfig, TenantKeys,
};

use super::support::{
    ACME, MAIN, OTHER, SECOND, STORE, World, acme, context, generated, key_of, kind, master, refusal, tenant, version,
    version_at, wait,
};

#[test]
fn what_must_be_said_is_said() {
    let world = World::new();
    let bare = || TenantKeys::builder(world.asked.clone(), world.records.clone());
    assert_eq!(kind(bare().master_key(MAIN).build()), ErrorKind::InvalidInput, "a store id");
    assert_eq!(kind(bare().store_id("").master_key(MAIN).build()), ErrorKind::InvalidInput);
    assert_eq!(kind(bare().store_id(STORE).master_key("~t~acme").build()), ErrorKind::InvalidInput);
    assert_eq!(kind(bare().store_id(STORE).master_key(key_of(ACME)).build()), ErrorKind::KeyNotAllowed);
    assert_eq!(kind(bare().store_id(STORE).master_key("stranger").build()), ErrorKind::KeyNotAllowed);
    let narrow = bare().store_id(STORE).master_key(MAIN).wrap_with([master(SECOND)]);
    assert_eq!(kind(narrow.build()), ErrorKind::KeyNotAllowed);
    let stranger = TenantConfig::default().with_master_key(master("stranger"));
    assert_eq!(kind(world.builder().tenant(acme(), stranger).build()), ErrorKind::KeyNotAllowed);
    // A reader needs no master key to wrap under; making a key then names what is missing.
    let reader = bare().store_id(STORE).build().expect("a reader");
    let error = refusal(wait(reader.create(&acme())));
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("master_key"), "{error}");
}

#[test]
fn tenants_are_accepted_as_configured() {
    let world = World::new();
    let strange = master("stranger");
    let resolve = |tenant: &secret_store_core::TenantId| {
        (tenant.as_str() == OTHER).then(|| Arc::new(TenantConfig::default().with_minimum_version(version(2))))
    };
    let all = world.keys();
    let one = world.builder().tenant(acme(), TenantConfig::default()).refuse_other_tenants().build().expect("valid");
    let resolved =
        world.builder().tenant(acme(), TenantConfig::default()).other_tenants(resolve).build().expect("valid");
    for (keys, accepted) in [(&all, [true, true, true]), (&one, [true, false, false]), (&resolved, [true, true, false])]
    {
        for (name, accepted) in [ACME, OTHER, "third"].into_iter().zip(accepted) {
            assert_eq!(keys.accepts(&key_of(name)), accepted, "{name}");
        }
        assert!(keys.accepts(&master(MAIN)) && !keys.accepts(&strange), "master keys are the inner provider's");
    }
    let calls = (world.asked.count(), world.records.calls());
    let key = DocumentKey::from_bytes(&[7; 32]).expect("32 bytes");
    let third = tenant("third");
    let refused = [
        kind(wait(one.generate_key(&key_of("third"), &context("Db")))),
        kind(wait(one.wrap_key(&key_of("third"), &key, &context("Db")))),
        kind(wait(one.create(&third))),
        kind(wait(one.activate_next(&third, version(1)))),
        kind(wait(one.retire(&third, version(1)))),
        kind(wait(one.destroy_version(&third, version(1)))),
        kind(wait(one.destroy_tenant(&third))),
        kind(wait(one.repair(&third))),
        kind(wait(one.versions(&third))),
        kind(wait(one.active_version(&third))),
        kind(wait(one.applications(&third))),
    ];
    assert!(refused.iter().all(|kind| *kind == ErrorKind::KeyNotAllowed), "{refused:?}");
    assert_eq!((world.asked.count(), world.records.calls()), calls, "nobody is asked");
    // What is resolved holds: a minimum too.
    assert_eq!(kind(wait(resolved.create(&tenant(OTHER)))), ErrorKind::KeyNotAllowed);
}

#[test]
fn each_tenant_may_have_a_master_key_of_its_own() {
    let world = World::new();
    let keys =
        world.builder().tenant(acme(), TenantConfig::default().with_master_key(master(SECOND))).build().expect("valid");
    drop(generated(&keys, ACME, "Db"));
    drop(generated(&keys, OTHER, "Db"));
    for (tenant, id) in [(ACME, SECOND), (OTHER, MAIN)] {
        assert_eq!(world.record(&version_at(tenant, 1)).text("MasterKeyId").map(|id| &**id), Some(id));
    }
}

#[test]
fn a_tenant_key_wraps_document_keys_of_format_1_and_nothing_else() {
    let world = World::new();
    let keys = world.keys();
    let (_, wrapped) = generated(&keys, ACME, "Db");
    let store = StoreId::new(STORE).expect("valid");
    let id = super::support::id("Db");
    let first = SecretVersion::FIRST;
    let key = DocumentKey::from_bytes(&[7; 32]).expect("32 bytes");
    let calls = (world.asked.count(), world.records.calls());
    for context in [
        EncryptionContext::legacy(),
        EncryptionContext::tenant_key(&store, &acme(), version(1)),
        EncryptionContext::tenant_wrapped_document_key(&store, &id, first, &acme(), version(1)),
    ] {
        assert_eq!(kind(wait(keys.generate_key(&key_of(ACME), &context))), ErrorKind::Unsupported);
        assert_eq!(kind(wait(keys.wrap_key(&key_of(ACME), &key, &context))), ErrorKind::Unsupported);
        assert_eq!(kind(wait(keys.unwrap_key(&wrapped, &context))), ErrorKind::Unsupported);
    }
    assert_eq!((world.asked.count(), world.records.calls()), calls, "nobody is asked");
    for size in [16, 24] {
        let short = DocumentKey::from_bytes(&vec![7; size]).expect("a legacy size");
        assert_eq!(kind(wait(keys.wrap_key(&key_of(ACME), &short, &context("Db")))), ErrorKind::Integrity);
    }
}

#[test]
fn ids_that_are_no_tenants_are_handed_on_unchanged() {
    use secret_store_conformance::fault::KeyCall;
    let world = World::new();
    let keys = world.keys();
    for context in [context("Db"), EncryptionContext::legacy()] {
        let generated = wait(keys.generate_key(&master(MAIN), &context)).expect("generates");
        let wrapped = wait(keys.wrap_key(&master(SECOND), &generated.document_key, &context)).expect("wraps");
        let opened = wait(keys.unwrap_key(&wrapped, &context)).expect("opens");
        assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
        wait(keys.rewrap_key(&wrapped, &context, &master(MAIN), &context)).expect("moves");
        let asked = world.asked.take();
        assert!(matches!(
            &asked[..],
            [KeyCall::Generate { .. }, KeyCall::Wrap { .. }, KeyCall::Unwrap { .. }, KeyCall::Rewrap { .. }]
        ));
    }
    assert!(world.memory.snapshot().is_empty(), "nothing is recorded for master keys");
}

#[test]
fn nothing_secret_shows() {
    let world = World::new();
    let keys = world.keys();
    let (_, wrapped) = generated(&keys, ACME, "Db");
    let info = wait(keys.versions(&acme())).expect("lists").remove(0);
    let record = world.record(&version_at(ACME, 1));
    let bytes = record.bytes("ProtectedTenantKey").expect("bytes");
    for shown in [format!("{keys:?}"), format!("{info:?}"), format!("{wrapped:?}"), format!("{:?}", world.builder())] {
        let numbers = format!("{:?}", &bytes[10..14]);
        assert!(!shown.contains(&numbers[1..numbers.len() - 1]), "{shown}");
    }
}
