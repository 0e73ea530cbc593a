//! Use: a credential is opened for a closure, and wiped after it.

use std::fmt;
use std::sync::Arc;

use secret_store_core::audit::{Action, AuditRecorder, AuditedSecret};
use secret_store_core::{Clock, Error, ErrorKind, Persistence, Result, SecretStore, SecretValue, SecretVersion};

use super::domain::Host;
use super::keys::load_key;
use super::message::{Credential, CredentialInfo};
use super::place::{CredentialOwner, CredentialPlace};
use super::records::Slot;
use super::seal::open;
use super::submit::{Ledger, check_expiry, key_retired};
use super::totp::{Totp, TotpCode};

/// So often a credential whose key is gone is read again: a rotation may have come between the two reads.
const MAX_ATTEMPTS: usize = 16;

/// What a credential is opened for.
#[derive(Clone, Debug)]
#[must_use = "nothing is opened yet"]
pub struct CredentialUse {
    host: Host,
    minimum_revision: u64,
}

impl CredentialUse {
    /// For use at this host. One that the credential's [`Domain`](super::Domain) does not admit is refused.
    pub fn at(host: Host) -> Self {
        Self { host, minimum_revision: 0 }
    }

    /// Refuses anything older than a revision that the caller has seen ([`CredentialInfo::revision`]). Keep the highest one for each
    /// field: whoever writes to the database can otherwise bring back an old value.
    pub fn with_minimum_revision(mut self, revision: u64) -> Self {
        self.minimum_revision = revision;
        self
    }
}

/// Opens credentials at the moment of their use.
///
/// It holds what the [intake](super::CredentialIntake) does not: the store with users' keys. Run it where agents use credentials.
///
/// # Guarantees
///
/// * Before a closure sees anything: the signature holds, the content opens, owner and field are those asked for, the host is
///   admitted, the credential has not expired and is no older than the caller's minimum, and the use is recorded.
/// * The plaintext is in one buffer, which is wiped when the closure returns, when it panics (and the panic unwinds), and when the
///   future is dropped while an asynchronous closure waits. What the closure copies is the closure's to wipe.
/// * Reads are strongly consistent; a rotation of the user's key may go on meanwhile.
#[derive(Clone)]
pub struct CredentialVault {
    store: Arc<dyn SecretStore>,
    ledger: Ledger,
}

impl CredentialVault {
    /// Over the store with users' keys and the persistence with their credentials.
    #[must_use]
    pub fn new(store: Arc<dyn SecretStore>, records: Arc<dyn Persistence>) -> Self {
        Self { store, ledger: Ledger::new(records) }
    }

