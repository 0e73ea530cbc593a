//! From the original vault into this one: read with the old data key, encrypt under a new one, submit.

use secret_store_core::ErrorKind;
use secret_store_transport::credential::{MAX_CREDENTIAL_BYTES, encrypt_credential, import_original};

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

#[test]
fn a_field_with_half_a_byte_more_and_one_that_holds_too_much_are_refused() {
    use aes_gcm::aead::{Aead as _, KeyInit as _};
    let sealed = |text: &str| {
        let document = serde_json::to_vec(text).expect("text");
        let sealed = aes_gcm::Aes256Gcm::new((&ORIGINAL_KEY).into()).encrypt(&[1; 12].into(), &document[..]);
        hex::encode([&[1; 12][..], &sealed.expect("seals")].concat())
    };
    let field = sealed("hunter2");
    assert_eq!(import_original(&ORIGINAL_KEY, &field).expect("opens").expose_secret(), b"hunter2");
    assert_eq!(kind(import_original(&ORIGINAL_KEY, &format!("{field}0"))), ErrorKind::InvalidInput);
    let longest = "x".repeat(MAX_CREDENTIAL_BYTES);
    import_original(&ORIGINAL_KEY, &sealed(&longest)).expect("just fits");
    let refused = kind(import_original(&ORIGINAL_KEY, &sealed(&format!("{longest}x"))));
    assert!(matches!(refused, ErrorKind::TooLarge { limit: 65_536, actual: 65_537 }), "{refused:?}");
}
