//! Changing keys over time, beside running readers and writers.
//!
//! | to | call | what changes |
//! |---|---|---|
//! | replace a master key | [`Rotator::rotate_master_key`] | wraps of document keys; values stay as they are, to the byte |
//! | re-encrypt after a compromise | [`Rotator::rotate_document_keys`] | document keys and ciphertexts; versions, metadata and values stay |
//! | disable a key safely | [`Rotator::check_retirement`] | nothing |
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
mod options;
mod pass;
mod place;
mod report;
mod retirement;
mod retry;
mod run;
mod settings;
mod work;

pub use census::{ApplicationCensus, Census};
pub use job::{JobState, ReencryptionId, RotationJob, RotationTarget};
pub use options::{RotationControl, RotationOptions};
pub use place::Phase;
pub use report::{ApplicationReport, Finding, Findings, RotationProgress, RotationReport};
pub use retirement::{ApplicationRetirement, Retirement, RetirementCheck};
pub use run::Rotation;

use crate::envelope_store::Inner;
use crate::envelope_store::builder::MAX_COMMIT_TIMEOUT;
use crate::envelope_store::settings_cache::TRUST;
use crate::error::{Error, Result};
use crate::id::{ApplicationName, MasterKeyId};
use crate::persistence::{Consistency, Precondition, Write};
use document::DocumentRotation;
use master::MasterRotation;

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
