//! Base32 (RFC 4648, section 6) as people and sites write it, into a buffer that is wiped.

use secret_store_core::{Error, Result};
use zeroize::Zeroizing;

/// Decodes text of any length into a buffer that is allocated once. Spaces and hyphens are left out, letters may be small, and
/// padding may be missing.
pub(super) fn decode(text: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let refused = || Error::invalid_input("the secret is not base32: it has the letters A to Z and the digits 2 to 7");
    let mut out = Zeroizing::new(Vec::with_capacity(text.len() * 5 / 8));
    let (mut bits, mut pending, mut is_padded) = (0_u32, 0_u32, false);
    for &byte in text {
        let value = match byte {
            b' ' | b'-' => continue,
            b'=' => {
                is_padded = true;
                continue;
            }
            _ if is_padded => return Err(refused()),
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return Err(refused()),
        };
        pending = pending << 5 | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((pending >> bits & 0xff) as u8);
            pending &= (1 << bits) - 1;
        }
    }
    // A group that could not have come from whole bytes: 1, 3 or 6 letters, or letters with something left over.
    if bits >= 5 || pending != 0 {
        return Err(refused());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, section 10.
    #[test]
    fn rfc_4648_vectors() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "MY======"),
            ("fo", "MZXQ===="),
            ("foo", "MZXW6==="),
            ("foob", "MZXW6YQ="),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI======"),
        ] {
            assert_eq!(decode(encoded.as_bytes()).expect("valid")[..], *plain.as_bytes());
            let bare = encoded.trim_end_matches('=').to_lowercase();
            assert_eq!(decode(bare.as_bytes()).expect("valid")[..], *plain.as_bytes());
        }
        assert_eq!(decode(b"MZXW 6YTB-OI").expect("valid")[..], *b"foobar");
    }

    #[test]
    fn what_is_no_base32_is_refused() {
        for text in ["M", "MZX", "MZXW6Y", "MZ======MZ", "M1", "M8", "MÄ", "MZ\n", "MZ"] {
            assert!(decode(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
