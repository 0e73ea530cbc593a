//! The tier of an application: whether its document keys are wrapped under master keys or under the key of its tenant.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::config::{ApplicationConfig, Config, Legacy, allowed, further_keys};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, MasterKeyId, TenantId};
use crate::key_provider::KeyProvider;

/// What holds for an application: as configured, or as it was resolved just now.
pub(crate) enum Applied<'a> {
    Configured(&'a ApplicationConfig),
    Resolved(Arc<ApplicationConfig>),
}

impl Deref for Applied<'_> {
    type Target = ApplicationConfig;

    fn deref(&self) -> &ApplicationConfig {
        match self {
            Self::Configured(config) => config,
            Self::Resolved(config) => config,
        }
    }
}

type Resolve = dyn Fn(&ApplicationName) -> Result<Arc<ApplicationConfig>> + Send + Sync;

/// Answers what holds for applications that are not configured one by one.
pub(super) struct Resolver(Box<Resolve>);

impl Resolver {
    pub(super) fn new(
        resolve: impl Fn(&ApplicationName) -> Result<Arc<ApplicationConfig>> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(resolve))
    }

    pub(super) fn resolve(&self, name: &ApplicationName) -> Result<Arc<ApplicationConfig>> {
        let resolved = (self.0)(name)?;
        resolved.check()?;
        Ok(resolved)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl ApplicationConfig {
    /// Refuses settings that contradict each other.
    pub(super) fn check(&self) -> Result<()> {
        let further = self.also_wrap_with.as_deref().unwrap_or_default();
        if self.legacy == Legacy::ReadWrite && !further.is_empty() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "format 0 has room for one wrap: configure the application with `Legacy::Read` or without further master keys",
            ));
        }
        let is_tenants = |id: &MasterKeyId| id.tenant().is_some();
        let contradiction = match &self.tenant {
            Some(_) if self.master_key_id.is_some() => {
                "an application has a tenant or a master key of its own: configure one of the two"
            }
            Some(_) if !further.is_empty() => {
                "an application has a tenant or further master keys: what is under a tenant's key is under no other"
            }
            Some(_) if self.legacy == Legacy::ReadWrite => {
                "format 0 has no tenant keys: configure `Legacy::Read` or no tenant"
            }
            _ if further.iter().chain(&self.master_key_id).any(is_tenants) => {
                "a tenant's key is no master key: configure `with_tenant`"
            }
            _ => return further_keys(further).map(drop),
        };
        Err(Error::invalid_input(contradiction))
    }

    /// Refuses a key that a record names unless the allow-list has it or it is the tenant's. No call is made for this.
    pub(crate) fn check_unwrapping_key(&self, id: &MasterKeyId, store: &Config, keys: &dyn KeyProvider) -> Result<()> {
        self.check_tenant(id)?;
        let list = store.unwrap_with.as_ref().filter(|_| id.tenant().is_none());
        allowed(id, list, keys)
    }

    /// Refuses the key of any tenant but the application's own.
    pub(super) fn check_tenant(&self, id: &MasterKeyId) -> Result<()> {
        match id.tenant() {
            Some(tenant) if self.tenant.as_ref().is_none_or(|own| own.as_str() != tenant) => Err(Error::new(
                ErrorKind::KeyNotAllowed,
                format!(
                    "{id} is the key of a tenant that does not own the application: configure `with_tenant` if it does"
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// The key of the application's tenant, and no other, whatever was chosen.
pub(super) fn tenant_key(
    tenant: &TenantId,
    chosen: Option<&MasterKeyId>,
    keys: &dyn KeyProvider,
) -> Result<MasterKeyId> {
    let id = MasterKeyId::for_tenant(tenant);
    match chosen.filter(|chosen| **chosen != id) {
        None => allowed(&id, None, keys).map(|()| id),
        Some(other) => Err(Error::new(
            ErrorKind::KeyNotAllowed,
            format!("the application belongs to tenant {tenant}: its secrets are not wrapped under {other}"),
        )),
    }
}
