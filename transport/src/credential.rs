//! Client-encrypted credentials.

mod derive;
mod domain;
mod intake;
mod key;
mod keys;
mod message;
mod original;
mod place;
mod records;
mod rotation;
mod seal;
mod submit;
mod totp;
mod trial;
mod vault;

pub use domain::{Domain, Host};
pub use intake::CredentialIntake;
pub use key::{CredentialKey, CredentialVerifyKey};
pub use keys::CredentialKeys;
pub use message::{Credential, CredentialInfo, MAX_CREDENTIAL_BYTES};
pub use original::import_original;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use original::json::string as original_json_string;
pub use place::{Alias, CredentialId, CredentialKeyVersion, CredentialOwner, CredentialPlace, FieldName};
pub use rotation::{
    CredentialCensus, CredentialFinding, CredentialProgress, CredentialRotation, CredentialRotationOptions,
};
pub use seal::{NewCredential, decrypt_credential, encrypt_credential};
pub use totp::{Totp, TotpAlgorithm, TotpCode};
pub use trial::TrialOpenIntake;
pub use vault::{CredentialUse, CredentialVault, CredentialView};
