//! Tink for Rust: its AES-256-GCM keyset, and envelope encryption under a local key encryption key.

use secret_store_benches::turns::Contender;
use secret_store_benches::value;
use tink_aead::{KmsEnvelopeAead, aes256_gcm_key_template};
use tink_core::Aead;

use crate::bare::associated_data;

/// A keyset of one AES-256-GCM key.
fn keyset() -> Box<dyn Aead> {
    tink_aead::init();
    let handle = tink_core::keyset::Handle::new(&aes256_gcm_key_template()).expect("a key");
    tink_aead::new(&handle).expect("a cipher")
}

fn pair(names: [&'static str; 2], aead: Box<dyn Aead>, bytes: usize) -> [Contender; 2] {
    let (plaintext, aad) = (value(bytes), associated_data());
    let sealed = aead.encrypt(&plaintext, &aad).expect("encrypts");
    assert_eq!(aead.decrypt(&sealed, &aad).expect("authentic"), plaintext);
    let (opening, open_aad) = (aead.box_clone(), aad.clone());
    [
        Contender::new(names[0], move || opening.decrypt(&sealed, &open_aad).expect("authentic")),
        Contender::new(names[1], move || aead.encrypt(&plaintext, &aad).expect("encrypts")),
    ]
}

pub(crate) fn contenders(bytes: usize) -> Vec<Contender> {
    let envelope = Box::new(KmsEnvelopeAead::new(aes256_gcm_key_template(), keyset()));
    let keyset = pair(["tink decrypt", "tink encrypt"], keyset(), bytes);
    let envelope = pair(["tink envelope decrypt", "tink envelope encrypt"], envelope, bytes);
    keyset.into_iter().chain(envelope).collect()
}
