//! Each implementation reads what the other writes, and neither repeats itself.

use secret_store_core::{DocumentKey, EncryptionContext, ErrorKind};

use super::{keys, master_id, private_key, usual_context, usual_keys};
use crate::key_provider::pem;
use crate::key_provider::pem::{Cost, Key};
use crate::key_provider::rsa_ops::aws_lc::AwsLc;
use crate::key_provider::rsa_ops::rust_crypto::RustCrypto;
use crate::key_provider::rsa_ops::{OaepHash, RsaOps, Scheme};

fn what_one_wraps_the_other_unwraps<R: RsaOps>() {
    for (master, signer) in [("enc2048", "sign2048"), ("enc4096", "sign2048"), ("enc2048", "sign4096")] {
        let writer = keys::<R>(("Test", master), ("signer-1", signer));
        for context in [usual_context(), EncryptionContext::legacy()] {
            let key = DocumentKey::generate(&context).expect("random bytes");
            let wrapped = writer.wrap(&master_id("Test"), &key, &context).expect("wraps");
            for opened in [
                keys::<AwsLc>(("Test", master), ("signer-1", signer)).unwrap(&wrapped, &context),
                keys::<RustCrypto>(("Test", master), ("signer-1", signer)).unwrap(&wrapped, &context),
            ] {
                assert_eq!(opened.expect("opens").expose_secret(), key.expose_secret());
            }
        }
    }
}

fn format_0_takes_every_key_size_it_has_and_format_1_one<R: RsaOps>() {
    let keys = usual_keys::<R>();
    for size in [16, 24, 32] {
        let key = DocumentKey::from_bytes(&vec![7; size]).expect("a size of format 0");
        let wrapped = keys.wrap(&master_id("Test"), &key, &EncryptionContext::legacy()).expect("wraps");
        let opened = keys.unwrap(&wrapped, &EncryptionContext::legacy()).expect("opens");
        assert_eq!(opened.expose_secret().len(), size);
        let wrapped = keys.wrap(&master_id("Test"), &key, &usual_context());
        assert_eq!(
            wrapped.map(|_| ()).map_err(|error| error.kind()),
            if size == 32 { Ok(()) } else { Err(ErrorKind::Integrity) }
        );
    }
}

fn no_two_wraps_of_one_key_are_equal<R: RsaOps>() {
    let keys = usual_keys::<R>();
    let key = DocumentKey::from_bytes(&[7; 32]).expect("32 bytes");
    let mut wraps: Vec<_> = (0..8)
        .map(|_| keys.wrap(&master_id("Test"), &key, &usual_context()).expect("wraps").as_bytes().to_vec())
        .collect();
    wraps.sort();
    wraps.dedup();
    assert_eq!(wraps.len(), 8);
}

/// RFC 8017 section 5.2.2: a representative is below the modulus. Else every signature had a second form.
fn a_signature_plus_the_modulus_is_refused<R: RsaOps>() {
    let key = private_key("sign2048");
    let (signing, verifying) =
        (R::signing_key(&key.pkcs8).expect("a key"), R::verifying_key(&key.public.spki).expect("a key"));
    let der = &key.public.spki;
    // The modulus is the one INTEGER of 257 bytes with a leading zero: `02 82 01 01 00`.
    let at = der.windows(5).position(|window| window == [2, 0x82, 1, 1, 0]).expect("a modulus of 2048 bits") + 5;
    let modulus = &der[at..][..256];
    for scheme in [Scheme::PssSha512, Scheme::Pkcs1Sha512] {
        let mut tried = 0;
        // The sum has 256 bytes for about every third signature.
        for message in 0..64u8 {
            let signature = R::sign(&signing, scheme, &[message]).expect("signs");
            R::verify(&verifying, scheme, &[message], &signature).expect("verifies");
            if let Some(sum) = add(&signature, modulus) {
                tried += 1;
                assert!(R::verify(&verifying, scheme, &[message], &sum).is_err());
            }
        }
        assert!(tried > 0, "no signature was small enough");
    }
}

/// The sum of two big-endian numbers of one length, unless it needs another byte.
fn add(left: &[u8], right: &[u8]) -> Option<Vec<u8>> {
    let (mut sum, mut carry) = (vec![0; left.len()], 0);
    for at in (0..left.len()).rev() {
        let digit = u16::from(left[at]) + u16::from(right[at]) + carry;
        (sum[at], carry) = (digit.to_le_bytes()[0], digit >> 8);
    }
    (carry == 0).then_some(sum)
}

fn sizes_are_exact<R: RsaOps>() {
    let key = private_key("enc2048");
    let (encrypting, decrypting) =
        (R::encrypting_key(&key.public.spki).expect("a key"), R::decrypting_key(&key.pkcs8).expect("a key"));
    for (hash, max) in [(OaepHash::Sha1, 256 - 42), (OaepHash::Sha256, 256 - 66)] {
        for size in [0, 1, max] {
            let ciphertext = R::encrypt(&encrypting, hash, b"label", &vec![1; size]).expect("fits");
            assert_eq!(ciphertext.len(), 256);
            assert_eq!(R::decrypt(&decrypting, hash, b"label", &ciphertext).expect("decrypts").len(), size);
            assert!(R::decrypt(&decrypting, hash, b"Label", &ciphertext).is_err());
        }
        assert!(R::encrypt(&encrypting, hash, b"label", &vec![1; max + 1]).is_err());
    }
}

fn generated_keys_are_good<R: RsaOps>() {
    let der = R::generate(2048).expect("generates");
    let text = pkcs8::der::pem::encode_string("PRIVATE KEY", pkcs8::LineEnding::LF, &der).expect("PEM");
    let Ok(Key::Private(key)) = pem::parse(text.as_bytes(), None, "new", Cost::USUAL) else { panic!("a private key") };
    assert_eq!(key.public.bits, 2048);
    let signing = R::signing_key(&key.pkcs8).expect("a good key");
    let signature = R::sign(&signing, Scheme::PssSha512, b"message").expect("signs");
    for verified in [
        AwsLc::verify(
            &AwsLc::verifying_key(&key.public.spki).expect("a key"),
            Scheme::PssSha512,
            b"message",
            &signature,
        ),
        RustCrypto::verify(
            &RustCrypto::verifying_key(&key.public.spki).expect("a key"),
            Scheme::PssSha512,
            b"message",
            &signature,
        ),
    ] {
        assert_eq!(verified, Ok(()));
    }
    for bits in [0, 1024, 2047, 3071, 16384] {
        assert!(R::generate(bits).is_err(), "{bits}");
    }
}

through_both!(
    what_one_wraps_the_other_unwraps,
    format_0_takes_every_key_size_it_has_and_format_1_one,
    no_two_wraps_of_one_key_are_equal,
    a_signature_plus_the_modulus_is_refused,
    sizes_are_exact,
    generated_keys_are_good,
);
