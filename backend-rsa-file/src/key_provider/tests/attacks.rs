//! What a database writer can try.

use secret_store_core::{DocumentKey, EncryptionContext, ErrorKind, MasterKeyId, WrappedKey};

use super::{add_master, context, keys, master_id, private_key, signer_id, usual_context, usual_keys};
use crate::key_provider::keys::Keys;
use crate::key_provider::legacy::LegacySegment;
use crate::key_provider::rsa_ops::{OaepHash, RsaOps, Scheme};
use crate::key_provider::wrap::{Binding, Wrap};

const KEY: [u8; 32] = [0x5a; 32];
/// `"SR1"`, the suite, then the length and text of `signer-1`.
const SUITE_AT: usize = 3;
const SIGNER_AT: usize = 6;

fn wrap<R: RsaOps>(keys: &Keys<R>, id: &str, context: &EncryptionContext) -> Vec<u8> {
    let key = DocumentKey::from_bytes(&KEY).expect("32 bytes");
    keys.wrap(&master_id(id), &key, context).expect("wraps").as_bytes().to_vec()
}

/// The kind of the refusal. A success is the end of the test.
fn refusal<R: RsaOps>(keys: &Keys<R>, id: &MasterKeyId, bytes: &[u8], context: &EncryptionContext) -> ErrorKind {
    match keys.unwrap(&WrappedKey::new(id.clone(), bytes), context) {
        Ok(_) => panic!("opened"),
        Err(error) => error.kind(),
    }
}

fn every_flipped_bit_of_a_wrap_is_refused<R: RsaOps>() {
    let (keys, id, context) = (usual_keys::<R>(), master_id("Test"), usual_context());
    let good = wrap(&keys, "Test", &context);
    let signer_end = SIGNER_AT + "signer-1".len();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            let kind = refusal(&keys, &id, &bad, &context);
            let expected: &[ErrorKind] = match at {
                SUITE_AT => &[ErrorKind::Unsupported],
                // Another id is an unknown signer, and some flips leave no id at all. A length one off names one too.
                4.. if at < signer_end => &[ErrorKind::KeyNotAllowed, ErrorKind::Integrity],
                _ => &[ErrorKind::Integrity],
            };
            assert!(expected.contains(&kind), "byte {at}, bit {bit}: {kind:?}");
        }
    }
}

fn every_truncation_and_extension_of_a_wrap_is_refused<R: RsaOps>() {
    let (keys, id, context) = (usual_keys::<R>(), master_id("Test"), usual_context());
    let good = wrap(&keys, "Test", &context);
    for length in 0..good.len() {
        assert_eq!(refusal(&keys, &id, &good[..length], &context), ErrorKind::Integrity, "{length}");
    }
    for byte in 0..=u8::MAX {
        assert_eq!(refusal(&keys, &id, &[&good[..], &[byte]].concat(), &context), ErrorKind::Integrity);
    }
    for more in [256, 1024, 1 << 16, 1 << 20] {
        assert_eq!(refusal(&keys, &id, &[&good[..], &vec![0; more]].concat(), &context), ErrorKind::Integrity);
    }
}

/// `InvalidInput` where a length becomes one that no segment has, `Integrity` everywhere else.
fn every_flipped_bit_of_a_legacy_segment_is_refused<R: RsaOps>() {
    let (keys, id, context) = (usual_keys::<R>(), master_id("Test"), EncryptionContext::legacy());
    let good = wrap(&keys, "Test", &context);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            let absurd = match at {
                // The key id has 4 bytes, at most 255 are possible; the signature 256 of at most 1024.
                1 | 2 | 3 | 6 | 7 => true,
                5 => bit >= 2,
                _ => false,
            };
            let expected = if absurd { ErrorKind::InvalidInput } else { ErrorKind::Integrity };
            assert_eq!(refusal(&keys, &id, &bad, &context), expected, "byte {at}, bit {bit}");
        }
    }
}

fn every_truncation_and_extension_of_a_legacy_segment_is_refused<R: RsaOps>() {
    let (keys, id, context) = (usual_keys::<R>(), master_id("Test"), EncryptionContext::legacy());
    let good = wrap(&keys, "Test", &context);
    for length in 0..good.len() {
        assert_eq!(refusal(&keys, &id, &good[..length], &context), ErrorKind::Integrity, "{length}");
    }
    for byte in 0..=u8::MAX {
        assert_eq!(refusal(&keys, &id, &[&good[..], &[byte]].concat(), &context), ErrorKind::Integrity);
    }
    for lengths in [[i32::MIN, i32::MIN], [-1, 256], [4, -256], [i32::MAX, i32::MAX], [4, i32::MAX], [256, 256]] {
        let [key_id, signature] = lengths.map(i32::to_le_bytes);
        let bad = [&key_id[..], &signature, &good[8..]].concat();
        assert_eq!(refusal(&keys, &id, &bad, &context), ErrorKind::InvalidInput, "{lengths:?}");
    }
}

