//! The proof that a master key is needed no more, before it is disabled.

use std::sync::Arc;
use std::time::Duration;

use super::GRACE;
use super::census::{Visited, visit};
use super::job::{JobState, RotationJob};
use super::options::RotationOptions;
use super::place::Scope;
use super::report::{Finding, Findings};
use super::tenant::TENANT_GRACE;
use crate::envelope::protected::ProtectedSecret;
use crate::envelope_store::Inner;
use crate::error::{Error, Result};
use crate::id::{ApplicationName, MasterKeyId, TenantId};
use crate::persistence::{Consistency, RecordKey};
use crate::tenant::{TenantKeyVersion, TenantKeys};

/// A check to be run; [`Rotator::check_retirement`](super::Rotator::check_retirement) makes it.
#[derive(Clone)]
#[must_use = "nothing is checked until `run`"]
pub struct RetirementCheck {
    inner: Arc<Inner>,
    key: RetiringKey,
    applications: Vec<ApplicationName>,
    tenants: Option<(TenantKeys, Vec<TenantId>)>,
    options: RotationOptions,
}

/// Which key is to retire.
#[derive(Clone, Debug)]
enum RetiringKey {
    Master(MasterKeyId),
    Tenant { keys: TenantKeys, tenant: TenantId, version: TenantKeyVersion },
}

/// What stands between one application and the retirement of a key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApplicationRetirement {
    /// Which one.
    pub application: ApplicationName,
    /// Whether writers are shut out: from before the grace period until after the check the settings said that the key was
    /// replaced; of a tenant's key, another version was active.
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
    /// Which version of it; `None` for a master key.
    pub version: Option<TenantKeyVersion>,
    /// Application by application.
    pub applications: Vec<ApplicationRetirement>,
    /// The keys of the tenants that were named.
    pub tenant_keys: TenantKeysRetirement,
}

/// What of tenants' keys stands between a master key and its retirement.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TenantKeysRetirement {
    /// Versions of tenants' keys that were looked at.
    pub versions: u64,
    /// Those that are under the master key.
    pub needed_by: Findings,
    /// Those that cannot be read, so that it cannot be said what they need.
    pub unreadable: Findings,
}

