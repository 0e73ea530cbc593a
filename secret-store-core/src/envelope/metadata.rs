//! The one encoding of metadata: a CBOR map of text to text, keys sorted by their bytes, which the value's AAD carries.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::secret::Metadata;
use crate::text_map;

/// The largest encoding, in bytes.
const MAX_BYTES: usize = 4096;
/// The largest idempotency token, in bytes.
const MAX_TOKEN_BYTES: usize = 64;
/// The entry that holds an idempotency token. Callers' keys cannot begin with `~`.
const TOKEN_KEY: &str = "~idempotency";

/// Checks what a caller gave and encodes it; `None` when there is nothing to say.
pub(crate) fn encode(metadata: &Metadata, token: Option<&str>) -> Result<Option<Vec<u8>>> {
    for (key, _) in metadata.iter() {
        if key.is_empty() || key.starts_with('~') {
            return Err(Error::invalid_input("a metadata key is empty or begins with `~`, which is reserved"));
        }
    }
    let mut entries: BTreeMap<&str, &str> = metadata.iter().collect();
    if let Some(token) = token {
        if token.is_empty() || token.len() > MAX_TOKEN_BYTES {
            return Err(Error::invalid_input(format!("an idempotency token has 1 to {MAX_TOKEN_BYTES} bytes")));
        }
        entries.insert(TOKEN_KEY, token);
    }
    if entries.is_empty() {
        return Ok(None);
    }
    let encoded = text_map::encode(&entries);
    if encoded.len() > MAX_BYTES {
        return Err(Error::too_large("metadata", MAX_BYTES as u64, encoded.len() as u64));
    }
    Ok(Some(encoded))
}

/// Parses exactly what [`encode`] wrote: the caller's entries, and the idempotency token apart.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Metadata, Option<String>)> {
    let mut entries = text_map::decode(bytes, MAX_BYTES).map_err(|_| Error::integrity())?;
    let token = entries.remove(TOKEN_KEY).map(ToOwned::to_owned);
    let owned = entries.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    let metadata = Metadata::from_entries(owned.collect());
    // One form for each map: comparing refuses every other, and whatever no caller could have written.
    match encode(&metadata, token.as_deref()) {
        Ok(Some(again)) if again == bytes => Ok((metadata, token)),
        _ => Err(Error::integrity()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn frozen_bytes() {
        let metadata = Metadata::new().with("owner", "team-a").with("env", "prod");
        let encoded = encode(&metadata, Some("t1")).expect("valid").expect("something to say");
        assert_eq!(
            hex::encode(&encoded),
            "a363656e766470726f64656f776e6572667465616d2d616c7e6964656d706f74656e6379627431"
        );
        assert_eq!(decode(&encoded).expect("valid"), (metadata, Some("t1".to_owned())));
        assert_eq!(encode(&Metadata::new(), None).expect("valid"), None);
    }

    #[test]
    fn every_other_form_is_refused() {
        let encoded = encode(&Metadata::new().with("a", "b").with("c", "d"), None).expect("valid").expect("something");
        for length in 0..encoded.len() {
            assert!(decode(&encoded[..length]).is_err());
        }
        for refused in [
            "a0",
            "a161616162 00",
            "a261636164 61616162",
            "a2616161626161 6162",
            "bf61616162ff",
            "a178016161 62",
            // What `encode` refuses: an empty key, a reserved one, an empty idempotency token.
            "a1606162",
            "a1627e786162",
            "a16c7e6964656d706f74656e6379 60",
        ] {
            let bytes = hex::decode(refused.replace(' ', "")).expect("hex");
            assert_eq!(decode(&bytes).expect_err(refused).kind(), ErrorKind::Integrity);
        }
    }

    #[test]
    fn callers_are_told_the_rule() {
        for key in ["", "~idempotency", "~x"] {
            let error = encode(&Metadata::new().with(key, "v"), None).expect_err(key);
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        for token in [String::new(), "t".repeat(65)] {
            let error = encode(&Metadata::new(), Some(&token)).expect_err("a bad token");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        let large = Metadata::new().with("k", "v".repeat(4096));
        assert!(matches!(
            encode(&large, None).expect_err("large").kind(),
            ErrorKind::TooLarge { limit: 4096, actual: 4102 }
        ));
    }
}
