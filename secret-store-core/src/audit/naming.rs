//! How entries name applications and secrets.

use super::entry::AuditedSecret;
use crate::id::{ApplicationName, SecretId, SecretVersion};
use crate::layer::blind_names::Blinding;
use crate::secret::Secret;

/// As they are, or as keyed hashes.
#[derive(Clone, Debug, Default)]
pub(super) struct Naming {
    pub(super) blinding: Option<Blinding>,
}

impl Naming {
    pub(super) fn application(&self, application: &ApplicationName) -> ApplicationName {
        match &self.blinding {
            Some(blinding) => blinding.application(application),
            None => application.clone(),
        }
    }

    pub(super) fn secret(&self, id: &SecretId, version: Option<SecretVersion>) -> AuditedSecret {
        let name = match &self.blinding {
            Some(blinding) => blinding.secret(id).name().clone(),
            None => id.name().clone(),
        };
        AuditedSecret { name, version }
    }

    pub(super) fn released(&self, secret: &Secret) -> AuditedSecret {
        self.secret(secret.id(), Some(secret.info().version))
    }
}
