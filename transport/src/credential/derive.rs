//! Keys out of a credential key: HKDF-SHA256 (RFC 5869), of exactly one block.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

const HASH_BYTES: usize = 32;

/// Derives 32 bytes from `key`: extract with `salt`, then the first block of expand with `info`.
///
/// By HMAC itself, into the caller's own buffer, because every intermediate value is key material here and is wiped.
pub(super) fn hkdf(key: &[u8], salt: &[u8; HASH_BYTES], info: &[u8], out: &mut [u8; HASH_BYTES]) {
    let mut pseudorandom = Zeroizing::new([0; HASH_BYTES]);
    authenticate(salt, &[key], &mut pseudorandom);
    authenticate(&pseudorandom, &[info, &[1]], out);
}

fn authenticate(key: &[u8; HASH_BYTES], parts: &[&[u8]], out: &mut [u8; HASH_BYTES]) {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    parts.iter().for_each(|part| mac.update(part));
    let mut code = mac.finalize().into_bytes();
    out.copy_from_slice(&code);
    code.as_mut_slice().zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(key: &[u8], salt: &[u8; 32], info: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        hkdf(key, salt, info, &mut out);
        out
    }

    #[test]
    fn agrees_with_another_implementation() {
        let (key, salt) = ([0x0b; 32], [7; 32]);
        let mut expected = [0; 32];
        hkdf::Hkdf::<Sha256>::new(Some(&salt), &key).expand(b"info", &mut expected).expect("32 bytes");
        assert_eq!(derived(&key, &salt, b"info"), expected);
        assert_ne!(derived(&key, &salt, b"inf"), expected);
        assert_ne!(derived(&key, &[8; 32], b"info"), expected);
    }

    /// RFC 5869, appendix A.3: without salt, which is one of zeros (section 2.2), and without info; the first block.
    #[test]
    fn rfc_5869_test_case_3() {
        let okm = hex::decode("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d").expect("hex");
        assert_eq!(derived(&[0x0b; 22], &[0; 32], b"")[..], okm[..]);
    }
}
