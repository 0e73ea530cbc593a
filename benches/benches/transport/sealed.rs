//! Sealing and opening to a public key, by suite, beside what the suite is made of: the key agreement or the RSA operation, and the
//! bare cipher.

use std::hint::black_box;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use futures::executor::block_on;
use secret_store_benches::bare::{Bare, NONCE_BYTES};
use secret_store_benches::turns::Contender;
use secret_store_benches::value;
use secret_store_transport::{KeySpec, RecipientKeyPair};
use x25519_dalek::{PublicKey, StaticSecret};

pub(crate) const KEY: [u8; 32] = [7; 32];
pub(crate) const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];

/// A key that protects nothing (PKCS #8): making one takes from a tenth of a second to several.
const RSA_KEY: &[u8] = include_bytes!("rsa-3072.der");
const RSA_BYTES: usize = 3072 / 8;

/// The cipher that was compiled in, alone.
pub(crate) fn bare_seal(bytes: usize) -> Contender {
    let (bare, mut buffer) = (Bare::new(&KEY), value(bytes));
    Contender::new("bare seal", move || bare.seal(NONCE, b"aad", black_box(&mut buffer)))
}

/// The same, opening.
pub(crate) fn bare_open(bytes: usize) -> Contender {
    let (bare, mut sealed, mut opened) = (Bare::new(&KEY), value(bytes), value(bytes));
    let tag = bare.seal(NONCE, b"aad", &mut sealed);
    Contender::new("bare open", move || bare.open(NONCE, b"aad", black_box(&sealed), &tag, black_box(&mut opened)))
}

/// Two multiplications on the curve to seal, two to open: the recipient's public key is one, which the key schedule takes.
pub(crate) fn x25519(bytes: usize) -> Vec<Contender> {
    let keys = || (StaticSecret::from(KEY), PublicKey::from([9; 32]));
    let on_the_curve = |(private, public): &(StaticSecret, PublicKey)| {
        (PublicKey::from(black_box(private)), black_box(private).diffie_hellman(black_box(public)))
    };
    let [sealing, opening] = [(); 2].map(|()| (keys(), Bare::new(&KEY)));
    let (mut buffer, mut sealed, mut opened) = (value(bytes), value(bytes), value(bytes));
    let tag = opening.1.seal(NONCE, b"aad", &mut sealed);
    let mut contenders = vec![
        Contender::new("bare seal", move || {
            let (keys, bare) = &sealing;
            (on_the_curve(keys), bare.seal(NONCE, b"aad", black_box(&mut buffer)))
        }),
        Contender::new("bare open", move || {
            let (keys, bare) = &opening;
            bare.open(NONCE, b"aad", black_box(&sealed), &tag, black_box(&mut opened));
            on_the_curve(keys)
        }),
    ];
    contenders.extend(ours(block_on(RecipientKeyPair::generate(KeySpec::X25519)).expect("random"), bytes));
    contenders
}

pub(crate) fn rsa(bytes: usize) -> Vec<Contender> {
    let key = PrivateDecryptingKey::from_pkcs8(RSA_KEY).expect("a key");
    let spki: PublicKeyX509Der<'_> = key.public_key().as_der().expect("serialises");
    let public = PublicEncryptingKey::from_der(spki.as_ref()).expect("a key");
    let public = OaepPublicEncryptingKey::new(public).expect("a key");
    let private = OaepPrivateDecryptingKey::new(key).expect("a key");
    let [sealing, opening] = [(); 2].map(|()| Bare::new(&KEY));
    let (mut buffer, mut sealed, mut opened) = (value(bytes), value(bytes), value(bytes));
    let tag = opening.seal(NONCE, b"aad", &mut sealed);
    let [mut wrapped, mut to_open, mut unwrapped] = [(); 3].map(|()| vec![0; RSA_BYTES]);
    public.encrypt(&OAEP_SHA256_MGF1SHA256, &KEY, &mut to_open, Some(&KEY)).expect("encrypts");
    let mut contenders = vec![
        Contender::new("bare seal", move || {
            public.encrypt(&OAEP_SHA256_MGF1SHA256, &KEY, &mut wrapped, Some(&KEY)).expect("encrypts");
            sealing.seal(NONCE, b"aad", black_box(&mut buffer))
        }),
        Contender::new("bare open", move || {
            private.decrypt(&OAEP_SHA256_MGF1SHA256, &to_open, &mut unwrapped, Some(&KEY)).expect("decrypts");
            opening.open(NONCE, b"aad", black_box(&sealed), &tag, black_box(&mut opened));
        }),
    ];
    contenders.extend(ours(RecipientKeyPair::from_pkcs8(RSA_KEY).expect("a key"), bytes));
    contenders
}

fn ours(pair: RecipientKeyPair, bytes: usize) -> [Contender; 2] {
    let (pair, message) = (Arc::new(pair), value(bytes));
    let sealed = pair.public_key().seal(b"info", b"aad", &message).expect("seals");
    let opened = block_on(pair.open(b"info", b"aad", &sealed)).expect("opens");
    assert_eq!(opened.expose_secret(), message);
    let sealing = Arc::clone(&pair);
    [
        Contender::new("seal", move || sealing.public_key().seal(b"info", b"aad", black_box(&message)).expect("seals")),
        Contender::new("open", move || block_on(pair.open(b"info", b"aad", black_box(&sealed))).expect("opens")),
    ]
}
