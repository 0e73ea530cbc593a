//! Thirdweb's JSON.

use crate::thirdweb::{EnclaveKeyPair, Sealed};

const KEY: [u8; 32] = [7; 32];
const CIPHERTEXT: &str = "\"ciphertext\":\"";

/// A message to the fixed enclave. Fields may stand in any order, with others; what was read is written in one form.
pub fn thirdweb(bytes: &[u8]) -> bool {
    let Ok(sealed) = serde_json::from_slice::<Sealed>(bytes) else { return false };
    let written = serde_json::to_string(&sealed).expect("serialises");
    assert!(written.contains(CIPHERTEXT) && !written.contains("0x"), "hexadecimal as the format has it");
    assert!(serde_json::from_str::<Sealed>(&written).is_ok_and(|again| again == sealed), "what was read is written");
    EnclaveKeyPair::from_private_key(&KEY).open(&sealed).is_ok()
}

/// Something that [`thirdweb`] opens.
#[must_use]
pub fn thirdweb_sample() -> Vec<u8> {
    use crate::channel::ServerKey;
    use crate::thirdweb::Client;
    let key = ServerKey::trusted(*EnclaveKeyPair::from_private_key(&KEY).public_key());
    let (_, sealed) = Client::seal(&key, b"{\"operation\":\"ping\"}").expect("seals");
    serde_json::to_vec(&sealed).expect("serialises")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_accepted_and_its_truncation_is_not() {
        let sample = thirdweb_sample();
        assert!(thirdweb(&sample));
        assert!(!thirdweb(&sample[..sample.len() - 1]));
    }
}
