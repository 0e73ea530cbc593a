//! Client-encrypted credentials beside the bare cipher and signature.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey};
use secret_store_benches::bare::Bare;
use secret_store_benches::turns::Contender;
use secret_store_benches::{memory_keys, now, store, value};
use secret_store_core::{ApplicationName, SecretValue, TenantId};
use secret_store_memory::MemoryPersistence;
use secret_store_transport::credential::{
    Credential, CredentialIntake, CredentialKey, CredentialKeyVersion, CredentialKeys, CredentialOwner,
    CredentialPlace, Domain, NewCredential, decrypt_credential, encrypt_credential,
};
use secret_store_transport::{AuthorityKey, Message as _, Trust};

use crate::sealed::{KEY, NONCE};

fn tenant() -> TenantId {
    TenantId::new("alice").expect("valid")
}

fn credential(revision: u64) -> NewCredential {
    let place = CredentialPlace::parse("github", "password").expect("valid");
    NewCredential::new(place, Domain::new("example.com").expect("valid"), revision)
}

/// Beside AES-256-GCM and Ed25519 over as many bytes.
pub(crate) fn seal_and_open(bytes: usize) -> Vec<Contender> {
    let key = Rc::new(CredentialKey::generate(tenant(), CredentialKeyVersion::FIRST).expect("random"));
    let secret = SecretValue::new(value(bytes));
    let sealed = encrypt_credential(&key, &credential(1), &secret).expect("encrypts");
    assert_eq!(decrypt_credential(&key, &sealed).expect("authentic").1.expose_secret(), value(bytes));
    let opening = Rc::clone(&key);
    let [bare_seal, bare_open] = bare(bytes);
    vec![
        bare_seal,
        bare_open,
        Contender::new("seal", move || encrypt_credential(&key, &credential(1), black_box(&secret)).expect("encrypts")),
        Contender::new("open", move || decrypt_credential(&opening, black_box(&sealed)).expect("authentic")),
    ]
}

fn bare(bytes: usize) -> [Contender; 2] {
    let [sealing, opening] = [(); 2].map(|()| Bare::new(&KEY));
    let signing = SigningKey::from_bytes(&KEY);
    let verifying = signing.verifying_key();
    let (mut buffer, mut sealed, mut opened) = (value(bytes), value(bytes), value(bytes));
    let tag = opening.seal(NONCE, b"place", &mut sealed);
    let signature = signing.sign(&sealed);
    [
        Contender::new("bare seal and sign", move || {
            let tag = sealing.seal(NONCE, b"place", black_box(&mut buffer));
            (tag, signing.sign(&buffer))
        }),
        Contender::new("bare verify and open", move || {
            verifying.verify_strict(black_box(&sealed), &signature).expect("authentic");
            opening.open(NONCE, b"place", black_box(&sealed), &tag, black_box(&mut opened));
        }),
    ]
}

/// Encrypts one revision after another of one field.
struct Client {
    key: CredentialKey,
    revision: u64,
    value: SecretValue,
}

impl Client {
    fn next(&mut self) -> Credential {
        self.revision += 1;
        encrypt_credential(&self.key, &credential(self.revision), &self.value).expect("encrypts")
    }
}

/// What a server does with what is submitted, beside verifying a signature over as many bytes.
pub(crate) fn ingest(bytes: usize) -> Vec<Contender> {
    let records = Arc::new(MemoryPersistence::new());
    let authority = Arc::new(AuthorityKey::generate().expect("random"));
    let owner = CredentialOwner::new(tenant(), ApplicationName::new("Vault.alice").expect("valid"));
    let secrets = Arc::new(store(memory_keys(), records.clone()));
    let keys = CredentialKeys::new(secrets, records.clone()).with_authority(authority.clone());
    let key = now(keys.create(&owner)).expect("created");
    let intake = CredentialIntake::new(records, Trust::Authority(authority.public_key()));
    let verify_key = key.verify_key().clone();
    let mut client = Client { key, revision: 0, value: SecretValue::new(value(bytes)) };
    let (sealed, signing) = (client.next(), SigningKey::from_bytes(&KEY));
    let (message, verifying) = (sealed.as_bytes().to_vec(), signing.verifying_key());
    let signature = signing.sign(&message);
    vec![
        Contender::new("bare verify", move || {
            verifying.verify_strict(black_box(&message), &signature).expect("authentic")
        }),
        Contender::new("verify", move || verify_key.verify(black_box(&sealed)).expect("authentic")),
        Contender::with_input(
            "ingest",
            move || client.next(),
            move |sealed| now(intake.ingest(&owner, sealed)).expect("taken"),
        ),
    ]
}