    /// Another clock than the operating system's, for tests.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { ledger: self.ledger.with_clock(clock), ..self }
    }

    /// Records who used what: one entry for each use, before the closure sees anything of it, and one for each refusal; an intent and an
    /// outcome for each removal. What cannot be recorded is refused. Reads of the users' keys are the store's to record.
    #[must_use]
    pub fn with_audit(self, audit: AuditRecorder) -> Self {
        Self { ledger: self.ledger.with_audit(audit), ..self }
    }

    /// Opens a field of a credential for a closure, and wipes it when that has ended. Answers what the closure answers.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) where there is none, [`PermissionDenied`](ErrorKind::PermissionDenied) at a host that its
    /// domain does not admit, [`Expired`](ErrorKind::Expired), [`RollbackDetected`](ErrorKind::RollbackDetected) below the caller's
    /// minimum revision, [`KeyRetired`](ErrorKind::KeyRetired) where its key is gone, [`Integrity`](ErrorKind::Integrity) for what the
    /// user's client did not make for this field; otherwise as store, persistence and audit sink. The closure did not run then.
    pub async fn with_credential<T>(
        &self,
        owner: &CredentialOwner,
        place: &CredentialPlace,
        use_for: &CredentialUse,
        closure: impl FnOnce(&CredentialView) -> T,
    ) -> Result<T> {
        let view = self.open(owner, place, use_for).await?;
        Ok(closure(&view))
    }

    /// The same for an asynchronous closure: `async |view| …`. Dropping the future wipes the plaintext too.
    ///
    /// # Errors
    ///
    /// As [`with_credential`](Self::with_credential).
    pub async fn with_credential_async<T>(
        &self,
        owner: &CredentialOwner,
        place: &CredentialPlace,
        use_for: &CredentialUse,
        closure: impl AsyncFnOnce(&CredentialView) -> T,
    ) -> Result<T> {
        let view = self.open(owner, place, use_for).await?;
        Ok(closure(&view).await)
    }

    async fn open(
        &self,
        owner: &CredentialOwner,
        place: &CredentialPlace,
        use_for: &CredentialUse,
    ) -> Result<CredentialView> {
        let opened = self.open_unrecorded(owner, place, use_for).await;
        let Some(audit) = &self.ledger.audit else { return opened };
        let name = place.audited_name();
        let asked_for = [AuditedSecret { name: name.clone(), version: None }];
        let released =
            |view: &CredentialView| vec![AuditedSecret { name, version: SecretVersion::new(view.info.revision).ok() }];
        audit.record_read(Action::Use, owner.application(), &asked_for, opened, released).await
    }

    async fn open_unrecorded(
        &self,
        owner: &CredentialOwner,
        place: &CredentialPlace,
        use_for: &CredentialUse,
    ) -> Result<CredentialView> {
        let mut found = self.load(owner, place).await?;
        for _ in 0..MAX_ATTEMPTS {
            let info = found.info();
            if info.tenant != *owner.tenant() || info.place != *place {
                return Err(Error::integrity());
            }
            match load_key(&*self.store, owner, info.key_version).await {
                Ok(key) => {
                    let parts = found.parts();
                    key.verify_key().verify_parts(&parts)?;
                    self.check(&info, use_for)?;
                    return Ok(CredentialView {
                        value: open(&key, &parts)?,
                        info,
                        clock: Arc::clone(&self.ledger.clock),
                    });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            let again = self.load(owner, place).await?;
            if again == found {
                break;
            }
            found = again;
        }
        Err(key_retired())
    }

    async fn load(&self, owner: &CredentialOwner, place: &CredentialPlace) -> Result<Credential> {
        match self.ledger.records.load_slot(owner, place).await? {
            Some((Slot::Credential(credential), _)) => Ok(credential),
            Some((Slot::Removed(_), _)) | None => Err(Error::not_found()),
        }
    }

    /// What the user allows, and what the caller knows. Of an authentic header, before anything is opened.
    fn check(&self, info: &CredentialInfo, use_for: &CredentialUse) -> Result<()> {
        if info.revision < use_for.minimum_revision {
            return Err(Error::new(
                ErrorKind::RollbackDetected,
                "the stored credential is older than one that the caller has seen: see who changed the database",
            ));
        }
        if !info.domain.admits(&use_for.host) {
            return Err(Error::new(
                ErrorKind::PermissionDenied,
                "the credential may not be used at this host: its user named another domain",
            ));
        }
        check_expiry(info, &*self.ledger.clock)
    }

    /// Removes a field. Its revision stays, so that no later value has an earlier number: the next one goes on above it.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) where there is none, [`Conflict`](ErrorKind::Conflict) where the field has another revision
    /// than the caller's; otherwise as the persistence.
    pub async fn remove(&self, owner: &CredentialOwner, place: &CredentialPlace, revision: u64) -> Result<()> {
        let removed = self.remove_unrecorded(owner, place, revision);
        match &self.ledger.audit {
            Some(audit) => {
                let names = [place.audited_name()];
                audit.record_mutation(Action::Delete, owner.application(), &names, removed, |()| None).await
            }
            None => removed.await,
        }
    }

    async fn remove_unrecorded(&self, owner: &CredentialOwner, place: &CredentialPlace, revision: u64) -> Result<()> {
        let Some((slot, stored)) = self.ledger.records.load_slot(owner, place).await? else {
            return Err(Error::not_found());
        };
        if matches!(slot, Slot::Removed(_)) {
            return Err(Error::not_found());
        }
        if slot.revision() != revision {
            return Err(Error::conflict(0, Some(stored.revision)));
        }
        self.ledger.records.replace(owner, place, &Slot::Removed(revision), Some(&stored), None).await
    }
}

impl fmt::Debug for CredentialVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialVault").finish_non_exhaustive()
    }
}

/// An opened credential, for as long as a closure runs. Wiped on drop.
pub struct CredentialView {
    value: SecretValue,
    info: CredentialInfo,
    clock: Arc<dyn Clock>,
}

impl CredentialView {
    /// The plaintext.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        self.value.expose_secret()
    }

    /// The plaintext as text.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when it is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        self.value.text()
    }

    /// What is known about it: authentic.
    #[must_use]
    pub fn info(&self) -> &CredentialInfo {
        &self.info
    }

    /// The one-time password of this moment, where the plaintext is a secret for them: an `otpauth` URI or base32.
    ///
    /// # Errors
    ///
    /// As [`Totp::parse`].
    pub fn totp_now(&self) -> Result<TotpCode> {
        Totp::parse(self.text()?)?.now(&*self.clock)
    }
}

impl fmt::Debug for CredentialView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialView").field("info", &self.info).finish_non_exhaustive()
    }
}