/// Every wrap opens in its own place and in no other.
fn nothing_opens_anywhere_else<R: RsaOps>() {
    let mut all = keys::<R>(("Test", "enc2048"), ("signer-1", "sign2048"));
    add_master(&mut all, ("Other", "enc4096"));
    // The same RSA key under another id: only the binding of the id keeps these two apart.
    add_master(&mut all, ("Test2", "enc2048"));
    let mut places = Vec::new();
    for master in ["Test", "Test2", "Other"] {
        places.push((master, EncryptionContext::legacy()));
        for place in [
            context("prod", "App", "Db", 1),
            context("test", "App", "Db", 1),
            context("prod", "Ap", "Db", 1),
            context("prod", "App", "db", 1),
            context("prod", "App", "Db", 2),
            // The same concatenation with moved boundaries.
            context("prod", "AppD", "b", 1),
            context("prodA", "pp", "Db", 1),
        ] {
            places.push((master, place));
        }
    }
    let wraps: Vec<_> = places.iter().map(|(master, context)| wrap(&all, master, context)).collect();
    let mut accepted = 0;
    for (from, bytes) in wraps.iter().enumerate() {
        for (to, (master, context)) in places.iter().enumerate() {
            let opened = all.unwrap(&WrappedKey::new(master_id(master), &bytes[..]), context);
            match opened {
                Ok(key) => {
                    assert_eq!(
                        (from, key.expose_secret()),
                        (to, &KEY[..]),
                        "{:?} opened as {:?}",
                        places[from],
                        places[to]
                    );
                    accepted += 1;
                }
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Integrity | ErrorKind::InvalidInput), "{error}")
                }
            }
        }
    }
    assert_eq!(accepted, places.len());
}

/// The purpose is signed by itself, not only through the context that contains it.
fn a_wrap_for_another_purpose_is_refused<R: RsaOps>() {
    let (keys, context) = (usual_keys::<R>(), usual_context());
    let signer = private_key("sign2048");
    let signing = R::signing_key(&signer.pkcs8).expect("a key");
    let binding = Binding::of(&context).expect("not legacy");
    let encrypting = R::encrypting_key(&private_key("enc2048").public.spki).expect("a key");
    let ciphertext = R::encrypt(&encrypting, OaepHash::Sha256, binding.label().as_bytes(), &KEY).expect("encrypts");
    let (master, id) = (master_id("Test"), signer_id("signer-1"));
    let good = binding.message(&master, &id, &ciphertext);
    // Purpose and suite stand behind the domain, each after its length.
    let (purpose_at, suite_at) = ("secret-store/1/rsa-wrap".len() + 4, "secret-store/1/rsa-wrap".len() + 9);
    assert_eq!((good[purpose_at], good[suite_at]), (3, 1));
    for (at, value) in [(purpose_at, 4), (purpose_at, 1), (suite_at, 2)] {
        let mut message = good.clone();
        message[at] = value;
        let signature = R::sign(&signing, Scheme::PssSha512, &message).expect("signs");
        let bytes = Wrap { signing_key_id: id.clone(), ciphertext: &ciphertext, signature: &signature }.to_bytes();
        assert_eq!(refusal(&keys, &master, &bytes, &context), ErrorKind::Integrity);
    }
    let signature = R::sign(&signing, Scheme::PssSha512, &good).expect("signs");
    let bytes = Wrap { signing_key_id: id, ciphertext: &ciphertext, signature: &signature }.to_bytes();
    let opened = keys.unwrap(&WrappedKey::new(master, bytes), &context).expect("the positive control");
    assert_eq!(opened.expose_secret(), KEY);
}

