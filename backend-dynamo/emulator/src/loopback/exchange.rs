//! What went over the wire.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A request as it was received.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path of its URL.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The operation that `X-Amz-Target` names, without the service: `Decrypt`, `GetItem`; empty without that header.
    #[must_use]
    pub fn operation(&self) -> &str {
        let target = self.header("x-amz-target").unwrap_or_default();
        target.rsplit_once('.').map_or(target, |(_, operation)| operation)
    }

    /// Whether these bytes occur in the request: raw, in hexadecimal of either case, or in base64 at any alignment; in
    /// the body or a header.
    #[must_use]
    pub fn contains(&self, bytes: &[u8]) -> bool {
        let headers = self.headers.iter().map(|(_, value)| value.as_bytes());
        let mut places = headers.chain([self.body.as_slice(), self.path.as_bytes()]);
        places.any(|place| occurs(place, bytes))
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer of the AWS JSON 1.1 protocol.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/x-amz-json-1.1".to_owned())];
        Self { status, headers, body: body.to_string().into_bytes() }
    }

    /// An error of the AWS JSON protocols: `__type` and `message`.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "__type": code, "message": message }))
    }

    /// A bare status with a body that is no JSON, as proxies and load balancers answer.
    #[must_use]
    pub fn bare(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: b"<html>not for programs</html>".to_vec() }
    }
}

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What was asked.
    pub request: Request,
    /// What was answered, also when the answer was lost; `None` when there was none.
    pub response: Option<Response>,
}

fn occurs(place: &[u8], bytes: &[u8]) -> bool {
    let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let has = |needle: &[u8]| !needle.is_empty() && place.windows(needle.len()).any(|window| window == needle);
    has(bytes)
        || has(hexadecimal.as_bytes())
        || has(hexadecimal.to_uppercase().as_bytes())
        || base64_cores(bytes).iter().any(|core| has(core.as_bytes()))
}

/// The characters of the base64 text that do not depend on what stands before and after the bytes, for each alignment.
fn base64_cores(bytes: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|before| {
        let text = STANDARD.encode([&[0; 2][..before], bytes].concat());
        let first = (before * 8).div_ceil(6);
        let last = (before + bytes.len()) * 8 / 6;
        text.get(first..last).unwrap_or_default().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &[u8] = b"\x00canary bytes \xff\xfe that nobody else has";

    fn request(body: Vec<u8>) -> Request {
        Request { path: "/".to_owned(), headers: Vec::new(), body }
    }

    #[test]
    fn canaries_are_found_in_every_coding_and_nowhere_else() {
        let hexadecimal = CANARY.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
        assert!(request([b"x", CANARY, b"y"].concat()).contains(CANARY));
        assert!(request(hexadecimal.clone().into_bytes()).contains(CANARY));
        assert!(request(hexadecimal.to_lowercase().into_bytes()).contains(CANARY));
        for before in 0..5 {
            for after in 0..5 {
                let text = STANDARD.encode([&vec![7; before], CANARY, &vec![9; after]].concat());
                assert!(request(text.into_bytes()).contains(CANARY), "{before} {after}");
            }
        }
        assert!(!request(b"canary bytes".to_vec()).contains(CANARY));
        assert!(!request(STANDARD.encode(b"something else").into_bytes()).contains(CANARY));
    }
}
