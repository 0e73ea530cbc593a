//! One JSON string (RFC 8259, section 7), into a buffer that is wiped: a general parser leaves pieces in buffers of its own.

use secret_store_core::{Error, Result, SecretValue};

/// The text of a JSON document that is one string, with nothing but white space around it.
pub(crate) fn string(document: &[u8]) -> Result<SecretValue> {
    let document = std::str::from_utf8(document).map_err(|_| Error::integrity())?;
    let quoted = document.trim_matches([' ', '\t', '\n', '\r']);
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(Error::integrity)?;
    // A text is never longer than its encoding; the buffer never grows.
    let mut out = Wiped(Vec::with_capacity(inner.len()));
    let mut rest = Escapes(inner);
    while let Some(next) = rest.next_char()? {
        out.0.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(SecretValue::new(std::mem::take(&mut out.0)))
}

/// Wipes on every early return.
struct Wiped(Vec<u8>);

impl Drop for Wiped {
    fn drop(&mut self) {
        drop(SecretValue::new(std::mem::take(&mut self.0)));
    }
}

struct Escapes<'a>(&'a str);

impl Escapes<'_> {
    fn next_char(&mut self) -> Result<Option<char>> {
        match self.take() {
            None => Ok(None),
            Some('\\') => self.escape().map(Some),
            // A bare quotation mark ends a string, and control characters are escaped.
            Some('"' | '\0'..='\x1f') => Err(Error::integrity()),
            plain => Ok(plain),
        }
    }

    fn take(&mut self) -> Option<char> {
        let mut chars = self.0.chars();
        let next = chars.next();
        self.0 = chars.as_str();
        next
    }

    fn escape(&mut self) -> Result<char> {
        Ok(match self.take().ok_or_else(Error::integrity)? {
            plain @ ('"' | '\\' | '/') => plain,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.code_point()?,
            _ => return Err(Error::integrity()),
        })
    }

    /// After `\u`; a character beyond the first plane is two units (section 7).
    fn code_point(&mut self) -> Result<char> {
        let unit = self.unit()?;
        let code = match unit {
            0xd800..=0xdbff => {
                if (self.take(), self.take()) != (Some('\\'), Some('u')) {
                    return Err(Error::integrity());
                }
                match self.unit()? {
                    low @ 0xdc00..=0xdfff => 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00),
                    _ => return Err(Error::integrity()),
                }
            }
            _ => unit,
        };
        char::from_u32(code).ok_or_else(Error::integrity)
    }

    fn unit(&mut self) -> Result<u32> {
        (0..4).try_fold(0, |unit, _| {
            let digit = self.take().and_then(|digit| digit.to_digit(16)).ok_or_else(Error::integrity)?;
            Ok(unit << 4 | digit)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_one_string_is_refused() {
        for document in [
            "",
            "\"",
            "null",
            "1",
            "{}",
            "[\"a\"]",
            "\"a\"b\"",
            "\"a\" \"b\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "'a'",
            "\u{feff}\"a\"",
            "\"\\u+123\"",
        ] {
            assert!(string(document.as_bytes()).is_err(), "{document}");
        }
        assert!(string(b"\"\xff\"").is_err());
    }

    proptest! {
        /// What another encoder wrote is read, and read as another parser reads it.
        #[test]
        fn reads_what_serde_json_writes(text in "\\PC*|[\\x00-\\x7f]*|\\u{1F600}*") {
            let document = serde_json::to_vec(&text).expect("text");
            let value = string(&document).expect("a string");
            prop_assert_eq!(value.expose_secret(), text.as_bytes());
        }

        #[test]
        fn agrees_with_serde_json(document in "\"[a\\\\u0d8cenrt\"/b]{0,12}\"") {
            let theirs = serde_json::from_str::<String>(&document).ok();
            let ours = string(document.as_bytes()).ok().map(|value| value.text().expect("text").to_owned());
            prop_assert_eq!(ours, theirs);
        }
    }
}