/// Whoever has the public master key makes a perfect ciphertext: only the signature stands against it.
fn a_forger_with_the_public_master_key_is_refused<R: RsaOps>() {
    let (keys, context, master) = (usual_keys::<R>(), usual_context(), master_id("Test"));
    let binding = Binding::of(&context).expect("not legacy");
    let encrypting = R::encrypting_key(&private_key("enc2048").public.spki).expect("a key");
    let ciphertext = R::encrypt(&encrypting, OaepHash::Sha256, binding.label().as_bytes(), &KEY).expect("encrypts");
    let own = R::signing_key(&private_key("sign4096").pkcs8).expect("a key");
    let sealed = |id: &str, signature: &[u8]| {
        Wrap { signing_key_id: signer_id(id), ciphertext: &ciphertext, signature }.to_bytes()
    };
    let stolen = wrap(&keys, "Test", &context);
    let stolen = Wrap::parse(&stolen).expect("parses").signature.to_vec();
    let by = |id: &str| {
        R::sign(&own, Scheme::PssSha512, &binding.message(&master, &signer_id(id), &ciphertext)).expect("signs")
    };
    let forgeries = [
        (sealed("signer-1", &[0; 256]), ErrorKind::Integrity),
        (sealed("signer-1", &[0xff; 256]), ErrorKind::Integrity),
        (sealed("signer-1", &stolen), ErrorKind::Integrity),
        // Its own key under the name of an allowed one, cut to its size, and under its own name.
        (sealed("signer-1", &by("signer-1")), ErrorKind::Integrity),
        (sealed("signer-1", &by("signer-1")[..256]), ErrorKind::Integrity),
        (sealed("forger", &by("forger")), ErrorKind::KeyNotAllowed),
    ];
    for (at, (bytes, kind)) in forgeries.iter().enumerate() {
        assert_eq!(refusal(&keys, &master, bytes, &context), *kind, "forgery {at}");
    }
}

/// The scheme of one format never vouches for the other.
fn a_signature_of_the_other_scheme_is_refused<R: RsaOps>() {
    let (keys, context, master) = (usual_keys::<R>(), usual_context(), master_id("Test"));
    let signing = R::signing_key(&private_key("sign2048").pkcs8).expect("a key");
    let binding = Binding::of(&context).expect("not legacy");
    let bytes = wrap(&keys, "Test", &context);
    let good = Wrap::parse(&bytes).expect("parses");
    let message = binding.message(&master, &good.signing_key_id, good.ciphertext);
    let signature = R::sign(&signing, Scheme::Pkcs1Sha512, &message).expect("signs");
    let bad =
        Wrap { signing_key_id: good.signing_key_id, ciphertext: good.ciphertext, signature: &signature }.to_bytes();
    assert_eq!(refusal(&keys, &master, &bad, &context), ErrorKind::Integrity);

    let legacy = EncryptionContext::legacy();
    let bytes = wrap(&keys, "Test", &legacy);
    let segment = LegacySegment::parse(&bytes).expect("parses");
    let signature = R::sign(&signing, Scheme::PssSha512, segment.signed).expect("signs");
    let bad = LegacySegment::encode("Test", segment.signed, &signature);
    assert_eq!(refusal(&keys, &master, &bad, &legacy), ErrorKind::Integrity);
}

/// Signed by an allowed key, yet no document key: garbage under the label, a key of the wrong size, another label.
fn a_signed_ciphertext_that_holds_no_key_is_refused<R: RsaOps>() {
    let (keys, context, master) = (usual_keys::<R>(), usual_context(), master_id("Test"));
    let binding = Binding::of(&context).expect("not legacy");
    let signing = R::signing_key(&private_key("sign2048").pkcs8).expect("a key");
    let encrypting = R::encrypting_key(&private_key("enc2048").public.spki).expect("a key");
    let label = binding.label();
    let encrypt =
        |label: &[u8], clear: &[u8]| R::encrypt(&encrypting, OaepHash::Sha256, label, clear).expect("encrypts");
    let mut flipped = encrypt(label.as_bytes(), &KEY);
    flipped[255] ^= 1;
    let ciphertexts = [
        flipped,
        vec![0; 256],
        vec![0xff; 256],
        vec![1; 255],
        vec![1; 512],
        encrypt(b"", &KEY),
        encrypt(label.to_uppercase().as_bytes(), &KEY),
        encrypt(label.as_bytes(), &[]),
        encrypt(label.as_bytes(), &KEY[..16]),
        encrypt(label.as_bytes(), &KEY[..24]),
        encrypt(label.as_bytes(), &[1; 33]),
        R::encrypt(&encrypting, OaepHash::Sha1, label.as_bytes(), &KEY).expect("encrypts"),
    ];
    for (at, ciphertext) in ciphertexts.iter().enumerate() {
        let message = binding.message(&master, &signer_id("signer-1"), ciphertext);
        let signature = R::sign(&signing, Scheme::PssSha512, &message).expect("signs");
        let bytes = Wrap { signing_key_id: signer_id("signer-1"), ciphertext, signature: &signature }.to_bytes();
        assert_eq!(refusal(&keys, &master, &bytes, &context), ErrorKind::Integrity, "ciphertext {at}");
    }
    for size in [0, 1, 15, 17, 33, 64] {
        let ciphertext = R::encrypt(&encrypting, OaepHash::Sha1, b"", &vec![1; size]).expect("encrypts");
        let message = LegacySegment::message("Test", &ciphertext);
        let signature = R::sign(&signing, Scheme::Pkcs1Sha512, &message).expect("signs");
        let bytes = LegacySegment::encode("Test", &message, &signature);
        assert_eq!(refusal(&keys, &master, &bytes, &EncryptionContext::legacy()), ErrorKind::Integrity, "{size}");
    }
}

