//! One value.

use std::str::FromStr;

use serde::de::Visitor;

use super::Fault;

/// A value that a field is read from.
#[derive(Clone, Copy)]
pub(super) struct Leaf<'t>(pub(super) &'t [u8]);

type Json<'t> = serde_json::Deserializer<serde_json::de::SliceRead<'t>>;

impl<'t> Leaf<'t> {
    pub(super) fn text(self) -> Result<&'t str, Fault> {
        std::str::from_utf8(self.0).map_err(|_| Fault::malformed("text in UTF-8"))
    }

    pub(super) fn parse<T: FromStr>(self, expected: &str) -> Result<T, Fault> {
        self.text()?.parse().map_err(|_| Fault::malformed(expected))
    }

    /// As text if it is text, as bytes otherwise.
    pub(super) fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match std::str::from_utf8(self.0) {
            Ok(text) => visitor.visit_str(text),
            Err(_) => visitor.visit_bytes(self.0),
        }
    }

    pub(super) fn is_object(self) -> bool {
        self.0.trim_ascii_start().starts_with(b"{")
    }

    /// Read as JSON, to the end.
    pub(super) fn json<T>(self, read: impl FnOnce(&mut Json<'t>) -> Result<T, serde_json::Error>) -> Result<T, Fault> {
        let mut json = serde_json::Deserializer::from_slice(self.0);
        let value = read(&mut json).and_then(|value| json.end().map(|()| value));
        // serde's message may quote the value: keep the position only.
        value.map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Fault::malformed(format!("JSON of the expected shape (line {line}, column {column})"))
        })
    }
}
