//! Messages of another implementation, made from the description of the format alone, open for ever.

use secret_store_transport::Message as _;
use secret_store_transport::credential::{Credential, CredentialKey, decrypt_credential};
use serde_json::Value;

use super::support::{tenant, version};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/credentials.json")).expect("vectors")
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("text")).expect("hex")
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| number.try_into().ok()).expect("a number")
}

#[test]
fn frozen_credentials_verify_and_open() {
    let vectors = vectors();
    let all = vectors["credentials"].as_array().expect("a list");
    assert!(all.len() >= 4);
    for vector in all {
        let owner = tenant(vector["tenant"].as_str().expect("text"));
        let key: [u8; 32] = bytes(&vector["key"]).try_into().expect("32 bytes");
        let key = CredentialKey::from_bytes(owner, version(number(&vector["key_version"])), &key);
        assert_eq!(key.verify_key().as_bytes()[..], bytes(&vector["verify_key"])[..]);
        assert_eq!(key.to_stored().expose_secret(), bytes(&vector["stored_key"]));
        let credential = Credential::from_bytes(bytes(&vector["credential"])).expect("its form");
        assert_eq!(key.verify_key().verify(&credential).expect("authentic"), credential.info());
        let (info, value) = decrypt_credential(&key, &credential).expect("opens");
        assert_eq!(value.expose_secret(), bytes(&vector["value"]));
        assert_eq!(info.place.id().as_str(), vector["id"]);
        assert_eq!(info.place.field().as_str(), vector["field"]);
        assert_eq!(info.domain.as_str(), vector["domain"]);
        assert_eq!(info.alias.as_ref().map_or("", |alias| alias.as_str()), vector["alias"]);
        assert_eq!(info.revision, vector["revision"].as_u64().expect("a number"));
        let expires =
            info.expires.map_or(0, |time| time.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis());
        assert_eq!(expires, u128::from(vector["expires"].as_u64().expect("a number")));
    }
}
