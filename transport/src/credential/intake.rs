//! The server that takes credentials and can neither open nor make one.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use secret_store_core::audit::AuditRecorder;
use secret_store_core::{ApplicationName, Clock, Error, ErrorKind, Persistence, Result};

use super::key::CredentialVerifyKey;
use super::message::{Credential, CredentialInfo};
use super::place::{CredentialKeyVersion, CredentialOwner};
use super::records::KeyState;
use super::submit::{Judge, Ledger};
use crate::key_record::{KeyRecord, KeyRole, Trust, TrustedKey};

/// So many verified keys are kept; then the rest are verified anew.
const MAX_VERIFIED: usize = 4096;

/// Takes credentials that users' clients encrypted, and stores the submitted bytes as they are.
///
/// It has a persistence, and what it [trusts](Trust) of public keys: the key of the authority that signs users' verify keys.
/// It has no key provider and no secret store, so that nobody who takes it over can open or make a credential:
///
/// ```compile_fail
/// # use std::sync::Arc;
/// # use secret_store_core::{EnvelopeStore, Persistence};
/// # use secret_store_transport::{credential::CredentialIntake, Trust};
/// fn with_a_store(store: Arc<EnvelopeStore>, trust: Trust) -> CredentialIntake {
///     CredentialIntake::new(store, trust)
/// }
/// ```
///
/// (With a persistence in its place the same compiles.)
///
/// ```
/// # use std::sync::Arc;
/// # use secret_store_core::{EnvelopeStore, Persistence};
/// # use secret_store_transport::{credential::CredentialIntake, Trust};
/// fn with_records(records: Arc<dyn Persistence>, trust: Trust) -> CredentialIntake {
///     CredentialIntake::new(records, trust)
/// }
/// ```
///
/// # Guarantees
///
/// * What is taken was signed by the user's client, all of it, under a version of the user's key that is accepted at the moment of
///   the commit. Whether it opens, only [using](super::CredentialVault) it tells.
/// * What is refused changes nothing.
/// * The revision of a field only grows. Of two writers of one revision one gets [`Conflict`](ErrorKind::Conflict); who submits the
///   very bytes that stand there succeeds.
/// * **Cancel safe**: a dropped call has stored the credential or has not.
///
/// Cheap to clone; clones share the verified keys.
#[derive(Clone)]
pub struct CredentialIntake {
    ledger: Ledger,
    trust: Trust,
    verified: Arc<Mutex<VerifiedKeys>>,
}

type VerifiedKeys = HashMap<(ApplicationName, CredentialKeyVersion), Arc<Verified>>;

/// A verify key, and the record that it was found trustworthy by.
struct Verified {
    record: KeyRecord,
    trusted: TrustedKey,
    key: CredentialVerifyKey,
}

impl CredentialIntake {
    /// An intake over a persistence, which believes verify keys for this reason.
    #[must_use]
    pub fn new(records: Arc<dyn Persistence>, trust: Trust) -> Self {
        Self { ledger: Ledger::new(records), trust, verified: Arc::default() }
    }

    /// Another clock than the operating system's, for tests.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { ledger: self.ledger.with_clock(clock), ..self }
    }

    /// Records every submission, taken or refused ([`AuditRecorder::for_request`] says whose): an intent before, an outcome after.
    /// What cannot be recorded is refused.
    #[must_use]
    pub fn with_audit(self, audit: AuditRecorder) -> Self {
        Self { ledger: self.ledger.with_audit(audit), ..self }
    }

    /// Verifies a credential and stores its bytes. Answers what it says of itself, authenticated now.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) for another user's, another key's or an altered credential,
    /// [`KeyRetired`](ErrorKind::KeyRetired) under a retired version of the key, [`PermissionDenied`](ErrorKind::PermissionDenied)
    /// under one that was never enrolled, [`Expired`](ErrorKind::Expired) past its own or its key record's time,
    /// [`Conflict`](ErrorKind::Conflict) where this revision of the field or a later one is stored, with the record's revision;
    /// otherwise as the [`Persistence`] and the audit sink.
    pub async fn ingest(&self, owner: &CredentialOwner, credential: Credential) -> Result<CredentialInfo> {
        self.ledger.submit(owner, credential, self).await
    }

    /// The same of bytes as they came: what is no credential is refused, and the refusal recorded.
    ///
    /// # Errors
    ///
    /// Also [`NotSealed`](ErrorKind::NotSealed) for what is no credential (a plaintext, in whatever encoding),
    /// [`Unsupported`](ErrorKind::Unsupported) for one of a later release, [`TooLarge`](ErrorKind::TooLarge).
    pub async fn ingest_bytes(&self, owner: &CredentialOwner, submitted: Vec<u8>) -> Result<CredentialInfo> {
        self.ledger.submit_bytes(owner, submitted, self).await
    }

    /// The verify key of a record, verified once as long as the record stays the same.
    fn verified(
        &self,
        owner: &CredentialOwner,
        version: CredentialKeyVersion,
        record: &KeyRecord,
    ) -> Result<Arc<Verified>> {
        let place = (owner.application().clone(), version);
        let known = self.verified.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        if let Some(known) = known.filter(|known| known.record == *record && known.key.tenant() == owner.tenant()) {
            known.trusted.check_time(&*self.ledger.clock)?;
            return Ok(known);
        }
        let subject = owner.tenant().as_str();
        let trusted = record.verify(&self.trust, KeyRole::CredentialVerify, subject, &*self.ledger.clock)?;
        if trusted.version() != version.get() {
            return Err(Error::integrity());
        }
        let key = trusted.public_key().try_into().map_err(|_| Error::integrity())?;
        let key = CredentialVerifyKey::from_bytes(owner.tenant().clone(), version, key)?;
        let verified = Arc::new(Verified { record: record.clone(), trusted, key });
        let mut known = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_VERIFIED {
            known.clear();
        }
        known.insert(place, Arc::clone(&verified));
        Ok(verified)
    }
}

#[async_trait]
impl Judge for CredentialIntake {
    async fn judge(&self, owner: &CredentialOwner, credential: &Credential, key: &KeyState) -> Result<()> {
        let KeyState::Accepted(Some(record)) = key else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the user's key has no verify key record: give the keys an authority, or take credentials by opening them",
            ));
        };
        let parts = credential.parts();
        self.verified(owner, parts.info.key_version, record)?.key.verify_parts(&parts)
    }
}

impl fmt::Debug for CredentialIntake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialIntake").field("trust", &self.trust).finish_non_exhaustive()
    }
}
