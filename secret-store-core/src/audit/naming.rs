//! How entries name applications and secrets.

use std::borrow::Cow;

use super::entry::AuditedSecret;
use crate::id::{ApplicationName, SecretId};
use crate::layer::blind_names::Blinding;

/// As they are, or as keyed hashes.
#[derive(Clone, Debug, Default)]
pub(super) struct Naming(pub(super) Option<Blinding>);

impl Naming {
    pub(super) fn application<'a>(&self, application: &'a ApplicationName) -> Cow<'a, ApplicationName> {
        match &self.0 {
            Some(blinding) => Cow::Owned(blinding.application(application)),
            None => Cow::Borrowed(application),
        }
    }

    /// A secret of an application that is given by its true name.
    pub(super) fn secret(&self, application: &ApplicationName, secret: AuditedSecret) -> AuditedSecret {
        match &self.0 {
            Some(blinding) => {
                let id = SecretId::new(application.clone(), secret.name);
                AuditedSecret { name: blinding.secret(&id).name().clone(), version: secret.version }
            }
            None => secret,
        }
    }
}
