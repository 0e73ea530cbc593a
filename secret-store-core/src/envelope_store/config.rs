//! Client configuration: the outer bound of everything the database says.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::time::Duration;

use super::tier::{self, Applied, Resolver};
use crate::envelope::Format;
use crate::envelope::wraps::MAX_FURTHER_WRAPS;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, MasterKeyId, StoreId, TenantId};
use crate::key_provider::KeyProvider;
use crate::settings::ApplicationSettings;

/// Whether an application's secrets may be in format 0, the original Secret Store's.
///
/// Format 0 has no integrity, and no confidentiality against a database writer who sees which reads fail. Where it is allowed,
/// such a writer can also put an old format-0 record in the place of any secret of the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Legacy {
    /// Format 1 alone: the format floor is 1.
    #[default]
    Off,
    /// Format 0 is read; what is written is format 1. For an application whose original readers have left: [migrate] it.
    ///
    /// [migrate]: crate::rotation::Rotator::migrate
    Read,
    /// Format 0 is read and written, so that the original reads on. Metadata, idempotency tokens and history are not to be had then,
    /// and format 0 in the place of a format-1 record that was seen before is no rollback but a [reverted] migration.
    ///
    /// [reverted]: crate::rotation::Rotator::revert_migration
    ReadWrite,
}

/// How many earlier versions of a secret are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryRetention {
    /// All of them.
    #[default]
    All,
    /// The newest so many: each put removes the one that falls out.
    Versions(NonZeroU64),
    /// None.
    None,
}

/// Whether writes to an application go by its [settings](crate::ApplicationSettings), which a rotation changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SettingsUse {
    /// A write reads them together with the secret's state, at most every 30 seconds, and wraps under no key that was replaced.
    #[default]
    Followed,
    /// They are not read: for a role that has no right to. A rotation cannot shut such a writer out by time; close the old key for
    /// new wraps at its holder, or change the writer's configuration before.
    Ignored,
}

/// What holds for one application.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ApplicationConfig {
    /// Whether format 0 is allowed; off by default.
    pub legacy: Legacy,
    /// The master key for new versions; the store's by default.
    pub master_key_id: Option<MasterKeyId>,
    /// The further master keys for new versions; the store's by default, none under a tenant's key.
    pub also_wrap_with: Option<Vec<MasterKeyId>>,
    /// How many earlier versions are kept; the store's by default.
    pub history: Option<HistoryRetention>,
    /// Whether its settings are followed; as the store by default.
    pub settings: Option<SettingsUse>,
    /// The tenant that owns the application: new document keys are wrapped under its key alone. None by default.
    pub tenant: Option<TenantId>,
}

impl ApplicationConfig {
    /// Allows format 0.
    #[must_use]
    pub fn with_legacy(mut self, legacy: Legacy) -> Self {
        self.legacy = legacy;
        self
    }

    /// Wraps new document keys of this application under this master key.
    #[must_use]
    pub fn with_master_key(mut self, id: MasterKeyId) -> Self {
        self.master_key_id = Some(id);
        self
    }

    /// Wraps new document keys of this application under these master keys too, in the place of those that the store
    /// [says](crate::EnvelopeStoreBuilder::also_wrap_with); none of them where this is empty.
    #[must_use]
    pub fn with_also_wrap_with(mut self, ids: impl IntoIterator<Item = MasterKeyId>) -> Self {
        self.also_wrap_with = Some(ids.into_iter().collect());
        self
    }

    /// Keeps so many earlier versions.
    #[must_use]
    pub fn with_history(mut self, history: HistoryRetention) -> Self {
        self.history = Some(history);
        self
    }

    /// Follows the application's settings, or does not.
    #[must_use]
    pub fn with_settings(mut self, settings: SettingsUse) -> Self {
        self.settings = Some(settings);
        self
    }

