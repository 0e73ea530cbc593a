//! Key files: every form that is read, and every one that is refused with its fix.

use secret_store_core::{ErrorKind, SecretValue};

use super::private_key;
use crate::key_provider::fuzzing;
use crate::key_provider::pem::{self, Cost, Key, MAX_FILE_BYTES};
use crate::key_provider::rsa_ops::aws_lc::AwsLc;
use crate::key_provider::rsa_ops::rust_crypto::RustCrypto;
use crate::key_provider::rsa_ops::{Refused, RsaOps};

const PASSPHRASE: &str = "correct horse";

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("../../../tests/vectors/keys/", $name))
    };
}

fn parse(text: &str, passphrase: Option<&str>) -> secret_store_core::Result<Key> {
    parse_bytes(text.as_bytes(), passphrase)
}

fn parse_bytes(text: &[u8], passphrase: Option<&str>) -> secret_store_core::Result<Key> {
    pem::parse(text, passphrase.map(SecretValue::from).as_ref(), "key file \"a.pem\"", Cost::USUAL)
}

fn refusal(text: &str, passphrase: Option<&str>) -> (ErrorKind, String) {
    match parse(text, passphrase) {
        Ok(_) => panic!("accepted"),
        Err(error) => {
            let message = error.to_string();
            assert!(message.starts_with("key file \"a.pem\" "), "{message}");
            assert!(!message.contains(PASSPHRASE), "{message}");
            (error.kind(), message)
        }
    }
}

#[test]
fn every_form_of_a_private_key_is_the_same_key() {
    let expected = private_key("enc2048");
    let forms = [
        (file!("pkcs1.pem"), None),
        (file!("pbes2-pbkdf2-sha256-aes256.pem"), Some(PASSPHRASE)),
        (file!("pbes2-pbkdf2-sha512-aes128.pem"), Some(PASSPHRASE)),
        (file!("pbes2-scrypt-aes256.pem"), Some(PASSPHRASE)),
        // A passphrase is for the encrypted keys of a directory: a clear one beside them is no mistake.
        (file!("pkcs1.pem"), Some(PASSPHRASE)),
    ];
    for (text, passphrase) in forms {
        for text in
            [text.to_owned(), text.replace('\n', "\r\n"), format!("a comment\n{text}"), text.trim_end().to_owned()]
        {
            let Ok(Key::Private(key)) = parse(&text, passphrase) else { panic!("refused: {text}") };
            assert!(key.pkcs8 == expected.pkcs8 && key.public == expected.public);
        }
    }
}

#[test]
fn every_form_of_a_public_key_is_the_same_key() {
    let expected = private_key("enc2048").public;
    for text in [file!("spki.pub.pem").to_owned(), file!("pkcs1.pub.pem").to_owned(), expected.to_pem()] {
        let Ok(Key::Public(key)) = parse(&text, None) else { panic!("refused: {text}") };
        assert_eq!(key, expected);
    }
}

