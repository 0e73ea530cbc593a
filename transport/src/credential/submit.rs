//! What servers of credentials share, and taking a credential that a client submitted: the same for both kinds of intake.

use std::sync::Arc;

use async_trait::async_trait;
use secret_store_core::audit::{Action, AuditRecorder};
use secret_store_core::{
    ApplicationName, Clock, Error, ErrorKind, Persistence, Result, SecretName, SecretVersion, Stored, SystemClock,
};

use super::message::{Credential, CredentialInfo};
use super::place::CredentialOwner;
use super::records::{CredentialRecords, KeyState, Slot};
use crate::wire::Message as _;

/// So often a submission that met another writer is looked at again.
const MAX_ATTEMPTS: usize = 16;

/// Tells whether a credential was made with its user's key.
#[async_trait]
pub(super) trait Judge: Sync {
    /// The key's version is accepted. An error refuses the credential.
    async fn judge(&self, owner: &CredentialOwner, credential: &Credential, key: &KeyState) -> Result<()>;
}

/// Where credentials stand, by which clock, and who records what is done with them: what every server of credentials works with.
#[derive(Clone)]
pub(super) struct Ledger {
    pub(super) records: CredentialRecords,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) audit: Option<AuditRecorder>,
}

impl Ledger {
    pub(super) fn new(records: Arc<dyn Persistence>) -> Self {
        Self { records: CredentialRecords(records), clock: Arc::new(SystemClock), audit: None }
    }

    pub(super) fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    pub(super) fn with_audit(self, audit: AuditRecorder) -> Self {
        Self { audit: Some(audit), ..self }
    }

    /// Takes a credential, or refuses it and changes nothing.
    pub(super) async fn submit(
        &self,
        owner: &CredentialOwner,
        credential: Credential,
        judge: &dyn Judge,
    ) -> Result<CredentialInfo> {
        let info = credential.info();
        let (name, revision) = (info.place.audited_name(), SecretVersion::new(info.revision).ok());
        let taken = async { self.take(owner, credential, info, judge).await };
        self.recorded(owner.application(), &[name], taken, revision).await
    }

    /// The same of bytes as they came. That something was refused which is no credential at all is recorded too.
    pub(super) async fn submit_bytes(
        &self,
        owner: &CredentialOwner,
        submitted: Vec<u8>,
        judge: &dyn Judge,
    ) -> Result<CredentialInfo> {
        match Credential::from_bytes(submitted) {
            Ok(credential) => self.submit(owner, credential, judge).await,
            Err(refusal) => self.recorded(owner.application(), &[], async { Err(refusal) }, None).await,
        }
    }

    async fn recorded(
        &self,
        application: &ApplicationName,
        names: &[SecretName],
        taken: impl Future<Output = Result<CredentialInfo>> + Send,
        revision: Option<SecretVersion>,
    ) -> Result<CredentialInfo> {
        match &self.audit {
            Some(audit) => audit.record_mutation(Action::Ingest, application, names, taken, |_| revision).await,
            None => taken.await,
        }
    }

    async fn take(
        &self,
        owner: &CredentialOwner,
        credential: Credential,
        info: CredentialInfo,
        judge: &dyn Judge,
    ) -> Result<CredentialInfo> {
        if info.tenant != *owner.tenant() {
            return Err(Error::integrity());
        }
        check_expiry(&info, &*self.clock)?;
        let (slot, mut judged) = (Slot::Credential(credential.clone()), None);
        let mut attempt = 0;
        loop {
            let (key, current) = self.records.load(owner, info.key_version, &info.place).await?;
            let (state, key) = accepted(key)?;
            if judged.as_ref() != Some(&state) {
                judge.judge(owner, &credential, &state).await?;
                judged = Some(state);
            }
            if is_stored(&credential, current.as_ref())? {
                return Ok(info);
            }
            let fence = Some((info.key_version, &key));
            match self.records.replace(owner, &info.place, &slot, current.as_ref(), fence).await {
                Err(error) if error.kind() == ErrorKind::Conflict && attempt < MAX_ATTEMPTS => attempt += 1,
                outcome => return outcome.map(|()| info),
            }
        }
    }
}

/// The state of a version under which credentials are taken.
fn accepted(key: Option<Stored>) -> Result<(KeyState, Stored)> {
    let Some(key) = key else {
        return Err(Error::new(
            ErrorKind::PermissionDenied,
            "the user has no credential key of this version: create or rotate to it first",
        ));
    };
    match KeyState::parse(&key.record)? {
        KeyState::Retired => Err(key_retired()),
        state => Ok((state, key)),
    }
}

pub(super) fn key_retired() -> Error {
    Error::new(
        ErrorKind::KeyRetired,
        "the credential is under a retired version of the user's key: encrypt it again under the current one",
    )
}

/// Whether these very bytes stand there already; an error where something stands there that they must not replace.
fn is_stored(credential: &Credential, current: Option<&Stored>) -> Result<bool> {
    let Some(current) = current else { return Ok(false) };
    match Slot::parse(&current.record)? {
        Slot::Credential(stored) if stored.as_bytes() == credential.as_bytes() => Ok(true),
        slot if slot.revision() >= credential.info().revision => {
            Err(Error::conflict(0, Some(current.revision.clone())))
        }
        _ => Ok(false),
    }
}

pub(super) fn check_expiry(info: &CredentialInfo, clock: &dyn Clock) -> Result<()> {
    match info.expires {
        Some(expires) if clock.now() >= expires => {
            Err(Error::new(ErrorKind::Expired, "the credential has expired: have its user encrypt a current one"))
        }
        _ => Ok(()),
    }
}
