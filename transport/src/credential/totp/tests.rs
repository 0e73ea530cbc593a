use std::time::{Duration, UNIX_EPOCH};

use secret_store_core::ErrorKind;

use super::*;

const SEED: &[u8] = b"1234567890";

fn seed(bytes: usize) -> Vec<u8> {
    SEED.iter().copied().cycle().take(bytes).collect()
}

fn at(totp: &Totp, seconds: u64) -> String {
    totp.at(UNIX_EPOCH + Duration::from_secs(seconds)).expect("after 1970").expose_secret().to_owned()
}

/// RFC 6238, appendix B, all eighteen (with seeds of 20, 32 and 64 bytes, as the appendix's code has them).
#[test]
fn rfc_6238_vectors() {
    let times = [59, 1_111_111_109, 1_111_111_111, 1_234_567_890, 2_000_000_000, 20_000_000_000];
    for (algorithm, bytes, codes) in [
        (TotpAlgorithm::Sha1, 20, ["94287082", "07081804", "14050471", "89005924", "69279037", "65353130"]),
        (TotpAlgorithm::Sha256, 32, ["46119246", "68084774", "67062674", "91819424", "90698825", "77737706"]),
        (TotpAlgorithm::Sha512, 64, ["90693936", "25091201", "99943326", "93441116", "38618901", "47863826"]),
    ] {
        let totp =
            Totp::new(&seed(bytes)).expect("long enough").with_algorithm(algorithm).with_digits(8).expect("valid");
        for (time, code) in times.into_iter().zip(codes) {
            assert_eq!(at(&totp, time), code, "{algorithm:?} {time}");
        }
    }
}

/// RFC 4226, appendix D: the counters 0 to 9.
#[test]
fn rfc_4226_vectors() {
    let totp = Totp::new(&seed(20)).expect("long enough");
    let codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
    for (counter, code) in (0..).zip(codes) {
        assert_eq!(at(&totp, counter * 30), code);
        assert_eq!(at(&totp, counter * 30 + 29), code);
    }
}

#[test]
fn a_code_says_how_long_it_lasts() {
    let totp = Totp::new(&seed(20)).expect("long enough");
    for (second, remaining) in [(0, 30), (1, 29), (29, 1), (30, 30)] {
        let code = totp.at(UNIX_EPOCH + Duration::from_secs(second)).expect("after 1970");
        assert_eq!(code.remaining(), Duration::from_secs(remaining));
    }
    assert!(totp.at(UNIX_EPOCH - Duration::from_secs(1)).is_err());
}

#[test]
fn secrets_are_taken_as_sites_give_them() {
    // "12345678901234567890"
    let base32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    for text in [
        base32.to_owned(),
        " gezd gnbv gy3t qojq gezd gnbv gy3t qojq ".to_owned(),
        format!("otpauth://totp/ACME:alice%40example.com?secret={base32}&issuer=ACME"),
        format!("OTPAUTH://TOTP/x?period=30&digits=6&algorithm=SHA1&secret={base32}#top"),
        format!("otpauth://totp/x?secret={base32}%3D%3d"),
    ] {
        assert_eq!(at(&Totp::parse(&text).expect("valid"), 59), "287082", "{text}");
    }
    let text = format!("otpauth://totp/x?secret={base32}&digits=8&algorithm=sha256&period=60");
    assert_eq!(Totp::parse(&text).expect("valid").digits, 8);
    assert_ne!(at(&Totp::parse(&text).expect("valid"), 59), "94287082");
}

#[test]
fn what_is_no_secret_is_refused_without_being_shown() {
    let base32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    for (text, kind) in [
        ("", ErrorKind::InvalidInput),
        ("GEZDGNBV", ErrorKind::InvalidInput),
        ("not base32 at all!", ErrorKind::InvalidInput),
        (&format!("otpauth://hotp/x?secret={base32}&counter=1"), ErrorKind::Unsupported),
        (&format!("otpauth://totp/x?secret={base32}&algorithm=MD5"), ErrorKind::Unsupported),
        // What is no padding is never cut off: half a secret makes codes, and wrong ones.
        (&format!("otpauth://totp/x?secret={base32}%20GEZD"), ErrorKind::InvalidInput),
        (&format!("otpauth://totp/x?secret={base32}%3DGEZD"), ErrorKind::InvalidInput),
        (&format!("otpauth://totp/x?secret={base32}%"), ErrorKind::InvalidInput),
        (&format!("otpauth://totp/x?secret={base32}&digits=9"), ErrorKind::InvalidInput),
        (&format!("otpauth://totp/x?secret={base32}&digits=x"), ErrorKind::InvalidInput),
        (&format!("otpauth://totp/x?secret={base32}&period=0"), ErrorKind::InvalidInput),
        (&format!("otpauth://totp/x?secret={base32}&secret={base32}"), ErrorKind::InvalidInput),
        ("otpauth://totp/x?issuer=y", ErrorKind::InvalidInput),
        ("otpauth://totp/x", ErrorKind::InvalidInput),
    ] {
        let error = Totp::parse(text).expect_err(text);
        assert_eq!(error.kind(), kind, "{text}");
        assert!(!error.to_string().contains("GEZD"), "{error}");
    }
    let shown = format!("{:?}", Totp::parse(base32).expect("valid"));
    assert!(!shown.contains("49") && shown.contains("Sha1"), "{shown}");
}
