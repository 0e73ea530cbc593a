//! Any key id as a file name.

use sha2::{Digest, Sha256};

/// Escaped names up to this length stand as they are; with the longest ending they stay below the 255 bytes of usual file
/// systems.
const MAX_PLAIN_BYTES: usize = 200;
/// What is left of a longer one, in front of its hash.
const KEPT_BYTES: usize = 120;

/// The file name of a key id without its ending: letters, digits, `-`, `_` and inner dots stay, every other byte becomes
/// `%` and two hexadecimal digits. No two ids share one, and none leaves its folder.
///
/// An id whose name would exceed 200 bytes keeps the first 120 of them, followed by `~` and its SHA-256; `~` is otherwise
/// escaped. The dot of a final `.pub` is escaped too: `a.pub.pem` is the public key of `a`.
pub(crate) fn file_stem(id: &str) -> String {
    let mut stem = String::with_capacity(id.len());
    for (at, byte) in id.bytes().enumerate() {
        let plain = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => true,
            b'.' => at > 0 && !id[at..].eq_ignore_ascii_case(".pub"),
            _ => false,
        };
        if plain {
            stem.push(char::from(byte));
        } else {
            stem.push_str(&format!("%{byte:02X}"));
        }
    }
    if stem.len() > MAX_PLAIN_BYTES {
        stem.truncate(KEPT_BYTES);
        stem.push('~');
        stem.push_str(&hex::encode(Sha256::digest(id)));
    }
    stem
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::file_stem;

    #[test]
    fn awkward_ids_become_safe_names() {
        let cases = [
            ("Test", "Test"),
            ("v1.2-a_b", "v1.2-a_b"),
            (".hidden", "%2Ehidden"),
            ("..", "%2E."),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
            ("a.pub", "a%2Epub"),
            ("a.PUB", "a%2EPUB"),
            ("a.pub.b", "a.pub.b"),
            ("a%2Epub", "a%252Epub"),
            ("a~b", "a%7Eb"),
            ("arn:aws:kms:eu-west-1:1:key/ab", "arn%3Aaws%3Akms%3Aeu-west-1%3A1%3Akey%2Fab"),
            ("Clé", "Cl%C3%A9"),
        ];
        for (id, stem) in cases {
            assert_eq!(file_stem(id), stem, "{id}");
        }
    }

    #[test]
    fn no_two_ids_share_a_file() {
        let parts = ["a", ".", ".pub", ".pem", "%", "%2E", "/", "é", "~", "2E", "pub"];
        let mut seen = HashMap::new();
        for first in parts {
            for second in parts {
                for third in parts {
                    let id = [first, second, third].concat();
                    for name in [format!("{}.pem", file_stem(&id)), format!("{}.pub.pem", file_stem(&id))] {
                        assert!(!name.contains('/') && !name.starts_with('.'), "{name}");
                        if let Some(other) = seen.insert((name.clone(), ()), id.clone()) {
                            assert_eq!(other, id, "{name}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn long_ids_fit_a_file_name_and_stay_apart() {
        let (one, other) = ("é".repeat(127), format!("{}è", "é".repeat(126)));
        let (one, other) = (file_stem(&one), file_stem(&other));
        assert!(one.len() + ".pub.pem".len() <= 255, "{}", one.len());
        assert_ne!(one, other);
        assert_eq!(file_stem(&"a".repeat(200)), "a".repeat(200));
        assert!(file_stem(&"a".repeat(201)).contains('~'));
    }
}