/// A rotated signer: accepted while it is named, refused once it is not, whatever the new one is called.
fn a_retired_signing_key_is_refused<R: RsaOps>() {
    let before = keys::<R>(("Test", "enc2048"), ("2025", "sign2048"));
    let mut during = keys::<R>(("Test", "enc2048"), ("2026", "sign4096"));
    during.add_verifier(signer_id("2025"), &private_key("sign2048").public).expect("a good key");
    let after = keys::<R>(("Test", "enc2048"), ("2026", "sign4096"));
    let renamed = keys::<R>(("Test", "enc2048"), ("2025", "sign4096"));
    let master = master_id("Test");
    for context in [usual_context(), EncryptionContext::legacy()] {
        let (old, new) = (wrap(&before, "Test", &context), wrap(&during, "Test", &context));
        for bytes in [&old, &new] {
            let opened = during.unwrap(&WrappedKey::new(master.clone(), &bytes[..]), &context).expect("both are named");
            assert_eq!(opened.expose_secret(), KEY);
        }
        let retired = if context.is_legacy() { ErrorKind::Integrity } else { ErrorKind::KeyNotAllowed };
        assert_eq!(refusal(&after, &master, &old, &context), retired);
        assert_eq!(refusal(&renamed, &master, &old, &context), ErrorKind::Integrity);
        after.unwrap(&WrappedKey::new(master.clone(), new), &context).expect("the new one is named");
    }
}

/// Who signed is signed too: a wrap does not move to another allowed signer, not even to the same key under another name.
fn a_wrap_does_not_move_to_another_signing_key<R: RsaOps>() {
    let mut keys = usual_keys::<R>();
    keys.add_verifier(signer_id("signer-2"), &private_key("sign4096").public).expect("a good key");
    keys.add_verifier(signer_id("signer-3"), &private_key("sign2048").public).expect("a good key");
    let (context, master) = (usual_context(), master_id("Test"));
    let good = wrap(&keys, "Test", &context);
    for (name, opens) in [("signer-1", true), ("signer-2", false), ("signer-3", false)] {
        let parsed = Wrap::parse(&good).expect("parses");
        let moved = Wrap { signing_key_id: signer_id(name), ..parsed }.to_bytes();
        let opened = keys.unwrap(&WrappedKey::new(master.clone(), moved), &context);
        assert_eq!(
            opened.map(|_| ()).map_err(|error| error.kind()),
            if opens { Ok(()) } else { Err(ErrorKind::Integrity) }
        );
    }
}

/// What a record names is refused before any key is used, with the id escaped.
fn unknown_master_keys_are_refused<R: RsaOps>() {
    let keys = usual_keys::<R>();
    let other = master_id("Other");
    for context in [usual_context(), EncryptionContext::legacy()] {
        let bytes = wrap(&keys, "Test", &context);
        assert_eq!(refusal(&keys, &other, &bytes, &context), ErrorKind::KeyNotAllowed);
        assert_eq!(refusal(&keys, &other, b"", &context), ErrorKind::KeyNotAllowed);
    }
}

through_both!(
    every_flipped_bit_of_a_wrap_is_refused,
    every_truncation_and_extension_of_a_wrap_is_refused,
    every_flipped_bit_of_a_legacy_segment_is_refused,
    every_truncation_and_extension_of_a_legacy_segment_is_refused,
    nothing_opens_anywhere_else,
    a_wrap_for_another_purpose_is_refused,
    a_forger_with_the_public_master_key_is_refused,
    a_signature_of_the_other_scheme_is_refused,
    a_signed_ciphertext_that_holds_no_key_is_refused,
    a_retired_signing_key_is_refused,
    a_wrap_does_not_move_to_another_signing_key,
    unknown_master_keys_are_refused,
);
