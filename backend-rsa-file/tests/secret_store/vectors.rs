//! The records of the original Secret Store, and providers that hold its keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::executor::block_on;
use secret_store_core::{ApplicationName, MasterKeyId, Record, RecordKey, SecretId, SecretName, Value};
use secret_store_rsa_file::{RsaKeyProvider, SigningKeyId};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Vectors {
    keys: BTreeMap<String, Key>,
    pub(crate) written: Vec<Vector>,
    pub(crate) foreign: Vec<Vector>,
}

#[derive(Deserialize)]
struct Key {
    pkcs8_pem: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Vector {
    #[serde(rename = "id")]
    pub(crate) id: String,
    #[serde(rename = "encryption_key")]
    encryption_key: String,
    #[serde(rename = "signing_key")]
    signing_key: String,
    application_name: Option<String>,
    secret_name: Option<String>,
    master_key_id: String,
    initialisation_vector: String,
    protected_document_key: String,
    protected_secret_value: String,
    #[serde(rename = "expected_plaintext_base64")]
    pub(crate) plaintext: Option<String>,
    #[serde(rename = "original")]
    pub(crate) original: Option<Original>,
}

/// What the original does with a record made elsewhere.
#[derive(Deserialize)]
pub(crate) struct Original {
    pub(crate) reads: bool,
    pub(crate) plaintext_base64: Option<String>,
}

pub(crate) fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors/secretstore-legacy.json")).expect("the vectors parse")
}

pub(crate) fn bytes(base64: &str) -> Vec<u8> {
    BASE64.decode(base64).expect("base64")
}

impl Vectors {
    pub(crate) fn pem(&self, key: &str) -> &str {
        &self.keys[key].pkcs8_pem
    }

    /// A provider with the keys that a record was made under.
    pub(crate) fn provider(&self, vector: &Vector) -> Arc<RsaKeyProvider> {
        let signer = SigningKeyId::new("signer").expect("valid");
        let provider = RsaKeyProvider::builder()
            .master_key_pem(vector.master_key_id(), self.pem(&vector.encryption_key))
            .signing_key_pem(signer, self.pem(&vector.signing_key))
            .build();
        Arc::new(block_on(provider).expect("the keys are good"))
    }
}

impl Vector {
    pub(crate) fn master_key_id(&self) -> MasterKeyId {
        MasterKeyId::new(self.master_key_id.as_str()).expect("valid")
    }

    pub(crate) fn encryption_key(&self) -> &str {
        &self.encryption_key
    }

    pub(crate) fn signing_key(&self) -> &str {
        &self.signing_key
    }

    /// Records made elsewhere carry no names: any will do, as nothing binds them.
    pub(crate) fn id(&self) -> SecretId {
        let application = self.application_name.as_deref().unwrap_or("YourApp.Api");
        let name = self.secret_name.as_deref().unwrap_or("Foreign");
        SecretId::new(
            ApplicationName::lenient(application).expect("a name of the original's"),
            SecretName::lenient(name).expect("a name of the original's"),
        )
    }

    pub(crate) fn key(&self) -> RecordKey {
        RecordKey::new(self.id().application().as_str(), self.id().name().as_str())
    }

    /// The original's six attributes.
    pub(crate) fn record(&self) -> Record {
        Record::new()
            .with("ApplicationName", Value::from(self.id().application().as_str()))
            .with("SecretName", Value::from(self.id().name().as_str()))
            .with("MasterKeyId", Value::from(self.master_key_id.as_str()))
            .with("InitialisationVector", Value::from(bytes(&self.initialisation_vector)))
            .with("ProtectedDocumentKey", Value::from(bytes(&self.protected_document_key)))
            .with("ProtectedSecretValue", Value::from(bytes(&self.protected_secret_value)))
    }
}
