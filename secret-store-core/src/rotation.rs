//! Changing keys and formats over time, beside running readers and writers.
//!
//! | to | call | what changes |
//! |---|---|---|
//! | replace a master key | [`Rotator::rotate_master_key`] | wraps of document keys; values stay as they are, to the byte |
//! | the same under tenants' keys | [`Rotator::rotate_master_key_of_tenants`] | wraps of tenants' keys; no record of a secret |
//! | replace a tenant's key | [`Rotator::rotate_tenant_key`] | the same, of the tenant's applications |
//! | re-encrypt after a compromise | [`Rotator::rotate_document_keys`] | document keys and ciphertexts; versions, metadata and values stay |
//! | disable a key safely | [`Rotator::check_retirement`] | nothing |
//! | leave format 0 | [`Rotator::migrate`] | format 0 to format 1, in place; values stay |
//! | go back to it | [`Rotator::revert_migration`] | current records, to format 0 |
//! | never go back | [`Rotator::raise_minimum_format`] | the application's settings |
//!
//! ```
//! # async fn example(store: secret_store_core::EnvelopeStore) -> secret_store_core::Result<()> {
//! let rotator = store.rotator();
//! let (old, new) = ("2025".parse()?, "2026".parse()?);
//! let app = "YourApp.Production".parse()?;
//!
//! let census = rotator.rotate_master_key(&old, &new).application(&app).dry_run().await?;
//! println!("{} records to rewrap", census.original());
//! let report = rotator.rotate_master_key(&old, &new).application(&app).run().await?;
//! assert!(report.is_complete());
//! assert!(rotator.check_retirement(&old).application(&app).run().await?.is_proven());
//! # Ok(())
//! # }
//! ```
//!
//! # How it goes
//!
//! 1. The new key is tried: it must make a key, and open it. The configuration must name it in `wrap_with`, also that of the
//!    writers.
//! 2. The **job** of each application (`~s~application`, `JOB`) is taken under a lease, and the application's settings say from
//!    then on that the key was replaced. Writers follow within a minute, and no commit takes longer than another one: that is the
//!    grace period, after which nothing lands under the old key.
//! 3. An **early pass** visits the records meanwhile, in an interrupted rotation from where it was.
//! 4. After the grace period a **closing pass** visits all records, from the beginning and in one run: current ones first, then the
//!    history, because writes move records from the former to the latter. What it has visited needs the old key no more.
//!
//! Each record is *original* and is changed on the condition that it is as it was read, or *terminal* and left alone, or neither:
//! reported in [`ApplicationReport::neither`], and not touched.
//!
//! # Interruptions
//!
//! A run may be dropped, killed or cancelled anywhere: run the same again, and it goes on. Two at once are kept apart by the lease:
//! one that lost it stops before its next commit. An unfinished job of another target is refused; [`Rotator::abandon_job`] gives
//! it up.
//!
//! # What is trusted
//!
//! The caller's arguments and the configuration. The stored job is a hint: forged, it can refuse, and spare no record.

use std::sync::Arc;
use std::time::Duration;

mod census;
mod document;
mod job;
mod lease;
mod master;
mod migration;
mod minimum_format;
mod options;
mod pass;
mod place;
mod probe;
mod report;
mod retirement;
mod retry;
mod run;
mod settings;
mod tenant;
mod tenant_tier;
mod work;

pub use census::{ApplicationCensus, Census, Losses};
pub use job::{JobState, ReencryptionId, RotationJob, RotationTarget};
pub use options::{RotationControl, RotationOptions};
pub use place::Phase;
pub use report::{ApplicationReport, Finding, Findings, RotationProgress, RotationReport};
pub use retirement::{ApplicationRetirement, Retirement, RetirementCheck, TenantKeysRetirement};
pub use run::Rotation;
pub use tenant_tier::{TenantTierReport, TenantTierRotation};

use crate::envelope_store::Inner;
use crate::envelope_store::builder::MAX_COMMIT_TIMEOUT;
use crate::envelope_store::settings_cache::TRUST;
use crate::error::{Error, Result};
use crate::id::{ApplicationName, MasterKeyId, TenantId};
use crate::persistence::{Consistency, Precondition, Write};
use crate::tenant::{TenantKeyVersion, TenantKeys};
use document::DocumentRotation;
use master::MasterRotation;
use migration::{Migration, RevertedMigration};
use minimum_format::MinimumFormat;
use tenant::TenantRotation;

