//! The proof that a master key is needed no more, before it is disabled.

use std::sync::Arc;

use super::GRACE;
use super::census::{Visited, visit};
use super::job::{JobState, RotationJob};
use super::options::RotationOptions;
use super::place::Scope;
use super::report::{Finding, Findings};
use crate::envelope::protected::ProtectedSecret;
use crate::envelope_store::Inner;
use crate::error::{Error, Result};
use crate::id::{ApplicationName, MasterKeyId};
use crate::persistence::Consistency;

/// A check to be run; [`Rotator::check_retirement`](super::Rotator::check_retirement) makes it.
#[derive(Clone)]
#[must_use = "nothing is checked until `run`"]
pub struct RetirementCheck {
    inner: Arc<Inner>,
    key: MasterKeyId,
    applications: Vec<ApplicationName>,
    options: RotationOptions,
}

/// What stands between one application and the retirement of a key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApplicationRetirement {
    /// Which one.
    pub application: ApplicationName,
    /// Whether writers are shut out: the settings said, from before the grace period until after the check, that the key was
    /// replaced.
    pub is_replaced: bool,
    /// An unfinished job, which may be moving keys.
    pub unfinished: Option<RotationJob>,
    /// Records visited.
    pub records: u64,
    /// The records that have a wrap under the key. One that has others too opens without it, but is listed.
    pub needed_by: Findings,
    /// Records that cannot be read, so that it cannot be said what they need.
    pub unreadable: Findings,
}

impl ApplicationRetirement {
    /// Whether this application needs the key no more.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.is_replaced && self.unfinished.is_none() && self.needed_by.is_empty() && self.unreadable.is_empty()
    }
}

/// Whether a key is needed no more, or by what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Retirement {
    /// Which key.
    pub key: MasterKeyId,
    /// Application by application.
    pub applications: Vec<ApplicationRetirement>,
}

impl Retirement {
    /// Whether none of the applications that were checked needs the key: it may be disabled. Delete it only when no backup is
    /// left that needs it.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.applications.iter().all(ApplicationRetirement::is_proven)
    }
}

impl std::fmt::Debug for RetirementCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetirementCheck").field("key", &self.key).finish_non_exhaustive()
    }
}

impl RetirementCheck {
    pub(super) fn new(inner: Arc<Inner>, key: MasterKeyId) -> Self {
        let applications = inner.config.configured_applications();
        Self { inner, key, applications, options: RotationOptions::default() }
    }

    /// Checks this application alone, in the place of those that the store's configuration names.
    pub fn application(self, application: &ApplicationName) -> Self {
        self.applications([application.clone()])
    }

    /// Checks these applications, in the place of those that the store's configuration names.
    pub fn applications(mut self, applications: impl IntoIterator<Item = ApplicationName>) -> Self {
        self.applications = applications.into_iter().collect();
        self
    }

    /// Reads all records of the applications, history included, and answers which need the key. Takes at least the grace period, a
    /// little over two minutes, so that what late writers may still store is met. Changes nothing and asks for no key.
    ///
    /// An application that is not named is not checked: the list is the caller's to know.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) without an application; otherwise as the persistence and the settings say.
    pub async fn run(self) -> Result<Retirement> {
        if self.applications.is_empty() {
            return Err(super::no_application());
        }
        let mut is_replaced = Vec::with_capacity(self.applications.len());
        for application in &self.applications {
            is_replaced.push(self.is_replaced(application).await?);
        }
        self.inner.clock.sleep(GRACE).await;
        let mut applications = Vec::with_capacity(self.applications.len());
        for (application, was_replaced) in self.applications.iter().zip(is_replaced) {
            let mut found = self.check(application).await.map_err(|error| error.with_operation("check retirement"))?;
            found.is_replaced = was_replaced && self.is_replaced(application).await?;
            applications.push(found);
        }
        Ok(Retirement { key: self.key, applications })
    }

    async fn is_replaced(&self, application: &ApplicationName) -> Result<bool> {
        let (settings, _) = self.inner.current_settings(application).await?;
        Ok(settings.replacement(&self.key).is_some())
    }

    async fn check(&self, application: &ApplicationName) -> Result<ApplicationRetirement> {
        let (mut records, mut needed_by, mut unreadable) = (0, Findings::default(), Findings::default());
        let scope = Scope { application: application.clone(), secret: None };
        visit(&self.inner, &scope, &self.options, |visited| {
            records += 1;
            match visited {
                Visited::Foreign(finding) => unreadable.push(finding),
                // By what it names alone: whether this store would read it is not the question.
                Visited::Secret(place, stored) => match ProtectedSecret::from_record(&place.id, &stored.record) {
                    Err(error) => unreadable.push(Finding::new(&place, &error)),
                    Ok(protected) if super::master::names(&protected, &self.key) => {
                        needed_by.push(Finding::needed(&place, format!("has a wrap under master key {}", self.key)));
                    }
                    Ok(_) => {}
                },
            }
        })
        .await?;
        let job = self.inner.records.load(&RotationJob::key(application), Consistency::Strong).await?;
        let job = job.map(|stored| RotationJob::from_record(&stored.record)).transpose()?;
        let unfinished = job.filter(|job| job.state != JobState::Finished);
        let application = application.clone();
        Ok(ApplicationRetirement { application, is_replaced: false, unfinished, records, needed_by, unreadable })
    }
}

#[expect(dead_code, reason = "checked when compiled: a run may be spawned on any executor")]
fn runs_on_any_executor(check: RetirementCheck) -> impl Future<Output = Result<Retirement, Error>> + Send {
    check.run()
}
