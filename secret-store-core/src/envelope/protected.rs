//! A secret as it is stored, and its one mapping from and to a record.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::view::{Iv, View};
use super::wraps::Wraps;
use super::{Format, Sealed, metadata};
use crate::error::{Error, Result};
use crate::id::{ApplicationName, SecretId, SecretName, SecretVersion};
use crate::key::WrappedKey;
use crate::persistence::{Revision, Stored};
use crate::record::{Record, Value};
use crate::secret::{Metadata, SecretInfo};

/// Attribute names: the first six are the original Secret Store's.
pub(crate) mod attribute {
    pub(crate) const APPLICATION_NAME: &str = "ApplicationName";
    pub(crate) const SECRET_NAME: &str = "SecretName";
    pub(crate) const MASTER_KEY_ID: &str = "MasterKeyId";
    pub(crate) const PROTECTED_DOCUMENT_KEY: &str = "ProtectedDocumentKey";
    pub(crate) const PROTECTED_SECRET_VALUE: &str = "ProtectedSecretValue";
    pub(crate) const INITIALISATION_VECTOR: &str = "InitialisationVector";
    pub(crate) const VERSION: &str = "Version";
    pub(crate) const CREATED_AT: &str = "CreatedAt";
    pub(crate) const METADATA: &str = "Metadata";
    pub(crate) const WRAPS: &str = "Wraps";
}
use attribute::*;

/// A secret in its protected form: ciphertext, wrapped document key, and the clear attributes beside them.
///
/// What [`EnvelopeStore::protect`](crate::EnvelopeStore::protect) makes, `save` stores and `unprotect` opens. It holds no
/// plaintext and may be kept anywhere.
#[derive(Clone, Debug)]
pub struct ProtectedSecret(Box<Parts>);

/// Boxed, so that handing a protected secret on moves a pointer.
#[derive(Clone, Debug)]
struct Parts {
    id: SecretId,
    version: SecretVersion,
    wrapped_key: WrappedKey,
    /// The same document key under other master keys.
    wraps: Option<Arc<Wraps>>,
    iv: Iv,
    value: Arc<[u8]>,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    created_at: Option<u64>,
    metadata: Option<Arc<[u8]>>,
    /// What `protect` found, and `save` insists on.
    reservation: Option<Reservation>,
}

/// The state of a secret that a new version was made for.
#[derive(Clone, Debug)]
pub(crate) struct Reservation {
    pub(crate) current: Option<Stored>,
    /// The record of the last version number.
    pub(crate) last: Option<Stored>,
    /// The highest number in the history, where it mattered.
    pub(crate) tail: SecretVersion,
}

/// Equal when they would be stored as the same record.
impl PartialEq for ProtectedSecret {
    fn eq(&self, other: &Self) -> bool {
        self.to_record() == other.to_record()
    }
}

impl ProtectedSecret {
    pub(crate) fn new(
        id: SecretId,
        version: SecretVersion,
        wrapped_key: WrappedKey,
        iv: Iv,
        value: Arc<[u8]>,
        created_at: Option<SystemTime>,
        metadata: Option<&[u8]>,
    ) -> Self {
        let created_at = created_at.map(milliseconds);
        let metadata = metadata.map(Into::into);
        let (wraps, reservation) = (None, None);
        Self(Box::new(Parts { id, version, wrapped_key, wraps, iv, value, created_at, metadata, reservation }))
    }

    /// With further wraps of its document key.
    pub(crate) fn with_wraps(mut self, wraps: Option<Arc<Wraps>>) -> Self {
        self.0.wraps = wraps;
        self
    }

    /// With the state that it was made for.
    pub(crate) fn with_reservation(mut self, reservation: Option<Reservation>) -> Self {
        self.0.reservation = reservation;
        self
    }

    /// The state that it was made for, if it was made here.
    pub(crate) fn reservation(&self) -> Option<&Reservation> {
        self.0.reservation.as_ref()
    }