#[test]
fn what_is_no_usable_key_is_refused_with_its_fix() {
    let (invalid, unavailable) = (ErrorKind::InvalidInput, ErrorKind::KeyUnavailable);
    let whole = file!("pkcs1.pem");
    let two = format!("{whole}{whole}");
    let broken = whole.replacen("MII", "M*I", 1);
    let cut = whole.replace("-----END RSA PRIVATE KEY-----", "");
    let mislabelled = file!("spki.pub.pem").replace("PUBLIC KEY", "PRIVATE KEY");
    let certificate = file!("spki.pub.pem").replace("PUBLIC KEY", "CERTIFICATE");
    let cases = [
        ("", None, invalid, "is not PEM"),
        ("hello", None, invalid, "is not PEM"),
        (two.as_str(), None, invalid, "several PEM blocks"),
        (broken.as_str(), None, invalid, "broken PEM"),
        (cut.as_str(), None, invalid, "broken PEM"),
        (mislabelled.as_str(), None, invalid, "no well-formed RSA key"),
        (certificate.as_str(), None, invalid, "openssl pkcs8 -topk8"),
        (file!("refused-1024.pem"), None, invalid, "has 1024 bits: generate one of at least 2048"),
        (file!("refused-2047.pem"), None, invalid, "has 2047 bits"),
        (file!("refused-ec.pem"), None, invalid, "is no RSA key"),
        (file!("refused-rsa-pss.pem"), None, invalid, "is no RSA key"),
        (file!("refused-three-primes.pem"), None, invalid, "no well-formed RSA key"),
        (file!("refused-costly.pem"), Some("x"), invalid, "absurd amount of work"),
        (file!("unsupported-proc-type.pem"), Some(PASSPHRASE), invalid, "openssl pkcs8 -topk8"),
        (file!("unsupported-des3.pem"), Some(PASSPHRASE), invalid, "-v2 aes-256-cbc"),
        (file!("unsupported-pbes1.pem"), Some(PASSPHRASE), invalid, "-v2 aes-256-cbc"),
        (file!("pbes2-scrypt-aes256.pem"), None, unavailable, "give its passphrase"),
        (file!("pbes2-scrypt-aes256.pem"), Some("wrong horse"), unavailable, "give the right one"),
        (file!("pbes2-scrypt-aes256.pem"), Some(""), unavailable, "give the right one"),
    ];
    for (text, passphrase, kind, fix) in cases {
        let (actual, message) = refusal(text, passphrase);
        assert_eq!(actual, kind, "{message}");
        assert!(message.contains(fix), "{message}");
    }
}

/// A wrong passphrase has right padding once in 256 times: it is still a wrong passphrase.
#[test]
fn no_wrong_passphrase_is_mistaken_for_a_broken_file() {
    for wrong in 0..1000 {
        let (kind, message) = refusal(file!("pbes2-scrypt-tiny.pem"), Some(&format!("wrong {wrong}")));
        assert_eq!(kind, ErrorKind::KeyUnavailable, "{message}");
    }
    parse(file!("pbes2-scrypt-tiny.pem"), Some(PASSPHRASE)).map(|_| ()).expect("the right one");
}

#[test]
fn sizes_are_bounded() {
    let text = format!("{}{}", " ".repeat(MAX_FILE_BYTES), file!("pkcs1.pem"));
    let (kind, _) = refusal(&text, None);
    assert_eq!(kind, ErrorKind::TooLarge { limit: 65536, actual: text.len() as u64 });
    // One bit more than the largest modulus.
    let modulus = [&[1][..], &[0xff; 1024]].concat();
    let (_, message) = refusal(&public_key(&modulus, &[1, 0, 1]), None);
    assert!(message.contains("has 8193 bits"), "{message}");
}

/// Both implementations read the same keys, because neither sees the others.
#[test]
fn exponents_and_moduli_that_no_key_has_are_refused() {
    let odd = [0xff; 256];
    let mut even = odd;
    even[255] = 0xfe;
    let bad: [(&[u8], &[u8]); 6] =
        [(&even, &[1, 0, 1]), (&odd, &[0]), (&odd, &[1]), (&odd, &[2]), (&odd, &[1, 0, 0]), (&odd, &[2, 0, 0, 0, 1])];
    for (modulus, exponent) in bad {
        let (kind, message) = refusal(&public_key(modulus, exponent), None);
        assert_eq!(kind, ErrorKind::InvalidInput);
        assert!(message.contains("no RSA key has"), "{message}");
    }
    let good: [&[u8]; 4] = [&[3], &[17], &[1, 0, 1], &[1, 0, 0, 0, 1]];
    for exponent in good {
        let Ok(Key::Public(key)) = parse(&public_key(&odd, exponent), None) else { panic!("{exponent:?}") };
        let accepted = [AwsLc::verifying_key(&key.spki).is_ok(), RustCrypto::verifying_key(&key.spki).is_ok()];
        assert_eq!(accepted, [true; 2], "{exponent:?}");
    }
}