impl Retirement {
    /// Whether none of the applications and tenants that were checked needs the key: it may be disabled. Delete it only when no
    /// backup is left that needs it.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        let of_tenants = &self.tenant_keys;
        self.applications.iter().all(ApplicationRetirement::is_proven)
            && of_tenants.needed_by.is_empty()
            && of_tenants.unreadable.is_empty()
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
        let key = RetiringKey::Master(key);
        Self { inner, key, applications, tenants: None, options: RotationOptions::default() }
    }

    pub(super) fn of_tenant(inner: Arc<Inner>, keys: TenantKeys, tenant: TenantId, version: TenantKeyVersion) -> Self {
        let applications = inner.config.configured_applications_of(&tenant);
        let key = RetiringKey::Tenant { keys, tenant, version };
        Self { inner, key, applications, tenants: None, options: RotationOptions::default() }
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

    /// Checks the keys of these tenants too: whether any version of them is under the master key. There is no listing of all
    /// tenants: the caller must know them.
    pub fn tenants(mut self, keys: &TenantKeys, tenants: impl IntoIterator<Item = TenantId>) -> Self {
        self.tenants = Some((keys.clone(), tenants.into_iter().collect()));
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
    pub async fn run(mut self) -> Result<Retirement> {
        self.check_all().await.map_err(|error| error.with_operation("check retirement"))
    }

    async fn check_all(&mut self) -> Result<Retirement> {
        self.add_applications().await?;
        if self.applications.is_empty() && self.tenants.is_none() {
            return Err(super::no_application());
        }
        let mut was_replaced = Vec::with_capacity(self.applications.len());
        for application in &self.applications {
            was_replaced.push(self.is_replaced(application).await?);
        }
        self.inner.clock.sleep(self.grace()).await;
        let mut applications = Vec::with_capacity(self.applications.len());
        for (application, was_replaced) in self.applications.iter().zip(was_replaced) {
            let mut found = self.check(application).await?;
            found.is_replaced = was_replaced && self.is_replaced(application).await?;
            applications.push(found);
        }
        let version = match &self.key {
            RetiringKey::Master(_) => None,
            RetiringKey::Tenant { version, .. } => Some(*version),
        };
        let tenant_keys = self.check_tenants().await?;
        Ok(Retirement { key: self.named(), version, applications, tenant_keys })
    }

    async fn check_tenants(&self) -> Result<TenantKeysRetirement> {
        let mut found = TenantKeysRetirement::default();
        let (Some((keys, tenants)), RetiringKey::Master(master)) = (&self.tenants, &self.key) else { return Ok(found) };
        for tenant in tenants {
            for (sort, info) in keys.each_version(tenant).await? {
                let place = RecordKey::new(keys.partition(tenant), sort);
                found.versions += 1;
                match info {
                    Ok(info) if info.master_key_id.as_ref() == Some(master) => {
                        let reason = format!("version {} of the key of tenant {tenant} is under it", info.version);
                        found.needed_by.push(Finding { kind: None, reason, ..Finding::foreign(place) });
                    }
                    Ok(_) => {}
                    Err(error) => found.unreadable.push(Finding::of_key(place, &error)),
                }
            }
        }
        Ok(found)
    }

    /// All that the tenant's records name.
    async fn add_applications(&mut self) -> Result<()> {
        if let RetiringKey::Tenant { keys, tenant, .. } = &self.key {
            self.applications.extend(keys.applications(tenant).await?);
        }
        self.applications.sort();
        self.applications.dedup();
        Ok(())
    }

    fn grace(&self) -> Duration {
        match self.key {
            RetiringKey::Master(_) => GRACE,
            RetiringKey::Tenant { .. } => TENANT_GRACE,
        }
    }

    /// As records name it.
    fn named(&self) -> MasterKeyId {
        match &self.key {
            RetiringKey::Master(id) => id.clone(),
            RetiringKey::Tenant { tenant, .. } => MasterKeyId::for_tenant(tenant),
        }
    }

    async fn is_replaced(&self, application: &ApplicationName) -> Result<bool> {
        match &self.key {
            RetiringKey::Master(id) => {
                let (settings, _) = self.inner.current_settings(application).await?;
                Ok(settings.replacement(id).is_some())
            }
            RetiringKey::Tenant { keys, tenant, version } => {
                Ok(keys.active_version(tenant).await?.is_some_and(|active| active > *version))
            }
        }
    }

    /// Whether a secret has a wrap under the key. By what it names alone: whether this store would read it is not the question.
    fn is_needed_by(&self, protected: &ProtectedSecret) -> Result<bool> {
        match &self.key {
            RetiringKey::Master(id) => Ok(super::master::names(protected, id)),
            RetiringKey::Tenant { version, .. } => {
                Ok(super::tenant::versions(protected, &self.named())?.contains(version))
            }
        }
    }

    async fn check(&self, application: &ApplicationName) -> Result<ApplicationRetirement> {
        let (mut records, mut needed_by, mut unreadable) = (0, Findings::default(), Findings::default());
        let scope = Scope { application: application.clone(), secret: None };
        let key = match &self.key {
            RetiringKey::Master(id) => format!("master key {id}"),
            RetiringKey::Tenant { tenant, version, .. } => format!("version {version} of the key of tenant {tenant}"),
        };
        visit(&self.inner, &scope, &self.options, |visited| {
            records += 1;
            let (place, stored) = match visited {
                Visited::Foreign(finding) => return unreadable.push(finding),
                Visited::Secret(place, stored) => (place, stored),
            };
            let protected = ProtectedSecret::from_record(&place.id, &stored.record);
            match protected.and_then(|protected| self.is_needed_by(&protected)) {
                Ok(true) => needed_by.push(Finding::needed(&place, format!("has a wrap under {key}"))),
                Ok(false) => {}
                Err(error) => unreadable.push(Finding::new(&place, &error)),
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
