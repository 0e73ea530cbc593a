//! The process with the keys: it makes and rotates users' keys, and uses credentials. It does not listen.
//!
//! (Two in earnest: whoever uses credentials need not have the authority's key, which [`CredentialKeys`] signs with.)

use std::path::Path;
use std::sync::Arc;

use secret_store_core::{ApplicationConfig, ApplicationName, EnvelopeStore, Error, TenantId, TenantKeys};
use secret_store_rsa_file::DirectoryPersistence;
use secret_store_transport::AuthorityPublicKey;
use secret_store_transport::credential::{
    CredentialKey, CredentialKeyVersion, CredentialKeys, CredentialPlace, CredentialRotationOptions, CredentialUse,
    CredentialVault, CredentialView, TotpCode,
};

use super::{APPLICATIONS, owner};
use crate::audit::{self, Audit};
use crate::{Failure, master_keys, trust};

const STORE: &str = "vault";
const AUTHORITY: &str = "authority.key";

/// What the process works with.
#[derive(Debug)]
pub struct Agent {
    keys: CredentialKeys,
    vault: CredentialVault,
    /// What was used.
    pub audit: Audit,
}

/// Makes the directory of an agent: master key, authority, the key of its audit log. Answers what servers are told to trust.
///
/// # Errors
///
/// When something cannot be made.
pub async fn init(home: &Path) -> Result<AuthorityPublicKey, Failure> {
    std::fs::create_dir_all(home)?;
    master_keys::make(&home.join("keys")).await?;
    audit::make_key(home)?;
    Ok(trust::authority_in(&home.join(AUTHORITY))?.public_key())
}

impl Agent {
    /// Opens a directory that [`init`] has made, and the records that it shares with servers.
    ///
    /// # Errors
    ///
    /// As the parts, which name the file and what to do.
    pub async fn open(home: &Path, records: &Path) -> Result<Self, Failure> {
        let audit = Audit::open(home, "example", "credential_agent").await?;
        let records = Arc::new(DirectoryPersistence::open(records).await?);
        let master = master_keys::open(&home.join("keys")).await?;
        let tenants = TenantKeys::builder(master, records.clone()).store_id(STORE).master_key(master_keys::MASTER_KEY);
        let store = EnvelopeStore::builder(Arc::new(tenants.build()?), records.clone()).store_id(STORE);
        let store = Arc::new(store.other_applications(of_user).build()?);
        let authority = Arc::new(trust::authority_in(&home.join(AUTHORITY))?);
        let keys = CredentialKeys::new(store.clone(), records.clone()).with_authority(authority);
        let vault = CredentialVault::new(store, records).with_audit(audit.recorder.clone());
        Ok(Self { keys, vault, audit })
    }

    /// Makes a user's first key, to be handed to the user's client over a channel that is confidential and authentic.
    ///
    /// # Errors
    ///
    /// Where the user has one.
    pub async fn enrol(&self, user: &str) -> Result<CredentialKey, Failure> {
        Ok(self.keys.create(&owner(user)?).await?)
    }

    /// Replaces a user's key and encrypts everything under the new one; the old one is refused and gone. Where it ended early,
    /// the same call goes on.
    ///
    /// # Errors
    ///
    /// As the store; and when credentials were found that do not open.
    pub async fn rotate(&self, user: &str, from: CredentialKeyVersion) -> Result<CredentialKey, Failure> {
        let owner = owner(user)?;
        let rotation = self.keys.rotate_data_key(&owner, from, &CredentialRotationOptions::default()).await?;
        if !rotation.is_finished() {
            return Err(format!("some credentials do not open, the old key stays: {:?}", rotation.findings()).into());
        }
        Ok(self.keys.key(&owner, rotation.version()).await?)
    }

    /// Signs in with a password: here stands what your agent does at the site. Answers which revision it was, and how long.
    ///
    /// # Errors
    ///
    /// As [`CredentialVault::with_credential`]: at another host than the user allows, nothing is opened.
    pub async fn sign_in(
        &self,
        user: &str,
        place: &CredentialPlace,
        here: &CredentialUse,
    ) -> Result<(u64, usize), Failure> {
        // The plaintext is there while the closure runs, and wiped after it: nothing of it is returned.
        let at_the_site = |view: &CredentialView| (view.info().revision, view.expose_secret().len());
        Ok(self.vault.with_credential(&owner(user)?, place, here, at_the_site).await?)
    }

    /// The one-time password of this moment.
    ///
    /// # Errors
    ///
    /// As [`sign_in`](Self::sign_in), and where it is no secret for one-time passwords.
    pub async fn totp(&self, user: &str, place: &CredentialPlace, here: &CredentialUse) -> Result<TotpCode, Failure> {
        Ok(self.vault.with_credential(&owner(user)?, place, here, |view| view.totp_now()).await??)
    }
}

/// The application of a user belongs to the user's tenant.
fn of_user(application: &ApplicationName) -> secret_store_core::Result<Arc<ApplicationConfig>> {
    let user = application.as_str().strip_prefix(APPLICATIONS);
    let user = user.ok_or_else(|| Error::invalid_input("an agent has applications of users only"))?;
    Ok(Arc::new(ApplicationConfig::default().with_tenant(TenantId::new(user)?)))
}
