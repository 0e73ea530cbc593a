//! The parsers of key records, sealed submission and retrieval.

use crate::key_record::KeyRecord;
use crate::organisation_keys::fuzzing as keys;
use crate::recipient::RecipientKeyPair;
use crate::retrieval::{Bundle, RetrievalRequest, fuzzing as retrieval};
use crate::sealed::{SealedRequest, SealedSecret, fuzzing as sealed};
use crate::wire::Message as _;

/// A key record. Whatever has its form shows its claims; nobody's signature verifies by chance.
pub fn key_record(bytes: &[u8]) -> bool {
    let Ok(record) = KeyRecord::from_bytes(bytes.to_vec()) else { return false };
    assert_eq!(record.as_bytes(), bytes, "a message has one form");
    let claims = record.claims();
    assert!(claims.version() > 0 && claims.expires() > claims.not_before());
    assert!(!claims.subject().contains(char::is_control), "names are plain");
    true
}

/// A sealed secret.
pub fn sealed_secret(bytes: &[u8]) -> bool {
    let Ok(message) = SealedSecret::from_bytes(bytes.to_vec()) else { return false };
    sealed::check_form(&message);
    true
}

/// The body of a request with a sealed secret, as JSON: what is no seal leaves none.
pub fn sealed_request(bytes: &[u8]) -> bool {
    let Ok(request) = serde_json::from_slice::<SealedRequest>(bytes) else { return false };
    let Ok(again) = serde_json::to_vec(&request) else { return false };
    let parsed: SealedRequest = serde_json::from_slice(&again).expect("its own form parses");
    assert_eq!(serde_json::to_vec(&parsed).expect("a seal"), again);
    true
}

/// A request for secrets.
pub fn retrieval_request(bytes: &[u8]) -> bool {
    let Ok(request) = RetrievalRequest::from_bytes(bytes.to_vec()) else { return false };
    retrieval::check_form(&request);
    true
}

/// A bundle, as a client without its private key sees it.
pub fn bundle(bytes: &[u8]) -> bool {
    let Ok(bundle) = Bundle::from_bytes(bytes.to_vec()) else { return false };
    assert_eq!(bundle.as_bytes(), bytes, "a message has one form");
    true
}

/// What is inside of a bundle, for the secrets `MainDb` and `Api`.
pub fn bundle_content(bytes: &[u8]) -> bool {
    retrieval::content(bytes)
}

/// A stored key pair.
pub fn key_pair(bytes: &[u8]) -> bool {
    let Ok(pair) = RecipientKeyPair::from_stored(bytes) else { return false };
    let stored = pair.to_stored().expect("serialises");
    let again = RecipientKeyPair::from_stored(stored.expose_secret()).expect("its own form parses");
    assert_eq!(again.public_key(), pair.public_key());
    true
}

/// The keys of an organisation as one value.
pub fn key_set(bytes: &[u8]) -> bool {
    keys::key_set(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Target = fn(&[u8]) -> bool;

    const TARGETS: [(&str, Target); 8] = [
        ("bundle", bundle),
        ("bundle_content", bundle_content),
        ("key_pair", key_pair),
        ("key_record", key_record),
        ("key_set", key_set),
        ("retrieval_request", retrieval_request),
        ("sealed_request", sealed_request),
        ("sealed_secret", sealed_secret),
    ];

    /// The samples of a target's corpus.
    fn samples(name: &str) -> Vec<Vec<u8>> {
        let folder = format!("{}/../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
        let files = std::fs::read_dir(folder).expect("a corpus");
        let paths = files.map(|file| file.expect("a file").path());
        let samples: Vec<_> = paths.map(|path| std::fs::read(path).expect("a sample")).collect();
        assert!(!samples.is_empty(), "{name}");
        samples
    }

    #[test]
    fn every_sample_is_accepted_and_no_alteration_of_one_panics() {
        for (name, target) in TARGETS {
            for sample in samples(name) {
                assert!(target(&sample), "{name}");
                for bit in 0..sample.len() * 8 {
                    let mut flipped = sample.clone();
                    flipped[bit / 8] ^= 1 << (bit % 8);
                    target(&flipped);
                }
                for length in 0..sample.len() {
                    assert!(!target(&sample[..length]), "{name} cut to {length}");
                    // A length that says more than there is, or all there can be.
                    for claimed in [0_u32, 1, 0xFFFF, 0x7FFF_FFFF, u32::MAX] {
                        let mut lies = sample.clone();
                        let end = (length + 4).min(lies.len());
                        lies[length..end].copy_from_slice(&claimed.to_be_bytes()[..end - length]);
                        target(&lies);
                    }
                }
            }
        }
    }
}