/// A dropped commit may be on its way still.
const MARGIN: Duration = Duration::from_secs(10);
/// How long after a change of settings writers may still store what they made before: so long they trust what they read, and so
/// long a commit takes.
const GRACE: Duration = Duration::from_secs(TRUST.as_secs() + MAX_COMMIT_TIMEOUT.as_secs() + MARGIN.as_secs());

/// Rotates keys of one store; [`EnvelopeStore::rotator`](crate::EnvelopeStore::rotator) makes it. Cheap to clone.
#[derive(Clone)]
pub struct Rotator {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Rotator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rotator").field("store_id", &self.inner.config.store_id).finish_non_exhaustive()
    }
}

impl Rotator {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Moves document keys from one master key to another, inside the key holder where it can. Values and everything else of the
    /// records stay as they are, to the byte; versions keep their numbers, records get other revisions.
    ///
    /// Keys are named as records name them: by ARN, not by alias. Applications are those of the store's configuration unless
    /// others are [named](Rotation::applications).
    ///
    /// Writers that ignore settings ([`SettingsUse::Ignored`](crate::SettingsUse::Ignored)) and the original Secret Store go by
    /// their own configuration: change that before.
    pub fn rotate_master_key(&self, from: &MasterKeyId, to: &MasterKeyId) -> Rotation {
        let work = MasterRotation { from: from.clone(), to: to.clone() };
        Rotation::new(Arc::clone(&self.inner), "rotate master key", Arc::new(work))
    }

    /// Moves the keys of tenants from one master key to another: one call for each version of a tenant's key, retired ones included,
    /// and one conditional write. No record of a secret is touched, and nothing waits.
    ///
    /// First give `TenantKeys` another master key everywhere: a process that is configured with the old one makes new versions
    /// under it. [`check_retirement`](RetirementCheck::tenants) finds those.
    pub fn rotate_master_key_of_tenants(
        &self,
        keys: &TenantKeys,
        from: &MasterKeyId,
        to: &MasterKeyId,
    ) -> TenantTierRotation {
        TenantTierRotation::new(keys.clone(), from.clone(), to.clone())
    }

    /// Seals values under new document keys, as the same versions with the same metadata: after a document key, or a key that
    /// wrapped it, has become known to somebody. What somebody has copied before stays readable to them; change the secrets
    /// themselves too.
    ///
    /// What was protected before and is kept elsewhere, to be [saved](crate::EnvelopeStore::save) later, is not covered: protect it
    /// again.
    ///
    /// New keys are wrapped as those of new versions would be. Of an application, or of [one secret](Rotation::secret). To go on with
    /// an interrupted re-encryption give its id again; with a new id everything is sealed anew.
    pub fn rotate_document_keys(&self, id: ReencryptionId) -> Rotation {
        Rotation::new(Arc::clone(&self.inner), "rotate document keys", Arc::new(DocumentRotation { id, secret: None }))
    }

    /// Leaves versions of a tenant's key behind, up to and including this one: makes and activates a newer version, unless there is
    /// one, and moves the document keys of all applications of the tenant to it. Values stay as they are, to the byte. No master
    /// key is asked but for the tenant's keys themselves. Takes a minute longer than other rotations.
    ///
    /// The tenant keys are those of the store, or a clone. Applications are those that the store's configuration gives to the
    /// tenant, or that are [named](Rotation::applications), and always those that the tenant's records name too.
    ///
    /// Afterwards [prove](Self::check_tenant_key_retirement) that nothing needs the old version, retire and destroy it, and raise
    /// the tenant's [minimum version](crate::TenantConfig::with_minimum_version). After a compromise rotate the document keys too.
    pub fn rotate_tenant_key(&self, keys: &TenantKeys, tenant: &TenantId, from: TenantKeyVersion) -> Rotation {
        let work = TenantRotation { keys: keys.clone(), tenant: tenant.clone(), from };
        let applications = self.inner.config.configured_applications_of(tenant);
        Rotation::new(Arc::clone(&self.inner), "rotate tenant key", Arc::new(work)).applications(applications)
    }

    /// Proves that a version of a tenant's key is needed no more, or lists what needs it: in the applications of
    /// [`rotate_tenant_key`](Self::rotate_tenant_key). Older versions are needed no more either where this is proved of each.
    pub fn check_tenant_key_retirement(
        &self,
        keys: &TenantKeys,
        tenant: &TenantId,
        version: TenantKeyVersion,
    ) -> RetirementCheck {
        RetirementCheck::of_tenant(Arc::clone(&self.inner), keys.clone(), tenant.clone(), version)
    }

