//! Document keys move to a newer version of their tenant's key; values stay as they are, to the byte.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::GRACE;
use super::job::RotationTarget;
use super::lease::Pulse;
use super::master::readable;
use super::place::{Place, Scope};
use super::settings;
use super::work::{Judgement, PassKind, Work};
use crate::envelope::protected::ProtectedSecret;
use crate::envelope_store::Inner;
use crate::envelope_store::rewrap::rewrap_record;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{MasterKeyId, SecretId, TenantId};
use crate::persistence::{Precondition, Stored, Write};
use crate::record::Record;
use crate::tenant::{ACTIVE_TRUST, TenantKeyVersion, TenantKeys};

/// A writer trusts which version is active for a minute, and then begins to count as every other.
pub(super) const TENANT_GRACE: Duration = Duration::from_secs(ACTIVE_TRUST.as_secs() + GRACE.as_secs());

#[derive(Debug)]
pub(super) struct TenantRotation {
    pub(super) keys: TenantKeys,
    pub(super) tenant: TenantId,
    /// The newest version that is left behind.
    pub(super) from: TenantKeyVersion,
}

impl TenantRotation {
    fn key(&self) -> MasterKeyId {
        MasterKeyId::for_tenant(&self.tenant)
    }

    /// Whether any wrap is under a version that is left behind.
    fn is_left_behind(&self, protected: &ProtectedSecret) -> Result<bool> {
        Ok(versions(protected, &self.key())?.iter().any(|version| *version <= self.from))
    }
}

/// The versions of a tenant's key that a secret has wraps under.
pub(super) fn versions(protected: &ProtectedSecret, key: &MasterKeyId) -> Result<Vec<TenantKeyVersion>> {
    let wraps = protected.all_wraps().filter(|wrapped| wrapped.master_key_id() == key);
    wraps.filter_map(|wrapped| TenantKeys::version_of(wrapped).transpose()).collect()
}

#[async_trait]
impl Work for TenantRotation {
    fn target(&self) -> RotationTarget {
        RotationTarget::TenantKey { tenant: self.tenant.clone(), from: self.from }
    }

    fn of_secret(&self, _: &SecretId) -> Option<Arc<dyn Work>> {
        None
    }

    /// Those that are named, and all that the tenant's records name.
    async fn scopes(&self, mut named: Vec<Scope>) -> Result<Vec<Scope>> {
        for application in self.keys.applications(&self.tenant).await? {
            if !named.iter().any(|scope| scope.application == application) {
                named.push(Scope { application, secret: None });
            }
        }
        named.sort_by(|a, b| a.application.cmp(&b.application));
        Ok(named)
    }

    fn check(&self, inner: &Inner, _: &Scope) -> Result<()> {
        let key = self.key();
        if inner.keys.accepts(&key) { Ok(()) } else { Err(Error::key_not_allowed(&key)) }
    }

    async fn probe(&self, _: &Inner, _: &Scope) -> Result<()> {
        match self.keys.active_version(&self.tenant).await? {
            Some(active) if active >= self.from => Ok(()),
            Some(active) => {
                Err(Error::invalid_input(format!("version {} is above the active version {active}", self.from)))
            }
            None => Err(Error::not_found()),
        }
    }

    async fn shut_out(&self, inner: &Inner, scope: &Scope, pulse: &Pulse) -> Result<()> {
        // Read for their floor, and told the owner.
        settings::change(inner, &scope.application, pulse, |settings| Ok(settings.clone())).await?;
        pulse.check(&*inner.clock)?;
        self.keys.activate_next(&self.tenant, self.from).await?;
        // What was trusted before is forgotten: the rewraps are under the version that is active now.
        self.confirm(inner, scope).await
    }

    fn judge(&self, inner: &Inner, place: &Place, record: &Record, _: PassKind) -> Judgement {
        let judged = readable(inner, place, record).and_then(|protected| {
            let is_original = self.is_left_behind(&protected)?;
            if is_original {
                let application = inner.config.application(place.id.application())?;
                application.check_unwrapping_key(&self.key(), &inner.config, &*inner.keys)?;
            }
            Ok(is_original)
        });
        match judged {
            Ok(true) => Judgement::Original,
            Ok(false) => Judgement::Terminal,
            Err(error) => Judgement::Neither(error),
        }
    }

    async fn change(&self, inner: &Inner, place: &Place, stored: &Stored) -> Result<Vec<Write>> {
        let (store, id, key) = (&inner.config.store_id, &place.id, self.key());
        let rewrapped = rewrap_record(&*inner.keys, store, id, &stored.record, &key, &key).await?;
        let Some(record) = rewrapped else { return Ok(Vec::new()) };
        if self.is_left_behind(&ProtectedSecret::from_record(id, &record)?)? {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "the store's key provider wraps under an older version of the tenant's key still: try again in a minute",
            ));
        }
        record.check_size(inner.records.limits().record_bytes)?;
        Ok(vec![Write::put(place.key.clone(), record, Precondition::Revision(stored.revision.clone()))])
    }

    async fn confirm(&self, _: &Inner, _: &Scope) -> Result<()> {
        match self.keys.active_version(&self.tenant).await? {
            Some(active) if active > self.from => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Conflict,
                "the active version of the tenant's key was changed back while it was rotated: find out by whom, and run it again",
            )),
        }
    }

    fn grace(&self) -> Duration {
        TENANT_GRACE
    }

    /// A version that is destroyed or below the minimum opens nothing any more.
    fn is_of_record(&self, kind: ErrorKind) -> bool {
        matches!(
            kind,
            ErrorKind::Integrity
                | ErrorKind::Unsupported
                | ErrorKind::TooLarge { .. }
                | ErrorKind::InvalidInput
                | ErrorKind::KeyNotAllowed
                | ErrorKind::KeyDestroyed
        )
    }
}
