//! AES-256-GCM alone with its key ready, in place, the same associated data: what every library here stands on.

use std::hint::black_box;

use secret_store_benches::bare::{NONCE_BYTES, TAG_BYTES};
use secret_store_benches::turns::Contender;
use secret_store_benches::{first_version, secret_id, store_id, value};
use secret_store_core::bench::ReadyEnvelope;

pub(crate) const KEY: [u8; 32] = [7; 32];
pub(crate) const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];

/// What this library authenticates beside a value.
pub(crate) fn associated_data() -> Vec<u8> {
    ReadyEnvelope::new(&KEY, &store_id(), &secret_id(), first_version()).aad().to_vec()
}

/// Both crates have the same interface.
macro_rules! bare {
    ($library:ident, $open:literal, $seal:literal, $bytes:expr) => {{
        use $library::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
        let key = || LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &KEY).expect("32 bytes"));
        let nonce = || Nonce::assume_unique_for_key(NONCE);
        let (opening, sealing, aad) = (key(), key(), associated_data());
        let mut sealed = value($bytes);
        let tag = sealing.seal_in_place_separate_tag(nonce(), Aad::from(&aad), &mut sealed).expect("seals");
        let mut buffer = sealed.clone();
        buffer.extend_from_slice(tag.as_ref());
        let opened = opening.open_in_place(nonce(), Aad::from(&aad), &mut buffer).expect("authentic");
        assert_eq!(*opened, value($bytes));
        let mut plaintext = value($bytes);
        let open_aad = aad.clone();
        [
            // The ciphertext is copied in anew: opening in place consumes it.
            Contender::new($open, move || {
                buffer[..sealed.len()].copy_from_slice(black_box(&sealed));
                buffer[sealed.len()..].copy_from_slice(tag.as_ref());
                opening.open_in_place(nonce(), Aad::from(&open_aad), &mut buffer).expect("authentic").len()
            }),
            Contender::new($seal, move || {
                let sealed = sealing.seal_in_place_separate_tag(nonce(), Aad::from(&aad), black_box(&mut plaintext));
                sealed.expect("seals").as_ref()[TAG_BYTES - 1]
            }),
        ]
    }};
}

pub(crate) fn contenders(bytes: usize) -> Vec<Contender> {
    let ring = bare!(ring, "ring open", "ring seal", bytes);
    let aws_lc = bare!(aws_lc_rs, "aws-lc-rs open", "aws-lc-rs seal", bytes);
    ring.into_iter().chain(aws_lc).collect()
}
