//! Client-encrypted credentials.

mod derive;
mod domain;
mod key;
mod message;
mod place;
mod seal;

pub use domain::{Domain, Host};
pub use key::{CredentialKey, CredentialVerifyKey};
pub use message::{Credential, CredentialInfo, MAX_CREDENTIAL_BYTES};
pub use place::{Alias, CredentialId, CredentialKeyVersion, CredentialOwner, CredentialPlace, FieldName};
pub use seal::{NewCredential, decrypt_credential, encrypt_credential};