    /// Brings an application's secrets from format 0, the original Secret Store's, to format 1, in place: current ones under the next
    /// number of their name, earlier versions under the number they have. Values stay; each gets a new document key, wrapped as
    /// that of a new version would be. The record in format 0 is replaced, not kept: what it lacks in integrity a copy would lack
    /// too.
    ///
    /// For an application whose original *readers* have left, configured [`Legacy::Read`](crate::Legacy::Read) in every process: one
    /// that is configured `ReadWrite`, and the original itself, cannot be shut out, and leave format 0 where the migration has been
    /// already. Run it again until nothing is left, then [raise the minimum format](Self::raise_minimum_format).
    ///
    /// Format 0 has no integrity: whatever opens is taken, and is authentic from then on. Records under names that only the original
    /// could write (control characters, more than 900 bytes) are reported: put their values under other names. A value whose master
    /// key is not one that the configuration uses by itself stays under that key: allow it in `wrap_with`, also where a record
    /// names it by an alias.
    pub fn migrate(&self, application: &ApplicationName) -> Rotation {
        Rotation::new(Arc::clone(&self.inner), "migrate", Arc::new(Migration)).application(application)
    }

    /// Brings an application's current secrets back to format 0, in place, for the original's readers. Values stay.
    ///
    /// For an application that is configured [`Legacy::ReadWrite`](crate::Legacy::ReadWrite) in every process again: one that is
    /// configured `Read` writes format 1. Refused once the minimum format was [raised](Self::raise_minimum_format).
    ///
    /// Format 0 has room for a value alone. Lost are the number (a later migration goes on above it), the creation time, metadata with
    /// idempotency tokens, wraps under further master keys, and the binding of the value to its name: [`dry_run`](Rotation::dry_run)
    /// [counts](ApplicationCensus::losses) them. Earlier versions stay in the format they are in: the original does not read
    /// them. The original takes values for UTF-8.
    pub fn revert_migration(&self, application: &ApplicationName) -> Rotation {
        let work = Arc::new(RevertedMigration);
        Rotation::new(Arc::clone(&self.inner), "revert migration", work).application(application)
    }

    /// Lets an application's settings say that format 0 is refused: by every reader and writer that sees them, whatever its
    /// configuration allows, for ever. Refused while a single record is in format 0, also a malformed one.
    ///
    /// This cannot be taken back. What is put in format 0 while it runs, by a process that is configured
    /// [`Legacy::ReadWrite`](crate::Legacy::ReadWrite) still, or by the original, is reported and stays unreadable: nobody can tell it from
    /// a forgery. Afterwards configure [`Legacy::Off`](crate::Legacy::Off), which holds also where somebody deletes the settings.
    pub fn raise_minimum_format(&self, application: &ApplicationName) -> Rotation {
        let work = Arc::new(MinimumFormat);
        Rotation::new(Arc::clone(&self.inner), "raise minimum format", work).application(application)
    }

    /// Proves that a master key is needed no more, or lists what needs it.
    pub fn check_retirement(&self, key: &MasterKeyId) -> RetirementCheck {
        RetirementCheck::new(Arc::clone(&self.inner), key.clone())
    }

    /// The job of an application, if it ever had one.
    ///
    /// # Errors
    ///
    /// [`Integrity`](crate::ErrorKind::Integrity) or [`Unsupported`](crate::ErrorKind::Unsupported) for a malformed one, and as the
    /// persistence says.
    pub async fn job(&self, application: &ApplicationName) -> Result<Option<RotationJob>> {
        let found = self.inner.records.load(&RotationJob::key(application), Consistency::Strong).await?;
        found.map(|stored| RotationJob::from_record(&stored.record)).transpose()
    }

    /// Gives an unfinished job up, also a malformed one, so that another can begin. What it has changed stays, and so does what the
    /// settings say. Where somebody may be at it, this watches for a minute that nobody is. Does nothing where no job is unfinished.
    ///
    /// # Errors
    ///
    /// [`Contention`](crate::ErrorKind::Contention) where somebody is at it; otherwise as the persistence says.
    pub async fn abandon_job(&self, application: &ApplicationName) -> Result<()> {
        let key = RotationJob::key(application);
        let Some(found) = self.inner.records.load(&key, Consistency::Strong).await? else { return Ok(()) };
        match RotationJob::from_record(&found.record) {
            Ok(job) if job.state == JobState::Finished => return Ok(()),
            Ok(job) if job.state == JobState::Released => {}
            _ => lease::watch(&self.inner, &key, &found).await?,
        }
        let delete = Write::delete(key, Precondition::Revision(found.revision));
        lease::commit(&self.inner, vec![delete]).await.map(drop)
    }
}

fn no_application() -> Error {
    Error::invalid_input("no application is configured by name: say which with `applications`")
}