    /// Puts the application into the tenant tier: its document keys are wrapped under the key of this tenant, which the store's
    /// key provider must hold ([`TenantKeys`](crate::TenantKeys)). A put cannot choose another key then, and a record that names
    /// another tenant's is refused. Records that name a master key, from before, are read on.
    ///
    /// Further master keys of the store are not wrapped under: they would open what the tenant's key was destroyed for. Not
    /// together with [`with_master_key`](Self::with_master_key), [`with_also_wrap_with`](Self::with_also_wrap_with) or
    /// [`Legacy::ReadWrite`]: format 0 has no tenant keys.
    #[must_use]
    pub fn with_tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    fn minimum_format(&self) -> Format {
        if self.legacy == Legacy::Off { Format::One } else { Format::Zero }
    }
}

#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) store_id: StoreId,
    pub(super) master_key_id: Option<MasterKeyId>,
    pub(super) also_wrap_with: Vec<MasterKeyId>,
    pub(super) wrap_with: Option<HashSet<MasterKeyId>>,
    pub(super) unwrap_with: Option<HashSet<MasterKeyId>>,
    pub(super) applications: HashMap<ApplicationName, ApplicationConfig>,
    pub(super) resolver: Option<Resolver>,
    pub(super) other: ApplicationConfig,
    pub(super) history: HistoryRetention,
    pub(super) settings: SettingsUse,
    pub(super) value_bytes: usize,
    pub(crate) commit_timeout: Duration,
}