    /// Reads a record that was found under a secret's name. Attributes this release does not know are left alone.
    ///
    /// # Errors
    ///
    /// [`Integrity`](crate::ErrorKind::Integrity) for a missing, mistyped or malformed attribute, other names than the secret's own, a
    /// size of the initialisation vector that no format has, or metadata or further wraps in format 0, which has none.
    pub fn from_record(id: &SecretId, record: &Record) -> Result<Self> {
        let found = View::parse(id, record)?;
        let master_key_id = found.master_key_id();
        let wraps = found.wraps.map(|wraps| Wraps::parse(&master_key_id, Arc::clone(wraps))).transpose()?;
        Ok(Self(Box::new(Parts {
            id: id.clone(),
            version: found.version,
            wrapped_key: WrappedKey::new(master_key_id, Arc::clone(found.document_key)),
            wraps,
            iv: found.iv.to_owned(),
            value: Arc::clone(found.value),
            created_at: found.created_at,
            metadata: found.metadata.cloned(),
            reservation: None,
        })))
    }

    /// Reads the current record of a secret. In format 0 it carries no number: nothing would authenticate one, and a forged one
    /// would satisfy a caller's pin and raise the mark of what was seen.
    pub(crate) fn from_current(id: &SecretId, record: &Record) -> Result<Self> {
        let protected = Self::from_record(id, record)?;
        if protected.is_numbered_format_0()? { Err(Error::integrity()) } else { Ok(protected) }
    }

    /// Whether it is an earlier version in format 0: those get a number when they move to the history.
    pub(crate) fn is_numbered_format_0(&self) -> Result<bool> {
        Ok(self.format() == Format::Zero && self.0.version != SecretVersion::UNVERSIONED)
    }

    /// The record to store. In format 0 without a number these are exactly the original's six attributes.
    #[must_use]
    pub fn to_record(&self) -> Record {
        // In the order of the names, so that each is appended.
        let mut record = Record::with_capacity(9 + usize::from(self.0.wraps.is_some()));
        record.set(APPLICATION_NAME, Value::Text(Arc::clone(self.0.id.application().as_shared())));
        if let Some(created_at) = self.0.created_at {
            record.set(CREATED_AT, Value::Number(created_at));
        }
        record.set(INITIALISATION_VECTOR, Value::Bytes(self.0.iv.as_bytes().into()));
        record.set(MASTER_KEY_ID, Value::Text(Arc::clone(self.0.wrapped_key.master_key_id().as_shared())));
        if let Some(metadata) = &self.0.metadata {
            record.set(METADATA, Value::Bytes(Arc::clone(metadata)));
        }
        record.set(PROTECTED_DOCUMENT_KEY, Value::Bytes(Arc::clone(self.0.wrapped_key.as_shared())));
        record.set(PROTECTED_SECRET_VALUE, Value::Bytes(Arc::clone(&self.0.value)));
        record.set(SECRET_NAME, Value::Text(Arc::clone(self.0.id.name().as_shared())));
        if self.0.version != SecretVersion::UNVERSIONED {
            record.set(VERSION, Value::Number(self.0.version.get()));
        }
        if let Some(wraps) = &self.0.wraps {
            record.set(WRAPS, Value::Bytes(Arc::clone(wraps.encoded())));
        }
        record
    }

    /// The [size](Record::size) of the record, without making it.
    pub(crate) fn record_bytes(&self) -> usize {
        let number = |name: &str| name.len() + Value::Number(0).size();
        let mut bytes: usize = [APPLICATION_NAME, SECRET_NAME, MASTER_KEY_ID, INITIALISATION_VECTOR]
            .into_iter()
            .chain([PROTECTED_DOCUMENT_KEY, PROTECTED_SECRET_VALUE])
            .map(str::len)
            .sum();
        bytes += self.0.id.application().as_str().len() + self.0.id.name().as_str().len();
        bytes += self.0.wrapped_key.master_key_id().as_str().len() + self.0.wrapped_key.as_bytes().len();
        bytes += self.0.iv.as_bytes().len() + self.0.value.len();
        bytes += self.0.metadata.as_ref().map_or(0, |metadata| METADATA.len() + metadata.len());
        bytes += self.0.wraps.as_ref().map_or(0, |wraps| WRAPS.len() + wraps.encoded().len());
        bytes += self.0.created_at.map_or(0, |_| number(CREATED_AT));
        bytes + if self.0.version == SecretVersion::UNVERSIONED { 0 } else { number(VERSION) }
    }

    /// The secret's full name.
    #[must_use]
    pub fn id(&self) -> &SecretId {
        &self.0.id
    }

