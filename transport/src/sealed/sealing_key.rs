//! The client's side.

use std::fmt;
use std::sync::Arc;

use secret_store_core::{Clock, Error, Result, SecretValue, TenantId};

use super::submission::{Binding, Freshness, SealedSecret, check_size};
use crate::key_record::{KeyRecord, KeyRole, Trust, TrustedKey};
use crate::place::Target;
use crate::recipient::RecipientPublicKey;
use crate::suite::Suite;

/// The public key of an organisation, found trustworthy, to seal its secrets to. Cheap to clone.
#[derive(Clone)]
pub struct SealingKey {
    organisation: TenantId,
    trusted: TrustedKey,
    key: RecipientPublicKey,
    clock: Arc<dyn Clock>,
}

impl SealingKey {
    /// Takes the key of an organisation's record, if the record is to be trusted.
    ///
    /// # Errors
    ///
    /// As [`KeyRecord::verify`]: [`Integrity`](secret_store_core::ErrorKind::Integrity) for a substituted key,
    /// [`PermissionDenied`](secret_store_core::ErrorKind::PermissionDenied) for that of another organisation,
    /// [`Expired`](secret_store_core::ErrorKind::Expired).
    pub fn from_record(
        record: &KeyRecord,
        trust: &Trust,
        organisation: &TenantId,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let trusted = record.verify(trust, KeyRole::OrganisationSealing, organisation.as_str(), &*clock)?;
        let suite = trusted.claims().algorithm().suite().ok_or_else(Error::integrity)?;
        let key = RecipientPublicKey::from_bytes(suite, trusted.public_key())?;
        Ok(Self { organisation: organisation.clone(), trusted, key, clock })
    }

    /// The version of the organisation's key.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.trusted.version()
    }

    /// How it seals.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.key.suite()
    }

    /// Seals a value of at most [`MAX_SECRET_BYTES`](super::MAX_SECRET_BYTES), for one target of the organisation, once. The seal shows the value's length, and
    /// says nothing about who made it.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](secret_store_core::ErrorKind::TooLarge),
    /// [`PermissionDenied`](secret_store_core::ErrorKind::PermissionDenied) for a target of another organisation,
    /// [`Expired`](secret_store_core::ErrorKind::Expired) for the key and for the freshness,
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a freshness that lasts too long,
    /// [`Unavailable`](secret_store_core::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn seal(&self, target: &Target, freshness: &Freshness, value: &SecretValue) -> Result<SealedSecret> {
        let binding = self.binding(target, freshness, value)?;
        binding.message(&self.key.seal(&binding.info(), &binding.aad(), value.expose_secret())?)
    }

    /// The same with fixed randomness, for frozen vectors; HPKE alone.
    #[cfg(test)]
    pub(super) fn seal_fixed(
        &self,
        drawn: &[u8; 32],
        target: &Target,
        freshness: &Freshness,
        value: &SecretValue,
    ) -> SealedSecret {
        let binding = self.binding(target, freshness, value).expect("valid");
        let sealed = self.key.seal_fixed(drawn, &binding.info(), &binding.aad(), value.expose_secret());
        binding.message(&sealed).expect("well formed")
    }

    fn binding<'a>(&self, target: &'a Target, freshness: &'a Freshness, value: &SecretValue) -> Result<Binding<'a>> {
        check_size(value)?;
        if target.place.organisation != self.organisation {
            return Err(Error::new(
                secret_store_core::ErrorKind::PermissionDenied,
                "the target belongs to another organisation than the key: seal to that organisation's key",
            ));
        }
        self.trusted.check_time(&*self.clock)?;
        freshness.check(&*self.clock)?;
        Ok(Binding { suite: self.suite(), target, key_version: self.version(), freshness })
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey")
            .field("organisation", &self.organisation)
            .field("version", &self.version())
            .field("suite", &self.suite())
            .finish_non_exhaustive()
    }
}
