//! The intake where no verify key exists: it opens what it takes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secret_store_core::audit::AuditRecorder;
use secret_store_core::{Clock, ErrorKind, Persistence, Result, SecretStore};

use super::keys::load_key;
use super::message::{Credential, CredentialInfo};
use super::place::CredentialOwner;
use super::records::KeyState;
use super::seal::decrypt_credential;
use super::submit::{Judge, Ledger, key_retired};

/// Takes credentials by opening them with the user's key, for a moment, and stores the submitted bytes as they are.
///
/// For users without a verify key record. It knows more than [`CredentialIntake`](super::CredentialIntake) (what it takes does open),
/// and holds more: whoever takes this server over reads what passes through it. The plaintext is wiped before anything is stored.
#[derive(Clone)]
pub struct TrialOpenIntake {
    store: Arc<dyn SecretStore>,
    ledger: Ledger,
}

impl TrialOpenIntake {
    /// An intake over the store with users' keys and the persistence of their credentials.
    #[must_use]
    pub fn new(store: Arc<dyn SecretStore>, records: Arc<dyn Persistence>) -> Self {
        Self { store, ledger: Ledger::new(records) }
    }

    /// Another clock than the operating system's, for tests.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { ledger: self.ledger.with_clock(clock), ..self }
    }

    /// Records every submission, as [`CredentialIntake::with_audit`](super::CredentialIntake::with_audit) does.
    #[must_use]
    pub fn with_audit(self, audit: AuditRecorder) -> Self {
        Self { ledger: self.ledger.with_audit(audit), ..self }
    }

    /// Opens a credential, wipes what it says, and stores its bytes.
    ///
    /// # Errors
    ///
    /// As [`CredentialIntake::ingest`](super::CredentialIntake::ingest), and as the store.
    pub async fn ingest(&self, owner: &CredentialOwner, credential: Credential) -> Result<CredentialInfo> {
        self.ledger.submit(owner, credential, self).await
    }

    /// The same of bytes as they came.
    ///
    /// # Errors
    ///
    /// As [`CredentialIntake::ingest_bytes`](super::CredentialIntake::ingest_bytes), and as the store.
    pub async fn ingest_bytes(&self, owner: &CredentialOwner, submitted: Vec<u8>) -> Result<CredentialInfo> {
        self.ledger.submit_bytes(owner, submitted, self).await
    }
}

#[async_trait]
impl Judge for TrialOpenIntake {
    async fn judge(&self, owner: &CredentialOwner, credential: &Credential, _: &KeyState) -> Result<()> {
        let key = load_key(&*self.store, owner, credential.info().key_version).await;
        let key = key.map_err(|error| if error.kind() == ErrorKind::NotFound { key_retired() } else { error })?;
        decrypt_credential(&key, credential).map(drop)
    }
}

impl fmt::Debug for TrialOpenIntake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrialOpenIntake").finish_non_exhaustive()
    }
}
