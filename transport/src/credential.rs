//! Credentials that users' clients encrypt, kept by a server that can neither open nor make one.
//!
//! A user's client has a [`CredentialKey`]. With it, it encrypts and signs one field of a credential for one domain
//! ([`encrypt_credential`], no store needed). A [`CredentialIntake`] verifies the signature by the public half of the key and stores the
//! submitted bytes; a [`CredentialVault`] opens them for a closure at the moment of use, and wipes them; [`CredentialKeys`] keeps users'
//! keys as secrets, and replaces one by another.
//!
//! | to | use |
//! |---|---|
//! | encrypt and open on the client | [`encrypt_credential`], [`decrypt_credential`], [`NewCredential`] |
//! | take what clients submit | [`CredentialIntake`]; [`TrialOpenIntake`] where there are no verify keys |
//! | use a credential | [`CredentialVault::with_credential`], [`CredentialUse`], [`CredentialView`] |
//! | make one-time passwords | [`CredentialView::totp_now`], [`Totp`] |
//! | make, hand out, renew, rotate keys | [`CredentialKeys`] |
//! | take over the original vault's | [`import_original`] |
//!
//! What stands in clear, authenticated, is [`CredentialInfo`]: owner, key version, place, domain, alias, revision, expiry. Everybody who
//! sees a credential can read it. `docs/guides/client-encrypted-credentials.md` goes through all of it; bytes are in `docs/format.md`,
//! section 17.

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
