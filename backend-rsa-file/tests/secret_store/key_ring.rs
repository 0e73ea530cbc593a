//! RSA keys beside another key provider, which stands for a KMS: the published suites over both, and the move from one to the other.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::{Options, key_provider, store};
use secret_store_core::{
    ApplicationConfig, Consistency, EnvelopeStore, ErrorKind, KeyProvider, KeyRing, Legacy, MasterKeyId, Persistence,
    Precondition, ProtectedSecret, Record, RecordKey, Result, SecretId, SecretStoreExt, Write,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use secret_store_rsa_file::{RsaKeyProvider, SigningKeyId};

use crate::vectors::{Vector, vectors};

fn master(id: &str) -> MasterKeyId {
    MasterKeyId::new(id).expect("valid")
}

fn signer(id: &str) -> SigningKeyId {
    SigningKeyId::new(id).expect("valid")
}

fn rsa(id: &str, key: &str, signing: (&str, &str)) -> Arc<RsaKeyProvider> {
    let vectors = vectors();
    let provider = RsaKeyProvider::builder()
        .master_key_pem(master(id), vectors.pem(key))
        .signing_key_pem(signer(signing.0), vectors.pem(signing.1));
    Arc::new(block_on(provider.build()).expect("the keys are good"))
}

fn memory(id: &str) -> Arc<MemoryKeyProvider> {
    Arc::new(MemoryKeyProvider::new().with_generated(&master(id)).expect("random bytes"))
}

/// Of which one holds the key "first" and the other one "second".
fn rings() -> [KeyRing; 2] {
    let signing = ("signer", "sign2048");
    [
        KeyRing::new(memory("first")).with_wrapping(rsa("second", "enc2048", signing)),
        KeyRing::new(rsa("first", "enc2048", signing)).with_wrapping(memory("second")),
    ]
}

#[test]
fn a_ring_keeps_the_obligations_of_a_key_provider() {
    for ring in rings() {
        let ids = [master("first"), master("second")];
        let make = || std::future::ready(Ok(key_provider::Instance::new(ring.clone(), ids.clone())));
        block_on(key_provider::run(make)).assert_complete();
    }
}

/// With one wrap, and with one by each member.
fn store_over(keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>, further: &[&str]) -> Result<EnvelopeStore> {
    EnvelopeStore::builder(keys, records)
        .store_id("conformance")
        .master_key("first")
        .also_wrap_with(further.iter().map(|id| master(id)))
        .build()
}

#[test]
fn a_store_over_a_ring_keeps_the_obligations_of_a_store() {
    for ring in rings() {
        for further in [&[][..], &["second"]] {
            let report = block_on(store::run(|| async {
                let (keys, records) = (Arc::new(ring.clone()), Arc::new(MemoryPersistence::new()));
                let store = store_over(keys.clone(), records.clone(), further)?;
                let reopen = move || std::future::ready(store_over(keys.clone(), records.clone(), further));
                Ok(store::Instance::from(store).with_other_master_key(master("second")).with_reopen(reopen))
            }));
            report.assert_complete();
        }
    }
}

#[test]
fn a_store_over_a_ring_withstands_a_hostile_database() {
    for ring in rings() {
        for further in [&[][..], &["second"]] {
            let keys: Arc<dyn KeyProvider> = Arc::new(ring.clone());
            let redundant: &[&str] = if further.is_empty() { &[] } else { &["ProtectedDocumentKey", "Wraps"] };
            let report = block_on(store::run_hostile_with(
                || async { Ok(MemoryPersistence::new()) },
                move |records| std::future::ready(store_over(Arc::clone(&keys), records, further)),
                Options::default().with_redundant_attributes(redundant.iter().copied()),
            ));
            report.assert_complete();
        }
    }
}

fn load(records: &MemoryPersistence, key: &RecordKey) -> Record {
    let stored = block_on(records.load(key, Consistency::Strong)).expect("loads");
    Record::clone(&stored.expect("is there").record)
}

fn plant(records: &MemoryPersistence, key: &RecordKey, record: Record) {
    block_on(records.commit(vec![Write::put(key.clone(), record, Precondition::Any)])).expect("commits");
}

/// Moves the one wrap of the current record of a secret, as a rotation does.
fn move_current(
    store: &EnvelopeStore,
    records: &MemoryPersistence,
    id: &SecretId,
    from: &MasterKeyId,
    to: &MasterKeyId,
) {
    let key = RecordKey::new(id.application().as_str(), id.name().as_str());
    let protected = ProtectedSecret::from_record(id, &load(records, &key)).expect("a record");
    let moved = block_on(store.rewrap(&protected, from, to)).expect("rewrapped").expect("it had a wrap under it");
    plant(records, &key, moved.to_record());
}

#[test]
fn from_rsa_to_another_provider_and_back() {
    let (old, new) = (rsa("rsa", "enc2048", ("signer", "sign2048")), memory("kms"));
    let records = Arc::new(MemoryPersistence::new());
    let build = |keys: Arc<dyn KeyProvider>, main: &str| {
        let builder = EnvelopeStore::builder(keys, records.clone()).store_id("prod").master_key(main);
        builder.build().expect("a valid configuration")
    };
    let id = SecretId::parse("Shop.Production", "Db").expect("valid");
    let text = |store: EnvelopeStore| block_on(store.get(&id)).expect("opens").text().expect("text").to_owned();
    block_on(build(old.clone(), "rsa").put(&id, "hunter2".into())).expect("stored");
    let ring = || Arc::new(KeyRing::new(new.clone()).with_wrapping(old.clone()));
    for (from, to) in [("rsa", "kms"), ("kms", "rsa"), ("rsa", "kms")] {
        assert_eq!(text(build(ring(), "kms")), "hunter2");
        move_current(&build(ring(), "kms"), &records, &id, &master(from), &master(to));
        assert_eq!(text(build(ring(), "kms")), "hunter2");
        let (holder, other): (Arc<dyn KeyProvider>, Arc<dyn KeyProvider>) =
            if to == "kms" { (new.clone(), old.clone()) } else { (old.clone(), new.clone()) };
        assert_eq!(text(build(holder, to)), "hunter2");
        assert_eq!(block_on(build(other, from).get(&id)).expect_err("moved").kind(), ErrorKind::KeyNotAllowed);
    }
}

/// A record of the original moves as it is: no pairs, no binding, a key of 16 bytes.
#[test]
fn what_the_original_wrote_moves_too() {
    let vectors = vectors();
    for vector in vectors.written.iter().take(3) {
        let (kms, records) = (memory("kms"), Arc::new(MemoryPersistence::new()));
        plant(&records, &vector.key(), vector.record());
        let build = |keys: Arc<dyn KeyProvider>| {
            let application = ApplicationConfig::default().with_legacy(Legacy::Read);
            EnvelopeStore::builder(keys, records.clone())
                .store_id("prod")
                .master_key("kms")
                .application(vector.id().application().clone(), application)
                .build()
                .expect("a valid configuration")
        };
        let read = |store: &EnvelopeStore, vector: &Vector| {
            block_on(store.get(&vector.id())).expect(&vector.id).expose_secret().to_vec()
        };
        let ring = build(Arc::new(KeyRing::new(kms.clone()).with_unwrapping(vectors.provider(vector))));
        let value = read(&ring, vector);
        move_current(&ring, &records, &vector.id(), &vector.master_key_id(), &master("kms"));
        assert_eq!(load(&records, &vector.key()).len(), 6);
        assert_eq!((read(&ring, vector), read(&build(kms), vector)), (value.clone(), value));
    }
}

/// Two key directories whose keys have one name are read as long as they do not contradict each other's signing keys.
#[test]
fn two_rsa_keys_under_one_id() {
    let new = rsa("main", "enc2048", ("signer", "sign2048"));
    let id = SecretId::parse("Shop.Production", "Db").expect("valid");
    // Signed by another key of the same name: refused as a wrap of somebody else's, and asked of the other member.
    for (signing, expected) in
        [(("signer", "sign4096"), None), (("former", "sign4096"), Some(ErrorKind::KeyNotAllowed))]
    {
        let (old, records) = (rsa("main", "enc4096", signing), Arc::new(MemoryPersistence::new()));
        let build = |keys: Arc<dyn KeyProvider>| {
            let builder = EnvelopeStore::builder(keys, records.clone()).store_id("prod").master_key("main");
            builder.build().expect("a valid configuration")
        };
        block_on(build(old.clone()).put(&id, "hunter2".into())).expect("stored");
        let ring = build(Arc::new(KeyRing::new(new.clone()).with_unwrapping(old.clone())));
        match (block_on(ring.get(&id)), expected) {
            (Ok(secret), None) => assert_eq!(secret.expose_secret(), b"hunter2"),
            (Err(error), Some(kind)) => {
                assert_eq!(error.kind(), kind);
                let text = error.to_string();
                assert!(text.contains("member 1 of the key ring") && text.contains("signed by former"), "{text}");
            }
            (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
        }
        // What is new is the first member's.
        block_on(ring.put(&id, "hunter3".into())).expect("stored");
        assert_eq!(block_on(build(new.clone()).get(&id)).expect("opens").expose_secret(), b"hunter3");
    }
}
