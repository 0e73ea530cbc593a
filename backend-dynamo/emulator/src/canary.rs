//! Bytes that must not travel, in whatever coding.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::exchange::{Request, Response};

/// Bytes to look for: raw, in hexadecimal of either case, and in base64 of either alphabet at any alignment.
///
/// Short ones are found by chance: 16 bytes and more are not.
#[derive(Clone, Debug)]
pub struct Canary(Vec<Vec<u8>>);

impl Canary {
    /// Something to look for.
    ///
    /// # Panics
    ///
    /// Below four bytes, which leave nothing to look for in base64.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        assert!(bytes.len() >= 4, "a canary of {} bytes is nowhere or everywhere", bytes.len());
        let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut needles = vec![bytes.to_vec(), hexadecimal.to_uppercase().into_bytes(), hexadecimal.into_bytes()];
        for before in 0..3 {
            needles.push(base64_core(&STANDARD, before, bytes));
            needles.push(base64_core(&URL_SAFE, before, bytes));
        }
        Self(needles)
    }

    /// Whether it occurs in these bytes.
    #[must_use]
    pub fn is_in(&self, place: &[u8]) -> bool {
        self.0.iter().any(|needle| contains(place, needle))
    }

    /// Whether it occurs in the body, the path or a header.
    #[must_use]
    pub fn is_in_request(&self, request: &Request) -> bool {
        self.is_in(&request.body) || self.is_in(request.path.as_bytes()) || self.is_in_headers(&request.headers)
    }

    /// Whether it occurs in the body or a header.
    #[must_use]
    pub fn is_in_response(&self, response: &Response) -> bool {
        self.is_in(&response.body) || self.is_in_headers(&response.headers)
    }

    fn is_in_headers(&self, headers: &[(String, String)]) -> bool {
        headers.iter().any(|(name, value)| self.is_in(name.as_bytes()) || self.is_in(value.as_bytes()))
    }
}

/// From one first byte to the next: bodies of megabytes are searched in debug builds.
fn contains(mut place: &[u8], needle: &[u8]) -> bool {
    while let Some(at) = needle.first().and_then(|first| place.iter().position(|byte| byte == first)) {
        place = &place[at..];
        if place.starts_with(needle) {
            return true;
        }
        place = &place[1..];
    }
    false
}

/// The characters of the base64 text that do not depend on what stands before and after the bytes.
fn base64_core(engine: &impl Engine, before: usize, bytes: &[u8]) -> Vec<u8> {
    let text = engine.encode([&[0; 2][..before], bytes].concat());
    let first = (before * 8).div_ceil(6);
    let last = (before + bytes.len()) * 8 / 6;
    text.as_bytes()[first..last].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &[u8] = b"\x00canary bytes \xff\xfe that nobody else has";

    #[test]
    fn canaries_are_found_in_every_coding_and_nowhere_else() {
        let canary = Canary::new(CANARY);
        let hexadecimal = CANARY.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
        assert!(canary.is_in(&[b"x", CANARY, b"y"].concat()));
        assert!(canary.is_in(&[CANARY, CANARY].concat()[1..]));
        assert!(canary.is_in(hexadecimal.as_bytes()));
        assert!(canary.is_in(hexadecimal.to_lowercase().as_bytes()));
        for before in 0..5 {
            for after in 0..5 {
                let bytes = [&vec![7; before], CANARY, &vec![9; after]].concat();
                assert!(canary.is_in(STANDARD.encode(&bytes).as_bytes()), "{before} {after}");
                assert!(canary.is_in(URL_SAFE.encode(&bytes).as_bytes()), "{before} {after}");
            }
        }
        assert!(!canary.is_in(b"canary bytes"));
        assert!(!canary.is_in(STANDARD.encode(b"something else").as_bytes()));
        assert!(!canary.is_in(b""));
    }

    #[test]
    fn every_place_of_a_message_is_searched() {
        let canary = Canary::new(b"needle in here");
        let text = "a needle in here.";
        let empty = Request { path: "/".to_owned(), headers: Vec::new(), body: Vec::new() };
        let header = vec![("x-note".to_owned(), text.to_owned())];
        assert!(!canary.is_in_request(&empty));
        assert!(canary.is_in_request(&Request { path: text.to_owned(), ..empty.clone() }));
        assert!(canary.is_in_request(&Request { headers: header.clone(), ..empty.clone() }));
        assert!(canary.is_in_request(&Request { body: text.as_bytes().to_vec(), ..empty }));
        assert!(canary.is_in_response(&Response { status: 200, headers: header, body: Vec::new() }));
        assert!(canary.is_in_response(&Response { status: 200, headers: Vec::new(), body: text.as_bytes().to_vec() }));
        assert!(!canary.is_in_response(&Response::bare(200)));
    }
}
