//! From the original vault into this one: read with the old data key, encrypt under a new one, submit.

use secret_store_core::ErrorKind;
use secret_store_transport::credential::{encrypt_credential, import_original};

use super::support::{World, here, kind, new, place, wait};

const ORIGINAL_KEY: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

#[test]
fn fields_of_the_original_become_credentials() {
    let vectors: Vec<[String; 2]> =
        serde_json::from_str(include_str!("../vectors/original_credentials.json")).expect("vectors");
    let world = World::new();
    let (alice, key) = world.user("alice");
    for (n, [field, value]) in vectors.iter().enumerate() {
        let name = format!("field {n}");
        let imported = import_original(&ORIGINAL_KEY, field).expect("opens");
        let credential = encrypt_credential(&key, &new(&name, 1), &imported).expect("encrypts");
        world.ingest(&alice, &credential);
        let read = |view: &secret_store_transport::credential::CredentialView| view.text().expect("text").to_owned();
        let used = wait(world.vault().with_credential(&alice, &place(&name), &here(), read));
        assert_eq!(used.expect("used"), *value);
        // As it is, the original's form is not taken.
        let as_it_is = wait(world.intake().ingest_bytes(&alice, field.clone().into_bytes()));
        assert_eq!(kind(as_it_is), ErrorKind::NotSealed);
    }
    assert!(vectors.len() >= 4);
}