    /// The number of this value.
    #[must_use]
    pub fn version(&self) -> SecretVersion {
        self.0.version
    }

    /// The wrapped document key and the master key it names.
    #[must_use]
    pub fn wrapped_key(&self) -> &WrappedKey {
        &self.0.wrapped_key
    }

    /// The same document key wrapped under further master keys, by ascending id; empty where there is none.
    #[must_use]
    pub fn further_wraps(&self) -> &[WrappedKey] {
        self.0.wraps.as_ref().map_or(&[], |wraps| wraps.keys())
    }

    /// Every wrap of the document key, the first one first.
    pub(crate) fn all_wraps(&self) -> impl Iterator<Item = &WrappedKey> + Clone {
        std::iter::once(&self.0.wrapped_key).chain(self.further_wraps())
    }

    /// Its record as a read sees it.
    #[inline]
    pub(crate) fn view(&self) -> View<'_> {
        let Parts { version, wrapped_key, wraps, iv, value, created_at, metadata, .. } = &*self.0;
        let wraps = wraps.as_ref().map(|wraps| wraps.encoded());
        View::new(*version, wrapped_key, wraps, iv, value, *created_at, metadata.as_ref())
    }

    pub(crate) fn sealed(&self) -> Result<Sealed<'_>> {
        Sealed::parse(self.0.iv.view(), &self.0.value)
    }

    pub(crate) fn encoded_metadata(&self) -> Option<&[u8]> {
        self.0.metadata.as_deref()
    }

    pub(crate) fn idempotency_token(&self) -> Result<Option<String>> {
        Ok(self.decoded_metadata()?.1)
    }

    fn decoded_metadata(&self) -> Result<(Metadata, Option<String>)> {
        self.0.metadata.as_deref().map_or_else(|| Ok((Metadata::new(), None)), metadata::decode)
    }

    /// What a listing says of it.
    pub(crate) fn info(&self, revision: Revision) -> Result<SecretInfo> {
        Ok(SecretInfo {
            id: self.0.id.clone(),
            version: self.0.version,
            revision,
            master_key_id: self.0.wrapped_key.master_key_id().clone(),
            also_wrapped_with: self.further_wraps().iter().map(|wrap| wrap.master_key_id().clone()).collect(),
            format: self.format(),
            created_at: self.0.created_at.and_then(time_of_day),
            metadata: self.decoded_metadata()?.0,
        })
    }

    /// By the size of the initialisation vector, also where the value itself is of a later release.
    pub(crate) fn format(&self) -> Format {
        self.0.iv.view().format()
    }
}

/// The full name a record found in a partition is stored under, as lenient as reads are.
pub(crate) fn stored_id(application: &ApplicationName, sort: &Arc<str>) -> Result<SecretId> {
    let name = SecretName::lenient(Arc::clone(sort)).map_err(|_| Error::integrity())?;
    Ok(SecretId::new(application.clone(), name))
}

/// None for a time that the platform cannot tell.
pub(crate) fn time_of_day(milliseconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds))
}

pub(crate) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::MasterKeyId;

    #[test]
    fn a_record_is_counted_without_making_it() {
        let id = SecretId::parse("App", "MainDb").expect("valid");
        let wrapped = WrappedKey::new(MasterKeyId::new("main").expect("valid"), vec![1; 60]);
        let version = SecretVersion::new(300).expect("not zero");
        for (version, created_at, metadata) in [
            (SecretVersion::UNVERSIONED, None, None),
            (version, Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000)), None),
            (version, Some(UNIX_EPOCH), Some(&[2; 20][..])),
        ] {
            let protected = ProtectedSecret::new(
                id.clone(),
                version,
                wrapped.clone(),
                Iv::One([3; 12]),
                vec![4; 99].into(),
                created_at,
                metadata,
            );
            assert_eq!(protected.record_bytes(), protected.to_record().size());
            let further = vec![WrappedKey::new(MasterKeyId::new("second").expect("valid"), vec![5; 70])];
            let wraps = Wraps::new(wrapped.master_key_id(), further).expect("valid");
            let one = protected.record_bytes();
            let several = protected.with_wraps(wraps);
            assert_eq!(several.record_bytes(), several.to_record().size());
            assert!(several.record_bytes() > one + 70);
        }
    }
}
