//! The parsers of client-encrypted credentials.

use secret_store_core::{SecretValue, TenantId};

use crate::credential::{
    Credential, CredentialKey, CredentialKeyVersion, CredentialPlace, Domain, NewCredential, Totp, decrypt_credential,
    encrypt_credential, original_json_string,
};
use crate::wire::Message as _;

fn key() -> CredentialKey {
    let tenant = TenantId::new("alice").expect("a valid name");
    CredentialKey::from_bytes(tenant, CredentialKeyVersion::FIRST, &[7; 32])
}

/// A credential. What has its form is refused by a key that did not make it, unless that key did.
pub fn credential(bytes: &[u8]) -> bool {
    let Ok(credential) = Credential::from_bytes(bytes.to_vec()) else { return false };
    assert_eq!(credential.as_bytes(), bytes, "a message has one form");
    let info = credential.info();
    assert!(info.revision > 0 && !format!("{info:?}{}", info.place).contains(char::is_control), "names are escaped");
    let verified = key().verify_key().verify(&credential).is_ok();
    assert!(verified || decrypt_credential(&key(), &credential).is_err(), "nothing opens that is not signed");
    true
}

/// Something that [`credential`] accepts.
#[must_use]
pub fn credential_sample() -> Vec<u8> {
    let place = CredentialPlace::parse("github", "password").expect("valid names");
    let new = NewCredential::new(place, Domain::new(".example.com").expect("a domain"), 7);
    let credential = encrypt_credential(&key(), &new, &SecretValue::from("hunter2")).expect("encrypts");
    credential.as_bytes().to_vec()
}

/// A stored credential key.
pub fn credential_key(bytes: &[u8]) -> bool {
    let Ok(key) = CredentialKey::from_stored(bytes) else { return false };
    assert_eq!(key.to_stored().expose_secret(), bytes, "a stored key has one form");
    true
}

/// Something that [`credential_key`] accepts.
#[must_use]
pub fn credential_key_sample() -> Vec<u8> {
    key().to_stored().expose_secret().to_vec()
}

/// The plaintext of a field of the original vault: one JSON string.
pub fn original_text(bytes: &[u8]) -> bool {
    let Ok(value) = original_json_string(bytes) else { return false };
    assert!(value.text().is_ok() && value.len() + 2 <= bytes.len(), "text, no longer than its encoding");
    true
}

/// Something that [`original_text`] accepts.
#[must_use]
pub fn original_text_sample() -> Vec<u8> {
    br#" "p\u00e4ss\"w\\ord\n\ud83d\udd11" "#.to_vec()
}

/// A secret for one-time passwords as sites give it.
pub fn totp_secret(bytes: &[u8]) -> bool {
    let Some(totp) = std::str::from_utf8(bytes).ok().and_then(|text| Totp::parse(text).ok()) else { return false };
    let code = totp.at(std::time::UNIX_EPOCH).expect("a moment after 1970");
    assert!((6..=8).contains(&code.expose_secret().len()) && code.remaining().as_secs() > 0);
    true
}

/// Something that [`totp_secret`] accepts.
#[must_use]
pub fn totp_secret_sample() -> Vec<u8> {
    b"otpauth://totp/ACME:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=8&period=60&algorithm=SHA256".to_vec()
}

#[cfg(test)]
mod tests {
    #[test]
    fn samples_are_accepted_and_nothing_is_not() {
        assert!(super::credential(&super::credential_sample()) && !super::credential(b""));
        assert!(super::credential_key(&super::credential_key_sample()) && !super::credential_key(b""));
        assert!(super::original_text(&super::original_text_sample()) && !super::original_text(b""));
        assert!(super::totp_secret(&super::totp_secret_sample()) && !super::totp_secret(b""));
    }
}