fn public_key(modulus: &[u8], exponent: &[u8]) -> String {
    use pkcs8::der::Encode;
    use pkcs8::der::asn1::UintRef;
    let number = |bytes| UintRef::new(bytes).expect("a number");
    let der = vec![number(modulus), number(exponent)].to_der().expect("encodes");
    pkcs8::der::pem::encode_string("RSA PUBLIC KEY", pkcs8::LineEnding::LF, &der).expect("PEM")
}

/// A version that promises further primes, without any: one implementation would read it.
#[test]
fn a_two_prime_key_that_says_it_has_more_is_refused() {
    let text = file!("pkcs1.pem");
    let der = pkcs8::der::pem::decode_vec(text.as_bytes()).expect("PEM").1;
    assert_eq!(der[4..7], [2, 1, 0], "the version");
    let mut multi = der.clone();
    multi[6] = 1;
    for (der, accepted) in [(der, true), (multi, false)] {
        let text = pkcs8::der::pem::encode_string("RSA PRIVATE KEY", pkcs8::LineEnding::LF, &der).expect("PEM");
        assert_eq!(parse(&text, None).is_ok(), accepted);
    }
}

/// A private key whose numbers contradict each other parses; the implementation refuses it.
fn inconsistent_keys_are_refused<R: RsaOps>() {
    let good = private_key("enc2048").pkcs8;
    R::decrypting_key(&good).map(|_| ()).expect("the positive control");
    // Inside the modulus, and inside the private exponent.
    for at in [100, 400] {
        let mut bad = good.to_vec();
        bad[at] ^= 0x10;
        let text = pkcs8::der::pem::encode_string("PRIVATE KEY", pkcs8::LineEnding::LF, &bad).expect("PEM");
        let Ok(Key::Private(key)) = parse(&text, None) else { panic!("well-formed") };
        assert_eq!(R::decrypting_key(&key.pkcs8).map(|_| ()), Err(Refused), "{at}");
        assert_eq!(R::signing_key(&key.pkcs8).map(|_| ()), Err(Refused), "{at}");
    }
}

#[test]
fn an_encrypted_key_reads_back_and_shows_nothing() {
    let key = private_key("enc2048");
    let text = pem::encrypt(&key.pkcs8, &SecretValue::from(PASSPHRASE)).expect("encrypts");
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    let Ok(Key::Private(again)) = parse(&text, Some(PASSPHRASE)) else { panic!("reads back") };
    assert!(again.pkcs8 == key.pkcs8);
    assert_eq!(refusal(&text, Some("another")).0, ErrorKind::KeyUnavailable);
}

/// Every truncation and a flipped bit in every byte of every form: an error or a key, never a panic.
#[test]
fn damaged_key_files_never_panic() {
    let forms = [
        file!("pkcs1.pem"),
        file!("pbes2-scrypt-tiny.pem"),
        file!("spki.pub.pem"),
        file!("pkcs1.pub.pem"),
        file!("refused-costly.pem"),
    ];
    for text in forms {
        for length in 0..text.len() {
            fuzzing::key_file(&text.as_bytes()[..length]);
        }
        for at in 0..text.len() {
            let mut damaged = text.as_bytes().to_vec();
            damaged[at] ^= 1 << (at % 8);
            fuzzing::key_file(&damaged);
        }
    }
}

/// What the fuzz targets assert, on what they would need long to find.
#[test]
fn parsed_wraps_encode_to_the_same_bytes() {
    let wrap = [b"SR1\x01\x00\x01k\x00\x02cc".as_slice(), b"s"].concat();
    assert!(fuzzing::rsa_wrap(&wrap));
    let segment = b"\x01\0\0\0\x02\0\0\0ssKc";
    assert!(fuzzing::rsa_legacy_segment(segment));
}

through_both!(inconsistent_keys_are_refused);
