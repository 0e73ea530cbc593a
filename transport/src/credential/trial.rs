//! The intake where no verify key exists: it opens what it takes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secret_store_core::audit::AuditRecorder;
use secret_store_core::{Clock, ErrorKind, Persistence, Result, SecretStore, SystemClock};

use super::keys::load_key;
use super::message::{Credential, CredentialInfo};
use super::place::CredentialOwner;
use super::records::{CredentialRecords, KeyState};
use super::seal::decrypt_credential;
use super::submit::{Judge, Submission, key_retired};
use crate::wire::Message as _;

/// Takes credentials by opening them with the user's key, for a moment, and stores the submitted bytes as they are.
///
/// For users without a verify key record. It knows more than [`CredentialIntake`](super::CredentialIntake) (what it takes does open),
/// and holds more: whoever takes this server over reads what passes through it. The plaintext is wiped before anything is stored.
#[derive(Clone)]
pub struct TrialOpenIntake {
    store: Arc<dyn SecretStore>,
    records: CredentialRecords,
    clock: Arc<dyn Clock>,
    audit: Option<AuditRecorder>,
}

impl TrialOpenIntake {
    /// An intake over the store with users' keys and the persistence of their credentials.
    #[must_use]
    pub fn new(store: Arc<dyn SecretStore>, records: Arc<dyn Persistence>) -> Self {
        Self { store, records: CredentialRecords(records), clock: Arc::new(SystemClock), audit: None }
    }

    /// Another clock than the operating system's, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Records every submission, as [`CredentialIntake::with_audit`](super::CredentialIntake::with_audit) does.
    #[must_use]
    pub fn with_audit(mut self, audit: AuditRecorder) -> Self {
        self.audit = Some(audit);
        self
    }

    /// Opens a credential, wipes what it says, and stores its bytes.
    ///
    /// # Errors
    ///
    /// As [`CredentialIntake::ingest`](super::CredentialIntake::ingest), and as the store.
    pub async fn ingest(&self, owner: &CredentialOwner, credential: Credential) -> Result<CredentialInfo> {
        self.submission().submit(owner, credential, self).await
    }

    /// The same of bytes as they came.
    ///
    /// # Errors
    ///
    /// As [`CredentialIntake::ingest_bytes`](super::CredentialIntake::ingest_bytes), and as the store.
    pub async fn ingest_bytes(&self, owner: &CredentialOwner, submitted: Vec<u8>) -> Result<CredentialInfo> {
        match Credential::from_bytes(submitted) {
            Ok(credential) => self.ingest(owner, credential).await,
            Err(refusal) => self.submission().refuse(owner, refusal).await,
        }
    }

    fn submission(&self) -> Submission<'_> {
        Submission { records: &self.records, clock: &*self.clock, audit: self.audit.as_ref() }
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
