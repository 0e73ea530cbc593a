//! No decrypted byte of a credential, and no byte of its keys, is left in memory after use: on return, after a panic and after a
//! cancellation.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Context;

use futures::executor::block_on;
use secret_store_conformance::memory_scan::{self, Canaries, Expect};
use secret_store_core::{ApplicationName, EnvelopeStore, SecretValue, TenantId};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use secret_store_transport::credential::{
    CredentialIntake, CredentialKeyVersion, CredentialKeys, CredentialOwner, CredentialPlace,
    CredentialRotationOptions, CredentialUse, CredentialVault, CredentialView, Domain, Host, NewCredential,
    TrialOpenIntake, decrypt_credential, encrypt_credential,
};
use secret_store_transport::{AuthorityKey, Trust};

const FIELDS: [&str; 3] = ["short", "longer", "longest"];
const SIZES: [usize; 3] = [16, 300, 20_000];

struct Scene {
    store: Arc<EnvelopeStore>,
    keys: CredentialKeys,
    intake: CredentialIntake,
    trial: TrialOpenIntake,
    vault: CredentialVault,
    owner: CredentialOwner,
}

impl Scene {
    fn new() -> Self {
        let records = Arc::new(MemoryPersistence::new());
        let master = MemoryKeyProvider::new().with_generated(&"main".parse().expect("valid")).expect("random");
        let builder = EnvelopeStore::builder(Arc::new(master), records.clone()).store_id("scanned").master_key("main");
        let store = Arc::new(builder.build().expect("valid"));
        let authority = Arc::new(AuthorityKey::generate().expect("random"));
        let trust = Trust::Authority(authority.public_key());
        Self {
            keys: CredentialKeys::new(store.clone(), records.clone()).with_authority(authority),
            intake: CredentialIntake::new(records.clone(), trust),
            trial: TrialOpenIntake::new(store.clone(), records.clone()),
            vault: CredentialVault::new(store.clone(), records),
            owner: CredentialOwner::new(
                TenantId::new("alice").expect("valid"),
                ApplicationName::new("Vault.alice").expect("valid"),
            ),
            store,
        }
    }

    fn scan(&self, canaries: &Canaries, name: &str, values: Expect) {
        // Its ready ciphers are keys that the store keeps on purpose.
        self.store.purge_keys();
        canaries.scan(name, [values, Expect::Absent, Expect::Held]);
    }
}

fn place(field: &str) -> CredentialPlace {
    CredentialPlace::parse("github", field).expect("valid")
}

fn here() -> CredentialUse {
    CredentialUse::at(Host::new("example.com").expect("valid"))
}

fn encrypt(scene: &Scene, canaries: &Canaries) {
    let key = block_on(scene.keys.create(&scene.owner)).expect("created");
    let stored = key.to_stored();
    canaries.watch_document_key(&stored.expose_secret()[stored.len() - 32..]);
    canaries.scan("control-key", [Expect::Absent, Expect::Present, Expect::Held]);
    drop(stored);
    for (field, size) in FIELDS.into_iter().zip(SIZES) {
        let new = NewCredential::new(place(field), Domain::new("example.com").expect("valid"), 1);
        let value: SecretValue = canaries.value(size);
        let credential = encrypt_credential(&key, &new, &value).expect("encrypts");
        drop(value);
        drop(decrypt_credential(&key, &credential).expect("opens"));
        block_on(scene.trial.ingest(&scene.owner, credential.clone())).expect("taken by opening it");
        block_on(scene.intake.ingest(&scene.owner, credential)).expect("taken");
    }
}

/// What should have been encrypted and was not.
fn submit_plaintext(scene: &Scene, canaries: &Canaries) {
    for size in SIZES {
        let value: SecretValue = canaries.value(size);
        let plaintext = value.expose_secret().to_vec();
        drop(value);
        assert!(block_on(scene.intake.ingest_bytes(&scene.owner, plaintext)).is_err());
        let value: SecretValue = canaries.value(size);
        let plaintext = value.expose_secret().to_vec();
        drop(value);
        assert!(block_on(scene.trial.ingest_bytes(&scene.owner, plaintext)).is_err());
    }
}

fn panic_in_use(scene: &Scene) {
    for field in FIELDS {
        let (place, here) = (place(field), here());
        let using = scene.vault.with_credential(&scene.owner, &place, &here, |view: &CredentialView| {
            assert!(view.expose_secret().is_empty(), "as it should");
        });
        assert!(catch_unwind(AssertUnwindSafe(|| block_on(using))).is_err());
        let using = scene.vault.with_credential_async(&scene.owner, &place, &here, async |view: &CredentialView| {
            futures::future::ready(()).await;
            assert!(view.expose_secret().is_empty(), "as it should");
        });
        assert!(catch_unwind(AssertUnwindSafe(|| block_on(using))).is_err());
    }
}

/// Dropped while the closure waits, at which the plaintext is there.
fn cancel_use(scene: &Scene, canaries: &Canaries) {
    for field in FIELDS {
        let (place, here) = (place(field), here());
        let mut using =
            Box::pin(scene.vault.with_credential_async(&scene.owner, &place, &here, async |view: &CredentialView| {
                std::future::pending::<()>().await;
                view.expose_secret().len()
            }));
        let mut context = Context::from_waker(futures::task::noop_waker_ref());
        for _ in 0..100 {
            assert!(using.as_mut().poll(&mut context).is_pending());
        }
        scene.store.purge_keys();
        canaries.scan("control-held-by-a-waiting-closure", [Expect::Present, Expect::Held, Expect::Held]);
        drop(using);
    }
}

#[test]
fn nothing_decrypted_is_left_after_use() {
    memory_scan::run_scenario("nothing_decrypted_is_left_after_use", |canaries| {
        let scene = Scene::new();
        encrypt(&scene, canaries);
        scene.scan(canaries, "encrypted-opened-and-submitted", Expect::Absent);
        submit_plaintext(&scene, canaries);
        scene.scan(canaries, "plaintext-refused", Expect::Absent);
        for field in FIELDS {
            let length = block_on(scene.vault.with_credential(&scene.owner, &place(field), &here(), |view| {
                canaries.scan("control-held-by-a-closure", [Expect::Present, Expect::Held, Expect::Held]);
                view.text().expect("text").len()
            }));
            assert!(SIZES.contains(&length.expect("used")));
        }
        scene.scan(canaries, "used-and-returned", Expect::Absent);
        panic_in_use(&scene);
        scene.scan(canaries, "used-and-panicked", Expect::Absent);
        cancel_use(&scene, canaries);
        scene.scan(canaries, "used-and-cancelled", Expect::Absent);
        let options = CredentialRotationOptions::default();
        let rotated = scene.keys.rotate_data_key(&scene.owner, CredentialKeyVersion::FIRST, &options);
        assert!(block_on(rotated).expect("rotated").is_finished());
        scene.scan(canaries, "rotated", Expect::Absent);
    });
}