impl Config {
    pub(crate) fn application(&self, name: &ApplicationName) -> Result<Applied<'_>> {
        let configured = if self.applications.is_empty() { None } else { self.applications.get(name) };
        match (configured, &self.resolver) {
            (Some(configured), _) => Ok(Applied::Configured(configured)),
            (None, None) => Ok(Applied::Configured(&self.other)),
            (None, Some(resolver)) => resolver.resolve(name).map(Applied::Resolved),
        }
    }

    /// The applications that the configuration names, sorted.
    pub(crate) fn configured_applications(&self) -> Vec<ApplicationName> {
        let mut applications: Vec<_> = self.applications.keys().cloned().collect();
        applications.sort();
        applications
    }

    /// Those of them that it gives to a tenant.
    pub(crate) fn configured_applications_of(&self, tenant: &TenantId) -> Vec<ApplicationName> {
        let of_tenant =
            |name: &ApplicationName| self.applications.get(name).is_some_and(|of| of.tenant.as_ref() == Some(tenant));
        self.configured_applications().into_iter().filter(of_tenant).collect()
    }

    pub(super) fn history(&self, name: &ApplicationName) -> Result<HistoryRetention> {
        Ok(self.application(name)?.history.unwrap_or(self.history))
    }

    pub(super) fn settings_use(&self, name: &ApplicationName) -> Result<SettingsUse> {
        Ok(self.application(name)?.settings.unwrap_or(self.settings))
    }

    /// The key for a new version, if the allow-list has it: the tenant's, and no other, where the application has a tenant.
    pub(crate) fn wrapping_key(
        &self,
        name: &ApplicationName,
        chosen: Option<&MasterKeyId>,
        keys: &dyn KeyProvider,
    ) -> Result<MasterKeyId> {
        let application = self.application(name)?;
        if let Some(tenant) = &application.tenant {
            return tier::tenant_key(tenant, chosen, keys);
        }
        let id = chosen.or(application.master_key_id.as_ref()).or(self.master_key_id.as_ref());
        let id = id.ok_or_else(|| {
            Error::invalid_input(
                "no master key is chosen: set one with `master_key` on the builder or in the put options",
            )
        })?;
        application.check_tenant(id)?;
        allowed(id, self.wrap_with.as_ref(), keys).map(|()| id.clone())
    }

    /// The key to wrap under: where it was replaced, the one that took its place. That one must stand in an explicit allow-list:
    /// otherwise whoever can write settings could choose among all keys of the provider.
    pub(crate) fn in_use<'a>(
        &self,
        id: &'a MasterKeyId,
        settings: &'a ApplicationSettings,
        keys: &dyn KeyProvider,
    ) -> Result<&'a MasterKeyId> {
        let Some(next) = settings.replacement(id) else { return Ok(id) };
        self.check_replacement(next, keys).map(|()| next).map_err(|error| {
            Error::new(
                error.kind(),
                format!(
                    "master key {id} was replaced by {next}, which is not in the allow-list: add it to `wrap_with` and to \
                     the key provider"
                ),
            )
        })
    }

    /// Refuses a key that no replacement is followed to.
    pub(crate) fn check_replacement(&self, id: &MasterKeyId, keys: &dyn KeyProvider) -> Result<()> {
        if self.wrap_with.is_none() {
            return Err(Error::new(
                ErrorKind::KeyNotAllowed,
                format!("no list of keys to wrap under is configured: name master key {id} in `wrap_with`"),
            ));
        }
        allowed(id, self.wrap_with.as_ref(), keys)
    }

    /// The further master keys for a new version, each once, if the allow-list has them all. The one it is wrapped under first may
    /// be among them. None where the application has a tenant.
    pub(crate) fn further_keys(&self, name: &ApplicationName, keys: &dyn KeyProvider) -> Result<Vec<MasterKeyId>> {
        let application = self.application(name)?;
        if application.tenant.is_some() {
            return Ok(Vec::new());
        }
        let ids = further_keys(application.also_wrap_with.as_ref().unwrap_or(&self.also_wrap_with))?;
        ids.iter().try_for_each(|id| allowed(id, self.wrap_with.as_ref(), keys))?;
        Ok(ids)
    }

    /// Refuses settings that contradict each other, and configured keys that no put could use.
    pub(super) fn check(&self, keys: &dyn KeyProvider) -> Result<()> {
        if self.master_key_id.iter().chain(&self.also_wrap_with).any(|id| id.tenant().is_some()) {
            return Err(Error::invalid_input("a tenant's key is no master key: configure applications `with_tenant`"));
        }
        further_keys(&self.also_wrap_with)?;
        for application in self.applications.values() {
            application.check()?;
            if let Some(tenant) = &application.tenant {
                tier::tenant_key(tenant, None, keys)?;
            }
        }
        let of_applications = self
            .applications
            .values()
            .flat_map(|application| application.also_wrap_with.iter().flatten().chain(&application.master_key_id));
        let mut configured = of_applications.chain(&self.also_wrap_with).chain(&self.master_key_id);
        configured.try_for_each(|id| allowed(id, self.wrap_with.as_ref(), keys))
    }
}

impl ApplicationConfig {
    /// Refuses a format below the application's floor, naming the setting.
    pub(crate) fn check_format(&self, format: Format) -> Result<()> {
        if format >= self.minimum_format() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("the record is in format {format}: configure the application with `Legacy::Read` to read it"),
        ))
    }
}

/// Configured further master keys in order, each once.
pub(super) fn further_keys(ids: &[MasterKeyId]) -> Result<Vec<MasterKeyId>> {
    let mut ids = ids.to_vec();
    ids.sort();
    ids.dedup();
    if ids.len() > MAX_FURTHER_WRAPS {
        return Err(Error::invalid_input(format!(
            "{} further master keys are configured: at most {MAX_FURTHER_WRAPS} are possible",
            ids.len()
        )));
    }
    Ok(ids)
}

/// Refuses a key that the list does not have or the provider does not accept. No call is made for this.
pub(super) fn allowed(id: &MasterKeyId, list: Option<&HashSet<MasterKeyId>>, keys: &dyn KeyProvider) -> Result<()> {
    if list.is_none_or(|list| list.contains(id)) && keys.accepts(id) { Ok(()) } else { Err(Error::key_not_allowed(id)) }
}
